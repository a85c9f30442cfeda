"""`otel-judge run`: grades stored traces, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from .showing import show_measure, show_usd

if TYPE_CHECKING:
    from rich.table import Table

    from ..agreement import ShadowReport
    from ..batch import Row, Summary
    from ..feedback import Feedback

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
        html: Path | None = typer.Option(
            None, help="Write a report for a browser to this file; - for standard output."
        ),
        trace_id: str | None = typer.Option(None, "--trace-id", help="Only this trace."),
        strict: bool = typer.Option(False, "--strict", help="Stop at the first thing that cannot be read."),
        debug_judge: Path | None = typer.Option(
            None, "--debug-judge", help="Keep the whole exchange of each judgement in this folder, one file each."
        ),
    ) -> None:
        """Grade stored traces."""
        import asyncio

        from .. import logs
        from ..agreement import shadow_reports
        from ..batch import grade, summarise
        from ..config_file import load
        from ..engine import Engine, Plan
        from ..report import Report
        from ..sources import Skipped, read_traces
        from .choosing import only
        from .writing import check_writable, write, write_json

        logs.configure()
        chosen = only(load(config), judge or [])
        engine = Engine(Plan.of(chosen), debug_folder=None if debug_judge is None else _folder(debug_judge))

        skipped = Skipped()
        traces = read_traces(*sources, trace_id=trace_id, strict=strict, skipped=skipped)

        if html is not None:
            check_writable(html)
        report = None if html is None else Report(sources=sources, scorers=engine.scorers, seen=engine.seen)

        async def work() -> list[Row]:
            try:
                if report is not None:
                    return await grade(report.watch(traces), engine, done=report.add)
                return await grade(traces, engine)
            finally:
                await engine.aclose()

        rows = asyncio.run(work())
        if not rows:
            raise skipped.nothing(", ".join(sources))
        for line in skipped.lines():
            typer.echo(line, err=True)
        summaries = list(summarise(rows, engine.scorers))
        shadows = shadow_reports(feedback for row in rows for feedback in row.feedback)
        if json is not None:
            document = {
                "summary": {summary.name: summary.as_dict() for summary in summaries},
                "shadows": [shadow.as_dict() for shadow in shadows],
                "traces": [row.as_dict() for row in rows],
            }
            write_json(json, document)
        if html is not None and report is not None:
            write(html, report.html().encode())
        if "-" not in (str(json), str(html)):
            _show(rows, summaries, shadows, judged=bool(chosen.judges))


def _folder(path: Path) -> Path:
    from ..errors import ConfigError

    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--debug-judge {path}", f"cannot be made: {error.strerror}", "name a folder") from None
    return path


def _show(rows: list[Row], summaries: list[Summary], shadows: Sequence[ShadowReport], *, judged: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    found = [(row, feedback) for row in rows for feedback in row.feedback if _is_shown(feedback)]
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
    columns = ("scorer", "pass rate", "labels", *(("with people",) if judged else ()))
    summary_table = Table(*columns, show_edge=False, pad_edge=False)
    for summary in summaries:
        rate = "" if summary.pass_rate is None else f"{summary.pass_rate:.0%}"
        labels = ", ".join(f"{label} {count}" for label, count in summary.labels.most_common())
        summary_table.add_row(summary.name, rate, Text(labels), *((_stamp(summary),) if judged else ()))
    console.print(summary_table)
    if shadows:
        console.print()
        console.print(_shadow_table(shadows))
    total = f"{len(rows)} traces, {sum(row.spans for row in rows)} spans"
    if judged:
        sampled = sum(row.decision is not None and row.decision.sampled for row in rows)
        total += f"; {sampled} sampled for judging"
    console.print(f"\n{total}")


def _is_shown(feedback: Feedback) -> bool:
    """What did not pass; of shadows, where they disagree."""
    return feedback.passed is not True if feedback.shadow_of is None else feedback.agrees is False


def _stamp(summary: Summary) -> str:
    return summary.calibration or "" if summary.kappa is None else f"kappa {summary.kappa:.2f}"


def _shadow_table(shadows: Sequence[ShadowReport]) -> Table:
    from rich.table import Table

    table = Table(
        "shadow", "beside", "agrees", "kappa", "not compared", "costs", "primary", show_edge=False, pad_edge=False
    )
    for shadow in shadows:
        table.add_row(
            shadow.name,
            shadow.primary,
            f"{show_measure(shadow.accuracy)} of {shadow.table.n}" if shadow.table.n else "",
            show_measure(shadow.kappa),
            str(shadow.ungraded),
            show_usd(shadow.cost_usd),
            show_usd(shadow.primary_cost_usd),
        )
    return table
