"""`provider:model` to a model that can be asked, with clients built here: no retries and no telemetry of their own.

Importing the provider's SDK takes seconds; it is imported when a model is first asked, or when a key has to be looked
for in more than the environment.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from ..config import ModelConfig
from ..errors import ModelUnavailable
from .prices import Price

if TYPE_CHECKING:
    from pydantic_ai.models import Model, ModelRequestParameters
    from pydantic_ai.providers import Provider
    from pydantic_ai.tools import ToolDefinition

_ENV_NAME = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
_OUR_EXTRAS = ("openai", "google")
_CREDENTIAL_HEADERS = frozenset({"authorization", "x-api-key", "api-key"})
_SAMPLING = frozenset({"temperature", "top_p", "top_k"})
_CONNECT_S = 10.0
_PLACES_A_SLOT = 2  # one judgement asks, one is about to: it reads its trace, or waits to try again

logger = logging.getLogger("otel_judge.judge")


@dataclass(frozen=True, slots=True)
class OpenModel:
    """A model that can be asked. Its connections belong to the event loop that opened it."""

    spec: str
    """`provider:model`."""
    model: Model
    slots: asyncio.Semaphore
    """Requests that may be under way at once."""
    places: asyncio.Semaphore
    """Judgements that may be under way at once."""
    door: asyncio.Lock
    """They begin one by one: the request of one is on its way before the next reads its trace."""
    settings: Mapping[str, Any]
    headers: Mapping[str, str]
    secrets: tuple[str, ...]
    """Values that must not appear in a message."""
    close: Callable[[], Awaitable[object]]


class Models:
    """The models that judges name. Each is opened once, at its first use."""

    def __init__(self, configs: Mapping[str, ModelConfig]) -> None:
        self._configs = dict(configs)
        self._open: dict[str, OpenModel] = {}
        self._lock = asyncio.Lock()

    def config(self, name: str) -> ModelConfig:
        """The config of a name under `models`, or the default one of a `provider:model`."""
        found = self._configs.get(name)
        return found if found is not None else ModelConfig(model=name)

    def spec(self, name: str) -> str:
        """`provider:model`, however it was written."""
        return ":".join(split(self.config(name).model))

    def chain(self, name: str) -> tuple[str, ...]:
        """The name and its fallbacks, in the order in which they are asked. A fallback's own are not followed."""
        return tuple(dict.fromkeys((name, *self.config(name).fallback)))

    def price(self, name: str) -> Price:
        config = self.config(name)
        return Price(*split(config.model), config.price)

    async def open(self, name: str) -> OpenModel:
        """The model of that name. Raises `ModelUnavailable`."""
        async with self._lock:
            if name not in self._open:
                await asyncio.to_thread(load)
                self._open[name] = _build(self.config(name))
        return self._open[name]

    @asynccontextmanager
    async def place(self, name: str) -> AsyncGenerator[None]:
        """Waits until a judgement may begin that asks this model first. Raises `ModelUnavailable`.

        Those that wait hold no conversation yet, and those that have begun end before others begin.
        """
        opened = await self.open(name)
        async with opened.places:
            async with opened.door:
                await asyncio.sleep(0)
            yield

    async def aclose(self) -> None:
        """Closes the connections. A model that is asked for again is opened again."""
        opened, self._open = self._open, {}
        for each in opened.values():
            await each.close()


def split(spec: str) -> tuple[str, str]:
    """Provider and model of `provider:model` or `provider:/model`."""
    provider, _, name = spec.partition(":")
    return provider, name.removeprefix("/")


def check_model(spec: str | ModelConfig) -> None:
    """Says, without the network, what stands in the way of asking a model.

    Raises `ModelUnavailable` for a missing key or extra or an unknown provider, with the line that mends it.
    """
    config = ModelConfig(model=spec) if isinstance(spec, str) else spec
    provider, _ = split(config.model)
    if provider == "anthropic" and find_spec("anthropic") is not None and _anthropic_key_is_near(config):
        return
    built = _build(config)
    # Nothing was sent, so there is nothing to close but empty pools.
    del built


def load() -> None:
    """Imports what asking a model takes, which takes seconds."""
    for module in ("pydantic_ai.direct", "pydantic_ai.models.anthropic"):
        import_module(module)


def _build(config: ModelConfig) -> OpenModel:
    provider, name = split(config.model)
    return _anthropic(config, name) if provider == "anthropic" else _other(config, provider, name)


def _anthropic_key_is_near(config: ModelConfig) -> bool:
    named = {header.lower() for header in config.headers}
    return bool(
        config.api_key
        or os.environ.get("ANTHROPIC_API_KEY")
        or os.environ.get("ANTHROPIC_AUTH_TOKEN")
        or named & _CREDENTIAL_HEADERS
    )


