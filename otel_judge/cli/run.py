"""`otel-judge run`: grades stored traces, as a table and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ..batch import Row, Summary
    from ..config import Config

SHOWN = 50  # rows of the table; --json has all
SOURCES = (
    "Files (OTLP or Jaeger's JSON), folders, - for standard input, jaeger:URL?service=NAME, tempo:URL?q=TRACEQL, or "
    "live:ADMIN_URL."
)


def add_to(app: typer.Typer) -> None:
    @app.command()
    def run(
        sources: list[str] = typer.Argument(metavar="SOURCE...", help=SOURCES),
        config: Path | None = typer.Option(
            None, "--config", "-c", help="The config; else $OTEL_JUDGE_CONFIG, else otel-judge.yaml here, if any."
        ),
        *,
        judge: list[str] | None = typer.Option(None, help="Only this scorer; may be repeated."),
        json: Path | None = typer.Option(None, help="Write every result to this file; - for standard output."),
        trace_id: str | None = typer.Option(None, "--trace-id", help="Only this trace."),
        strict: bool = typer.Option(False, "--strict", help="Stop at the first thing that cannot be read."),
        debug_judge: Path | None = typer.Option(
            None, "--debug-judge", help="Keep the whole exchange of each judgement in this folder, one file each."
        ),
    ) -> None:
        """Grade stored traces."""
        import asyncio

        from .. import logs
        from ..batch import grade, summarise
        from ..config_file import load
        from ..engine import Engine, Plan
        from ..sources import Skipped, read_traces
        from .writing import write_json

        logs.configure()
        chosen = _only(load(config), judge or [])
        engine = Engine(Plan.of(chosen), debug_folder=None if debug_judge is None else _folder(debug_judge))

        skipped = Skipped()
        traces = read_traces(*sources, trace_id=trace_id, strict=strict, skipped=skipped)

        async def work() -> list[Row]:
            try:
                return await grade(traces, engine)
            finally:
                await engine.aclose()

        rows = asyncio.run(work())
        if not rows:
            raise skipped.nothing(", ".join(sources))
        for line in skipped.lines():
            typer.echo(line, err=True)
        summaries = list(summarise(rows, engine.scorers))
        if json is not None:
            write_json(json, _document(rows, summaries))
        if json is None or str(json) != "-":
            _show(rows, summaries, judged=bool(chosen.judges))


def _only(config: Config, names: list[str]) -> Config:
    """The config with only the scorers that were named."""
    from ..errors import ConfigError

    known = [*(check.type for check in config.checks), *(judge.name for judge in config.judges)]
    for name in names:
        if name not in known:
            raise ConfigError(f"--judge {name}", "no such scorer", f"there are {', '.join(known)}")
    if not names:
        return config
    checks = tuple(check for check in config.checks if check.type in names)
    judges = tuple(judge for judge in config.judges if judge.name in names)
    return config.model_copy(update={"checks": checks, "judges": judges})


def _folder(path: Path) -> Path:
    from ..errors import ConfigError

    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--debug-judge {path}", f"cannot be made: {error.strerror}", "name a folder") from None
    return path


def _document(rows: list[Row], summaries: list[Summary]) -> dict[str, object]:
    return {
        "summary": {summary.name: summary.as_dict() for summary in summaries},
        "traces": [row.as_dict() for row in rows],
    }


def _show(rows: list[Row], summaries: list[Summary], *, judged: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    found = [(row, feedback) for row in rows for feedback in row.feedback if feedback.passed is not True]
    if found:
        table = Table("trace", "scorer", "label", "score", "why", show_edge=False, pad_edge=False)
        for row, feedback in found[:SHOWN]:
            score = "" if feedback.score is None else f"{feedback.score:g}"
            why = Text(feedback.rationale, overflow="fold")
            table.add_row(row.trace_id[:16], feedback.name, feedback.label, score, why)
        console.print(table)
        if len(found) > SHOWN:
            console.print(f"… {len(found) - SHOWN} more; --json FILE has all")
        console.print()
    summary_table = Table("scorer", "pass rate", "labels", show_edge=False, pad_edge=False)
    for summary in summaries:
        rate = "" if summary.pass_rate is None else f"{summary.pass_rate:.0%}"
        labels = ", ".join(f"{label} {count}" for label, count in summary.labels.most_common())
        summary_table.add_row(summary.name, rate, Text(labels))
    console.print(summary_table)
    total = f"{len(rows)} traces, {sum(row.spans for row in rows)} spans"
    if judged:
        sampled = sum(row.decision is not None and row.decision.sampled for row in rows)
        total += f"; {sampled} sampled for judging"
    console.print(f"\n{total}")
