"""Reads a trace as a trajectory: each message, tool call and result once, in linear time and size."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from .. import dialects
from ..dialects.base import Part, Role, Text, ToolCall, ToolResult
from ..session import Session
from ..trace import Span, Trace
from .conversation import Conversations, Fresh
from .joining import ToolJoiner
from .model_spans import ModelSpans
from .noise import Noise
from .steps import AgentRun, ModelTurn, Said, Step, ToolStep, Trajectory, Work
from .tool_calls import Draft
from .tool_errors import span_error
from .walk import Walk

LONG: Final = 300
"""Characters from which a text that was shown before is worth naming instead of showing it again."""

_SELF, _GIVEN, _TURN, _ASKED, _END = range(5)  # what comes first at one place of the walk


def steps(trace: Trace) -> Trajectory:
    """What the agent did, step by step. Worked out once a trace.

    - A model call is one step, whatever number of nested spans describe it. The messages that it was given come before
      it, where they are new; a message that agents or workflows around it repeat stands where the model had it.
    - A tool's call, span and result are one step. A result that was given to the model in other words than its span
      recorded is a message beside it.
    - In a session a turn goes on with the conversation of those before it: what it repeats of them is not told again.
    - All other spans are steps of their own, alike siblings folded, so that a trace without any agent is its span tree.
      Beside an agent, those that say nothing (`otel_judge.trajectory.noise`) stand together.
    """
    return trace.once(steps, lambda: _Teller(trace).tell())


class _Source(NamedTuple):
    """Where messages are read from, whose conversation they belong to, and how deep they stand among the steps."""

    span: Span
    path: str
    scope: str
    depth: int


class _Teller:
    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._is_session = isinstance(trace, Session)
        self._walk = Walk(trace)
        self._models = ModelSpans(trace)
        self._tools = ToolJoiner(trace, self._walk)
        self._talk = Conversations()
        self._goes_on = _goes_on(trace, self._walk)
        self._steps: list[tuple[int, int, int, int, Step | Draft]] = []
        """Place in the walk, order there, order among equals, depth, and what it is."""
        self._spoken: dict[int, list[int]] = {}
        """Where in the walk each part was said, in order."""

    def tell(self) -> Trajectory:
        walk = self._walk
        for place in range(len(walk.spans)):
            self._read(place)
        for root in self._roots():
            workflows: list[int] = []
            for place in range(walk.ends[root], root - 1, -1):  # inner ones first: nearest to the model
                role = dialects.read(walk.spans[place]).role
                if role is Role.WORKFLOW:
                    workflows.append(place)
                elif role not in (Role.MODEL, Role.TOOL):
                    self._read_around(place, place, root)
            for place in reversed(workflows):  # each step of a workflow repeats its whole state
                self._read_around(place, walk.place_of.get(walk.scopes[place], root), root)
        done = _fold(sorted(self._steps, key=lambda each: each[:3]), Noise(self._trace, walk))
        return Trajectory(done, _first_places(done))

    def _roots(self) -> Iterator[int]:
        place = 0
        while place < len(self._walk.spans):
            yield place
            place = self._walk.ends[place] + 1

    def _read(self, place: int) -> None:
        span, depth = self._walk.spans[place], self._walk.levels[place]
        content = dialects.read(span)
        if content.role is Role.MODEL:
            if span.span_id in self._models.chosen:
                self._read_call(place, span)
        elif content.role is Role.TOOL:
            if (draft := self._tools.runs.get(span.span_id)) is not None:
                self._add(place, _SELF, draft, depth)
        elif content.role is Role.AGENT:
            self._add(place, _SELF, AgentRun(depth, span, content.agent or span.name, span_error(span)), depth)
        else:
            self._add(place, _SELF, Work(depth, (span,), span_error(span)), depth)

    def _read_call(self, place: int, span: Span) -> None:
        scope, depth = self._walk.scopes[place], self._walk.levels[place]
        given_in, answered_in = self._models.input_of(span), self._models.output_of(span)
        given = dialects.read(given_in).input if given_in is not None else None
        answer = dialects.read(answered_in).output if answered_in is not None else None
        if given_in is not None:
            source = _Source(given_in, "input", scope, depth)
            new, keys = self._talk.read(self._goes_on.get(scope, scope), given or (), answer)
            for fresh in new:
                self._say(place, _GIVEN, fresh, source)
        else:
            keys = [key for message in answer or () for key in self._talk.keys(message)]
        for key in keys:
            places = self._spoken.setdefault(key, [])
            if not places or places[-1] != place:
                places.append(place)
        parts = tuple(part for message in answer or () for part in message.parts)
        turn = ModelTurn(
            depth=depth,
            span=span,
            content=dialects.read(span),
            answered_in=answered_in or span,
            parts=tuple(part for part in parts if not isinstance(part, ToolCall | ToolResult)),
            calls=tuple(part.name for part in parts if isinstance(part, ToolCall)),
            has_input=given is not None,
            has_output=answer is not None,
            error=self._models.error_of(span),
        )
        self._add(place, _TURN, turn, depth)
        source = _Source(answered_in or span, "output", scope, depth)
        self._ask(place, _ASKED, parts, source, past=False)
        self._answer(place, _ASKED, parts, source)

    def _read_around(self, place: int, within: int, root: int) -> None:
        """What a span around others was given and said, where nothing below `within` says the same.

        Of a session, what stands before its last user message is not told again where a turn before `root` has it.
        """
        span, depth = self._walk.spans[place], self._walk.levels[place] + 1
        content = dialects.read(span)
        scope = span.span_id if content.role is Role.AGENT else self._walk.scopes[place]
        for path, messages in (("input", content.input), ("output", content.output)):
            at, order = (place, _GIVEN) if path == "input" else (self._walk.ends[place], _END)
            source = _Source(span, path, scope, depth)
            users = [number for number, message in enumerate(messages or ()) if message.role == "user"]
            for number, message in enumerate(messages or ()):
                keys = self._talk.keys(message)
                past = bool(users) and number < users[-1]
                if keys and all(self._is_spoken(key, within) for key in keys):
                    continue
                if keys and past and self._is_session and all(self._is_spoken_before(key, root) for key in keys):
                    continue
                self._say(at, order, Fresh(message, message.parts, past), source)
                for key in keys:
                    insort(self._spoken.setdefault(key, []), place)

    def _is_spoken(self, key: int, within: int) -> bool:
        places = self._spoken.get(key, ())
        found = bisect_left(places, within)
        return found < len(places) and places[found] <= self._walk.ends[within]

    def _is_spoken_before(self, key: int, place: int) -> bool:
        places = self._spoken.get(key)
        return places is not None and places[0] < place

    def _say(self, at: int, order: int, fresh: Fresh, source: _Source) -> None:
        message = fresh.message
        shown = tuple(part for part in fresh.parts if not isinstance(part, ToolCall | ToolResult))
        if shown or not message.parts:
            self._add(at, order, Said(source.depth, source.span, source.path, message.role, shown), source.depth)
        self._ask(at, order, fresh.parts, source, past=fresh.past)
        self._answer(at, order, fresh.parts, source)

    def _ask(self, at: int, order: int, parts: Iterable[Part], source: _Source, *, past: bool) -> None:
        for part in parts:
            if isinstance(part, ToolCall):
                draft = self._tools.call(source.scope, part, source.span, source.path, past=past)
                if isinstance(draft, Draft):
                    self._add(at, order, draft, source.depth)
                elif not draft:
                    said = Said(source.depth, source.span, source.path, "assistant", (part,))
                    self._add(at, order, said, source.depth)

    def _answer(self, at: int, order: int, parts: Iterable[Part], source: _Source) -> None:
        for part in parts:
            if isinstance(part, ToolResult) and not self._tools.result(source.scope, part, source.span, source.path):
                said = Said(source.depth, source.span, source.path, "tool", (part,))
                self._add(at, order, said, source.depth)

    def _add(self, at: int, order: int, step: Step | Draft, depth: int) -> None:
        self._steps.append((at, order, len(self._steps), depth, step))


def _goes_on(trace: Trace, walk: Walk) -> Mapping[str, str]:
    """For each outermost agent of a session, by span id, the first one of that name, whose conversation it goes on."""
    if not isinstance(trace, Session):
        return {}
    first: dict[str, str] = {}
    found: dict[str, str] = {}
    for span, scope in zip(walk.spans, walk.scopes, strict=True):
        content = dialects.read(span)
        if content.role is Role.AGENT and not scope:
            found[span.span_id] = first.setdefault(content.agent or span.name, span.span_id)
    return found


def _fold(told: list[tuple[int, int, int, int, Step | Draft]], noise: Noise) -> tuple[Step, ...]:
    """Drafts as steps; between two other steps, alike siblings as one, and all quiet spans as one.

    In a trace without any other step no span is quiet: what they are is all there is to tell.
    """
    speaking = {step.span.span_id for *_, step in told if isinstance(step, Said)}
    has_steps = any(not isinstance(step, Work) for *_, step in told)
    done: list[Step | list[Work]] = []
    groups: dict[tuple[object, ...], tuple[int, list[Work]]] = {}
    group_of: dict[str, int] = {}
    for *_, depth, step in told:
        if isinstance(step, Work):
            span = step.span
            alone = span.span_id if span.span_id in speaking else None
            parent = group_of.get(span.parent_span_id, span.parent_span_id)  # siblings of folded parents are alike too
            if has_steps and alone is None and noise.is_quiet(span):
                key: tuple[object, ...] = ()
            else:
                key = (parent, span.name, span.service, step.error and step.error[0], alone)
            number, group = groups.setdefault(key, (len(groups), []))
            if not group:
                done.append(group)
            group.append(step)
            group_of[span.span_id] = number
            continue
        groups.clear()
        group_of.clear()
        done.append(ToolStep(depth, step.span, step.finish()) if isinstance(step, Draft) else step)
    return tuple(_together(step) if isinstance(step, list) else step for step in done)


def _together(group: list[Work]) -> Work:
    first = group[0]
    return Work(first.depth, tuple(each.span for each in group), first.error) if len(group) > 1 else first


def _first_places(done: tuple[Step, ...]) -> dict[str, int]:
    first: dict[str, int] = {}
    for number, step in enumerate(done, 1):
        for text in _texts(step):
            if len(text) >= LONG:
                first.setdefault(text, number)
    return first


def _texts(step: Step) -> Iterable[str]:
    if isinstance(step, Said | ModelTurn):
        for part in step.parts:
            if isinstance(part, Text):
                yield part.text
            elif isinstance(part, ToolResult):
                yield part.result
    elif isinstance(step, ToolStep):
        yield step.use.arguments or ""
        yield step.use.result or ""
