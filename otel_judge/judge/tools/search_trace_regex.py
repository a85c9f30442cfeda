"""search_trace_regex: where in the trace a pattern stands, in linear time, with the true number of places."""

from __future__ import annotations

import time
from array import array
from typing import NamedTuple

from ...trace import Trace
from ..trace_text import TraceText, text_of
from .answer import CAP_BYTES, Answer, Arguments, Parameter, Seen, Tool, cut, size
from .pattern import Pattern, pattern_of

_AROUND = 80  # characters of context on either side
_LONGEST_MATCH = 200  # characters of the match itself
_PER_SPAN = 3  # values shown of one span, so that a noisy one does not eat the answer
_NOTE = 400  # bytes kept free for what was left out
_LONGEST = 1.0  # seconds of searching; after that the numbers are lower bounds
_KEPT = 8  # patterns whose places are kept, so that their next pages cost nothing


class _Found(NamedTuple):
    places: array[int]
    """Values that may be shown, at most `_PER_SPAN` of each span."""
    values: int
    spans: int
    stopped_at: int | None
    """Index of the span that was searched last when the time was up."""


def _run(trace: Trace, arguments: Arguments) -> Answer:
    source = str(arguments["pattern"])
    pattern = pattern_of(source)
    skip = int(arguments.get("start", 0))
    text = text_of(trace)
    found = _find(trace, text, source, pattern)
    budget = CAP_BYTES - _NOTE
    lines, seen = list[str](), list[Seen]()
    for value in found.places[skip:]:
        line, piece = _show(trace, text, value, pattern)
        budget -= size(line) + 1
        if budget < 0:
            break
        lines.append(line)
        seen.append(piece)
    least = "" if found.stopped_at is None else "at least "
    title = (
        f"{least}{found.values} values match, in {least}{found.spans} of {len(trace)} spans; "
        "each line: span id, path[character]: text"
    )
    left = len(found.places) - skip - len(lines)
    if left > 0:
        lines.append(f"… {left} more places; next: start={skip + len(lines)}, or narrow the pattern")
    if hidden := found.values - len(found.places):
        lines.append(f"… {hidden} values are not shown, since their span has {_PER_SPAN} before them: get_span has all")
    if found.stopped_at is not None:
        lines.append(f"… the time was up after {found.stopped_at} spans; a plainer pattern searches faster")
    return Answer("\n".join([title, *lines]), tuple(seen))


def _find(trace: Trace, text: TraceText, source: str, pattern: Pattern) -> _Found:
    """All places, or the known ones of a pattern that was searched before."""
    known = trace.once(_find, dict[str, _Found])
    found = known.get(source)
    if found is None:
        found = _search(text, pattern)  # without the lock: patterns are searched side by side
        with trace.lock:
            known[source] = found
            if len(known) > _KEPT:
                del known[next(iter(known))]
    return found


def _search(text: TraceText, pattern: Pattern) -> _Found:
    until = time.monotonic() + _LONGEST
    owners, ends = text.owners, text.ends
    places = array("I")
    values = spans = here = 0
    span = -1
    for found in pattern.values(text):
        if not found and time.monotonic() > until:
            return _Found(places, values, spans, max(0, span))
        values += len(found)
        value = found.start
        while value < found.stop:  # span by span
            owner = owners[value]
            if owner != span:
                span, here = owner, 0
                spans += 1
            end = min(found.stop, ends[owner])
            places.extend(range(value, min(end, value + _PER_SPAN - here)))
            here += end - value
            value = end
    return _Found(places, values, spans, None)


def _show(trace: Trace, text: TraceText, value: int, pattern: Pattern) -> tuple[str, Seen]:
    data = text.data(value)
    match_start, match_end = pattern.search(data) or (0, 0)
    words = data.decode()
    first = len(data[:match_start].decode(errors="replace"))
    last = first + len(data[match_start:match_end].decode(errors="replace"))
    start, end = max(0, first - _AROUND), min(last, first + _LONGEST_MATCH) + _AROUND
    span_id, path = trace.spans[text.owners[value]].span_id, text.path(value)
    line = f"{span_id} {cut(path, 100)}[{first}]: {' '.join(words[start:end].split())}"
    return line, Seen(span_id, path, start, min(end, len(words)))


TOOL = Tool(
    name="search_trace_regex",
    description=(
        "Searches the decoded text of all spans with an RE2 pattern, case-sensitive unless it starts with (?i); ^ and "
        "$ are the ends of a value. Gives span id, path and context of each place, and how many there are in all."
    ),
    parameters=(
        Parameter("pattern", "string", "RE2 pattern. It is matched anywhere in a value.", required=True),
        Parameter("start", "integer", "Number of places to skip; an answer that was cut says which comes next."),
    ),
    run=_run,
)
