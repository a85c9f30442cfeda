"""`otel-judge tool`: prints what the judge would see of a span tool, byte for byte."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from .run import SOURCES


def add_to(app: typer.Typer) -> None:
    @app.command()
    def tool(
        name: str = typer.Argument(help="Such as list_spans or get_span; a wrong name lists them."),
        source: str = typer.Argument(help=SOURCES),
        arguments: list[str] | None = typer.Argument(None, metavar="[ARG=VALUE]...", help="The tool's arguments."),
        trace_id: str | None = typer.Option(None, "--trace-id", help="Which trace; needed if there are several."),
        config: Path | None = typer.Option(
            None, "--config", "-c", help="The config, for `redact`; else as for `otel-judge run`."
        ),
    ) -> None:
        """Print what the judge would see of a span tool, after redaction."""
        from ..config_file import load
        from ..errors import SourceError
        from ..judge import tools
        from ..judge.blind import blind
        from ..redact import RedactionFailed, Redactor
        from ..sources import Skipped, read_traces

        skipped = Skipped()
        traces = list(read_traces(source, trace_id=trace_id, skipped=skipped))
        for line in skipped.lines() if traces else ():
            typer.echo(line, err=True)
        if not traces:
            raise SourceError(source, f"no trace {trace_id}") if trace_id else skipped.nothing(source)
        if len(traces) > 1:
            known = ", ".join(trace.trace_id for trace in traces[:3])
            raise SourceError(source, f"{len(traces)} traces", f"choose one with --trace-id, such as {known}")
        try:
            seen = Redactor(load(config).redact).redact_now(traces[0]).trace
        except RedactionFailed as error:
            raise SourceError(source, f"no judge would see this trace: {error}") from None
        sys.stdout.write(tools.call_text(name, blind(seen), arguments or []))
