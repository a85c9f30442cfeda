"""There is a final output, and it was not cut off."""

from __future__ import annotations

from itertools import islice
from typing import ClassVar, Final

from .. import dialects
from ..config import AnsweredCheck
from ..dialects.base import Blob, Part, Role, Text
from ..feedback import Evidence
from ..trace import Span, Trace
from ..trajectory import FinalOutput, Place, final_output, last_model_span, outermost_agent, tool_calls
from .base import Grade, counted, fails, not_judgeable, passes, quote, quote_name, version_of

CODE_VERSION: Final = 1

CUT_OFF: Final = frozenset(
    {
        "length",  # GenAI conventions, OpenAI
        "max_tokens",  # Anthropic, Gemini, Cohere, Bedrock
        "max_output_tokens",  # OpenAI Responses
        "model_length",  # Mistral
        "model_context_window_exceeded",  # Anthropic
        "incomplete",  # OpenAI Responses
        "content_filter",  # GenAI conventions, OpenAI
        "content_filtered",  # Bedrock
        "error",  # GenAI conventions
    }
)
"""Finish reasons, in lower case with underscores, that say that the model did not come to its end."""


class Answered:
    """Passes where the trace holds a final answer that has some text (or a file) and did not end early."""

    name: ClassVar[str] = "answered"

    def __init__(self, section: AnsweredCheck) -> None:
        self.version = version_of(section, CODE_VERSION)

    def grade(self, trace: Trace) -> Grade:
        output = final_output(trace)
        if output is None:
            return _without_output(trace)
        evidence = _answer(output)
        if output.finish_reason is not None and is_cut_off(output.finish_reason):
            rationale = f"the final output was cut off: finish reason {output.finish_reason!r}"
            return fails(rationale, evidence or quote_name(output.span))
        if output.pending:
            return _without_end(trace, output)
        agent = outermost_agent(trace)
        if agent is not None and agent.status_code == "ERROR" and _role(output.span) is Role.MODEL:
            return fails(f"{agent.name} ended with an error and recorded no output", _error(agent))
        if not any(_says_something(part) for part in output.message.parts):
            return fails("the final output is empty", quote_name(output.span))
        length = counted(len(output.text), "character")
        reason = f"finish reason {output.finish_reason!r}" if output.finish_reason else "no finish reason recorded"
        return passes(f"there is a final output of {length}, {reason}", evidence)


def is_cut_off(finish_reason: str) -> bool:
    """Whether a finish reason, as any provider writes it, says that the answer is not whole."""
    reason = finish_reason.strip().lower().replace("-", "_").rpartition(".")[2]
    return reason.removeprefix("finish_reason_") in CUT_OFF


def _says_something(part: Part) -> bool:
    return isinstance(part, Blob) or (isinstance(part, Text) and bool(part.text.strip()))


def _answer(output: FinalOutput) -> tuple[Evidence, ...]:
    place = Place(output.span.span_id, "output")
    texts = (part.text for part in output.message.parts if isinstance(part, Text) and part.text.strip())
    return tuple(quote(text, place) for text in islice(texts, 1))


def _without_end(trace: Trace, output: FinalOutput) -> Grade:
    """The last message asks for tools."""
    asked = output.pending[-1]
    evidence = (quote(asked.name, Place(output.span.span_id, "output")),) if asked.name else quote_name(output.span)
    ran = any(use.ran or use.result is not None for use in tool_calls(trace) if use.name == asked.name)
    if ran or _role(output.span) is not Role.MODEL:
        return fails(f"the run ended on a call of {asked.name}, with no answer after it", evidence)
    # Frameworks take structured output as the arguments of a tool that never runs.
    rationale = f"the last model call asks for {asked.name}, which never ran; the agent's own output was not captured"
    return not_judgeable(rationale)


def _without_output(trace: Trace) -> Grade:
    agent, model = outermost_agent(trace), last_model_span(trace)
    if agent is None and model is None:
        return not_judgeable("the trace has no agent or model span, and its root records no output")
    ended = agent or model
    if ended is not None and ended.status_code == "ERROR":
        return fails(f"there is no final output: {ended.name} ended with an error", _error(ended))
    return not_judgeable("the final output was not captured")


def _role(span: Span) -> Role:
    return dialects.read(span).role


def _error(span: Span) -> tuple[Evidence, ...]:
    if span.status_message:
        return (quote(span.status_message, Place(span.span_id, "status.message")),)
    return quote_name(span)
