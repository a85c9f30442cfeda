"""What a model call cost, by genai-prices: from the table in the installed package, never from the network."""

from __future__ import annotations

from datetime import UTC, datetime

from ..trajectory import ModelCall


def price_usd(call: ModelCall) -> float | None:
    """US dollars at the prices of the time of the call; None where its model has no known price."""
    usage, model = call.content.usage, call.content.model
    if usage is None or model is None:
        return None
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
    for provider in dict.fromkeys((call.content.provider, None)):
        try:
            found = calc_price(spent, model, provider_id=provider, genai_request_timestamp=_time(call.span.start_ns))
        except (LookupError, ValueError):
            continue
        return float(found.total_price)
    return None


def _time(unix_ns: int) -> datetime:
    try:
        return datetime.fromtimestamp(unix_ns / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.now(UTC)
