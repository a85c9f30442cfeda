"""What a judge's own requests cost: by the config's `price`, else by the table in the installed genai-prices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from .. import config_judges

if TYPE_CHECKING:
    from genai_prices import Usage
    from pydantic_ai.usage import RequestUsage

_MTOK = 1_000_000
_LONG = 100_000  # tokens of input; some providers charge more for requests somewhere past it
_PROVIDERS = {"openai-chat": "openai", "openai-responses": "openai", "google-gla": "google", "google-vertex": "google"}


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one model."""

    provider: str
    model: str
    declared: config_judges.Price | None = None

    @property
    def known(self) -> bool:
        return self.declared is not None or _rates(self.provider, self.model, _LONG) is not None

    def cost_usd(self, usage: RequestUsage, model: str | None) -> float | None:
        """US dollars of an answered request; `model` is the one that answered, as the provider named it."""
        declared = self.declared
        if declared is not None:
            cached = declared.input_per_mtok if declared.cached_per_mtok is None else declared.cached_per_mtok
            fresh = max(0, usage.input_tokens - usage.cache_read_tokens)
            spent = fresh * declared.input_per_mtok + usage.cache_read_tokens * cached
            return (spent + usage.output_tokens * declared.output_per_mtok) / _MTOK
        for name in dict.fromkeys((model or self.model, self.model)):
            # To find that a model is not in the table takes longest: that is remembered.
            if _rates(self.provider, name, _LONG) is not None:
                return _cost(usage, name, self.provider)
        return None

    def most_usd(self, input_tokens: int, output_tokens: int) -> float | None:
        """The most that a request of that size can cost: whether read, written to a cache or neither."""
        declared = self.declared
        if declared is not None:
            dearest = max(declared.input_per_mtok, declared.cached_per_mtok or 0.0)
            return (input_tokens * dearest + output_tokens * declared.output_per_mtok) / _MTOK
        rates = _rates(self.provider, self.model, _LONG if input_tokens <= _LONG else _MTOK)
        return None if rates is None else input_tokens * rates[0] + output_tokens * rates[1]


@lru_cache(maxsize=256)
def _rates(provider: str, model: str, size: int) -> tuple[float, float] | None:
    """US dollars for one token of input and one of output, in a request of `size` tokens."""
    from genai_prices import Usage

    kinds = (
        Usage(input_tokens=size),
        Usage(input_tokens=size, cache_read_tokens=size),
        Usage(input_tokens=size, cache_write_tokens=size),
        Usage(input_tokens=size, cache_write_tokens=size, cache_write_1h_tokens=size),
    )
    inputs = [cost for kind in kinds if (cost := _cost(kind, model, provider)) is not None]
    both = _cost(Usage(input_tokens=size, output_tokens=size), model, provider)
    if not inputs or both is None:
        return None
    return max(inputs) / size, (both - inputs[0]) / size


def _cost(usage: Usage | RequestUsage, model: str, provider: str) -> float | None:
    from genai_prices import calc_price  # 0.3 s to import

    try:
        return float(calc_price(usage, model, provider_id=_PROVIDERS.get(provider, provider)).total_price)
    except (LookupError, ValueError):
        return None
