"""One question to the model: retried while that can help and the seconds last, counted, and traced."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from .. import semconv
from ..feedback import Usage
from . import verdict
from .budget import Budget
from .faults import Fault, JudgeStopped, fault_of
from .models import OpenModel, split
from .tracing import Activity

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.settings import ModelSettings

logger = logging.getLogger("otel_judge.judge")

_ATTEMPT_S = 60.0  # one attempt, or half of the judgement's seconds if that is more
_BACKOFF_S, _BACKOFF_MOST_S = 0.5, 8.0


class Asker:
    """Asks one model on behalf of one judgement."""

    def __init__(self, opened: OpenModel, budget: Budget, activity: Activity, seconds: float) -> None:
        self.model_name: str | None = None
        """The model that answered last, as the provider named it."""
        self.cost_usd: Decimal | None = Decimal(0)
        """None once an answer had no known price."""
        self._opened = opened
        self._budget = budget
        self._activity = activity
        self._attempt_s = max(_ATTEMPT_S, seconds / 2)
        self._may_force = True

    async def ask(
        self, messages: Sequence[ModelMessage], parameters: ModelRequestParameters, *, closed: bool
    ) -> ModelResponse:
        """The model's answer. `closed`: only the verdict will do, and is forced where the model allows that.

        Raises `JudgeStopped` when there is none.
        """
        attempts = 0
        while True:
            attempts += 1
            forced = closed and self._may_force
            outcome = await self._attempt(messages, parameters, forced=forced)
            if not isinstance(outcome, Fault):
                return outcome
            if forced and outcome.type in ("bad_request", "no_forcing"):
                self._may_force = False
                continue
            if not outcome.retryable:
                raise JudgeStopped(outcome.type, outcome.message)
            delay = _delay(outcome, attempts)
            if delay >= self._budget.remaining_s:
                tried = f"{outcome.message}; tried {attempts} times in {self._budget.elapsed_s:.1f} s"
                raise JudgeStopped(outcome.type, tried)
            logger.info("model %s: %s; trying again in %.1f s", self._opened.spec, outcome.type, delay)
            await asyncio.sleep(delay)

    async def _attempt(
        self, messages: Sequence[ModelMessage], parameters: ModelRequestParameters, *, forced: bool
    ) -> ModelResponse | Fault:
        queued = time.monotonic()
        async with self._opened.slots:
            started = time.monotonic()
            self._budget.waited(started - queued)
            patience = min(self._budget.remaining_s, self._attempt_s)
            provider, name = split(self._opened.spec)
            settings = self._settings(forced=forced)
            with self._activity.chat(provider, name, self._budget.max_tokens) as chat:
                settings["extra_headers"] = {**self._opened.headers, **chat.headers}
                response = await self._request(messages, parameters, settings, patience)
                if isinstance(response, Fault):
                    chat.fail(response.type)
                else:
                    self._count(response, time.monotonic() - started, chat)
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

        timer = asyncio.timeout(patience)
        try:
            async with timer:
                return await model_request(
                    self._opened.model,
                    messages,
                    model_settings=settings,
                    model_request_parameters=parameters,
                    instrument=False,
                )
        except TimeoutError:
            if not timer.expired():
                raise
            return Fault("timeout", f"no answer within {patience:.1f} s", retryable=True)
        except UserError as error:
            if "tool_choice" in settings:  # the model's profile says that it takes none
                return Fault("no_forcing", str(error), retryable=False)
            raise
        except Exception as error:
            fault = fault_of(error, self._opened.secrets)
            if fault is None:
                raise
            return fault

    def _settings(self, *, forced: bool) -> ModelSettings:
        settings: dict[str, Any] = {
            "anthropic_cache_messages": True,
            **self._opened.settings,
            "max_tokens": self._budget.max_tokens,
        }
        if forced:
            settings["tool_choice"] = [verdict.NAME]
        return cast("ModelSettings", settings)

    def _count(self, response: ModelResponse, seconds: float, chat: Activity) -> None:
        used = response.usage
        usage = Usage(used.input_tokens, used.cache_read_tokens, used.output_tokens)
        self._budget.spent(usage, seconds)
        self.model_name = response.model_name or self.model_name
        cost = _cost(response)
        self.cost_usd = None if cost is None or self.cost_usd is None else self.cost_usd + cost
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


def _cost(response: ModelResponse) -> Decimal | None:
    from genai_prices import calc_price

    if not response.model_name:
        return None
    try:
        return calc_price(response.usage, response.model_name, provider_id=response.provider_name).total_price
    except LookupError:
        return None
