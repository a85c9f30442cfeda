"""`otel-judge scorers`: the checks and the ready-made judges, and one of these whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ..config import JudgeConfig
    from ..ready import Example

CHECKS = {
    "tool_errors": "Did a tool call fail, with no later call of the same tool that succeeded?",
    "repeated_calls": "Was the same tool called with the same arguments again and again?",
    "answered": "Is there a final output, not cut off?",
    "latency": "Did the trace, or a span of it, take longer than allowed?",
    "tokens": "Did it use more tokens, or money, than allowed?",
}
_ANY_MODEL = "anthropic:any"  # what is shown does not depend on it


def add_to(app: typer.Typer) -> None:
    @app.command()
    def scorers(
        name: str | None = typer.Argument(None, help="A ready-made judge, to be shown whole; none: all, a line each."),
    ) -> None:
        """List the checks and the ready-made judges, or show one of these: its text, value type and an example."""
        from ..errors import ConfigError
        from ..handbooks import named

        if name is None:
            typer.echo(_list())
            return
        try:
            handbook = named(name)
        except ValueError as error:
            raise ConfigError(f"scorers {name}", str(error)) from None
        typer.echo(_whole(handbook.name))


def _list() -> str:
    from ..handbooks import HANDBOOKS

    width = max(map(len, [*CHECKS, *HANDBOOKS]))
    lines = ["checks, by code, under `checks:`"]
    lines += [f"  {name:{width}}  {told}" for name, told in CHECKS.items()]
    lines += ["", "ready-made judges, under `judges:` as `- {use: NAME, model: …}`"]
    lines += [f"  {name:{width}}  {handbook.asks}" for name, handbook in HANDBOOKS.items()]
    return "\n".join([*lines, "", "`otel-judge scorers NAME` shows a ready-made judge whole."])


def _whole(name: str) -> str:
    from .. import ready
    from ..judge.values import value_type_of

    handbook, example = ready.HANDBOOKS[name], ready.EXAMPLES[name]
    config = ready.config(name, model=_ANY_MODEL, guidelines=example.guidelines)
    reads = "all of the trace" if config.sweep else "as much of the trace as it needs"
    return "\n".join(
        [
            f"{name}, edition {handbook.edition}: {handbook.asks}",
            f"value: {value_type_of(config).describe()}; or not_judgeable",
            f"passes: {_passes(config)}",
            f"reads: {reads}",
            f"\n{config.instructions}",
            f"\nExample\n{_example(example)}",
        ]
    )


def _passes(config: JudgeConfig) -> str:
    return ", ".join(config.passing or ("pass",))


def _example(example: Example) -> str:
    from ..judge import tools

    steps = tools.call("read_steps", example.trace, {})
    quotes = [f"  {span_id}: “{quote}”" for span_id, quote in example.evidence]
    value = json.dumps(example.value)
    return "\n".join([steps, f"\nvalue: {value}", f"rationale: {example.rationale}", "evidence:", *quotes])
