"""list_spans: the tree in order, one line a span."""

from __future__ import annotations

from ...trace import Trace
from .answer import CAP_BYTES, Answer, Arguments, InvalidArguments, Parameter, Tool, fitting, size
from .outline import outline

_NOTE = 200  # bytes kept free for what was left out


def _run(trace: Trace, arguments: Arguments) -> Answer:
    start = int(arguments.get("start", 0))
    under, name, status = arguments.get("under"), arguments.get("name"), arguments.get("status")
    if status is not None and status not in ("ERROR", "OK", "UNSET"):
        raise InvalidArguments("status must be ERROR, OK or UNSET")
    root = None
    if under is not None and (root := trace.by_id.get(str(under).lower())) is None:
        raise InvalidArguments(f"no span has the id {str(under)[:40]!r}; leave `under` out to see the whole tree")
    found = [
        (depth, span)
        for depth, span in trace.walk(root)
        if (name is None or str(name).casefold() in span.name.casefold())
        and (status is None or span.status_code == status)
    ]
    if start >= len(found):
        return Answer(f"{len(found)} spans match; none at start={start}")
    title = f"spans {start + 1} and on, of {len(found)}" + (
        f" (the trace has {len(trace)})" if len(found) < len(trace) else ""
    )
    lines = fitting((outline(span, depth) for depth, span in found[start:]), CAP_BYTES - size(title) - 1 - _NOTE)
    left = len(found) - start - len(lines)
    if left:
        lines.append(f"… {left} more spans; next: start={start + len(lines)}, or narrow by name, status or under")
    return Answer("\n".join([title, *lines]))


TOOL = Tool(
    name="list_spans",
    description=(
        "Lists spans as a tree in order of time, one line each: id, name, role, duration, status if ERROR, preview. "
        "Long traces come in pages."
    ),
    parameters=(
        Parameter("start", "integer", "Number of spans to skip; an answer that was cut says which comes next."),
        Parameter("name", "string", "Only spans whose name contains this, in any case."),
        Parameter("status", "string", "Only spans of this status: ERROR, OK or UNSET."),
        Parameter("under", "string", "Only this span and what is below it: a span id."),
    ),
    run=_run,
)
