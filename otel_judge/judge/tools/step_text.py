"""The steps of a trajectory as text: numbered, each with the span and the path where it stands.

A step begins at the start of a line with its number; a label of it, such as `result`, after four blanks; what the trace
says after `: ` on the same line, or below it after six. So no text in a trace can pass for a step, or for a label of
one. Whatever is shown of a value stands verbatim in the span named, but for white space.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ... import dialects
from ...dialects.base import Blob, Message, Part, Reasoning, ToolCall, ToolResult
from ...trace import Span, Trace
from ...trajectory import AgentRun, ModelTurn, Said, Step, ToolStep, Trajectory, Work, failure_of, repeated, steps
from ...trajectory.places import Place
from ..text import INDENT, clean, fields, further_lines_indented, readable, show_messages
from .answer import Seen, cut, head, indented, size, tail
from .outline import duration

_CONTENT: Final = 6  # blanks before what the trace says; labels have four
_NAME: Final = 80  # characters
_ONE_LINE: Final = 200  # characters of a value that stands on the line of its label
_PREVIEW: Final = 80  # characters of a text that was shown before
_DEPTH: Final = 10  # levels that are shown by indentation
_PER_WORK: Final = 600  # bytes of the attributes of a span that is no step of an agent
_MOST_NAMES: Final = 8  # of spans that stand together
_USUAL: Final = frozenset({"stop", "end_turn", "tool_call", "tool_calls", "tool-calls", "tool_use", "function_call"})
_NO_WORD: Final = re.compile(r"[^\w-]+")
_SHOWN_APART: Final = frozenset({"name", "status.code", "status.message", "input", "output"})


class Unit(NamedTuple):
    """One part of a conversation in the text of a span: `start` to `end` with its role, from `body` without."""

    part: Part
    told: str
    """With its role."""
    start: int
    body: int
    end: int


class _Value(NamedTuple):
    """A text to show, and where it stands; `unit` where it is a part of a conversation."""

    text: str
    place: Place
    unit: Unit | None


def units(span: Span, path: str) -> Iterator[Unit]:
    """The parts of a span's `input` or `output`, where they stand in that field."""
    content = dialects.read(span)
    place = 0
    for message in (content.input if path == "input" else content.output) or ():
        for part in message.parts:
            told = clean(show_messages((Message(message.role, (part,)),)))
            length = len(told)
            spoken = len(further_lines_indented(body(part)))
            yield Unit(part, told, place, place + length - spoken, place + length)
            place += length + 1


def body(part: Part) -> str:
    """What a part says, as it stands in the text of its span."""
    if isinstance(part, ToolCall):
        return clean(readable(part.arguments))
    if isinstance(part, ToolResult):
        return clean(readable(part.result))
    if isinstance(part, Blob):
        return show_messages((Message("", (part,)),)).removeprefix(": ")
    return clean(part.text)


