"""`otel-judge demo`: the whole path on this machine, without a key.

A small agent app, instrumented with the OpenTelemetry SDK, makes six runs and reports them by OTLP to a real
`otel-judge serve`. The verdicts come back by OTLP to a backend in this process and are shown as a table. All of it
is on loopback, and nothing stays behind.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

MODEL_VARIABLE = "OTEL_JUDGE_DEMO_MODEL"
"""Names the judge's model where `--model` does not."""


def run(model: str | None, console: Console) -> int:
    """Run the demo. `model` is `provider:model`; without it, and without the variable, the model of judge.yaml reads
    the runs where ANTHROPIC_API_KEY is set, and else only the checks score.

    Returns the exit code: 0 done, 1 if a part failed or verdicts are missing, 2 if `serve` refused the model. Raises
    `ConfigError` for a model that is none.
    """
    from ..errors import ConfigError
    from .conduct import conduct
    from .server import JUDGE

    chosen = model or os.environ.get(MODEL_VARIABLE) or None
    if chosen is not None and ":" not in chosen:
        where = "--model" if model else MODEL_VARIABLE
        raise ConfigError(where, f"{chosen!r} is not a model", "write provider:model, such as anthropic:NAME")
    if chosen is None and os.environ.get("ANTHROPIC_API_KEY"):
        chosen = str(JUDGE["model"])
    return conduct(chosen, console)
