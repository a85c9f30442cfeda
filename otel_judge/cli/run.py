"""`otel-judge run`: grades stored traces, as a summary, as JSON and JUnit, as a gate, and back to the backend."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ..results import Gate
    from .collecting import Collected

SOURCES = (
    "Files (OTLP or Jaeger's JSON), folders, - for standard input, jaeger:URL?service=NAME, tempo:URL?q=TRACEQL, or "
    "live:ADMIN_URL."
)
WHERE = (
    "Only traces like this: FIELD=VALUE, also != ~ !~ > >= < <=, of service, name, status, agent, model, conversation, "
    "duration, spans, start, end, attributes.KEY or resource.KEY; may be repeated, and all have to hold."
)
INTERRUPTED = 130


def add_to(app: typer.Typer) -> None:
    @app.command()
    def run(
        sources: list[str] = typer.Argument(metavar="SOURCE...", help=SOURCES),
        config: Path | None = typer.Option(
            None, "--config", "-c", help="The config; else $OTEL_JUDGE_CONFIG, else otel-judge.yaml here, if any."
        ),
        *,
        judge: list[str] | None = typer.Option(None, help="Only this scorer; may be repeated."),
        trace_id: str | None = typer.Option(None, "--trace-id", help="Only this trace."),
        where: list[str] | None = typer.Option(None, metavar="CONDITION", help=WHERE),
        sample: int | None = typer.Option(
            None, min=1, metavar="N", help="Only N of the traces, at random; of the same traces always the same ones."
        ),
        seed: int = typer.Option(0, help="Of the sample: another number draws other traces."),
        expectations: Path | None = typer.Option(
            None, help="References by trace id, for {{ expectations }}: JSON lines with trace_id and expectations."
        ),
        by: list[str] | None = typer.Option(
            None, metavar="FIELD", help="Rates for each value of it too: a text field of --where; may be repeated."
        ),
        json: Path | None = typer.Option(None, help="Write every result to this file; - for standard output."),
        html: Path | None = typer.Option(
            None, help="Write a report for a browser to this file; - for standard output."
        ),
        junit: Path | None = typer.Option(
            None, help="Write a test case for each trace and scorer to this file, as XML; - for standard output."
        ),
        emit: bool = typer.Option(
            False, "--emit", help="Write the feedback back to the backend that the config names."
        ),
        fail_under: list[str] | None = typer.Option(
            None, metavar="NAME=X", help="Exit 1 if the pass rate of this scorer is lower; may be repeated."
        ),
        dry_run: bool = typer.Option(
            False, "--dry-run", help="Ask no model: say what would be judged, and about what it would take."
        ),
        max_usd: float | None = typer.Option(
            None, min=0.0, help="Begin no judgement that could, with those under way, cost more than this in all."
        ),
        resume: Path | None = typer.Option(
            None, metavar="FILE", help="Keep rows in this file as they end, and pay for none that it holds already."
        ),
        quiet: bool = typer.Option(False, "--quiet", "-q", help="Show no progress and no summary."),
        strict: bool = typer.Option(False, "--strict", help="Stop at the first thing that cannot be read."),
        debug_judge: Path | None = typer.Option(
            None, "--debug-judge", help="Keep the whole exchange of each judgement in this folder, one file each."
        ),
    ) -> None:
        """Grade stored traces."""
        from .. import logs, progress
        from ..batch import Terms
        from ..config_file import load
        from ..purse import Purse
        from ..report import Report
        from ..results import Gate, Journal, check_writable
        from ..selection import Where, check_field
        from ..sources import Skipped, read_expectations
        from . import running
        from .choosing import only
        from .collecting import Collected
        from .emitting import Emission
        from .gates import parse_gates
        from .outputs import Outputs
        from .run_show import show, show_forecast
        from .writing import STDOUT, write

        logs.configure()
        chosen = only(load(config), judge or [])
        choice = running.Choice(
            sources, Where.parse(where or []), sample, seed, trace_id, strict, chosen.judges_sessions
        )
        for field in by or []:
            check_field(field)
        emission = Emission(chosen) if emit and not dry_run else None
        engine = running.build(chosen, None if debug_judge is None else _folder(debug_judge), emission)
        gates = [Gate(*gate) for gate in parse_gates(fail_under or [], engine.scorers, "NAME")]
        journal = None if resume is None else Journal(resume)
        report = None if html is None else Report(sources=sources, scorers=engine.scorers, seen=engine.seen)
        terms = Terms(
            by=tuple(by or ()),
            expectations={} if expectations is None else read_expectations(expectations),
            earlier={} if journal is None else journal.rows,
            purse=None if max_usd is None else Purse(max_usd),
            watch_session=None if report is None else report.watch_session,
        )
        collected = Collected(engine.scorers, terms.by)
        outputs = Outputs(json, junit)
        if html not in (None, STDOUT):
            check_writable(html)
        skipped = Skipped()
        forecasts, finished = [], True
        with progress.Progress() if quiet else progress.progress() as counting:
            traces = choice.read(skipped, counting)
            if dry_run:
                forecasts = running.foresee(traces, engine, collected.add, terms)
            else:
                rows = running.Rows(collected, counting, journal, emission, outputs, report)
                finished = running.grade(traces if report is None else report.watch(traces), engine, rows, terms)
        _say(skipped.lines())
        if dry_run:
            show_forecast(collected, forecasts)
            return
        outputs.write(collected)
        if html is not None and report is not None:
            write(html, [report.html().encode()])
        if not quiet and STDOUT not in (json, html, junit):
            show(collected, judged=bool(chosen.judges))
        _end(collected, gates, finished=finished, unsent=[] if emission is None else emission.lines())


def _end(collected: Collected, gates: Iterable[Gate], *, finished: bool, unsent: Sequence[str]) -> None:
    """Says what is missing, and exits as it calls for."""
    from .gates import check_gates

    _say(f"otel-judge: {line}" for line in unsent)
    if not finished:
        _say([f"otel-judge: interrupted after {collected.traces:,} traces; their results are kept"])
        raise typer.Exit(INTERRUPTED)
    missed = check_gates(gates, collected.tallies.summaries())
    _say(f"otel-judge: {line}" for line in missed)
    if missed or unsent:
        raise typer.Exit(1 if missed else 2)


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(line, err=True)


def _folder(path: Path) -> Path:
    from ..errors import ConfigError

    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--debug-judge {path}", f"cannot be made: {error.strerror}", "name a folder") from None
    return path
