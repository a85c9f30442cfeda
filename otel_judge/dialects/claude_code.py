"""Claude Code and the Claude Agent SDK: traces of the `claude` program (beta; its own names beside a few of GenAI's).

Prompts, answers and what tools were given and returned stand there only if it was told to write them; it cuts each at
60 KB. Input tokens are counted without those that the cache served.
"""

from __future__ import annotations

import re
from typing import Final

from ..attributes import Attributes
from ..trace import Span
from .base import Content, Dialect, Message, Role, Text, TokenUsage, ToolRun
from .json_values import as_text, count_of, text_of

_TYPE: Final = "span.type"
_REDACTED: Final = "<REDACTED>"
_HEADING: Final = re.compile(r"\[TOOL (?:INPUT|RESULT): [^\]\n]{0,200}\] ?")
_OUTPUTS: Final = ("output", "content", "diff")
"""Of the event `tool.output`."""


class _ClaudeCode:
    name = "claude_code"
    marks = (_TYPE,)

    def read(self, span: Span, role: Role | None) -> Content | None:  # noqa: ARG002 - values are named by what they are
        attributes = span.attributes
        kind = attributes.get(_TYPE)
        if not span.name.startswith("claude_code."):
            return None
        if kind == "interaction":
            return self._turn(attributes, Role.AGENT, "user_prompt")
        if kind == "llm_request":
            return self._turn(attributes, Role.MODEL, "new_context")
        return self._tool(span) if kind == "tool" else Content(self.name, Role.OTHER)

    def _turn(self, attributes: Attributes, role: Role, given: str) -> Content:
        instructions = _message(attributes, "user_system_prompt", "system")
        asked, said = _message(attributes, given, "user"), _message(attributes, "response.model_output", "assistant")
        stop = text_of(attributes, "stop_reason")
        return Content(
            dialect=self.name,
            role=role,
            input=None if asked is None else (instructions or ()) + asked,
            output=said,
            model=text_of(attributes, "gen_ai.response.model", "model"),
            usage=_usage(attributes),
            finish_reasons=(stop,) if stop else (),
            conversation_id=text_of(attributes, "gen_ai.conversation.id", "session.id"),
            user=text_of(attributes, "user.id"),
            response_id=text_of(attributes, "request_id"),
            error=text_of(attributes, "error"),
            content_keys=frozenset(
                key
                for key, read in (
                    ("user_system_prompt", asked and instructions),
                    (given, asked),
                    ("response.model_output", said),
                )
                if read is not None
            ),
        )

    def _tool(self, span: Span) -> Content:
        attributes = span.attributes
        name = text_of(attributes, "tool_name", "gen_ai.tool.name") or ""
        arguments = _body(attributes, "tool_input")
        keys = ["tool_input"] if arguments is not None else []
        result = _body(attributes, "new_context")
        keys += ["new_context"] if result is not None else []
        for event in span.events if result is None and span.proto.events else ():
            if event.name == "tool.output":
                said = [as_text(event.attributes[key]) for key in _OUTPUTS if key in event.attributes]
                result = "\n".join(said) if said else result
        arguments = text_of(attributes, "full_command", "file_path") if arguments is None else arguments
        call_id = text_of(attributes, "tool_use_id", "gen_ai.tool.call.id")
        return Content(
            dialect=self.name,
            role=Role.TOOL,
            tool=ToolRun(name, arguments, result, call_id),
            conversation_id=text_of(attributes, "gen_ai.conversation.id", "session.id"),
            error=text_of(attributes, "error"),
            content_keys=frozenset(keys),
        )


def _body(attributes: Attributes, key: str) -> str | None:
    """A text without the heading that the program puts before it; None where it was not captured."""
    value = attributes.get(key)
    if value is None or value == _REDACTED:
        return None
    text = as_text(value)
    heading = _HEADING.match(text)
    return text[heading.end() :] if heading else text


def _message(attributes: Attributes, key: str, role: str) -> tuple[Message, ...] | None:
    text = _body(attributes, key)
    if text is None:
        return None
    return (Message(role, (Text(text),)),) if text else ()


def _usage(attributes: Attributes) -> TokenUsage | None:
    given, said = count_of(attributes, "input_tokens"), count_of(attributes, "output_tokens")
    read, written = count_of(attributes, "cache_read_tokens"), count_of(attributes, "cache_creation_tokens")
    if given is None and said is None:
        return None
    return TokenUsage(None if given is None else given + (read or 0) + (written or 0), said, read, written)


DIALECT: Dialect = _ClaudeCode()
