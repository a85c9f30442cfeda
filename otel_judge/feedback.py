"""The grade: what a scorer found about a trace, by which evidence, and by whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from hashlib import blake2b
from typing import Literal, TypeAlias

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
"""A grade as the scorer gave it: a primitive, or a list or map of them."""

NOT_JUDGEABLE = "not_judgeable"
"""The label of a Feedback whose trace does not hold what the scorer needs."""
FAILED = "failed"
"""The label of a Feedback whose scorer failed."""


class Outcome(StrEnum):
    """How a judgement ended. Only `judged` carries a value."""

    JUDGED = "judged"
    NOT_JUDGEABLE = "not_judgeable"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A verbatim quote from a span. `verified`: code has found it there."""

    span_id: str
    """16 hex digits."""
    quote: str
    path: str | None = None
    """Where in the span the quote stands, such as `output` or `attributes.http.route`."""
    verified: bool = True


@dataclass(frozen=True, slots=True)
class JudgeFailure:
    """Why there is no grade. It is a value, not an exception: a failure to judge loses no other feedback."""

    type: str
    """Low cardinality; goes out as `error.type`. Such as `timeout`, `invalid_verdict`, or an exception's class name."""
    message: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a judgement over all its model calls, as the provider reported them."""

    input_tokens: int = 0
    """Cached ones included."""
    cached_tokens: int = 0
    output_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.cached_tokens + other.cached_tokens,
            self.output_tokens + other.output_tokens,
        )


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the trace the judge saw, as shares from 0 to 1."""

    spans: float
    bytes: float


@dataclass(frozen=True, slots=True)
class Receipt:
    """What of a trace left for model providers in one judgement, whether it ended well or not."""

    requests: Mapping[str, int]
    """Requests by the `provider:model` that was asked; empty: nothing left."""
    bytes: int
    """UTF-8 bytes of text from the trace, layout included, that the model was shown. Later requests repeat it."""
    spans: Mapping[str, int]
    """Characters shown by span id, each stretch once, in the order of the trace; at most 1,000 spans."""
    span_count: int
    """Spans of which something was shown."""
    redactions: Mapping[str, int]
    """Different values that had been replaced in the trace, by kind."""


@dataclass(frozen=True, slots=True)
class Scorer:
    """The instrument: who measured. Numbers of different instruments are never summed unseen."""

    name: str
    kind: Literal["judge", "check"]
    version: str
    """Short hash of all that decides the verdict."""
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class SpanRef:
    """A span somewhere: trace id of 32 hex digits, span id of 16."""

    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class Target:
    """The judged span, with what people filter scores by. It stands for the trace once that is gone."""

    trace_id: str
    span_id: str
    start_ns: int
    """Start of the span, Unix time in nanoseconds."""
    end_ns: int
    service: str | None = None
    agent: str | None = None
    conversation_id: str | None = None
    model: str | None = None
    response_id: str | None = None
    tenant: str | None = None
    trace_spans: int = 0
    completion_reason: str | None = None
    resource: bytes = b""
    """The span's resource as it came (an OTLP `Resource` message), for `feedback.service_name: judged`."""


@dataclass(frozen=True)
class Feedback:
    """What one scorer says about one target.

    `value` is the grade in the scorer's own type, `score` the number for it where there is one, `label` a
    low-cardinality word that is always set, and `passed` None where the scorer has no notion of passing.
    """

    target: Target
    scorer: Scorer
    label: str
    rationale: str = ""
    value: Value = None
    score: float | None = None
    passed: bool | None = None
    evidence: tuple[Evidence, ...] = ()
    error: JudgeFailure | None = None
    not_judgeable: bool = False
    model: str | None = None
    """Model that judged, as the provider named it."""
    rung: Literal["agent", "prompt"] | None = None
    reading: Literal["whole", "explored"] | None = None
    forced: str | None = None
    """The ceiling at which the verdict had to be given: `turns`, `tokens`, `usd` or `seconds`."""
    coverage: Coverage | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    duration_s: float = 0.0
    judged_at_ns: int = 0
    """Unix time in nanoseconds."""
    receipt: Receipt | None = None
    """What left for a model. None for a check, which asks none."""
    judge_trace: SpanRef | None = None
    """Root of the trace of the judge's own work."""
    revision: int = 0
    supersedes: str | None = None
    """Evaluation id that this one replaces."""
    detail: dict[str, Value] = field(default_factory=dict[str, Value])
    """Whatever else the scorer wants to say; stays in Python and in `--json`, never on the wire."""

    @property
    def name(self) -> str:
        return self.scorer.name

    @property
    def trace_id(self) -> str:
        return self.target.trace_id

    @property
    def span_id(self) -> str:
        """The span that was judged."""
        return self.target.span_id

    @property
    def cost(self) -> float | None:
        """US dollars; None where the model has no price or no model was asked."""
        return self.cost_usd

    @property
    def outcome(self) -> Outcome:
        if self.error is not None:
            return Outcome.FAILED
        return Outcome.NOT_JUDGEABLE if self.not_judgeable else Outcome.JUDGED

    @cached_property
    def evaluation_id(self) -> str:
        """32 hex digits, the same for the same judgement on every machine; its first half is the score span's id."""
        parts = (
            self.target.tenant or "",
            self.target.trace_id,
            self.target.span_id,
            self.scorer.name,
            self.scorer.version,
            str(self.revision),
        )
        return blake2b("\x00".join(parts).encode(), digest_size=16, person=b"otel-judge-eval").hexdigest()

    @classmethod
    def failure(
        cls,
        target: Target,
        scorer: Scorer,
        error: JudgeFailure,
        *,
        judged_at_ns: int,
        duration_s: float = 0.0,
    ) -> Feedback:
        """The Feedback of a scorer that failed before it could say anything more."""
        return cls(
            target=target,
            scorer=scorer,
            label=FAILED,
            rationale=error.message,
            error=error,
            judged_at_ns=judged_at_ns,
            duration_s=duration_s,
        )
