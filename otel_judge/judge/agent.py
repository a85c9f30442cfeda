"""The loop of a judge: ask, answer its tool calls, until there is a verdict that counts or none can come."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import ceil
from typing import TYPE_CHECKING

from ..feedback import Evidence
from ..trace import Trace
from . import condense, evidence, prompt, tools, verdict
from .aside import aside
from .ask import Asker
from .budget import TURN_BYTES, Budget, Ceiling
from .faults import JudgeStopped
from .reading import Record
from .tools.answer import Seen, size
from .tracing import Activity
from .values import Grade, InvalidValue, ValueType, grade

if TYPE_CHECKING:
    from pydantic_ai.messages import (
        ModelMessage,
        ModelRequestPart,
        ModelResponse,
        ModelResponsePart,
        ToolCallPart,
        UserContent,
    )
    from pydantic_ai.models import ModelRequestParameters

logger = logging.getLogger("otel_judge.judge")

_FIRST_TOO_LARGE = {"tokens": "token_limit", "usd": "usd_limit"}
_SWEEPS = 2  # verdicts that are sent back because not all was read
_CUT_OFFS = 2  # answers that may be cut off for length before that is the end of it
_CLOSED_ANSWERS = 2  # calls of span tools that are still answered once reading is closed, turn by turn


@dataclass(frozen=True, slots=True)
class Brief:
    """What a judge is told before its first answer."""

    system: str
    shared: str
    """The part that is the same for all judges of the trace; empty where there is none."""
    own: str
    span_tools: bool
    whole: bool = False
    """All of the trace is in the shared part."""
    part: bool = False
    """One part of the trace is in the shared part: a verdict on that is asked for at once."""

    @property
    def size(self) -> int:
        """Bytes of the first request, without what the protocol adds."""
        return size(self.system) + size(self.shared) + size(self.own) + _tools_size(span_tools=self.span_tools)


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict that counts."""

    grade: Grade
    rationale: str
    evidence: tuple[Evidence, ...]


