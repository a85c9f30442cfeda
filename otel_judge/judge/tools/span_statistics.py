"""span_statistics: where the time went and what failed, by name of span."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median_low

from ...trace import Span, Trace
from .answer import CAP_BYTES, Answer, Arguments, InvalidArguments, Parameter, Tool, cut, fitting, size
from .critical_path import own_times
from .outline import duration
from .tree import tree_of

_NOTE = 150  # bytes kept free for what was left out
_ORDERS = ("total", "count", "errors", "max", "critical_path")


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    count: int
    errors: int
    total_ns: int
    median_ns: int
    longest: Span
    critical_ns: int

    def sort_key(self, order: str) -> tuple[int, int, str]:
        keys = {
            "total": self.total_ns,
            "count": self.count,
            "errors": self.errors,
            "max": self.longest.duration_ns,
            "critical_path": self.critical_ns,
        }
        return -keys[order], -self.total_ns, self.name


def _run(trace: Trace, arguments: Arguments) -> Answer:
    order = str(arguments.get("sort", "total"))
    if order not in _ORDERS:
        raise InvalidArguments(f"sort must be {', '.join(_ORDERS[:-1])} or {_ORDERS[-1]}")
    start = int(arguments.get("start", 0))
    rows, path_ns = trace.once(_count, lambda: _count(trace))
    roots = trace.main_roots if len(trace) else ()
    of = f"the root {roots[0].span_id if roots else 'none'}" if len(roots) < 2 else f"the roots of {len(roots)} turns"
    title = (
        f"{len(rows)} names, by {order}; critical path: {duration(path_ns)} of {of}, each moment in the innermost span "
        "at work"
    )
    if start >= len(rows):
        return Answer(f"{len(rows)} names; none at start={start}")
    ordered = sorted(rows, key=lambda row: row.sort_key(order))
    lines = fitting((_line(row, path_ns) for row in ordered[start:]), CAP_BYTES - size(title) - 1 - _NOTE)
    if left := len(rows) - start - len(lines):
        lines.append(f"… {left} more names; next: start={start + len(lines)}")
    return Answer("\n".join([title, *lines]))


def _count(trace: Trace) -> tuple[list[_Row], int]:
    tree = tree_of(trace)
    own, path_ns = own_times(trace)
    by_name: dict[str, list[int]] = {}
    for position, span in enumerate(tree.spans):
        by_name.setdefault(span.name, []).append(position)
    rows = list[_Row]()
    for name, positions in by_name.items():
        spans = [tree.spans[position] for position in positions]
        durations = [span.duration_ns for span in spans]
        rows.append(
            _Row(
                name=name,
                count=len(spans),
                errors=sum(span.status_code == "ERROR" for span in spans),
                total_ns=sum(durations),
                median_ns=median_low(durations),
                longest=max(spans, key=lambda span: span.duration_ns),
                critical_ns=sum(own[position] for position in positions),
            )
        )
    return rows, path_ns


def _line(row: _Row, path_ns: int) -> str:
    share = f", critical path {row.critical_ns / path_ns:.1%}" if path_ns and row.critical_ns * 1_000 >= path_ns else ""
    if row.count == 1:
        times = f"{duration(row.total_ns)} ({row.longest.span_id})"
    else:
        longest = f"max {duration(row.longest.duration_ns)} ({row.longest.span_id})"
        times = f"total {duration(row.total_ns)}, p50 {duration(row.median_ns)}, {longest}"
    errors = f", {row.errors} errors" if row.errors else ""
    return f"{cut(row.name, 80) or '(no name)'}: {row.count} spans{errors}, {times}{share}"


TOOL = Tool(
    name="span_statistics",
    description=(
        "Counts spans by name: how many, errors, total, p50 and longest duration with its span id, and the share of "
        "the critical path, which is the time that the root really waited for."
    ),
    parameters=(
        Parameter("sort", "string", f"By what, largest first: {', '.join(_ORDERS)}. By default total."),
        Parameter("start", "integer", "Number of names to skip; an answer that was cut says which comes next."),
    ),
    run=_run,
)
