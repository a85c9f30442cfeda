"""otel-judge: an OTLP service that judges traces and writes the scores back as OpenTelemetry.

    receive   OTLP request bytes -> spans by trace
    index     spans -> finished traces, kept and queryable
    check     finished trace -> Feedback, by code, on every trace
    sample    finished trace -> Decision: judged or not, by which judges, why, how likely
    judge     trace -> Feedback, by a model that reads with span tools
    emit      Feedback -> span, event, log record and metrics, over OTLP

Data flows down this list. The rooms never import each other: they pass `Trace`, `Decision` and `Feedback`, and only a
composition knows their order: `service` (beside a Collector), `exporter` (inside an app), `batch` (stored traces).

Nothing heavy is imported until it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .version import __version__

if TYPE_CHECKING:
    from .decision import Decision
    from .feedback import Evidence, Feedback, JudgeFailure
    from .sources import read_traces
    from .trace import Span, Trace

__all__ = ["Decision", "Evidence", "Feedback", "JudgeFailure", "Span", "Trace", "__version__", "read_traces"]

_HOMES = {
    "Decision": "decision",
    "Evidence": "feedback",
    "Feedback": "feedback",
    "JudgeFailure": "feedback",
    "Span": "trace",
    "Trace": "trace",
    "read_traces": "sources",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
