"""One span as several dialects read it, made one: instrumentations and processors write beside each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from .base import Content, Message, Part, Role, TokenUsage, ToolRun

T = TypeVar("T")


def merged(contents: Sequence[Content]) -> Content:
    """What the first of these lacks, from the others, in order. At least two.

    The first that knows what the span did decides that. Tokens are those of the first that has any. What another one
    read and says nothing new counts as read: its attributes need not be shown beside.
    """
    lead = next((content for content in contents if content.role is not Role.OTHER), contents[0])
    read = [content for content in contents if content.captured]
    found = lead._replace(
        input=_input(read),
        output=_content(read, lambda each: each.output),
        tool=_tool(contents) if lead.role is Role.TOOL else None,
        model=_first(contents, lambda each: each.model),
        provider=_first(contents, lambda each: each.provider),
        usage=_usage(contents),
        finish_reasons=_first(contents, lambda each: each.finish_reasons) or (),
        agent=_first(contents, lambda each: each.agent),
        conversation_id=_first(contents, lambda each: each.conversation_id),
        user=_first(contents, lambda each: each.user),
        response_id=_first(contents, lambda each: each.response_id),
        error=_first(contents, lambda each: each.error),
    )
    known = _said(found)
    keys = [each.content_keys for each in read if (said := _said(each)) and said <= known]
    by = next((each for each in read if each is lead or _said(each) & known), None)
    return found._replace(
        content_keys=frozenset().union(*keys),
        read_by=by.dialect if by is not None and by.dialect != lead.dialect else None,
    )


def _first(contents: Sequence[Content], pick: Callable[[Content], T | None]) -> T | None:
    return next((value for content in contents if (value := pick(content))), None)


def _content(contents: Sequence[Content], pick: Callable[[Content], T | None]) -> T | None:
    """The first that is not empty; else what is empty, which is not the same as not captured."""
    found = _first(contents, pick)
    return found or next((value for content in contents if (value := pick(content)) is not None), None)


def _input(contents: Sequence[Content]) -> tuple[Message, ...] | None:
    """Instructions alone are not all that was given, where another dialect has what was asked."""
    found = _content(contents, lambda each: each.input)
    if not found or not _only_instructs(found):
        return found
    asked = _first(contents, lambda each: None if _only_instructs(each.input or ()) else each.input)
    if asked is None:
        return found
    return asked if any(message.role == "system" for message in asked) else found + asked


def _only_instructs(messages: Sequence[Message]) -> bool:
    return all(message.role == "system" for message in messages)


def _tool(contents: Sequence[Content]) -> ToolRun:
    tools = [content.tool for content in contents if content.tool is not None]

    def pick(values: Sequence[str | None]) -> str | None:
        return next(filter(None, values), next((value for value in values if value is not None), None))

    return ToolRun(
        name=pick([tool.name for tool in tools]) or "",
        arguments=pick([tool.arguments for tool in tools]),
        result=pick([tool.result for tool in tools]),
        call_id=pick([tool.call_id for tool in tools]),
    )


def _usage(contents: Sequence[Content]) -> TokenUsage | None:
    usages = [content.usage for content in contents if content.usage is not None]
    if len(usages) < 2:
        return usages[0] if usages else None

    def pick(counts: Sequence[int | None]) -> int | None:
        return next((count for count in counts if count is not None), None)

    return TokenUsage(
        pick([usage.input_tokens for usage in usages]),
        pick([usage.output_tokens for usage in usages]),
        pick([usage.cache_read_tokens for usage in usages]),
        pick([usage.cache_write_tokens for usage in usages]),
    )


def _said(content: Content) -> set[Part | str]:
    """All that a content says, in parts that can be compared."""
    said: set[Part | str] = set()
    for message in (*(content.input or ()), *(content.output or ())):
        said.update(message.parts)
    if content.tool is not None:
        said.update(text for text in (content.tool.arguments, content.tool.result) if text)
    return said
