"""The model that a caller names: as `provider:model`, as our `ModelConfig`, or as a config object or dict of AG2.

Of a config of another library all that shapes an answer is taken over. Its streaming, retries, timeouts and HTTP
client are not: requests are made by this library, within the judge's own limits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, TypeAlias, cast

from pydantic import BaseModel, ValidationError

from ..config import ModelConfig
from ..errors import InstructionsError

ModelLike: TypeAlias = "str | ModelConfig | Mapping[str, Any] | object"

_PROVIDERS = {
    "gemini": "google",
    "vertexai": "google-cloud",
    "vertex_ai": "google-cloud",
    "dashscope": "alibaba",
    "togetherai": "together",
}
"""Names that MLflow and AG2 give to providers, where ours is another."""
_SETTINGS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "seed": "seed",
    "stop": "stop_sequences",
    "stop_sequences": "stop_sequences",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "logit_bias": "logit_bias",
    "extra_body": "extra_body",
}
"""What shapes an answer, by the providers' names and by ours."""
_HEADERS = ("headers", "default_headers", "extra_headers")


def models_of(given: ModelLike, where: str) -> tuple[ModelConfig, ...]:
    """The model to ask, and after it those to fall back to. Raises `InstructionsError`, which names `where`."""
    if isinstance(given, ModelConfig):
        return (given,)
    if isinstance(given, str):
        return (checked(where, model=spec_of(given)),)
    if isinstance(given, Mapping):
        read = cast("Mapping[str, Any]", given)
        if isinstance(listed := read.get("config_list"), Sequence) and not isinstance(listed, str) and listed:
            several = cast("Sequence[ModelLike]", listed)
            return tuple(each for item in several for each in models_of(item, where))
        return (_foreign(dict(read), where),)
    names = ("model", "provider", "api_type", "base_url", "api_key", *_HEADERS, *_SETTINGS)
    return (_foreign({name: getattr(given, name, None) for name in names}, where, type(given).__name__),)


def spec_of(text: str) -> str:
    """`provider:model` with our name of the provider."""
    provider, colon, name = text.partition(":")
    return f"{_PROVIDERS.get(provider, provider)}{colon}{name}"


def settings_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a request by our names; those that are no parameter of every provider stay as they are."""
    renamed = {_SETTINGS.get(name, name): value for name, value in given.items()}
    if isinstance(stop := renamed.get("stop_sequences"), str):
        renamed["stop_sequences"] = [stop]
    return renamed


def checked(where: str, **fields: Any) -> ModelConfig:
    """Raises `InstructionsError`, which repeats no value: there are secrets among them."""
    try:
        return ModelConfig(**fields)
    except ValidationError as error:
        raise told(where, error) from None


def told(where: str, error: ValidationError) -> InstructionsError:
    """The first problem that pydantic found, without the values."""
    first = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(step) for step in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return InstructionsError(where, f"`{key}`: {message}" if key else message)


def _foreign(given: dict[str, Any], where: str, kind: str = "") -> ModelConfig:
    name, provider = given.get("model"), given.get("provider") or given.get("api_type")
    if isinstance(provider, Enum):
        provider = provider.value
    if not isinstance(name, str) or not (provider is None or isinstance(provider, str)):
        what = kind or "the mapping"
        raise InstructionsError(
            where, f"{what} names no model", "give provider:model, a ModelConfig, or an object with provider and model"
        )
    if "Decisions" in kind:
        raise InstructionsError(where, f"{kind} gives no reasons", "name a model that chats")
    if provider is None:
        provider = "" if ":" in name else "openai-chat"  # as AG2 reads a config without a type
    elif provider == "openai":
        provider = "openai-responses" if "Responses" in kind or given.get("api_type") == "responses" else "openai-chat"
    headers: dict[str, str] = {}
    for key in _HEADERS:
        headers |= given.get(key) or {}
    shaping = {key: given[key] for key in _SETTINGS if _is_set(given.get(key))}
    return checked(
        where,
        model=spec_of(f"{provider}:{name}" if provider else name),
        base_url=str(given["base_url"]) if given.get("base_url") else None,
        api_key=_secret(given.get("api_key")),
        headers=headers,
        settings=settings_of(shaping),
    )


def _secret(value: object) -> str | None:
    reveal = getattr(value, "get_secret_value", None)
    found = reveal() if callable(reveal) else value
    return found if isinstance(found, str) and found else None


def _is_set(value: object) -> bool:
    """Not None, nor a marker of a provider's SDK for what was left out."""
    return isinstance(value, bool | int | float | str | list | tuple | dict) and not isinstance(value, BaseModel)
