"""Tokens of a model call, from the attributes in which a convention counts them."""

from __future__ import annotations

from collections.abc import Mapping

from .base import TokenUsage
from .json_values import count_of


def usage_of(
    counts: Mapping[str, object],
    given: tuple[str, ...],
    said: tuple[str, ...],
    cache_read: tuple[str, ...] = (),
    cache_write: tuple[str, ...] = (),
) -> TokenUsage | None:
    """The first count under each of these names; None where neither input nor output was counted."""
    input_tokens, output_tokens = count_of(counts, *given), count_of(counts, *said)
    if input_tokens is None and output_tokens is None:
        return None
    return TokenUsage(input_tokens, output_tokens, count_of(counts, *cache_read), count_of(counts, *cache_write))
