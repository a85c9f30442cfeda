"""`otel-judge diff A B`: what got worse and better between two runs, trace by trace and rate by rate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from .showing import one_line

if TYPE_CHECKING:
    from ..intervals import Measure
    from ..results import Diff, ScorerDiff

SHOWN = 20  # changes of a scorer; --json has all
_LONGEST_WHY = 300  # characters, before the terminal's width cuts it


def add_to(app: typer.Typer) -> None:
    @app.command()
    def diff(
        before: Path = typer.Argument(metavar="A", help="Results of the earlier run, as run --json writes them."),
        after: Path = typer.Argument(metavar="B", help="Results of the later run."),
        *,
        json: Path | None = typer.Option(None, help="Write all of it to this file; - for standard output."),
        fail_on_regression: bool = typer.Option(
            False, "--fail-on-regression", help="Exit 1 if anything that passed in A fails in B."
        ),
    ) -> None:
        """Compare two results: regressions trace by trace, and the change of each rate with its interval."""
        from .. import results
        from .writing import write_json

        found = results.diff(results.load(before), results.load(after))
        if json is not None:
            write_json(json, found.as_dict())
        if str(json) != "-":
            _show(found)
        for scorer in found.scorers.values():
            if not scorer.same_instrument:
                typer.echo(f"otel-judge: {_instruments(scorer)}", err=True)
        if fail_on_regression and found.regressions:
            typer.echo(f"otel-judge: {len(found.regressions)} verdicts passed before and fail now", err=True)
            raise typer.Exit(1)


def _show(found: Diff) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    columns = ("scorer", "before", "after", "change of pass rate", "worse", "better", "no verdict now", "of the score")
    table = Table(*columns, show_edge=False, pad_edge=False)
    for scorer in found.scorers.values():
        rates = [each.pass_rate for each in (scorer.before, scorer.after)]
        table.add_row(
            scorer.name if scorer.same_instrument else f"{scorer.name} (*)",
            *("" if rate is None else f"{rate:.2f}" for rate in rates),
            _moved(scorer.pass_rate),
            str(len(scorer.of("regression")) or ""),
            str(len(scorer.of("improvement")) or ""),
            str(len(scorer.of("lost")) or ""),
            _moved(scorer.score) if scorer.pass_rate.value is None else "",
        )
    console.print(table)
    for scorer in found.scorers.values():
        worse = [*scorer.of("regression"), *scorer.of("lost")]
        for change in worse[:SHOWN]:
            why = one_line(change.after.rationale, _LONGEST_WHY)
            told = f"{scorer.name} {change.before.label} -> {change.after.label}: {why}"
            console.print(Text(f"{change.trace_id}  {told}"), no_wrap=True, overflow="ellipsis")
        if len(worse) > SHOWN:
            console.print(f"… {len(worse) - SHOWN} more of {scorer.name}; --json FILE has all")
    console.print(f"{found.shared:,} traces in both, {len(found.new):,} only in B, {len(found.gone):,} only in A")
    for names, where in ((found.new_scorers, "B"), (found.gone_scorers, "A")):
        if names:
            console.print(Text(f"only in {where}: {', '.join(names)}"))


def _moved(measure: Measure) -> str:
    if measure.value is None:
        return ""
    interval = "" if measure.low is None else f" ({measure.low:+.2f} to {measure.high:+.2f})"
    return f"{measure.value:+.2f}{interval} of {measure.n}"


def _instruments(scorer: ScorerDiff) -> str:
    sides = [", ".join(map(str, side.instruments)) for side in (scorer.before, scorer.after)]
    return f"{scorer.name} (*): not the same judge before and after, so neither are its figures: {' -> '.join(sides)}"
