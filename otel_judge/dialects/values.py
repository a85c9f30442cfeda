"""Values as frameworks record them whole: what a function was given and returned, requests and responses of providers.

A conversation is looked for where these keep one; a value that holds none is shown as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple, cast

from ..attributes import Attributes
from .base import Message, Role, Text, ToolRun
from .gen_ai_messages import Json, is_part, read_instructions, read_message, read_messages
from .json_values import as_text, decoded

_MOST_WRAPPERS: Final = 4  # one inside another
_GIVEN: Final = ("inputs", "input")
_SAID: Final = ("outputs", "output")
_BESIDE: Final = frozenset({"input_str", "kwargs", "metadata", "tags"})
"""What LangChain's callbacks put beside a value in its wrapper."""

_SETTINGS: Final = frozenset(
    """
    background billing config created created_at extra_body extra_headers frequency_penalty generation_config
    generationConfig id include incomplete_details index invocation_params is_async live_connect_config llm_output
    logit_bias logprobs max_completion_tokens max_output_tokens max_tokens max_tool_calls metadata modalities model
    model_name model_version modelVersion n object options parallel_tool_calls presence_penalty previous_response_id
    prompt_cache_key prompt_cache_retention reasoning reasoning_effort response_format response_id responseId run run_id
    safety_identifier seed service_tier status stop store stream stream_options streaming system_fingerprint temperature
    text_format thinking timeout tool_choice toolChoice tool_config tools top_k top_logprobs top_p truncation type usage
    usage_metadata usageMetadata user verbosity
    """.split()  # noqa: SIM905 - words read better so
)
"""What stands beside the conversation in a request or a response without being said: settings, ids, counts."""

_CHOICES: Final = ("choices", "candidates", "generations")
_ASKED: Final = ("prompt", "prompts", "messages", "contents")
_INSTRUCTED: Final = ("system", "instructions", "system_instruction", "systemInstruction")


class Read(NamedTuple):
    """What was read of a span's two values. Either messages or the tool; None for what was not recorded."""

    input: tuple[Message, ...] | None
    output: tuple[Message, ...] | None
    tool: ToolRun | None
    keys: frozenset[str]
    """Attributes all of whose content is in the others."""


def read_values(attributes: Attributes, role: Role, given: str | None, said: str | None, name: str = "") -> Read:
    """The values at the keys `given` and `said`: what a tool was called with and answered, else a conversation.

    A key that is None or not there was not recorded. `name`: the tool's, where it is known.
    """
    keys = [key for key in (given, said) if key is not None and key in attributes]
    before = attributes.get(given) if given is not None else None
    after = attributes.get(said) if said is not None else None
    if role is Role.TOOL:
        return Read(None, None, ToolRun(name, arguments_of(before), result_of(after)), frozenset(keys))
    first, second = Conversation(before, "user"), Conversation(after, "assistant")
    whole = [key for key in keys if (first if key == given else second).whole]
    return Read(first.messages, second.messages, None, frozenset(whole))


class Conversation:
    """The messages that a recorded value holds, or the value itself as one message of `role`."""

    def __init__(self, value: object, role: str) -> None:
        self.whole = True
        """False where the value says something beside its messages."""
        self._role = role
        self.messages = None if value is None else self._read(decoded(value), role, _MOST_WRAPPERS)
        """None where there is no value, or no content in it."""
        if self.messages == (Message(role, (Text(""),)),):
            self.messages = ()

    def _read(self, value: object, role: str, depth: int) -> tuple[Message, ...] | None:
        if isinstance(value, list):
            return self._listed(cast("list[object]", value), role)
        if not isinstance(value, dict):
            return (Message(role, (Text(as_text(value)),)),)
        if not value:  # a function without arguments was asked nothing
            return ()
        fields = cast("Json", value)
        found = self._request(fields, depth)
        if found is None:
            found = self._response(fields)
        if found is not None:
            return found
        if "lc" in fields or is_part(fields) or fields.keys() & {"role", "parts"}:
            return _some(read_message(fields, role))
        inner = _unwrapped(fields, (*_GIVEN, *_SAID))
        if depth and inner is not fields:
            self._leave(fields, (*_GIVEN, *_SAID, "args", "kwargs"))
            return self._read(decoded(inner), role, depth - 1)
        if isinstance(fields.get("content"), list | str) and fields.keys() <= {"content"}:
            return _some(read_message(fields, role))
        return (Message(role, (Text(_plain(fields)),)),)

    def _listed(self, items: list[object], role: str) -> tuple[Message, ...] | None:
        """A list of messages, of lists of them (one for each prompt of a batch), or of anything else."""
        if len(items) == 1 and isinstance(items[0], list):
            items = cast("list[object]", items[0])
        if not items:
            return ()
        if all(_is_message(item) for item in items):
            return read_messages(items, role)
        text = as_text(items[0] if len(items) == 1 and isinstance(items[0], str) else items)
        return (Message(role, (Text(text),)),)

    def _request(self, fields: Json, depth: int) -> tuple[Message, ...] | None:
        """`{system, prompt, messages}`, `{instructions, input}` (OpenAI) or `{config, contents}` (Gemini)."""
        config = fields.get("config")
        inside = cast("Json", config) if isinstance(config, dict) else dict[str, object]()
        system = _first(fields, _INSTRUCTED) or _first(inside, _INSTRUCTED)
        asked = [key for key in _ASKED if isinstance(fields.get(key), list | str)]
        if not asked and depth and system is not None and "input" in fields:
            asked = ["input"]
        if not asked:
            return None
        said = [self._read(decoded(fields[key]), self._role, 0) for key in asked]
        self._leave(fields, (*asked, *_INSTRUCTED))
        before = _system(system) if system is not None and self._role == "user" else ()
        return (*before, *(message for messages in said for message in messages or ()))

    def _response(self, fields: Json) -> tuple[Message, ...] | None:
        """Responses of OpenAI (chat, responses), Gemini and LangChain."""
        for key in _CHOICES:
            choices = fields.get(key)
            if isinstance(choices, list) and choices:
                items = cast("list[object]", choices)
                self._leave(fields, (key,))
                return _choices(cast("list[object]", items[0]) if isinstance(items[0], list) else items, self._role)
        output, content = fields.get("output"), fields.get("content")
        if isinstance(output, list) and any(_is_message(item) for item in cast("list[object]", output)):
            self._leave(fields, ("output", *_INSTRUCTED))
            return self._listed(cast("list[object]", output), self._role)
        if isinstance(content, dict) and "parts" in content:
            self._leave(fields, ("content", "finish_reason", "finishReason"))
            return _choices([fields], self._role)
        return None

    def _leave(self, fields: Json, read: Collection[str]) -> None:
        """Notes whether a request or response says anything beside what was read of it."""
        left = fields.keys() - set(read) - _SETTINGS
        self.whole &= not any(isinstance(fields[key], str | list | dict) and fields[key] for key in left)


