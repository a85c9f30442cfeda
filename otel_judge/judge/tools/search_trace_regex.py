"""search_trace_regex: where in the trace a pattern stands, in linear time, with the true number of places."""

from __future__ import annotations

from collections.abc import Iterator

from ...trace import OriginView, Span, Trace
from ..text import Field, fields, resource_fields
from .answer import CAP_BYTES, Answer, Arguments, Parameter, Seen, Tool, cut, size
from .pattern import pattern_of

_AROUND = 80  # characters of context on either side
_LONGEST_MATCH = 200  # characters of the match itself
_PER_SPAN = 3  # values shown of one span, so that a noisy one does not eat the answer
_NOTE = 250  # bytes kept free for what was left out


def _run(trace: Trace, arguments: Arguments) -> Answer:
    pattern = pattern_of(str(arguments["pattern"]))
    skip = int(arguments.get("start", 0))
    budget = CAP_BYTES - _NOTE - 100
    lines, seen = list[str](), list[Seen]()
    values = spans = candidates = hidden = 0
    full = False
    for span, found in _by_span(trace):
        here = 0
        for field in found:
            place = pattern.search(field.text)
            if place is None:
                continue
            values, here = values + 1, here + 1
            if here > _PER_SPAN:
                hidden += 1
                continue
            candidates += 1
            if candidates <= skip or full:
                continue
            first, last = place
            start, end = max(0, first - _AROUND), min(last, first + _LONGEST_MATCH) + _AROUND
            line = f"{span.span_id} {cut(field.path, 100)}[{first}]: {' '.join(field.text[start:end].split())}"
            budget -= size(line) + 1
            full = budget < 0
            if not full:
                lines.append(line)
                seen.append(Seen(span.span_id, field.path, start, min(end, len(field.text))))
        spans += here > 0
    title = f"{values} values match, in {spans} of {len(trace)} spans; each line: span id, path[character]: text"
    left = candidates - skip - len(lines)
    if left > 0:
        lines.append(f"… {left} more places; next: start={skip + len(lines)}, or narrow the pattern")
    if hidden:
        lines.append(f"… {hidden} values are not shown, since their span has {_PER_SPAN} before them: get_span has all")
    return Answer("\n".join([title, *lines]), tuple(seen))


def _by_span(trace: Trace) -> Iterator[tuple[Span, tuple[Field, ...]]]:
    origins: set[OriginView] = set()
    for span in trace.spans:
        if span.origin in origins:
            yield span, fields(span)
        else:  # a resource is searched once, with the first span that came from it
            origins.add(span.origin)
            yield span, fields(span) + resource_fields(span)


TOOL = Tool(
    name="search_trace_regex",
    description=(
        "Searches the decoded text of all spans with an RE2 pattern, case-sensitive unless it starts with (?i). Gives "
        "span id, path and context of each place, and how many there are in all."
    ),
    parameters=(
        Parameter("pattern", "string", "RE2 pattern. It is matched anywhere in a value.", required=True),
        Parameter("start", "integer", "Number of places to skip; an answer that was cut says which comes next."),
    ),
    run=_run,
)