@dataclass(slots=True)
class StepText:
    """Writes steps. What it showed is in `seen`."""

    trace: Trace
    limit: int | None
    """Bytes of one value; longer ones are cut in the middle. None: all of it."""
    details: bool = False
    """Every other value of a span too, such as all its attributes."""
    seen: list[Seen] = field(default_factory=list[Seen])
    _detailed: set[str] = field(default_factory=set[str])
    _trajectory: Trajectory = field(init=False)
    _service: str | None = field(init=False)
    _units: tuple[tuple[str, str], dict[object, Unit]] = (("", ""), {})

    def __post_init__(self) -> None:
        self._trajectory = steps(self.trace)
        self._service = self.trace.root.service if self.trace.spans else None

    def write(self, number: int) -> str:
        """The step of that number, from 1."""
        step = self._trajectory.steps[number - 1]
        depth = min(step.depth, _DEPTH)
        deep = f"(depth {step.depth}) " if step.depth > _DEPTH else ""
        first, *rest = self._lines(number, step)
        lines = [f"{number}. {'  ' * depth}{deep}{first}", *rest]
        if self.details and not isinstance(step, Said | Work) and step.span.span_id not in self._detailed:
            self._detailed.add(step.span.span_id)
            lines += self._values(step.span, "", ("input", "output", "status.message"))
        is_of_span = step.use.ran if isinstance(step, ToolStep) else not isinstance(step, Said)
        if is_of_span and not self.details:
            lines += self._unread(number, step.span)
        return "\n".join(lines)

    def _lines(self, number: int, step: Step) -> Iterator[str]:
        if isinstance(step, Said):
            label = f"{_NO_WORD.sub('_', cut(step.role, 40))} [{step.span.span_id} {step.path}]"
            yield from self._parts(number, step, step.path, label, step.span)
        elif isinstance(step, ModelTurn):
            yield from self._turn(number, step)
        elif isinstance(step, ToolStep):
            yield from self._tool(number, step)
        elif isinstance(step, AgentRun):
            yield self._title(f"agent {cut(step.name, _NAME)}", step)
            yield from self._failure(step)
        else:
            yield from self._work(step)

    def _title(self, title: str, step: Step, *facts: str) -> str:
        span = step.span
        self.seen.append(Seen(span.span_id, "name", 0, 0))
        told = [f"{title} [{span.span_id}]"]
        if span.service != self._service:
            told.append(f"service {cut(span.service or 'unknown', _NAME)}")
        if failure_of(step) is not None:
            told.append("ERROR")
        return " · ".join((*told, duration(span.duration_ns), *facts))

    def _parts(self, number: int, step: Said | ModelTurn, path: str, label: str, span: Span) -> Iterator[str]:
        if not step.parts:
            yield f"{label} (empty)"
            return
        for index, part in enumerate(step.parts):
            told = label if not index else f"    and {path}"
            if isinstance(part, Reasoning):
                told += " (reasoning)"
            elif isinstance(part, ToolResult):
                told += f" (result of {cut(part.name or part.id or 'a tool', _NAME)}, as the model was given it)"
            elif isinstance(part, ToolCall):
                told += f" (call of {cut(part.name, _NAME)}, as the model wrote it)"
            yield from self._part(number, part, told, span, path)

    def _turn(self, number: int, turn: ModelTurn) -> Iterator[str]:
        content, usage = turn.content, turn.content.usage
        facts: list[str] = []
        if usage is not None:
            counts = ((usage.input_tokens, "in"), (usage.output_tokens, "out"))
            facts.append("tokens " + ", ".join(f"{count} {way}" for count, way in counts if count is not None))
        facts += [f"finish {cut(reason, 40)}" for reason in content.finish_reasons if reason not in _USUAL]
        if turn.calls:
            facts.append(f"calls {cut(', '.join(turn.calls), 200)}")
        missing = _missing(turn.span)
        if not turn.has_input:
            facts.append(f"input {missing}")
        if not turn.has_output:
            facts.append(f"output {missing}")
        yield self._title(f"model {cut(content.model or turn.span.name, _NAME)}", turn, *facts)
        yield from self._failure(turn)
        if turn.parts or (turn.has_output and not turn.calls):
            other = f" [{turn.answered_in.span_id}]" if turn.answered_in is not turn.span else ""
            yield from self._parts(number, turn, "output", f"    output{other}", turn.answered_in)

    def _tool(self, number: int, step: ToolStep) -> Iterator[str]:
        use = step.use
        yield (
            self._title(f"tool {cut(use.name, _NAME)}", step)
            if use.ran
            else (
                f"tool {cut(use.name, _NAME)} [{step.span.span_id}]"
                f"{' · ERROR' if use.failed else ''} · no span of its own"
            )
        )
        if use.error_at != use.result_at:
            yield from self._failure(step)
        for what, text, place in (
            ("arguments", use.arguments, use.arguments_at),
            ("result", use.result, use.result_at),
        ):
            if text is None or place is None:
                yield f"    {what} {_missing(step.span)}"
                continue
            own = place == Place(step.span.span_id, f"tool.{what}")
            label = f"    {what}" + ("" if own else f" [{' '.join(place)}]")
            unit = None
            if place.path in ("input", "output"):
                unit = self._units_of(self.trace.by_id[place.span_id], place.path).get((what == "arguments", text))
            yield self._body(number, text, label, _Value(clean(readable(text)), place, unit))

    def _work(self, work: Work) -> Iterator[str]:
        span, many = work.span, len(work.spans)
        if not work.is_alike:
            yield self._title(f"{many} other spans", work, *_extent(work))
            yield f"    no error: {_names(work.spans)}"
            return
        role = dialects.read(span).role
        kind = span.kind if role.value == "other" else role.value
        facts = [kind] if kind not in ("INTERNAL", "UNSPECIFIED") else []
        name = cut(span.name, _NAME) or "(no name)"
        yield self._title(f"{many}x span {name}" if many > 1 else f"span {name}", work, *facts, *_extent(work))
        if name == span.name:
            self._saw(span, "name", name)
        yield from self._failure(work)
        before = () if self.details else repeated(self.trace).get(span.span_id, ())
        without = _SHOWN_APART.union(f"attributes.{key}" for key in before)
        without = without if self.details else without.union(dialects.read(span).unread)
        yield from self._values(span, "the first: " if many > 1 else "", without)

    def _values(self, span: Span, label: str, without: Collection[str]) -> Iterator[str]:
        """What else the span says, a line each; as much as has room, unless details are asked for."""
        room, left, said = _PER_WORK, 0, list[str]()
        for path, text in fields(span):
            if path in without or path.startswith("tool."):
                continue
            value = " ".join(text.split()) if self.details else cut(text, _ONE_LINE)
            line = f"{cut(path.removeprefix('attributes.'), _NAME)}={value}"
            if size(line) > room and not self.details:
                left += 1
                continue
            room -= size(line)
            said.append(line)
            if self.details or value == text:
                self._saw(span, path, text)
        yield from (f"    {label}{each}" for each in said)
        if left:
            yield f"    {left} more values"

    def _unread(self, number: int, span: Span) -> Iterator[str]:
        """What looks like content and no dialect knows, as it stands."""
        paths = dialects.read(span).unread
        texts = dict(fields(span)) if paths else {}
        for path in paths:
            if text := texts.get(path):
                label = f"    {cut(path, _NAME)} (content of a form that is not known)"
                yield self._body(number, text, label, _Value(text, Place(span.span_id, path), None))

    def _failure(self, step: Step) -> Iterator[str]:
        failure = failure_of(step)
        if failure is not None:
            text, place = failure
            where = "" if place.span_id == step.span.span_id else f"{place.span_id} "
            if place.path.startswith(("attributes.", "events[")):
                text = readable(text)
            told = clean(text) if self.limit is None else cut(clean(text), self.limit)
            yield laid(f"    ERROR [{where}{place.path}]", told)
            if len(told) == len(text) and not place.path.startswith("tool."):
                self._saw(self.trace.by_id[place.span_id], place.path, text)

    def _saw(self, span: Span, path: str, text: str) -> None:
        self.seen.append(Seen(span.span_id, path, 0, len(text)))

    def _part(self, number: int, part: Part, label: str, span: Span, path: str) -> Iterator[str]:
        unit = self._units_of(span, path).get(id(part))
        raw = part.result if isinstance(part, ToolResult) else getattr(part, "text", "")
        yield self._body(number, str(raw), label, _Value(body(part), Place(span.span_id, path), unit))

    def _body(self, number: int, raw: str, label: str, value: _Value) -> str:
        text, place, unit = value
        before = self._trajectory.first.get(raw, number)
        if before < number:
            return laid(f"{label} (the same {len(text)} characters as in step {before})", cut(text, _PREVIEW))
        start, origin = (unit.start, unit.body) if unit is not None else (0, 0)
        indent = 0 if unit is None else INDENT

        def length(part: str) -> int:  # as it stands in the field
            return len(part) + indent * part.count("\n")

        end = origin + length(text)
        if self.limit is None or size(text) <= self.limit:
            if text:
                self.seen.append(Seen(place.span_id, place.path, start, end))
            return laid(label, text) if text else f"{label} (empty)"
        front, back = head(text, self.limit * 2 // 3), tail(text, self.limit // 3)
        missing = len(text) - len(front) - len(back)
        self.seen.append(Seen(place.span_id, place.path, start, origin + length(front)))
        self.seen.append(Seen(place.span_id, place.path, end - length(back), end))
        way = f"get_span span_id={place.span_id} path={place.path} start={origin + length(front)}"
        gap = f"    [… {missing} of {len(text)} characters left out: {way}]"
        return "\n".join([f"{label}:", indented(front, _CONTENT), gap, indented(back, _CONTENT)])

    def _units_of(self, span: Span, path: str) -> dict[object, Unit]:
        """By the identity of the part, and tools also by whether it is a call, and what it says."""
        if self._units[0] != (span.span_id, path):
            found: dict[object, Unit] = {}
            for unit in units(span, path):
                found[id(unit.part)] = unit
                if isinstance(unit.part, ToolCall):
                    found.setdefault((True, unit.part.arguments), unit)
                elif isinstance(unit.part, ToolResult):
                    found.setdefault((False, unit.part.result), unit)
            self._units = (span.span_id, path), found
        return self._units[1]


def _missing(span: Span) -> str:
    """Why a value is not shown: there is none, or it may be among the attributes that follow."""
    return "not understood" if dialects.read(span).unread else "not captured"


def _extent(work: Work) -> Iterator[str]:
    """Where several spans end, and which took longest."""
    if len(work.spans) > 1:
        slowest = max(work.spans, key=lambda each: each.duration_ns)
        total = f", {duration(sum(each.duration_ns for each in work.spans))} in all" if work.is_alike else ""
        yield f"to [{work.spans[-1].span_id}]{total}"
        yield f"longest {duration(slowest.duration_ns)} [{slowest.span_id}]"


def _names(spans: Sequence[Span]) -> str:
    counted = Counter(span.name for span in spans).most_common()
    told = [f"{count}x {cut(name, _NAME) or '(no name)'}" for name, count in counted[:_MOST_NAMES]]
    return ", ".join(told) + (f" and {len(counted) - _MOST_NAMES} other names" if len(counted) > _MOST_NAMES else "")


def laid(label: str, text: str) -> str:
    """A value after its label: on the same line if it is short, else indented below."""
    if len(text) <= _ONE_LINE and "\n" not in text:
        return f"{label}: {text}"
    return f"{label}:\n{indented(text, _CONTENT)}"
