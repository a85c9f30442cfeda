"""otel-judge: an OTLP service that judges traces and writes the scores back as OpenTelemetry.

    receive   OTLP request bytes -> spans by trace
    index     spans -> finished traces, kept and queryable
    check     finished trace -> Feedback, by code, on every trace
    sample    finished trace -> Decision: judged or not, by which judges, why, how likely
    judge     trace -> Feedback, by a model that reads with span tools
    emit      Feedback -> span, event, log record and metrics, over OTLP

Data flows down this list. The rooms never import each other: they pass `Trace`, `Decision` and `Feedback`, and only a
composition knows their order: `service` (beside a Collector), `exporter` (inside an app), `batch` (stored traces).
Judges and scorers as objects of Python are in `api`, and `evaluate` runs them.

Nothing heavy is imported until it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .version import __version__

if TYPE_CHECKING:
    from .api.agent_judge import agent_judge
    from .api.case import Task
    from .api.deterministic import final_answer_matches, no_tool_errors, token_budget, tool_called
    from .api.make_judge import make_judge
    from .api.pairwise import pairwise_judge, win_rate
    from .api.scorer import Scorer, scorer
    from .api.threshold import threshold
    from .decision import Decision
    from .evaluation import aevaluate, evaluate
    from .feedback import Evidence, Feedback, JudgeFailure
    from .results import diff as diff_results
    from .results import load as load_results
    from .sources import read_traces
    from .trace import Span, Trace

__all__ = [
    "Decision",
    "Evidence",
    "Feedback",
    "JudgeFailure",
    "Scorer",
    "Span",
    "Task",
    "Trace",
    "__version__",
    "aevaluate",
    "agent_judge",
    "diff_results",
    "evaluate",
    "final_answer_matches",
    "load_results",
    "make_judge",
    "no_tool_errors",
    "pairwise_judge",
    "read_traces",
    "scorer",
    "threshold",
    "token_budget",
    "tool_called",
    "win_rate",
]

_HOMES = {
    "Decision": "decision",
    "Evidence": "feedback",
    "Feedback": "feedback",
    "JudgeFailure": "feedback",
    "Scorer": "api.scorer",
    "Span": "trace",
    "Task": "api.case",
    "Trace": "trace",
    "aevaluate": "evaluation",
    "agent_judge": "api.agent_judge",
    "diff_results": "results:diff",
    "evaluate": "evaluation",
    "final_answer_matches": "api.deterministic",
    "load_results": "results:load",
    "make_judge": "api.make_judge",
    "no_tool_errors": "api.deterministic",
    "pairwise_judge": "api.pairwise",
    "read_traces": "sources",
    "scorer": "api.scorer",
    "threshold": "api.threshold",
    "token_budget": "api.deterministic",
    "tool_called": "api.deterministic",
    "win_rate": "api.pairwise",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        module, _, there = _HOMES[name].partition(":")
        return getattr(import_module(f".{module}", __name__), there or name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
