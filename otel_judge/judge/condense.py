"""Keeps a conversation within a size: old answers of tools give way to a line that says what was read, and where.

It happens once a judgement at most, since it costs the provider's cache of all that follows the first change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from . import prompt
from .budget import TURN_BYTES, tokens_of
from .tools.answer import Seen, cut, size

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelRequestPart, ToolCallPart

CONTEXT_TOKENS = 25_000  # most that a request of an exploring judge may hold, whatever the trace
_TURNS_BESIDE = 2  # turns of reading that fit beside a trace which was to be shown whole and is larger
_PLACES = 8  # that a line names
_PATH = 60  # characters of a path in it


def context_tokens(first_request: int, max_tokens: int, *, whole: bool, window: int | None) -> int:
    """Most input tokens of a request.

    `whole`: the trace is shown in the first request, however long that is. `window` is what the model can hold, its
    answer included, where that is known.
    """
    most = CONTEXT_TOKENS
    if whole:
        most = max(most, first_request + _TURNS_BESIDE * (tokens_of(TURN_BYTES) + max_tokens))
    return most if window is None else min(most, window - max_tokens)


def condense(messages: list[ModelMessage], seen: Mapping[str, Sequence[Seen]]) -> int:
    """Shortens what tools answered, but for the last turn, and takes the thinking out. Bytes that were saved.

    `seen` holds by call id what of the trace its answer showed. Thinking blocks are bound to all that came before
    them, so those after a change cannot stay; everything else does.
    """
    from pydantic_ai.messages import ModelResponse

    calls: dict[str, ToolCallPart] = {}
    saved = 0
    for place, message in enumerate(messages[:-1]):
        if isinstance(message, ModelResponse):
            calls.update((call.tool_call_id, call) for call in message.tool_calls)
            continue
        parts = [_shortened(part, calls, seen) for part in message.parts]
        saved += sum(_size(old) - _size(new) for old, new in zip(message.parts, parts, strict=True))
        messages[place] = replace(message, parts=parts)
    drop_thinking(messages)
    return saved


def drop_thinking(messages: list[ModelMessage]) -> None:
    """Takes thinking blocks out: they are bound to the model, and to all that came before, as it was."""
    from pydantic_ai.messages import ModelResponse, ThinkingPart

    kept: list[ModelMessage] = []
    for message in messages:
        if isinstance(message, ModelResponse) and any(isinstance(part, ThinkingPart) for part in message.parts):
            parts = [part for part in message.parts if not isinstance(part, ThinkingPart)]
            if not parts:
                continue
            kept.append(replace(message, parts=parts))
        else:
            kept.append(message)
    messages[:] = kept


def _shortened(
    part: ModelRequestPart, calls: Mapping[str, ToolCallPart], seen: Mapping[str, Sequence[Seen]]
) -> ModelRequestPart:
    from pydantic_ai.messages import ToolReturnPart

    call = calls.get(part.tool_call_id) if isinstance(part, ToolReturnPart) else None
    if not isinstance(part, ToolReturnPart) or call is None or call.tool_call_id not in seen:
        return part
    shorter = replace(part, content=prompt.condensed(_written(call), _size(part), _places(seen[call.tool_call_id])))
    return shorter if _size(shorter) < _size(part) else part


def _written(call: ToolCallPart) -> str:
    given = call.args if isinstance(call.args, str) else json.dumps(call.args or {}, ensure_ascii=False)
    return f"{call.tool_name}({given})"


def _places(seen: Sequence[Seen]) -> Sequence[str]:
    """Where in the trace an answer looked: spans with the paths that were shown of each."""
    paths: dict[str, list[str]] = {}
    for each in seen:
        paths.setdefault(each.span_id, []).append(cut(each.path, _PATH))  # keys come from the trace
    named = [f"{span_id} ({', '.join(dict.fromkeys(of_span))})" for span_id, of_span in list(paths.items())[:_PLACES]]
    return [*named, f"{len(paths) - _PLACES} more"] if len(paths) > _PLACES else named


def _size(part: ModelRequestPart) -> int:
    content = getattr(part, "content", None)
    return size(content) if isinstance(content, str) else 0