def _anthropic(config: ModelConfig, name: str) -> OpenModel:
    import httpx2
    from anthropic import AnthropicError, AsyncAnthropic, DefaultAsyncHttpxClient
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    options: dict[str, Any] = {}
    if "open_telemetry" in inspect.signature(AsyncAnthropic.__init__).parameters:
        # By itself this SDK reports each call to the global tracer provider: the app's, which we judge.
        options["open_telemetry"] = {"traces": False, "propagation": False}
    try:
        client = AsyncAnthropic(
            api_key=config.api_key,
            base_url=config.base_url,
            max_retries=0,
            default_headers=config.headers,
            http_client=DefaultAsyncHttpxClient(
                limits=httpx2.Limits(max_connections=config.concurrency, max_keepalive_connections=config.concurrency),
                timeout=httpx2.Timeout(None, connect=_CONNECT_S),
            ),
            **options,
        )
    except AnthropicError as error:  # a profile is named that is not there
        raise _no_key(config, str(error)) from error
    if not (_anthropic_key_is_near(config) or getattr(client, "credentials", None) is not None):
        raise _no_key(config)
    model = AnthropicModel(name, provider=AnthropicProvider(anthropic_client=client))
    if model.profile.get("anthropic_disallows_sampling_settings"):
        config = _without_sampling(config)
    keys = (client.api_key, client.auth_token)
    return _opened(config, model, client.close, secrets=tuple(key for key in keys if key))


def _without_sampling(config: ModelConfig) -> ModelConfig:
    """What the model does not take is left out and said once, where the library would warn at every request."""
    left_out = sorted(config.settings.keys() & _SAMPLING)
    if not left_out:
        return config
    logger.warning("model %s takes no %s; it is left out", config.model, ", ".join(left_out))
    return config.model_copy(update={"settings": {k: v for k, v in config.settings.items() if k not in _SAMPLING}})


def _no_key(config: ModelConfig, said: str = "") -> ModelUnavailable:
    problem = said if said and os.environ.get("ANTHROPIC_PROFILE") else "ANTHROPIC_API_KEY is not set"
    return ModelUnavailable(config.model, problem, "export ANTHROPIC_API_KEY=…")


def _other(config: ModelConfig, provider: str, name: str) -> OpenModel:
    from pydantic_ai.exceptions import UserError
    from pydantic_ai.models import infer_model
    from pydantic_ai.providers import infer_provider, infer_provider_class

    def provider_of(kind: str) -> Provider[Any]:
        own = {"base_url": config.base_url, "api_key": config.api_key}
        set_here = {key: value for key, value in own.items() if value is not None}
        if not set_here:
            return infer_provider(kind)
        made = cast("Callable[..., Provider[Any]]", infer_provider_class(kind))
        return made(**set_here)

    # Self-hosted servers speak chat completions; the plain name means the Responses API.
    kind = "openai-chat" if provider == "openai" and config.base_url is not None else provider
    try:
        model = infer_model(f"{kind}:{name}", provider_factory=provider_of)
    except ImportError as error:
        raise ModelUnavailable(config.model, f"the SDK of {provider} is not installed", _install(provider)) from error
    except TypeError as error:
        given = " or no ".join(key for key in ("base_url", "api_key") if getattr(config, key) is not None)
        raise ModelUnavailable(config.model, f"{provider} takes no {given}", "leave it out") from error
    except (UserError, ValueError) as error:
        raise _unusable(config, provider, error) from error
    return _opened(config, model, _closer(model), settings={"max_retries": 0}, headers=config.headers)


def _opened(
    config: ModelConfig,
    model: Model,
    close: Callable[[], Awaitable[object]],
    *,
    settings: Mapping[str, Any] = MappingProxyType({}),
    headers: Mapping[str, str] = MappingProxyType({}),
    secrets: tuple[str, ...] = (),
) -> OpenModel:
    _translate_once(model)
    return OpenModel(
        spec=":".join(split(config.model)),
        model=model,
        slots=asyncio.Semaphore(config.concurrency),
        places=asyncio.Semaphore(config.concurrency * _PLACES_A_SLOT),
        door=asyncio.Lock(),
        settings={**settings, **config.settings},
        headers=headers,
        secrets=tuple(value for value in (*secrets, config.api_key, *config.headers.values()) if value),
        close=close,
    )


def _translate_once(model: Model) -> None:
    """Has the model translate a list of tools for its provider once.

    By itself it does so for every request, which is a tenth of what a turn costs; the judges' lists are constants.
    """
    translate = model.customize_request_parameters
    known: dict[int, tuple[list[ToolDefinition], list[ToolDefinition]]] = {}  # by identity, so it keeps the list alive

    def translated(model_request_parameters: ModelRequestParameters) -> ModelRequestParameters:
        given = model_request_parameters.function_tools
        if id(given) not in known:
            known[id(given)] = given, translate(model_request_parameters).function_tools
        return replace(model_request_parameters, function_tools=known[id(given)][1])

    model.customize_request_parameters = translated


def _closer(model: Model) -> Callable[[], Awaitable[object]]:
    async def close() -> None:
        async with model:  # leaving a model closes the connections that its provider made
            pass

    return close


def _install(provider: str) -> str:
    extra = provider.split("-", maxsplit=1)[0]
    if extra in _OUR_EXTRAS:
        return f"pip install 'otel-judge[{extra}]'"
    return f"pip install 'pydantic-ai-slim[{extra}]'"


def _unusable(config: ModelConfig, provider: str, error: Exception) -> ModelUnavailable:
    said = str(error)
    names = [name for name in _ENV_NAME.findall(said) if name.endswith(("KEY", "TOKEN"))]
    if names:
        return ModelUnavailable(config.model, f"{names[0]} is not set", f"export {names[0]}=…")
    if "Unknown" in said:
        return ModelUnavailable(
            config.model, f"the provider {provider!r} is unknown", "write provider:model, such as anthropic:MODEL"
        )
    return ModelUnavailable(config.model, said.splitlines()[0][:200])
