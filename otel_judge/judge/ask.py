"""One question to the model: retried while that can help and the seconds last, then put to the fallback models.

Every attempt is decided, counted and settled by the budget, and traced.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from .. import semconv
from ..errors import ModelUnavailable
from ..feedback import Usage
from . import verdict
from .budget import MAX_TOKENS, Budget
from .condense import drop_thinking
from .faults import Fault, JudgeStopped, fault_of
from .ledger import Ledger
from .models import Models, OpenModel, split
from .prices import Price
from .tracing import Activity
from .transcript import Transcript

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.settings import ModelSettings

logger = logging.getLogger("otel_judge.judge")

Send: TypeAlias = "Callable[[Sequence[ModelMessage]], Awaitable[ModelResponse]]"
Middleware: TypeAlias = "Callable[[Send, Sequence[ModelMessage]], Awaitable[ModelResponse]]"
"""Stands around each request to the model, retries included: `response = await send(messages)`."""

_ATTEMPT_S = 60.0  # one attempt, or half of the judgement's seconds if that is more
_BACKOFF_S, _BACKOFF_MOST_S = 0.5, 8.0
_TRIES = 3  # of a model that has a fallback
_SHARE = 0.5  # of the seconds left, for a model that has a fallback


class Asker:
    """Asks the models of one judgement: the first, and where that does not answer, its fallbacks in order."""

    def __init__(
        self,
        models: Models,
        chain: Sequence[str],
        budget: Budget,
        activity: Activity,
        *,
        seconds: float,
        ledger: Ledger,
    ) -> None:
        self.model_name: str | None = None
        """The model that answered last, as the provider named it."""
        self.on_outcome: Callable[[], None] | None = None
        """Called when an attempt has ended, however it ended."""
        self.transcript: Transcript | None = None
        """Takes down every request and what came of it."""
        self.middleware: Sequence[Middleware] = ()
        """Around each attempt, the first outermost."""
        self.ledger = ledger
        """Books what leaves."""
        self._models = models
        self._chain = list(chain)
        self._budget = self.budget = budget
        self._activity = self.activity = activity
        self._attempt_s = max(_ATTEMPT_S, seconds / 2)
        self._may_force = True

    async def open(self) -> None:
        """Makes the first model ready; what that takes is no part of the judgement. Raises `ModelUnavailable`."""
        await self._use(self._chain[0])

    @property
    def context_window(self) -> int | None:
        """Tokens that a request to the model may hold with its answer; None where nobody says."""
        return self._opened.model.profile.get("context_window")

    async def ask(
        self, messages: list[ModelMessage], parameters: ModelRequestParameters, closed: Callable[[], bool]
    ) -> ModelResponse:
        """The model's answer.

        `closed` is asked before each attempt whether only the verdict will do; it may add to the messages, and raises
        `JudgeStopped` where there is no room for the attempt. A verdict is forced where the model allows that.

        Raises `JudgeStopped` when there is no answer.
        """
        attempts = 0
        before: Fault | None = None
        patience_until = self._patience_until()
        while True:
            attempts += 1
            forced = closed() and self._may_force
            outcome = await self._attempt(messages, parameters, forced=forced, until_s=patience_until)
            if self.on_outcome is not None:
                self.on_outcome()
            if not isinstance(outcome, Fault):
                return outcome
            if forced and outcome.type in ("bad_request", "no_forcing"):
                self._may_force = False
                attempts -= outcome.type == "no_forcing"  # it was never sent
                continue
            if before is not None and outcome.type == "timeout" and self._budget.remaining_s <= 0:
                outcome = before  # the seconds cut the last attempt short: what was wrong is what went wrong until then
            before = outcome
            delay = _delay(outcome, attempts)
            if len(self._chain) > 1 and outcome.another_may_answer:
                late = self._budget.elapsed_s + delay >= patience_until
                if not outcome.retryable or late or attempts >= _TRIES:
                    await self._fall_back(outcome, messages)
                    attempts, before, patience_until = 0, None, self._patience_until()
                    continue
            if not outcome.retryable:
                raise JudgeStopped(outcome.type, outcome.message)
            if delay >= self._budget.remaining_s:
                tried = f"{outcome.message}; tried {attempts} times in {self._budget.elapsed_s:.1f} s"
                raise JudgeStopped(outcome.type, tried)
            logger.info("model %s: %s; trying again in %.1f s", self._opened.spec, outcome.type, delay)
            await asyncio.sleep(delay)

    def _patience_until(self) -> float:
        """Seconds of the judgement after which the model that is asked now has had its time."""
        share = _SHARE if len(self._chain) > 1 else 1.0
        return self._budget.elapsed_s + self._budget.remaining_s * share

    async def _fall_back(self, fault: Fault, messages: list[ModelMessage]) -> None:
        while len(self._chain) > 1:
            del self._chain[0]
            logger.warning("model %s: %s; asking %s instead", self._opened.spec, fault.type, self._chain[0])
            try:
                await self._use(self._chain[0])
            except ModelUnavailable as error:
                fault = Fault("model_unavailable", str(error), retryable=False)
                continue
            self._may_force = True
            drop_thinking(messages)
            return
        raise JudgeStopped(fault.type, fault.message)

    async def _use(self, name: str) -> None:
        self._opened: OpenModel = await self._models.open(name)
        self._price: Price = self._models.price(name)
        self._budget.max_tokens = self._opened.settings.get("max_tokens", MAX_TOKENS)
        self._budget.most_usd = self._price.most_usd

    async def _attempt(
        self, messages: Sequence[ModelMessage], parameters: ModelRequestParameters, *, forced: bool, until_s: float
    ) -> ModelResponse | Fault:
        queued = time.monotonic()
        async with self._opened.slots:
            started = time.monotonic()
            self._budget.waited(started - queued)
            patience = max(0.0, min(until_s - self._budget.elapsed_s, self._attempt_s))
            provider, name = split(self._opened.spec)
            max_tokens = self._budget.reserve()
            settings = self._settings(max_tokens, forced=forced)
            with self._activity.chat(provider, name, max_tokens) as chat:
                settings["extra_headers"] = {**self._opened.headers, **chat.headers}
                if self.transcript is not None:
                    said = f"at most {max_tokens} tokens{', the verdict forced' if forced else ''}"
                    self.transcript.asked(self._opened.spec, messages, said, self._opened.secrets)
                self.ledger.ask(self._opened.spec)
                response = await self._request(messages, parameters, settings, patience)
                if not isinstance(response, Fault):
                    self._count(response, time.monotonic() - started, chat)
                    if self.transcript is not None:
                        self.transcript.answered(response, time.monotonic() - started)
                    return response
                if self.transcript is not None:
                    self.transcript.failed(response)
                chat.fail(response.type)
                if response.maybe_used:
                    self._budget.lost()
                else:
                    self._budget.release(sent=response.type != "no_forcing")
                if response.type == "no_forcing":
                    self.ledger.unsent(self._opened.spec)
                return response

    async def _request(
        self,
        messages: Sequence[ModelMessage],
        parameters: ModelRequestParameters,
        settings: ModelSettings,
        patience: float,
    ) -> ModelResponse | Fault:
        from pydantic_ai.direct import model_request
        from pydantic_ai.exceptions import UserError

        send: Send = partial(
            model_request,
            self._opened.model,
            model_settings=settings,
            model_request_parameters=parameters,
            instrument=False,
        )
        for around in reversed(self.middleware):
            send = partial(around, send)
        timer = asyncio.timeout(patience)
        try:
            async with timer:
                return await send(messages)
        except TimeoutError:
            if not timer.expired():
                raise
            return Fault("timeout", f"no answer within {patience:.1f} s", retryable=True, maybe_used=True)
        except UserError as error:
            if "tool_choice" in settings:  # the model's profile says that it takes none
                return Fault("no_forcing", str(error), retryable=False)
            raise
        except Exception as error:
            fault = fault_of(error, self._opened.secrets)
            if fault is None:
                raise
            return fault

    def _settings(self, max_tokens: int, *, forced: bool) -> ModelSettings:
        settings: dict[str, Any] = {
            "anthropic_cache_messages": True,
            **self._opened.settings,
            "max_tokens": max_tokens,
        }
        if forced:
            settings["tool_choice"] = [verdict.NAME]
        return cast("ModelSettings", settings)

    def _count(self, response: ModelResponse, seconds: float, chat: Activity) -> None:
        used = response.usage
        usage = Usage(used.input_tokens, used.cache_read_tokens, used.output_tokens)
        self._budget.spent(usage, self._price.cost_usd(used, response.model_name), seconds)
        self.model_name = response.model_name or self.model_name
        chat.set(
            {
                semconv.USAGE_INPUT: usage.input_tokens,
                semconv.USAGE_CACHED: usage.cached_tokens,
                semconv.USAGE_OUTPUT: usage.output_tokens,
                semconv.RESPONSE_MODEL: response.model_name or "",
                semconv.FINISH_REASONS: [response.finish_reason or "unknown"],
            }
        )


def _delay(fault: Fault, attempts: int) -> float:
    if fault.retry_after_s is not None:
        return fault.retry_after_s * random.uniform(1.0, 1.1)
    return random.uniform(0.5, 1.0) * min(_BACKOFF_MOST_S, _BACKOFF_S * 2 ** (attempts - 1))
