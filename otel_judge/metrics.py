"""The service's own metrics, as one table, from which the docs are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. In Prometheus text dots are underscores, the unit is a suffix, and counters end in `_total`."""

    name: str
    kind: Literal["counter", "histogram", "gauge"]
    description: str
    unit: str = ""
    """UCUM; `s` and `By` become `_seconds` and `_bytes`."""
    labels: tuple[str, ...] = ()
    """All that may be set; one that does not apply is left out."""
    buckets: tuple[float, ...] = ()


_SCORER = ("judge", "version", "model", "rung", "owner", "tenant")
_SUBJECT = ("agent", "service")
_SCORE_BUCKETS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 100.0)
_DURATION_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0)

FEEDBACK = Metric("otel_judge.feedback", "counter", "Feedback given", labels=(*_SCORER, *_SUBJECT, "label", "outcome"))
SCORE = Metric("otel_judge.score", "histogram", "Scores given", labels=(*_SCORER, *_SUBJECT), buckets=_SCORE_BUCKETS)
JUDGE_DURATION = Metric(
    "otel_judge.judge.duration",
    "histogram",
    "Time that a judgement by a model took",
    unit="s",
    labels=(*_SCORER, "outcome"),
    buckets=_DURATION_BUCKETS,
)
JUDGE_COST = Metric("otel_judge.judge.cost", "counter", "Money that judging has cost", unit="usd", labels=_SCORER)
JUDGE_TOKENS = Metric(
    "otel_judge.judge.tokens",
    "counter",
    "Tokens of judging: input without cached, cached, output",
    labels=(*_SCORER, "type"),
)
EVIDENCE = Metric(
    "otel_judge.evidence",
    "counter",
    "Quotes cited, by whether code found them in the trace",
    labels=("judge", "version", "verified"),
)
_SHADOW = ("judge", "shadow_of", "version", "model")
SHADOW_FEEDBACK = Metric(
    "otel_judge.shadow.feedback",
    "counter",
    "Feedback of shadows, which no other metric counts; agrees: true, false, or unknown where one gave no grade",
    labels=(*_SHADOW, "label", "outcome", "agrees"),
)
SHADOW_COST = Metric("otel_judge.shadow.cost", "counter", "Money that shadows have cost", unit="usd", labels=_SHADOW)
SHADOW_TOKENS = Metric(
    "otel_judge.shadow.tokens", "counter", "Tokens of shadows, as judge.tokens", labels=(*_SHADOW, "type")
)
LABELS = Metric(
    "otel_judge.labels",
    "counter",
    "Labels of people that came: kept, unknown_trace where their trace is not retained, or dropped inside an app",
    labels=("outcome",),
)
DECISIONS = Metric(
    "otel_judge.decisions",
    "counter",
    "Sampling decisions about traces and sessions; the reason is the policy that decided, or none",
    labels=("sampled", "reason"),
)
SESSIONS = Metric("otel_judge.sessions", "gauge", "Sessions: open, or lost unjudged since the start", labels=("state",))
TRACES_COMPLETED = Metric("otel_judge.traces.completed", "counter", "Traces that finished, by why", labels=("reason",))
MEMORY = Metric(
    "otel_judge.memory.bytes",
    "gauge",
    "Resident memory: of the service, of workers",
    unit="By",
    labels=("process",),
)
WORKERS_ENDED = Metric(
    "otel_judge.workers.ended", "counter", "Worker processes that ended by themselves and were replaced"
)
CONTENT_SPANS = Metric(
    "otel_judge.content.spans",
    "counter",
    "Spans of finished traces that hold content or should: understood (read), in no known form (unknown), or not "
    "captured (missing)",
    labels=("dialect", "content"),
)
ACCEPTED_SPANS = Metric(
    "otel_judge.receiver.accepted_spans", "counter", "Spans taken into the index", labels=("transport",)
)
REFUSED_SPANS = Metric(
    "otel_judge.receiver.refused_spans", "counter", "Spans not taken; the client was told", labels=("transport",)
)
ACCEPTED_LOG_RECORDS = Metric(
    "otel_judge.receiver.accepted_log_records", "counter", "Logs of content or labels taken", labels=("transport",)
)
REFUSED_LOG_RECORDS = Metric(
    "otel_judge.receiver.refused_log_records", "counter", "Such not taken; the client was told", labels=("transport",)
)
UNUSED_LOG_RECORDS = Metric(
    "otel_judge.log_records.unused",
    "counter",
    "Log records that no trace got: without content of a span (other), after their trace was decided (late), or its "
    "span had not come by then (no_span)",
    labels=("reason",),
)
INDEX_SPANS = Metric("otel_judge.index.spans", "gauge", "Spans of unfinished traces (buffered)", labels=("state",))
INDEX_BYTES = Metric(
    "otel_judge.index.bytes",
    "gauge",
    "Wire bytes of spans and of what logs say of them: of unfinished traces (buffered), of finished ones that can be "
    "asked for (retained)",
    unit="By",
    labels=("state",),
)
LATE_SPANS = Metric("otel_judge.index.late_spans", "counter", "Spans that came after their trace was decided")
QUEUE_SIZE = Metric("otel_judge.queue.size", "gauge", "What waits: items; bytes in queue `emit`", labels=("queue",))
QUEUE_CAPACITY = Metric(
    "otel_judge.queue.capacity", "gauge", "What may wait, in the unit of the size", labels=("queue",)
)
QUEUE_OLDEST = Metric("otel_judge.queue.oldest", "gauge", "Age of what waits longest", unit="s", labels=("queue",))
EMIT_SENT = Metric("otel_judge.emit.sent", "counter", "Records that the backend accepted", labels=("signal",))
EMIT_RETRIED = Metric("otel_judge.emit.retried", "counter", "Records put back to be sent again", labels=("signal",))
EMIT_DROPPED = Metric(
    "otel_judge.emit.dropped",
    "counter",
    "Records lost: queue_full, partial (the backend refused some), permanent (it refused all) or shutdown",
    labels=("signal", "reason"),
)

METRICS: Final[tuple[Metric, ...]] = (
    FEEDBACK,
    SCORE,
    JUDGE_DURATION,
    JUDGE_COST,
    JUDGE_TOKENS,
    EVIDENCE,
    SHADOW_FEEDBACK,
    SHADOW_COST,
    SHADOW_TOKENS,
    LABELS,
    DECISIONS,
    SESSIONS,
    TRACES_COMPLETED,
    MEMORY,
    WORKERS_ENDED,
    CONTENT_SPANS,
    ACCEPTED_SPANS,
    REFUSED_SPANS,
    ACCEPTED_LOG_RECORDS,
    REFUSED_LOG_RECORDS,
    UNUSED_LOG_RECORDS,
    INDEX_SPANS,
    INDEX_BYTES,
    LATE_SPANS,
    QUEUE_SIZE,
    QUEUE_CAPACITY,
    QUEUE_OLDEST,
    EMIT_SENT,
    EMIT_RETRIED,
    EMIT_DROPPED,
)