class Deliberation:
    """One judgement under way. `rule` is called once; what it counted can be read whether it succeeds or not."""

    def __init__(
        self,
        trace: Trace,
        brief: Brief,
        value_type: ValueType,
        *,
        retries: int,
        asker: Asker,
        budget: Budget,
        record: Record,
        activity: Activity,
        tokens_a_byte: float = 1 / 3,
        closed_by: Ceiling | None = None,
        left: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`closed_by`: reading has ended before. `left` tells what a judge that answers for all has not read yet."""
        self.forced = closed_by
        self.tokens_a_byte = tokens_a_byte
        """Of what was sent; estimated on the high side until the provider has counted."""
        self._left = left
        self._trace = trace
        self._brief = brief
        self._value_type = value_type
        self._retries = retries
        self._asker = asker
        self._budget = budget
        self._record = record
        self._activity = activity
        self._context_tokens = 0
        self._condensed = False
        self._seen: dict[str, tuple[Seen, ...]] = {}
        self._standing: Ruling | None = None
        self._questioned = False
        self._mended = self._reminded = self._closed_answers = self._cut_offs = self._sweeps = 0

    async def rule(self) -> Ruling:
        """The verdict. Raises `JudgeStopped` when there is none."""
        messages = [_opening(self._brief)]
        parameters = _parameters(span_tools=self._brief.span_tools)
        if self.forced is not None:
            _add_text(messages, prompt.CLOSED)
        first = self._budget.next_input = ceil(self._brief.size * self.tokens_a_byte)
        self._context_tokens = condense.context_tokens(
            first, self._budget.max_tokens, whole=self._brief.whole, window=self._asker.context_window
        )
        while True:
            try:
                response = await self._asker.ask(messages, parameters, lambda: self._closed_now(messages))
                if len(messages) == 1:  # text full of ids and numbers makes more tokens of a byte than prose
                    self.tokens_a_byte = max(self.tokens_a_byte, response.usage.input_tokens / self._brief.size)
                reply = await self._read(response)
            except JudgeStopped:
                if self._standing is None:
                    raise
                return self._standing  # it only lacked evidence, and is marked so
            if isinstance(reply, Ruling):
                return reply
            if response.parts:
                messages.append(_encodable(response))
            messages.append(reply.request())
            self._expect(response, reply)
            if self._budget.next_input > self._context_tokens and not self._condensed:
                self._condensed = True
                saved = condense.condense(messages, self._seen)
                self._budget.next_input -= int(saved * self.tokens_a_byte)

    def _expect(self, response: ModelResponse, reply: _Reply) -> None:
        """Estimates the next request: what the last one was by the provider's count, its answer, and the reply."""
        used = response.usage
        sofar = used.input_tokens or self._budget.next_input
        self._budget.next_input = sofar + used.output_tokens + ceil(reply.size * self.tokens_a_byte)

    def _closed_now(self, messages: list[ModelMessage]) -> bool:
        """Whether only the verdict will do by now; the first time, the model is told so."""
        if self._brief.part:
            if (ceiling := self._budget.closing()) is not None:
                raise JudgeStopped("no_verdict", f"no verdict on the part within the limit on {ceiling}")
            return True
        if (ceiling := self._budget.exhausted()) is not None:
            if not self._budget.requests and ceiling in _FIRST_TOO_LARGE:
                needed = f"the first request alone needs about {self._budget.next_input} tokens"
                answer = f"its answer up to {self._budget.max_tokens}"
                raise JudgeStopped(_FIRST_TOO_LARGE[ceiling], f"{needed}, and {answer}")
            raise JudgeStopped("no_verdict", f"no verdict within the limit on {ceiling}")
        if self.forced is None and (ceiling := self._budget.closing() or self._context_full()) is not None:
            self.forced = ceiling
            _add_text(messages, prompt.CLOSED)
        return self.forced is not None

    def _context_full(self) -> Ceiling | None:
        """Once old answers are condensed, reading ends before a request would grow past what it may hold."""
        after = self._budget.next_input + self._budget.max_tokens + ceil(TURN_BYTES * self.tokens_a_byte)
        return "tokens" if self._condensed and after > self._context_tokens else None

    async def _read(self, response: ModelResponse) -> Ruling | _Reply:
        calls = response.tool_calls
        verdicts = [call for call in calls if call.tool_name == verdict.NAME]
        if len(verdicts) > 1 and len({_arguments_text(call) for call in verdicts}) > 1:
            return self._mend(prompt.ONE_VERDICT, calls)
        if verdicts:
            return await self._consider(verdicts[0].args, calls)
        if calls:
            return self._closed(calls) if self._brief.part or self.forced is not None else await self._run(calls)
        complete = response.finish_reason not in ("length", "content_filter")
        written = await aside(self._trace, self._written, response.text or "", complete=complete)
        if written is not None:
            return await self._consider(written, calls)
        if response.finish_reason == "content_filter":
            raise JudgeStopped("refused", "the model refused to answer")
        if response.finish_reason == "length" and self._cut_offs < _CUT_OFFS:
            self._cut_offs += 1
            self._budget.cut_off()
            return _Reply(text=prompt.CUT_OFF)
        if self._reminded >= self._retries:
            when = " when it was reminded to" if self._reminded else ""
            raise JudgeStopped("no_verdict", f"the model gave no verdict{when}")
        self._reminded += 1
        return _Reply(text=prompt.REMIND)

    def _written(self, said: str, *, complete: bool) -> Mapping[str, object] | None:
        """The verdict in a text; what stands in the trace is only quoted."""
        return verdict.read_text(said, complete=complete, quoted=lambda words: evidence.stands(self._trace, words))

    async def _consider(self, arguments: object, calls: Sequence[ToolCallPart]) -> Ruling | _Reply:
        try:
            given = verdict.read(arguments)
            graded = grade(self._value_type, given.value)
            evidence.check_spans(self._trace, graded.spans)
        except (verdict.InvalidVerdict, InvalidValue) as error:
            return self._mend(str(error), calls)
        may_read_on = graded.passed is not False and self._may_read_on()
        if may_read_on and (missing := await aside(self._trace, self._left)) is not None:
            self._sweeps += 1
            return _Reply.to(calls, prompt.unread(missing))
        found, unverified = await aside(self._trace, _checked, self._trace, given.evidence)
        self._standing = Ruling(graded, given.rationale, found)
        if not unverified or self._questioned:
            return self._standing
        self._questioned = True
        return _Reply.to(calls, prompt.unverified(unverified))

    def _may_read_on(self) -> bool:
        return self.forced is None and self._sweeps < _SWEEPS

    def _mend(self, problem: str, calls: Sequence[ToolCallPart]) -> _Reply:
        if self._mended >= self._retries:
            again = ", and again after it was asked to mend it" if self._mended else ""
            raise JudgeStopped("invalid_verdict", f"invalid verdict{again}: {problem}")
        self._mended += 1
        return _Reply.to(calls, prompt.repair(problem))

    def _closed(self, calls: Sequence[ToolCallPart]) -> _Reply:
        self._closed_answers += 1
        if self._closed_answers > _CLOSED_ANSWERS:
            raise JudgeStopped("no_verdict", "the model went on reading when it was asked for its verdict")
        return _Reply(returns=tuple((call, prompt.CLOSED) for call in calls))

    async def _run(self, calls: Sequence[ToolCallPart]) -> _Reply:
        """Answers the calls of one turn side by side, and accounts for them in the order of the calls."""
        for call in calls:
            logger.debug("Calling tool: %s(%s)", call.tool_name, _arguments_text(call))
        returns: list[tuple[ToolCallPart, str]] = []
        room = TURN_BYTES
        for call, found in zip(calls, await asyncio.gather(*map(self._call, calls)), strict=True):
            answer = found if size(found.text) <= room else tools.Answer(prompt.TURN_FULL)
            room -= size(answer.text)
            self._record.add(answer.seen)
            self._asker.ledger.show(answer.text, answer.seen)
            self._seen[call.tool_call_id] = answer.seen
            logger.debug("Tool response: %s", answer.text)
            returns.append((call, answer.text))
        return _Reply(returns=tuple(returns))

    async def _call(self, call: ToolCallPart) -> tools.Answer:
        known = call.tool_name if call.tool_name in tools.TOOLS else "unknown"  # a made-up name may quote the trace
        with self._activity.tool(known, call.tool_call_id):
            try:
                arguments = call.args_as_dict(raise_if_invalid=True)
            except (ValueError, AssertionError):
                return tools.Answer("the arguments are not a JSON object")
            return await aside(self._trace, tools.answer, call.tool_name, self._trace, arguments)


@dataclass(frozen=True, slots=True)
class _Reply:
    """What the model is told next: an answer for each of its calls, and text."""

    returns: tuple[tuple[ToolCallPart, str], ...] = ()
    text: str = ""

    @classmethod
    def to(cls, calls: Sequence[ToolCallPart], message: str) -> _Reply:
        """A message in answer to the verdict among the calls; what else was called is not run."""
        if not calls:
            return cls(text=message)
        first = next((call for call in calls if call.tool_name == verdict.NAME), calls[0])
        return cls(returns=tuple((call, message if call is first else prompt.ENDED) for call in calls))

    @property
    def size(self) -> int:
        return size(self.text) + sum(size(content) for _, content in self.returns)

    def request(self) -> ModelMessage:
        from pydantic_ai.messages import ModelRequest, ToolReturnPart, UserPromptPart

        parts: list[ModelRequestPart] = [
            ToolReturnPart(call.tool_name, content, call.tool_call_id) for call, content in self.returns
        ]
        if self.text:
            parts.append(UserPromptPart(self.text))
        return ModelRequest(parts)


@cache
def _tools_size(*, span_tools: bool) -> int:
    schemas = sum(size(json.dumps(tool.schema)) + size(tool.description) for tool in tools.TOOLS.values())
    return size(json.dumps(verdict.SCHEMA)) + size(verdict.DESCRIPTION) + (schemas if span_tools else 0)


def _opening(brief: Brief) -> ModelMessage:
    from pydantic_ai.messages import CachePoint, ModelRequest, SystemPromptPart, UserPromptPart

    content: list[UserContent] = [brief.shared, CachePoint(), brief.own] if brief.shared else [brief.own]
    return ModelRequest([SystemPromptPart(brief.system), UserPromptPart(content)])


@cache
def _parameters(*, span_tools: bool) -> ModelRequestParameters:
    """The tools of a request: the same objects each time, so that a model has to translate them once."""
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.tools import ToolDefinition

    # Not strict: `value` is any JSON, which strict schemas refuse.
    definitions = [
        ToolDefinition(name=tool.name, parameters_json_schema=tool.schema, description=tool.description, strict=False)
        for tool in (tools.TOOLS.values() if span_tools else ())
    ]
    definitions.append(
        ToolDefinition(
            name=verdict.NAME,
            parameters_json_schema=verdict.SCHEMA,
            description=verdict.DESCRIPTION,
            strict=False,
        )
    )
    return ModelRequestParameters(function_tools=definitions, allow_text_output=True)


def _add_text(messages: list[ModelMessage], text: str) -> None:
    """Adds to the last request, which was not sent yet: earlier ones stay as they were, and so does their cache."""
    from pydantic_ai.messages import ModelRequest, UserPromptPart

    last = messages[-1]
    if isinstance(last, ModelRequest):
        messages[-1] = replace(last, parts=[*last.parts, UserPromptPart(text)])


def _checked(trace: Trace, quotes: Sequence[verdict.Quote]) -> tuple[tuple[Evidence, ...], list[str]]:
    """The evidence, and for each piece that was not verified the reason."""
    found = tuple(evidence.check(trace, each.span_id, each.quote, each.path) for each in quotes)
    return found, [evidence.reason(trace, each) for each in found if not each.verified]


def _encodable(response: ModelResponse) -> ModelResponse:
    """The answer as it can be sent back: JSON has no NaN, which some models write all the same."""
    from pydantic_ai.messages import ToolCallPart

    def mended(part: ModelResponsePart) -> ModelResponsePart:
        if not isinstance(part, ToolCallPart) or isinstance(part.args, str | None):
            return part
        try:
            json.dumps(part.args, allow_nan=False)
        except ValueError:
            return replace(part, args=json.loads(json.dumps(part.args), parse_constant=str))
        return part

    return replace(response, parts=[mended(part) for part in response.parts])


def _arguments_text(call: ToolCallPart) -> str:
    return call.args if isinstance(call.args, str) else json.dumps(call.args, ensure_ascii=False, sort_keys=True)
