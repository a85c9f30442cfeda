"""The grade: what a scorer found about a trace, by which evidence, and by whom.

A scorer in Python gives its Feedback by the names that MLflow or AG2 use, and the rest is filled in where it is called:

    Feedback(name="tone", value="polite", rationale="It says please.")
    Feedback(key="tone", score=0.8, comment="It says please.")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict, Unpack, cast, overload

from .grades import FAILED, NOT_JUDGEABLE, Value, grade_of


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
    trace_id: str | None = None
    """Of the span, where it is not of the judged trace but of an earlier turn of a session."""


@dataclass(frozen=True, slots=True)
class JudgeFailure:
    """Why there is no grade. It is a value, not an exception: a failure to judge loses no other feedback."""

    type: str
    """Low cardinality; goes out as `error.type`. Such as `timeout`, `invalid_verdict`, or an exception's class name."""
    message: str

    @property
    def error_code(self) -> str:
        """MLflow's name for the type."""
        return self.type

    @property
    def error_message(self) -> str:
        """MLflow's name for the message."""
        return self.message


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


class Source(NamedTuple):
    """Who graded, as MLflow says it."""

    source_type: Literal["LLM_JUDGE", "CODE"]
    source_id: str
    """The model, or the name of the scorer."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far a judge agreed with people, measured once by `otel-judge agree --save`."""

    judge: str
    """Its name at that time."""
    version: str
    model: str | None
    """As the provider named it."""
    labels: int
    """Pairs of a verdict and a label."""
    kappa: float | None
    """Cohen's kappa; None where it is not defined, as on labels that are all the same."""
    kappa_low: float | None
    kappa_high: float | None
    accuracy: float | None
    tpr: float | None
    tnr: float | None
    measured_at: str
    """RFC 3339."""


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
    turns: int = 0
    """Of a session, the traces that were judged together, the one of this span last; 0 where a trace was judged."""
    missing_turns: int = 0
    """Of a session, the turns of the conversation that were no longer held, or left out for size."""
    links: tuple[SpanRef, ...] = ()
    """Of a session, the roots of its other turns, oldest first."""


class Short(TypedDict, total=False):
    """A Feedback by the names that MLflow and AG2 use. Score, label and pass follow from the value, or the score."""

    name: str | None
    key: str | None
    value: object
    score: float | None
    rationale: str | None
    comment: str | None
    error: JudgeFailure | Exception | str | None
    evidence: tuple[Evidence, ...]
    detail: Mapping[str, Value] | None
    metadata: Mapping[str, Value] | None


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
    calibrated_by: Calibration | None = None
    """The judge's agreement with people, where it was measured."""
    shadow_of: str | None = None
    """Name of the judge that this one runs beside, as a candidate."""
    agrees: bool | None = None
    """Of a shadow: its primary gave the same label; None where one of the two gave no grade."""
    detail: dict[str, Value] = field(default_factory=dict[str, Value])
    """Whatever else the scorer wants to say; stays in Python and in `--json`, never on the wire."""

    if TYPE_CHECKING:

        @overload
        def __init__(self, target: Target, scorer: Scorer, label: str, **fields: Any) -> None: ...
        @overload
        def __init__(self, **given: Unpack[Short]) -> None: ...
        def __init__(self, *fields: Any, **given: Any) -> None: ...

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
    def key(self) -> str:
        """AG2's name for the name."""
        return self.scorer.name

    @property
    def comment(self) -> str:
        """AG2's name for the rationale."""
        return self.rationale

    @property
    def source(self) -> Source:
        judge = self.scorer.kind == "judge"
        return Source("LLM_JUDGE", self.model or self.name) if judge else Source("CODE", self.name)

    @property
    def metadata(self) -> dict[str, str]:
        """What else is known of the judgement, as text. Only what is set."""
        usage = self.usage
        known = {
            "evaluation_id": self.evaluation_id,
            "version": self.scorer.version,
            "model": self.model,
            "rung": self.rung,
            "reading": self.reading,
            "forced": self.forced,
            "input_tokens": usage and usage.input_tokens,
            "output_tokens": usage and usage.output_tokens,
            "cost_usd": self.cost_usd,
        }
        return {name: str(value) for name, value in known.items() if value is not None}

    @property
    def cost(self) -> float | None:
        """US dollars; None where the model has no price or no model was asked."""
        return self.cost_usd

    @property
    def calibration(self) -> Literal["calibrated", "uncalibrated"] | None:
        """Whether the judge has been measured against people. None for a check: code is tested, not calibrated."""
        if self.scorer.kind == "check":
            return None
        return "uncalibrated" if self.calibrated_by is None else "calibrated"

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


NOWHERE = Target("0" * 32, "0" * 16, 0, 0)
"""Target of a Feedback that was given by its short names and is not in place yet."""


def _fields_of(given: Short) -> dict[str, Any]:
    """The fields of a Feedback that was given by its short names."""
    value, score = given.get("value"), given.get("score")
    grade = grade_of(score if value is None else value)
    if value is not None and score is not None:
        grade = grade._replace(score=grade_of(score).score)
    error = given.get("error")
    if isinstance(error, str):
        error = JudgeFailure("error", error)
    elif isinstance(error, Exception):
        error = JudgeFailure(type(error).__name__, str(error))
    fields = {
        "target": NOWHERE,
        "scorer": Scorer(given.get("name") or given.get("key") or "", "check", ""),
        "rationale": given.get("rationale") or given.get("comment") or "",
        "evidence": given.get("evidence", ()),
        "detail": dict(given.get("detail") or given.get("metadata") or {}),
    }
    if error is not None:
        return {**fields, "label": FAILED, "error": error, "rationale": fields["rationale"] or error.message}
    graded = {"value": score if value is None else value, **grade._asdict()}
    return {**fields, **graded, "not_judgeable": grade.label == NOT_JUDGEABLE}


_by_fields = cast("Callable[..., None]", Feedback.__init__)


def _init(self: Feedback, *fields: object, **given: Any) -> None:
    if not fields and "target" not in given:
        unknown = given.keys() - Short.__annotations__.keys()
        if unknown:
            raise TypeError(f"Feedback has no {min(unknown)!r}; it takes {', '.join(Short.__annotations__)}")
        given = _fields_of(cast("Short", given))
    _by_fields(self, *fields, **given)


Feedback.__init__ = _init
