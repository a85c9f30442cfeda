"""The verbs that record the service's own metrics, which `otel_judge.metrics` lists.

They are read in two ways: as Prometheus text (`Telemetry.render`, for /metrics) and as the SDK's metrics data
(`Telemetry.collect`, for OTLP). The meter provider is our own, never the global one, so an app that otel-judge runs
inside keeps its metrics to itself, and we ours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from uuid import uuid4

from . import semconv
from .decision import Decision
from .feedback import Feedback, Usage
from .metrics import (
    ACCEPTED_LOG_RECORDS,
    ACCEPTED_SPANS,
    CONTENT_SPANS,
    DECISIONS,
    EMIT_DROPPED,
    EMIT_RETRIED,
    EMIT_SENT,
    EVIDENCE,
    FEEDBACK,
    JUDGE_COST,
    JUDGE_DURATION,
    JUDGE_TOKENS,
    LABELS,
    LATE_SPANS,
    METRICS,
    REFUSED_LOG_RECORDS,
    REFUSED_SPANS,
    SCORE,
    SHADOW_COST,
    SHADOW_FEEDBACK,
    SHADOW_TOKENS,
    TRACES_COMPLETED,
    UNUSED_LOG_RECORDS,
    WORKERS_ENDED,
    Metric,
)
from .version import __version__

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Meter, Observation
    from opentelemetry.sdk.metrics.export import MetricsData

Read: TypeAlias = Callable[[], float]

OTHER: Final = "other"
MAX_LABEL_VALUES: Final = 100  # distinct values of a label that comes from traffic; the rest are `other`
MAX_LABEL_LENGTH: Final = 120  # characters

_FROM_TRAFFIC = frozenset({"agent", "label", "model", "service", "tenant"})
_INSTANCE_ID = str(uuid4())  # one a process


def own_resource() -> Mapping[str, str | bool]:
    """Resource attributes of what otel-judge says about itself. `otel_judge.emitter` keeps it out of our intake."""
    return {
        semconv.SERVICE_NAME: "otel-judge",
        semconv.SERVICE_VERSION: __version__,
        semconv.SERVICE_INSTANCE_ID: _INSTANCE_ID,
        semconv.EMITTER: True,
    }


class Telemetry:
    """Records the metrics of the table. Every verb may be called from any thread."""

    def __init__(self) -> None:
        # The SDK takes 0.1 s to import: only what records pays for it.
        from opentelemetry.exporter.prometheus import PrometheusMetricReader
        from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader
        from opentelemetry.sdk.resources import Resource
        from prometheus_client import CollectorRegistry

        self._registry = CollectorRegistry()
        self._reader = InMemoryMetricReader()
        prometheus = PrometheusMetricReader(disable_target_info=True, scope_info_enabled=False, registry=self._registry)
        self._provider = MeterProvider(
            metric_readers=[prometheus, self._reader],
            resource=Resource(dict(own_resource())),
            exemplar_filter=AlwaysOffExemplarFilter(),  # Prometheus text has none, and they hold trace ids
            shutdown_on_exit=False,
        )
        self._labels = _CappedLabels()
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        self._reads: dict[str, dict[tuple[tuple[str, str], ...], Read]] = {}
        meter = self._provider.get_meter(semconv.SCOPE, __version__)
        for metric in METRICS:
            self._create(meter, metric)

    def feedback(self, feedback: Feedback) -> None:
        """Counts one Feedback, with its score, evidence, duration, tokens and cost where it has them.

        A shadow's is counted under `otel_judge.shadow.*` alone: no pass rate and no alert may rest on a candidate.
        """
        if feedback.shadow_of is not None:
            self._shadow(feedback, feedback.shadow_of)
            return
        scorer, target = feedback.scorer, feedback.target
        instrument = {
            "judge": scorer.name,
            "version": scorer.version,
            "model": feedback.model,
            "rung": feedback.rung,
            "owner": scorer.owner,
            "tenant": target.tenant,
        }
        subject = {"agent": target.agent, "service": target.service}
        outcome = {"outcome": feedback.outcome.value}
        self._count(FEEDBACK, 1, **instrument, **subject, **outcome, label=feedback.label)
        if feedback.score is not None and isfinite(feedback.score):  # a NaN would stay in the sum for ever
            self._record(SCORE, feedback.score, **instrument, **subject)
        for verified in (True, False):
            quotes = sum(evidence.verified is verified for evidence in feedback.evidence)
            if quotes:
                named = {"judge": scorer.name, "version": scorer.version}
                self._count(EVIDENCE, quotes, **named, verified=str(verified).lower())
        if scorer.kind == "judge":
            self._record(JUDGE_DURATION, feedback.duration_s, **instrument, **outcome)
        if feedback.cost_usd is not None:
            self._count(JUDGE_COST, feedback.cost_usd, **instrument)
        self._tokens(JUDGE_TOKENS, feedback.usage, instrument)

    def labels(self, number: int, outcome: Literal["kept", "unknown_trace", "dropped"]) -> None:
        """Counts labels of people."""
        self._count(LABELS, number, outcome=outcome)

    def decision(self, decision: Decision) -> None:
        """Counts one sampling decision."""
        self._count(DECISIONS, 1, sampled=str(decision.sampled).lower(), reason=decision.policy or "none")

    def completed(self, reason: str) -> None:
        """Counts one finished trace; `reason` is a `CompletionReason`."""
        self._count(TRACES_COMPLETED, 1, reason=str(reason))

    def worker_ended(self) -> None:
        """Counts a worker process that ended by itself."""
        self._count(WORKERS_ENDED, 1)

    def content(self, dialect: str, content: str, spans: int) -> None:
        """Counts spans by what came of their content; `content` is an `Understanding`."""
        self._count(CONTENT_SPANS, spans, dialect=dialect, content=str(content))

    def accepted(self, spans: int, transport: str) -> None:
        """Counts spans taken in; `transport` is `grpc` or `http`."""
        self._count(ACCEPTED_SPANS, spans, transport=transport)

    def refused(self, spans: int, transport: str) -> None:
        """Counts spans not taken in."""
        self._count(REFUSED_SPANS, spans, transport=transport)

    def late(self, spans: int) -> None:
        """Counts spans that came after their trace was decided."""
        self._count(LATE_SPANS, spans)

    def accepted_log_records(self, records: int, transport: str) -> None:
        """Counts log records taken in."""
        self._count(ACCEPTED_LOG_RECORDS, records, transport=transport)

    def refused_log_records(self, records: int, transport: str) -> None:
        """Counts log records not taken in."""
        self._count(REFUSED_LOG_RECORDS, records, transport=transport)

    def unused_log_records(self, records: int, reason: Literal["other", "late", "no_span"]) -> None:
        """Counts log records that no trace got."""
        self._count(UNUSED_LOG_RECORDS, records, reason=reason)

    def sent(self, signal: str, records: int) -> None:
        """Counts records that the backend accepted; `signal` is `traces`, `logs` or `metrics`."""
        self._count(EMIT_SENT, records, signal=signal)

    def retried(self, signal: str, records: int) -> None:
        """Counts records put back to be sent again."""
        self._count(EMIT_RETRIED, records, signal=signal)

    def dropped(self, signal: str, records: int, reason: str) -> None:
        """Counts records lost; `reason` as the table lists them."""
        self._count(EMIT_DROPPED, records, signal=signal, reason=reason)

    def observe(self, metric: Metric, read: Read, **labels: str) -> None:
        """Has a gauge of the table read by `read` whenever metrics are asked for, on the thread that asks.

        Raises `ValueError` for a metric that is not a gauge and for a label that it does not have.
        """
        if metric.kind != "gauge":
            raise ValueError(f"{metric.name} is a {metric.kind}; only gauges are observed")
        if unknown := labels.keys() - set(metric.labels):
            raise ValueError(f"{metric.name} has no label {min(unknown)!r}")
        self._reads[metric.name][tuple(labels.items())] = read

    def render(self) -> tuple[bytes, str]:
        """The metrics as Prometheus text, and its content type."""
        from prometheus_client import generate_latest
        from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4

    def collect(self) -> MetricsData | None:
        """The metrics as the SDK has them, cumulative; None where there are none yet."""
        return self._reader.get_metrics_data()

    def _shadow(self, feedback: Feedback, shadow_of: str) -> None:
        instrument = {
            "judge": feedback.name,
            "shadow_of": shadow_of,
            "version": feedback.scorer.version,
            "model": feedback.model,
        }
        agrees = "unknown" if feedback.agrees is None else str(feedback.agrees).lower()
        outcome = feedback.outcome.value
        self._count(SHADOW_FEEDBACK, 1, **instrument, label=feedback.label, outcome=outcome, agrees=agrees)
        if feedback.cost_usd is not None:
            self._count(SHADOW_COST, feedback.cost_usd, **instrument)
        self._tokens(SHADOW_TOKENS, feedback.usage, instrument)

    def _tokens(self, metric: Metric, usage: Usage | None, instrument: Mapping[str, str | None]) -> None:
        if usage is not None:
            self._count(metric, max(0, usage.input_tokens - usage.cached_tokens), **instrument, type="input")
            self._count(metric, usage.cached_tokens, **instrument, type="cached")
            self._count(metric, usage.output_tokens, **instrument, type="output")

    def _create(self, meter: Meter, metric: Metric) -> None:
        if metric.kind == "counter":
            self._counters[metric.name] = meter.create_counter(metric.name, metric.unit, metric.description)
        elif metric.kind == "histogram":
            self._histograms[metric.name] = meter.create_histogram(
                metric.name,
                metric.unit,
                metric.description,
                explicit_bucket_boundaries_advisory=metric.buckets,
            )
        else:
            from opentelemetry.metrics import Observation

            reads = self._reads[metric.name] = {}

            def observations(_: CallbackOptions) -> Iterator[Observation]:
                for labels, read in tuple(reads.items()):
                    yield Observation(read(), dict(labels))

            meter.create_observable_gauge(metric.name, [observations], metric.unit, metric.description)

    def _count(self, metric: Metric, n: float, **labels: str | None) -> None:
        if n:
            self._counters[metric.name].add(n, self._labels.capped(labels))

    def _record(self, metric: Metric, value: float, **labels: str | None) -> None:
        self._histograms[metric.name].record(value, self._labels.capped(labels))


class _CappedLabels:
    """Keeps the number of label values that traffic can make within bounds."""

    def __init__(self) -> None:
        self._seen: defaultdict[str, set[str]] = defaultdict(set)

    def capped(self, labels: Mapping[str, str | None]) -> dict[str, str]:
        return {name: self._value(name, value) for name, value in labels.items() if value is not None}

    def _value(self, name: str, value: str) -> str:
        if name not in _FROM_TRAFFIC:
            return value
        value = value[:MAX_LABEL_LENGTH]
        seen = self._seen[name]
        if value in seen:
            return value
        if len(seen) >= MAX_LABEL_VALUES:
            return OTHER
        seen.add(value)
        return value
