"""list_spans: the tree in order, one line a span, runs of alike siblings folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from ...dialects.base import Role
from ...trace import Trace
from .answer import CAP_BYTES, Answer, Arguments, InvalidArguments, Parameter, Tool, cut, fitting, size
from .outline import indent, outline
from .tree import Fold, Tree, tree_of

_FOLD_FROM = 50  # spans; fewer are shown one by one
_NAMES = 3  # names that a fold tells
_NOTE = 250  # bytes kept free for what was left out
_ROLES = tuple(role.value for role in Role)
_STATUSES = ("ERROR", "OK", "UNSET")
_FILTERS = {"name", "role", "status", "min_duration_ms"}


def _run(trace: Trace, arguments: Arguments) -> Answer:
    tree = tree_of(trace)
    first, end = _range(tree, arguments.get("under"))
    folded = not _FILTERS & arguments.keys() and end - first > _FOLD_FROM
    rows = _folded(trace, tree, first, end) if folded else _filtered(tree, arguments, range(first, end))
    start = int(arguments.get("start", 0))
    lines = _lines(tree, rows, start, tree.depths[first] if first < len(tree) else 0, folded=folded)
    return Answer(_page(trace, rows, start, lines, end - first, folded=folded))


def _range(tree: Tree, under: object) -> tuple[int, int]:
    if under is None:
        return 0, len(tree)
    position = tree.positions.get(str(under).strip().lower())
    if position is None:
        raise InvalidArguments(f"no span has the id {str(under)[:40]!r}; leave `under` out to see the whole tree")
    return position, tree.ends[position]


def _filtered(tree: Tree, arguments: Arguments, rows: Sequence[int]) -> Sequence[int]:
    if (name := arguments.get("name")) is not None:
        part, names = str(name).casefold(), tree.names
        wanted = {each for each in set(names) if part in each.casefold()}
        rows = [position for position in rows if names[position] in wanted]
    if (status := _one_of("status", arguments.get("status"), _STATUSES)) is not None:
        statuses = tree.statuses
        rows = [position for position in rows if statuses[position] == status]
    if (role := _one_of("role", arguments.get("role"), _ROLES)) is not None:
        roles = tree.roles
        rows = [position for position in rows if roles[position] == role]
    if (milliseconds := arguments.get("min_duration_ms")) is not None:
        least, durations = int(milliseconds) * 1_000_000, tree.durations
        rows = [position for position in rows if durations[position] >= least]
    return rows


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> str | None:
    if value is None or value in allowed:
        return cast("str | None", value)
    raise InvalidArguments(f"{name} must be {', '.join(allowed[:-1])} or {allowed[-1]}")


def _folded(trace: Trace, tree: Tree, first: int, end: int) -> Sequence[int]:
    if end - first < len(tree):
        return tree.rows(first, end)
    return trace.once(_folded, lambda: tree.rows(first, end))


def _lines(tree: Tree, rows: Sequence[int], start: int, top: int, *, folded: bool) -> Iterator[str]:
    for row in range(start, len(rows)):
        position = rows[row]
        depth = tree.depths[position] - top
        fold = tree.folds.get(position) if folded else None
        yield outline(tree.spans[position], depth) if fold is None else _fold(tree, position, fold, depth)


def _fold(tree: Tree, position: int, fold: Fold, depth: int) -> str:
    siblings = sum(fold.names.values())
    names = sorted(fold.names, key=lambda name: (-fold.names[name], name))
    if len(names) == 1:
        what = f"{siblings:,} more {cut(names[0], 80)!r} spans"
    else:
        told = ", ".join(f"{fold.names[name]:,} {cut(name, 60)!r}" for name in names[:_NAMES])
        more = f" and {len(names) - _NAMES} other names" if len(names) > _NAMES else ""
        what = f"{siblings:,} more spans: {told}{more}"
    below = fold.end - position - siblings
    errors = tree.errors_before[fold.end] - tree.errors_before[position]
    under = "" if fold.parent is None else f" under={fold.parent.span_id}"
    return (
        f"{indent(depth)}… {what}"
        + (f", with {below:,} below them" if below else "")
        + (f", {errors:,} errors among them" if errors else ", no errors")
        + f" (name=…{under} lists them)"
    )


def _page(trace: Trace, rows: Sequence[int], start: int, lines: Iterator[str], spans: int, *, folded: bool) -> str:
    if folded:
        title = f"rows {start + 1} and on, of {len(rows)}, for {spans} spans; runs of alike spans are folded"
    else:
        title = f"spans {start + 1} and on, of {len(rows)}"
    if (len(rows) if not folded else spans) < len(trace):
        title += f" (the trace has {len(trace)})"
    if start >= len(rows):
        return f"{len(rows)} {'rows' if folded else 'spans match'}; none at start={start}"
    shown = fitting(lines, CAP_BYTES - size(title) - 1 - _NOTE)
    left = len(rows) - start - len(shown)
    if left:
        what = "rows" if folded else "spans"
        narrow = "narrow by name, role, status, min_duration_ms or under"
        shown.append(f"… {left} more {what}; next: start={start + len(shown)}, or {narrow}")
    return "\n".join([title, *shown])


TOOL = Tool(
    name="list_spans",
    description=(
        "Lists spans as a tree in order of time, one line each: id, name, role, duration, status if ERROR, preview. "
        "Runs of alike siblings are folded into one line that counts them and their errors; a filter lists each. "
        "Long lists come in pages."
    ),
    parameters=(
        Parameter("start", "integer", "Number of lines to skip; an answer that was cut says which comes next."),
        Parameter("name", "string", "Only spans whose name contains this, in any case."),
        Parameter("role", "string", f"Only spans of this role: {', '.join(_ROLES)}."),
        Parameter("status", "string", "Only spans of this status: ERROR, OK or UNSET."),
        Parameter("min_duration_ms", "integer", "Only spans that took at least so many milliseconds."),
        Parameter("under", "string", "Only this span and what is below it: a span id."),
    ),
    run=_run,
)
