"""Google's Agent Development Kit (`gcp.vertex.agent.*`), beside the GenAI conventions that it writes on the same spans.

It writes `{}` where it does not capture, and for a tool without arguments.
"""

from __future__ import annotations

from typing import Final

from ..attributes import Attributes
from ..trace import Span
from .base import Content, Dialect, Role, ToolRun
from .json_values import text_of
from .values import Conversation, arguments_of, result_of

_PREFIX: Final = "gcp.vertex.agent."
_REQUEST: Final = f"{_PREFIX}llm_request"
_RESPONSE: Final = f"{_PREFIX}llm_response"
_ARGUMENTS: Final = f"{_PREFIX}tool_call_args"
_RESULT: Final = f"{_PREFIX}tool_response"
_NOT_CAPTURED: Final = ("{}", "", "N/A")


class _GoogleAdk:
    name = "google_adk"
    marks = (_PREFIX,)

    def read(self, span: Span, role: Role | None) -> Content | None:  # noqa: ARG002 - values are named by what they are
        attributes = span.attributes
        is_tool = _ARGUMENTS in attributes or _RESULT in attributes
        is_model = not is_tool and (_REQUEST in attributes or _RESPONSE in attributes)
        read = (_ARGUMENTS, _RESULT) if is_tool else (_REQUEST, _RESPONSE) if is_model else ()
        given = Conversation(_captured(attributes, _REQUEST) if is_model else None, "user")
        said = Conversation(_captured(attributes, _RESPONSE) if is_model else None, "assistant")
        left = {key for key, each in ((_REQUEST, given), (_RESPONSE, said)) if not each.whole}
        return Content(
            dialect=self.name,
            role=Role.TOOL if is_tool else Role.MODEL if is_model else Role.OTHER,
            input=given.messages,
            output=said.messages,
            tool=_tool(attributes) if is_tool else None,
            conversation_id=text_of(attributes, f"{_PREFIX}session_id"),
            content_keys=frozenset(key for key in read if key in attributes and key not in left),
        )


def _captured(attributes: Attributes, key: str) -> object:
    value = attributes.get(key)
    return None if value in _NOT_CAPTURED else value


def _tool(attributes: Attributes) -> ToolRun:
    result = result_of(_captured(attributes, _RESULT))
    arguments = attributes.get(_ARGUMENTS) if result is not None else _captured(attributes, _ARGUMENTS)
    return ToolRun("", None if arguments == "N/A" else arguments_of(arguments), result)


DIALECT: Dialect = _GoogleAdk()