def arguments_of(value: object) -> str | None:
    """A tool's arguments, without what frameworks wrap around them; None where not recorded."""
    inner = decoded(value)
    if isinstance(inner, dict):
        fields = cast("Json", inner)
        unwrapped = decoded(_unwrapped(fields, _GIVEN))
        if isinstance(unwrapped, dict) and unwrapped is not fields:
            return as_text(cast("object", unwrapped))
    return as_written(value)


def result_of(value: object) -> str | None:
    """A tool's answer, without what frameworks wrap around it; None where not recorded."""
    inner = decoded(value)
    if isinstance(inner, dict):
        fields = cast("Json", inner)
        unwrapped = decoded(_unwrapped(fields, _SAID))
        content = _serialized_content(unwrapped)
        if content is not None:
            return as_text(content)
        if unwrapped is not fields:
            return as_text(unwrapped)
    return as_written(value)


def as_written(value: object) -> str | None:
    """A text without the quotes of its encoding; JSON in its own layout unless it was encoded twice. None stays."""
    if value is None:
        return None
    is_quoted = isinstance(value, str) and value.lstrip()[:1] == '"'
    return as_text(decoded(value) if is_quoted else value)


def _serialized_content(value: object) -> object:
    """What a tool message of LangChain says; None if the value is none."""
    if isinstance(value, dict):
        fields = cast("Json", value)
        inside = fields.get("kwargs") if "lc" in fields else fields if fields.get("type") == "tool" else None
        if isinstance(inside, dict):
            return cast("Json", inside).get("content")
    return None


def _is_message(item: object) -> bool:
    if not isinstance(item, dict):
        return False
    fields = cast("Json", item)
    return is_part(fields) or not {"role", "parts", "lc", "content"}.isdisjoint(fields)


def _some(message: Message | None) -> tuple[Message, ...] | None:
    return None if message is None else (message,)


def _system(value: object) -> tuple[Message, ...]:
    value = decoded(value)
    if isinstance(value, dict):  # a content of Gemini
        message = read_message(cast("Json", value), "system")
        return () if message is None else (message._replace(role="system"),)
    return read_instructions(value)


def _choices(choices: Iterable[object], role: str) -> tuple[Message, ...]:
    messages: list[Message] = []
    for choice in choices:
        fields = cast("Json", choice) if isinstance(choice, dict) else {"text": choice}
        inner = _first(fields, ("message", "delta", "content", "text"))
        message = read_message(fields if inner is None else inner, role)
        if message is not None:
            finish = as_text(_first(fields, ("finish_reason", "finishReason"))) or message.finish_reason
            messages.append(message._replace(finish_reason=finish))
    return tuple(messages)


def _unwrapped(fields: Json, wrappers: Iterable[str]) -> object:
    """What a wrapper such as `{inputs: …, tags, metadata}` or `{args: [...], kwargs: {}}` is around; else itself."""
    for key in wrappers:
        beside = fields.keys() - {key}
        if key in fields and (not beside or ("kwargs" in beside and beside <= _BESIDE)):
            return fields[key]
    if fields and fields.keys() <= {"args", "kwargs"}:
        args, kwargs = fields.get("args"), fields.get("kwargs")
        if not args and isinstance(kwargs, dict):
            return cast("object", kwargs)
        if not kwargs and isinstance(args, list) and len(cast("list[object]", args)) == 1:
            return cast("list[object]", args)[0]
    return fields


def _plain(fields: Json) -> str:
    """The one argument of a function if it is text, else all of them."""
    values = list(fields.values())
    return values[0] if len(values) == 1 and isinstance(values[0], str) else as_text(fields)


def _first(fields: Json, keys: Iterable[str]) -> object:
    for key in keys:
        value = fields.get(key)
        if value is not None:
            return value
    return None
