"""get_span: all text of one span by path; long values cut in the middle, or one value in parts."""

from __future__ import annotations

from ... import dialects
from ...trace import Span, Trace
from ..text import Field, all_fields
from .answer import (
    CAP_BYTES,
    Answer,
    Arguments,
    InvalidArguments,
    Parameter,
    Seen,
    Tool,
    cut,
    indented,
    laid_head,
    laid_size,
    laid_tail,
    shares,
    size,
)
from .outline import duration

_INDENT = 2  # blanks before each line of a value, so that none can pass for the path of another
_ONE_LINE = 200  # characters of a value that stands on the line of its path
_LABEL = 150  # characters of a path that are shown
_PER_FIELD = 4 * _LABEL + 150  # bytes at most around a value: its path and how much was cut
_LEAST = 120  # bytes of a value that make it worth showing
_NOTE = 250  # bytes kept free for what was left out


def _run(trace: Trace, arguments: Arguments) -> Answer:
    span = trace.by_id.get(str(arguments["span_id"]).lower())
    if span is None:
        raise InvalidArguments(f"no span has the id {str(arguments['span_id'])[:40]!r}; list_spans shows all ids")
    start = int(arguments.get("start", 0))
    path = arguments.get("path")
    fields = all_fields(span)
    if path is None:
        return _overview(trace, span, fields, start)
    return _part(span, _find(fields, str(path)), start)


def title(trace: Trace, span: Span) -> str:
    """What is known of a span beside its text, on one line."""
    kind = "" if span.kind in ("UNSPECIFIED", "INTERNAL") else f", kind {span.kind.lower()}"
    facts = [
        f"role {dialects.read(span).role.value}{kind}",
        f"service {cut(span.service or 'unknown', 60)}",
        f"{duration(span.duration_ns)}, from +{duration(max(0, span.start_ns - trace.start_ns))}",
        f"status {span.status_code}",
        f"parent {span.parent_span_id or 'none'}",
    ]
    children = trace.children(span)
    if children:
        more = f" and {len(children) - 5} more" if len(children) > 5 else ""
        facts.append("children " + " ".join(child.span_id for child in children[:5]) + more)
    if dropped := dropped_by_sdk(span):
        facts.append(f"cut by limits of the SDK: {dropped}")
    return f"span {span.span_id} · " + " · ".join(facts)


def dropped_by_sdk(span: Span) -> str:
    """What the SDK says its limits cut of the span (opentelemetry-proto, trace.proto); empty for nothing."""
    proto = span.proto
    counts = {
        "attributes": proto.dropped_attributes_count,
        "events": proto.dropped_events_count,
        "links": proto.dropped_links_count,
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def whole(field: Field) -> str:
    """A value under its path, on one line if it is short."""
    label = cut(field.path, _LABEL)
    if len(field.text) <= _ONE_LINE and "\n" not in field.text:
        return f"{label}: {field.text}"
    return f"--- {label}\n{indented(field.text, _INDENT)}"


def _overview(trace: Trace, span: Span, fields: tuple[Field, ...], start: int) -> Answer:
    first = title(trace, span)
    budget = CAP_BYTES - size(first) - 1 - _NOTE
    shown: list[Field] = []
    for field in fields[start:]:
        least = _overhead(field) + _least(field)
        if least > budget:
            break
        budget -= least
        shown.append(field)
    budget += sum(_least(field) for field in shown)
    limits = shares([laid_size(field.text[: CAP_BYTES + 1], _INDENT) for field in shown], budget)
    lines, seen = [first], list[Seen]()
    for field, limit in zip(shown, limits, strict=True):
        _show(span, field, limit, lines, seen)
    left = len(fields) - start - len(shown)
    if left > 0:
        lines.append(f"… {left} more values of this span; next: start={start + len(shown)}")
    elif not shown:
        lines.append(f"the span has {len(fields)} values; none at start={start}")
    return Answer("\n".join(lines), tuple(seen))


def _show(span: Span, field: Field, limit: int, lines: list[str], seen: list[Seen]) -> None:
    label = cut(field.path, _LABEL)
    length = len(field.text)
    if length <= limit and laid_size(field.text, _INDENT) <= limit:
        lines.append(whole(field))
        seen.append(Seen(span.span_id, field.path, 0, length))
        return
    front, back = laid_head(field.text, limit * 2 // 3, _INDENT), laid_tail(field.text, limit // 3, _INDENT)
    missing = length - len(front) - len(back)
    lines += [
        f"--- {label} ({length} characters, {missing} left out at […]; all of it: give this path)",
        f"{indented(front, _INDENT)}\n[…]\n{indented(back, _INDENT)}",
    ]
    seen.append(Seen(span.span_id, field.path, 0, len(front)))
    seen.append(Seen(span.span_id, field.path, length - len(back), length))


def _least(field: Field) -> int:
    return min(laid_size(field.text[:_LEAST], _INDENT), _LEAST)


def _overhead(field: Field) -> int:
    return min(_PER_FIELD, size(field.path[: _LABEL * 4]) + 150)


def _find(fields: tuple[Field, ...], path: str) -> Field:
    for field in fields:
        if path in (field.path, cut(field.path, _LABEL)):
            return field
    known = ", ".join(cut(field.path, 60) for field in fields[:20])
    raise InvalidArguments(f"the span has no value at {path[:60]!r}; it has {known}")


def _part(span: Span, field: Field, start: int) -> Answer:
    length = len(field.text)
    label = cut(field.path, _LABEL)
    if start >= length:
        raise InvalidArguments(f"{label} has {length} characters; start must be below that")
    part = laid_head(field.text[start : start + CAP_BYTES], CAP_BYTES - 4 * _LABEL - _NOTE, _INDENT)
    end = start + len(part)
    title = f"--- {label} of span {span.span_id}, characters {start} to {end} of {length}"
    lines = [title, indented(part, _INDENT)]
    if end < length:
        lines.append(f"… {length - end} more characters; next: start={end}")
    return Answer("\n".join(lines), (Seen(span.span_id, field.path, start, end),))


TOOL = Tool(
    name="get_span",
    description=(
        "Shows one span: input, output, tool call and result, attributes, events, links and resource, each under its "
        "path. Long values are cut in the middle; give `path` to read one of them in full, part by part."
    ),
    parameters=(
        Parameter("span_id", "string", "Id of the span, 16 hex digits.", required=True),
        Parameter("path", "string", "One value of the span, such as output or attributes.http.route."),
        Parameter("start", "integer", "With path: character to read from. Without: number of values to skip."),
    ),
    run=_run,
)
