"""What the model calls of a trace cost, by genai-prices: from the table in the installed package, never the network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ..dialects.base import TokenUsage
from .model_calls import ModelCall

_ONE_BY_ONE = 1_000  # calls of a model that are priced each; it takes 0.1 ms a call


@dataclass(frozen=True, slots=True)
class Cost:
    """Money of some model calls."""

    usd: float
    """US dollars, at the prices of the time of each call."""
    unpriced: tuple[str, ...]
    """Models without a known price, which `usd` leaves out."""


def cost_of(calls: Iterable[ModelCall]) -> Cost:
    """The cost of calls that report tokens. Past 1,000 calls of one model, the rest cost what their average would."""
    by_model: dict[tuple[str | None, str | None], list[ModelCall]] = {}
    for call in calls:
        by_model.setdefault((call.content.model, call.content.provider), []).append(call)
    usd, unpriced = 0.0, dict[str, None]()
    for (model, provider), group in by_model.items():
        each = [(_usage(call), call.span.start_ns, 1) for call in group[:_ONE_BY_ONE]]
        if rest := group[_ONE_BY_ONE:]:
            each.append((_average([_usage(call) for call in rest]), rest[0].span.start_ns, len(rest)))
        for usage, at_ns, times in each:
            price = None if model is None else _price_usd(usage, model, provider, at_ns)
            if price is None:
                unpriced[model or "a call that names no model"] = None
                break
            usd += price * times
    return Cost(usd, tuple(unpriced))


def _price_usd(usage: TokenUsage, model: str, provider: str | None, at_ns: int) -> float | None:
    from genai_prices import Usage, calc_price  # 0.3 s to import

    cached = (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
    tokens = usage.input_tokens or 0
    if cached > tokens:
        tokens += cached  # some instrumentations of Anthropic leave cached tokens out of the input
    spent = Usage(
        input_tokens=tokens,
        output_tokens=usage.output_tokens or 0,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
    )
    # A framework may name itself as the provider; then the model's name alone has to do.
    for name in dict.fromkeys((provider, None)):
        try:
            found = calc_price(spent, model, provider_id=name, genai_request_timestamp=_time(at_ns))
        except (LookupError, ValueError):
            continue
        return float(found.total_price)
    return None


def _average(usages: Sequence[TokenUsage]) -> TokenUsage:
    return TokenUsage(
        input_tokens=sum(usage.input_tokens or 0 for usage in usages) // len(usages),
        output_tokens=sum(usage.output_tokens or 0 for usage in usages) // len(usages),
        cache_read_tokens=sum(usage.cache_read_tokens or 0 for usage in usages) // len(usages) or None,
        cache_write_tokens=sum(usage.cache_write_tokens or 0 for usage in usages) // len(usages) or None,
    )


def _usage(call: ModelCall) -> TokenUsage:
    return call.content.usage or TokenUsage()


def _time(unix_ns: int) -> datetime:
    try:
        return datetime.fromtimestamp(unix_ns / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.now(UTC)
