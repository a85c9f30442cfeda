"""What `otel-judge run` prints: the essentials, in about twenty lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from ..results import Summary
from .collecting import Collected
from .showing import one_line, show_measure, show_usd

if TYPE_CHECKING:
    from ..agreement import ShadowReport
    from ..batch import Forecast

LINES = 20
_LEAST_WORST = 3  # traces that are named in any case
_GROUPS = 6  # of a field; --json has all
_LONGEST_WHY = 300  # characters, before the terminal's width cuts it


def show(collected: Collected, *, judged: bool) -> None:
    """Rates with intervals, what got no verdict apart, cost, calibration, and the traces that are worst."""
    console = Console(highlight=False)
    summaries, shadows = collected.tallies.summaries(), collected.shadows
    used = 2 + len(summaries)
    console.print(_scorers(summaries, judged=judged))
    for key, groups in collected.tallies.by().items():
        lines = _group_lines(key, groups)
        used += len(lines)
        for line in lines:
            console.print(line, no_wrap=True, overflow="ellipsis")
    if shadows:
        console.print(_shadow_table(shadows))
        used += 1 + len(shadows)
    for summary in summaries:
        if len(summary.instruments) > 1:
            used += 1
            told = ", ".join(map(str, summary.instruments))
            console.print(Text(f"{summary.name}: its figures are of several instruments: {told}"))
    worst = collected.worst[: max(_LEAST_WORST, LINES - used - 2)]
    if worst:
        console.print("worst:")
    for row, against in worst:
        first = against[0]
        more = f" and {len(against) - 1} more" if len(against) > 1 else ""
        why = one_line(first.rationale, _LONGEST_WHY)
        line = Text(f"{row.trace_id}  {first.name} {first.label}{more}: {why}")
        console.print(line, no_wrap=True, overflow="ellipsis")
    console.print(_total(collected, judged=judged))


def show_forecast(collected: Collected, forecasts: Sequence[Forecast]) -> None:
    """What would be judged, and about what it would take."""
    console = Console(highlight=False)
    columns = ("judge", "traces", "explored", "lacking content", "at least", "likely", "at most")
    table = Table(*columns, show_edge=False, pad_edge=False)
    for each in forecasts:
        table.add_row(
            each.name,
            f"{each.traces:,}",
            f"{each.explored:,}" if each.explored else "",
            f"{each.lacking:,}" if each.lacking else "",
            _taken(each.least_tokens, each.least_usd),
            _taken(each.tokens, each.usd),
            _taken(each.most_tokens, each.most_usd),
        )
    if forecasts:
        console.print(table)
        turns = max(each.turns for each in forecasts)
        console.print(
            f"likely: {turns} turns where a judge explores, which is assumed; at least: one; at most: its limits"
            if turns > 1
            else "likely: each trace is read whole, in one turn; at most: the limits of the judge"
        )
        known = [each.usd for each in forecasts if each.usd is not None]
        cost = f", {show_usd(sum(known))}" if known else ""
        tokens = sum(each.tokens for each in forecasts)
        console.print(f"about {tokens:,} tokens{cost} in all, estimated on the high side; nothing was asked")
    else:
        console.print("no judge would be asked")
    console.print(f"{_counted(collected)}; {collected.sampled:,} sampled for judging")


def _taken(tokens: int, usd: float | None) -> str:
    return f"{tokens:,} tokens, {'price not known' if usd is None else show_usd(usd)}"


def _scorers(summaries: Sequence[Summary], *, judged: bool) -> Table:
    columns = ("scorer", "pass rate", "graded", "not judgeable", "failed", "labels or scores")
    people = (Column("with people", no_wrap=True),) if judged else ()
    table = Table(*columns, *people, show_edge=False, pad_edge=False)
    for summary in summaries:
        rate = show_measure(summary.interval)
        if rate and summary.too_few_verdicts:
            rate += f", worst case {summary.worst_case:.2f}"
        table.add_row(
            summary.name,
            rate,
            str(summary.judged),
            str(summary.not_judgeable or ""),
            str(summary.failures or ""),
            Text(_said(summary), overflow="ellipsis", no_wrap=True),
            *((_stamp(summary),) if judged else ()),
        )
    return table


def _said(summary: Summary) -> str:
    """Labels of a scorer that passes and fails by more than those two words; else the mean of its scores."""
    labels = {label: n for label, n in summary.labels.most_common() if label not in ("not_judgeable", "failed")}
    stats = summary.score_stats if labels.keys() == {"number"} else None
    if stats is not None:
        interval = "" if stats.low is None else f" ({stats.low:.2f} to {stats.high:.2f})"
        return f"mean {stats.mean:.2f}{interval}, p50 {stats.p50:g}, p95 {stats.p95:g}"
    return ", ".join(f"{one_line(label, 30)} {count}" for label, count in labels.items())


def _group_lines(key: str, groups: Mapping[str, Sequence[Summary]]) -> list[Text]:
    lines = [Text(f"by {key}:")]
    for value, summaries in list(groups.items())[:_GROUPS]:
        rates = [
            f"{each.name} {each.pass_rate:.2f} of {each.passed + each.failed}"
            for each in summaries
            if each.pass_rate is not None
        ]
        lines.append(Text(f"  {one_line(value, 40)}: {', '.join(rates) or 'no verdict'}"))
    if len(groups) > _GROUPS:
        lines.append(Text(f"  … {len(groups) - _GROUPS} more; --json FILE has all"))
    return lines


def _stamp(summary: Summary) -> str:
    return summary.calibration or "" if summary.kappa is None else f"kappa {summary.kappa:.2f}"


def _shadow_table(shadows: Sequence[ShadowReport]) -> Table:
    columns = ("shadow", "beside", "agrees", "kappa", "not compared", "costs", "primary")
    table = Table(*columns, show_edge=False, pad_edge=False)
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


def _counted(collected: Collected) -> str:
    sessions = f", {collected.sessions:,} sessions" if collected.sessions else ""
    return f"{collected.traces:,} traces, {collected.spans:,} spans{sessions}"


def _total(collected: Collected, *, judged: bool) -> str:
    total = _counted(collected)
    if judged:
        total += f"; {collected.sampled:,} sampled for judging"
        if collected.unpaid:
            total += f", {collected.unpaid:,} of them not judged for want of money (--max-usd)"
        total += f"; {collected.tokens:,} tokens"
        if collected.usd is not None:
            total += f", {show_usd(collected.usd)}"
    return total
