"""Judges: a trace in, a Feedback out, by a model that reads with span tools.

The provider's SDK is imported when a model is first asked; importing this package costs little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import JudgeConfig, ModelConfig
from ..config_egress import EgressConfig
from ..redact import Redactor
from .ask import Middleware, Send
from .costs import Estimate
from .egress import Egress
from .judge import Judge
from .ledger import Ledger
from .models import Models, check_model, load
from .tracing import Tracing
from .transcript import Transcripts

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import SpanExporter

__all__ = ["Estimate", "Judge", "Ledger", "Middleware", "Send", "build", "check_model", "load"]


def build(
    judges: Sequence[JudgeConfig],
    models: Mapping[str, ModelConfig],
    *,
    own_spans: SpanExporter | None = None,
    own_resource: Resource | None = None,
    debug_folder: Path | None = None,
    middleware: Sequence[Middleware] = (),
    check_models: bool = True,
    redactor: Redactor | None = None,
    egress: EgressConfig | None = None,
) -> tuple[Judge, ...]:
    """The judges of a config, in order. They share their models, and the trace of their own work goes to `own_spans`.

    `debug_folder`, which exists, takes the whole exchange of each judgement as a file. `middleware` stands around each
    request to a model. Without a `redactor`, the built-in patterns are redacted; without `egress`, every model may see
    every trace.

    Raises `InstructionsError` for a judge that cannot work, and `ModelUnavailable` for a model that cannot be asked;
    without `check_models`, that is a failure of each judgement.
    """
    shared = Models(models)
    tracing = Tracing(own_spans, own_resource)
    transcripts = None if debug_folder is None else Transcripts(debug_folder)
    redactor = redactor if redactor is not None else Redactor()
    gate = Egress(egress)
    built = tuple(
        Judge(config, shared, tracing, transcripts, middleware=middleware, redactor=redactor, egress=gate)
        for config in judges
    )
    named = [name for config in judges for name in shared.chain(config.model or "")] if check_models else []
    for name in dict.fromkeys(named):
        check_model(shared.config(name))
    return built
