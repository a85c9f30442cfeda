"""`otel-judge tool`: prints what the judge would see of a span tool, byte for byte."""

from __future__ import annotations

import sys

import typer


def add_to(app: typer.Typer) -> None:
    @app.command()
    def tool(
        name: str = typer.Argument(help="Such as list_spans or get_span; a wrong name lists them."),
        source: str = typer.Argument(help="An OTLP file, a folder, - for standard input, or live:ADMIN_URL."),
        arguments: list[str] | None = typer.Argument(None, metavar="[ARG=VALUE]...", help="The tool's arguments."),
        trace_id: str | None = typer.Option(None, "--trace-id", help="Which trace; needed if there are several."),
    ) -> None:
        """Print what the judge would see of a span tool."""
        from ..errors import SourceError
        from ..judge import tools
        from ..judge.blind import blind
        from ..sources import read_traces

        traces = list(read_traces(source, trace_id=trace_id))
        if not traces:
            raise SourceError(source, f"no trace {trace_id}" if trace_id else "no traces")
        if len(traces) > 1:
            known = ", ".join(trace.trace_id for trace in traces[:3])
            raise SourceError(source, f"{len(traces)} traces", f"choose one with --trace-id, such as {known}")
        sys.stdout.write(tools.call_text(name, blind(traces[0]), arguments or []))
