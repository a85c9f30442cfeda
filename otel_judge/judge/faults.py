"""What went wrong with a model, as an error type of low cardinality and a short message without secrets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from .tools.answer import cut

_KEY = re.compile(r"\b(?:sk|pk|key|Bearer)[-_ ][A-Za-z0-9*_\-.]{6,}")
_SHOWN = 200  # characters of what a provider said
_SHORTEST_SECRET = 6  # characters; a header such as `x-tenant: 1` is no secret, and its value is in every text


@dataclass(frozen=True, slots=True)
class Fault:
    """One failed request."""

    type: str
    message: str
    retryable: bool
    retry_after_s: float | None = None
    """Seconds that the provider asked to wait."""
    maybe_used: bool = False
    """The request may have been worked on: what it used is unknown."""

    @property
    def another_may_answer(self) -> bool:
        """Whether a fallback model is worth asking."""
        return self.retryable or self.type == "quota_exceeded"


class JudgeStopped(Exception):
    """The judgement cannot go on: no request will be made any more."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(error_type, message)
        self.type = error_type
        self.message = message


def fault_of(error: Exception, secrets: Sequence[str] = ()) -> Fault | None:
    """The fault behind an exception of a model request; None for what is no provider's doing."""
    from pydantic_ai import exceptions as known

    if isinstance(error, known.ModelAuthenticationError):
        # What the provider says to a wrong key may hold the key.
        return Fault("authentication", f"the provider refused the credentials{_status(error)}", retryable=False)
    for kind, name, retryable in (
        (known.ModelQuotaExceededError, "quota_exceeded", False),
        (known.ModelContextWindowExceededError, "context_overflow", False),
        (known.ModelNotFoundError, "model_not_found", False),
        (known.ModelRequestRejectedError, "bad_request", False),
        (known.ModelRateLimitError, "rate_limited", True),
        (known.ModelOverloadedError, "overloaded", True),
        (known.ModelUnavailableError, "unavailable", True),
        (known.ModelServerError, "server_error", True),
        (known.ModelTimeoutError, "timeout", True),
        (known.ModelRequestTimeout, "timeout", True),
        (known.ModelConnectionError, "connection", True),
    ):
        if isinstance(error, kind):
            return Fault(name, _said(error, secrets), retryable, error.retry_after, _maybe_used(error))
    if isinstance(error, known.ContentFilterError):
        return Fault("refused", "the provider's filter stopped the answer", retryable=False)
    if isinstance(error, known.ModelHTTPError):
        return Fault(
            "bad_request" if error.status_code < 500 else "server_error",
            _said(error, secrets),
            error.status_code >= 500,
        )
    # Over JSON of another shape the clients trip, each in its own way.
    if isinstance(
        error, known.ModelAPIError | known.UnexpectedModelBehavior | TypeError | AttributeError | LookupError
    ):
        said = "the answer is not what the provider's protocol says"
        return Fault("invalid_response", said, retryable=True, maybe_used=True)
    return None


def scrub(text: str, secrets: Sequence[str]) -> str:
    """The text without the secrets, and without what looks like a key."""
    for secret in sorted(secrets, key=len, reverse=True):  # one may hold another
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return _KEY.sub("***", text)


def _maybe_used(error: Exception) -> bool:
    """An answer with an error status is not charged for, nor is what never left."""
    from pydantic_ai import exceptions as known

    if isinstance(error, known.ModelConnectionError):
        return error.phase not in ("pool", "connect") and not _status(error)
    return isinstance(error, known.ModelRequestTimeout)


def _said(error: Exception, secrets: Sequence[str]) -> str:
    body = getattr(error, "body", None)
    outer = cast("dict[str, object]", body) if isinstance(body, dict) else {}
    inner = outer.get("error", outer)
    said = cast("dict[str, object]", inner).get("message") if isinstance(inner, dict) else None
    words = said if isinstance(said, str) else str(getattr(error, "message", "")) if not _status(error) else ""
    return cut(scrub(f"{words or 'the provider answered with an error'}{_status(error)}", secrets), _SHOWN)


def _status(error: Exception) -> str:
    status = getattr(error, "status_code", None)
    return f" (status {status})" if isinstance(status, int) else ""
