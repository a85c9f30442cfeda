"""Feedback and decisions as OTLP records: bytes that are fixed once, and the same for the same Feedback.

Built straight from the protocol's messages, for three reasons (docs/decisions/0001-encoding.md): the judged span's
resource can be repeated as it came, the app's OTEL_SPAN_* limits do not apply, and nothing waits for the SDK.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Final, TypeAlias

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs, SeverityNumber
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from .. import semconv
from ..attributes import AttributeValue, encode_value
from ..config import FeedbackConfig
from ..decision import Decision
from ..feedback import Feedback, Receipt, Target
from ..semconv import Name
from ..trace import PARENT_IS_REMOTE
from ..version import __version__
from .outbox import Item
from .place import place

MAX_TEXT: Final = 2047  # bytes of UTF-8; Tempo cuts at 2048, in the middle of a character if need be
MAX_SPAN_IDS: Final = 128  # that the record of an egress names
ELLIPSIS: Final = "…"
SAMPLED: Final = 0x01  # W3C trace flag, in the low byte of Span.flags and LogRecord.flags

Attribute: TypeAlias = tuple[Name, AttributeValue]
"""None leaves the attribute out."""

_SCOPE = InstrumentationScope(name=semconv.SCOPE, version=__version__)


class Encoder:
    """Encodes for one setting of `feedback.service_name` and `feedback.timestamp`."""

    def __init__(self, config: FeedbackConfig) -> None:
        self._config = config
        self._own = None if config.service_name == "judged" else _envelopes(_own_resource(config.service_name))

    def items(self, feedback: Feedback, decision: Decision | None) -> Sequence[Item]:
        """All records of one Feedback."""
        items = self.feedback(feedback, decision)
        return items if feedback.receipt is None else (*items, self.egress(feedback, feedback.receipt))

    def feedback(self, feedback: Feedback, decision: Decision | None) -> tuple[Item, Item]:
        """The score span and the log record of one Feedback."""
        target = feedback.target
        at_ns = place(
            self._config.timestamp, start_ns=target.start_ns, end_ns=target.end_ns, now_ns=feedback.judged_at_ns
        )
        attributes = _key_values(_result(feedback), _rest(feedback, decision))
        of_span, of_log = self._own or _envelopes(_judged_resource(target))
        span = _span(feedback, at_ns, attributes)
        failed = feedback.error is not None
        record = LogRecord(
            time_unix_nano=feedback.judged_at_ns,
            observed_time_unix_nano=feedback.judged_at_ns,
            severity_number=SeverityNumber.SEVERITY_NUMBER_ERROR if failed else SeverityNumber.SEVERITY_NUMBER_INFO,
            severity_text="ERROR" if failed else "INFO",
            event_name=semconv.EVALUATION_RESULT,
            body=encode_value(span.name),
            trace_id=span.trace_id,
            span_id=span.parent_span_id,
            flags=SAMPLED,
            attributes=attributes,
        )
        return (
            Item("traces", feedback.evaluation_id, of_span, _bytes(span), target.tenant),
            Item("logs", feedback.evaluation_id, of_log, _bytes(record), target.tenant),
        )

    def egress(self, feedback: Feedback, receipt: Receipt) -> Item:
        """The log record of what left for models in one judgement."""
        target = feedback.target
        record = LogRecord(
            time_unix_nano=feedback.judged_at_ns,
            observed_time_unix_nano=feedback.judged_at_ns,
            severity_number=SeverityNumber.SEVERITY_NUMBER_INFO,
            severity_text="INFO",
            event_name=semconv.EGRESS,
            body=encode_value(f"{sum(receipt.requests.values())} requests, {receipt.bytes} bytes"),
            trace_id=bytes.fromhex(target.trace_id),
            span_id=bytes.fromhex(target.span_id),
            flags=SAMPLED,
            attributes=_key_values(
                [
                    (semconv.EVALUATION_NAME, feedback.name),
                    (semconv.EVALUATION_ID, feedback.evaluation_id),
                    (semconv.JUDGE_VERSION, feedback.scorer.version),
                    (semconv.EGRESS_MODELS, list(receipt.requests)),
                    (semconv.EGRESS_REQUESTS, sum(receipt.requests.values())),
                    (semconv.EGRESS_BYTES, receipt.bytes),
                    (semconv.EGRESS_SPANS, receipt.span_count),
                    (semconv.EGRESS_SPAN_IDS, [*islice(receipt.spans, MAX_SPAN_IDS)]),
                    (semconv.REDACTIONS, [f"{kind}={count}" for kind, count in receipt.redactions.items()]),
                ]
            ),
        )
        _, of_log = self._own or _envelopes(_judged_resource(target))
        return Item("logs", f"egress {feedback.evaluation_id}", of_log, _bytes(record), target.tenant)

    def decision(self, target: Target, decision: Decision, at_ns: int) -> Item:
        """The log record of one sampling decision, taken at `at_ns`, about the trace whose root is `target`."""
        record = LogRecord(
            time_unix_nano=at_ns,
            observed_time_unix_nano=at_ns,
            severity_number=SeverityNumber.SEVERITY_NUMBER_INFO,
            severity_text="INFO",
            event_name=semconv.DECISION,
            body=encode_value(cut(decision.reason)),
            trace_id=bytes.fromhex(target.trace_id),
            span_id=bytes.fromhex(target.span_id),
            flags=SAMPLED,
            attributes=_key_values(
                [
                    (semconv.SAMPLED, decision.sampled),
                    (semconv.POLICY, decision.policy or None),
                    (semconv.REASON, decision.reason),
                    (semconv.PROBABILITY, decision.probability),
                    (semconv.JUDGES, list(decision.judges)),
                    (semconv.COMPLETION_REASON, target.completion_reason),
                    (semconv.TRACE_SPANS, target.trace_spans or None),
                    *_turns(target),
                ]
            ),
        )
        _, of_log = self._own or _envelopes(_judged_resource(target))
        kind = "session" if target.turns else "trace"  # a session's last trace has a decision of its own
        name = f"decision {kind} {target.tenant or ''} {target.trace_id}"
        return Item("logs", name, of_log, _bytes(record), target.tenant)


def cut(text: str, limit: int = MAX_TEXT) -> str:
    """`text` in at most `limit` bytes of UTF-8, with an ellipsis if it was longer; `?` for what UTF-8 cannot hold."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return data.decode()
    return data[: limit - len(ELLIPSIS.encode())].decode("utf-8", "ignore") + ELLIPSIS


def _span(feedback: Feedback, at_ns: int, attributes: Sequence[KeyValue]) -> Span:
    target, error = feedback.target, feedback.error
    return Span(
        trace_id=bytes.fromhex(target.trace_id),
        span_id=bytes.fromhex(feedback.evaluation_id)[:8],
        parent_span_id=bytes.fromhex(target.span_id),
        flags=PARENT_IS_REMOTE | SAMPLED,
        name=cut(f"evaluate {feedback.name} {feedback.label}"),
        kind=Span.SpanKind.SPAN_KIND_INTERNAL,
        start_time_unix_nano=at_ns,
        end_time_unix_nano=at_ns,
        attributes=attributes,
        events=_events(feedback, at_ns),
        links=_links(feedback),
        status=Status(code=Status.StatusCode.STATUS_CODE_ERROR, message=cut(error.message)) if error else None,
    )


def _result(feedback: Feedback) -> list[Attribute]:
    """The attributes of the standard event."""
    return [
        (semconv.EVALUATION_NAME, feedback.name),
        (semconv.SCORE_VALUE, None if feedback.score is None else float(feedback.score)),
        (semconv.SCORE_LABEL, feedback.label),
        (semconv.EXPLANATION, feedback.rationale or None),
        (semconv.RESPONSE_ID, feedback.target.response_id),
        (semconv.ERROR_TYPE, feedback.error.type if feedback.error else None),
    ]


def _rest(feedback: Feedback, decision: Decision | None) -> list[Attribute]:
    target, scorer = feedback.target, feedback.scorer
    coverage, usage, measured = feedback.coverage, feedback.usage, feedback.calibrated_by
    verified = sum(evidence.verified for evidence in feedback.evidence)
    return [
        (semconv.AGENT_NAME, target.agent),
        (semconv.CONVERSATION_ID, target.conversation_id),
        (semconv.EVALUATION_ID, feedback.evaluation_id),
        (semconv.REVISION, feedback.revision),
        (semconv.SUPERSEDES, feedback.supersedes),
        (semconv.VALUE, _value_text(feedback)),
        (semconv.OUTCOME, feedback.outcome.value),
        (semconv.SCORER_KIND, scorer.kind),
        (semconv.JUDGE_VERSION, scorer.version),
        (semconv.JUDGE_OWNER, scorer.owner),
        (semconv.CALIBRATION, feedback.calibration),
        (semconv.CALIBRATION_KAPPA, measured.kappa if measured else None),
        (semconv.CALIBRATION_LABELS, measured.labels if measured else None),
        (semconv.SHADOW_OF, feedback.shadow_of),
        (semconv.SHADOW_AGREES, feedback.agrees),
        (semconv.MODEL, feedback.model),
        (semconv.RUNG, feedback.rung),
        (semconv.READING, feedback.reading),
        (semconv.FORCED, feedback.forced),
        (semconv.COVERAGE_SPANS, float(coverage.spans) if coverage else None),
        (semconv.COVERAGE_BYTES, float(coverage.bytes) if coverage else None),
        (semconv.EVIDENCE_VERIFIED, verified),
        (semconv.EVIDENCE_UNVERIFIED, len(feedback.evidence) - verified),
        (semconv.INPUT_TOKENS, usage.input_tokens if usage else None),
        (semconv.CACHED_TOKENS, usage.cached_tokens if usage else None),
        (semconv.OUTPUT_TOKENS, usage.output_tokens if usage else None),
        (semconv.COST_USD, None if feedback.cost_usd is None else float(feedback.cost_usd)),
        (semconv.DURATION, float(feedback.duration_s)),
        (semconv.JUDGED_AT, _rfc3339(feedback.judged_at_ns)),
        (semconv.PROBABILITY, decision.probability if decision else None),
        (semconv.POLICY, (decision.policy or None) if decision else None),
        (semconv.COMPLETION_REASON, target.completion_reason),
        (semconv.TARGET_SPAN_ID, target.span_id),
        (semconv.TARGET_SERVICE, target.service),
        (semconv.TARGET_MODEL, target.model),
        (semconv.TRACE_SPANS, target.trace_spans or None),
        *_turns(target),
    ]


def _turns(target: Target) -> list[Attribute]:
    """Of a session alone."""
    if not target.turns:
        return []
    return [(semconv.SESSION_TURNS, target.turns), (semconv.SESSION_MISSING_TURNS, target.missing_turns)]


def _events(feedback: Feedback, at_ns: int) -> Iterator[Span.Event]:
    yield Span.Event(name=semconv.EVALUATION_RESULT, time_unix_nano=at_ns, attributes=_key_values(_result(feedback)))
    for evidence in feedback.evidence:
        yield Span.Event(
            name=semconv.EVIDENCE,
            time_unix_nano=at_ns,
            attributes=_key_values(
                [
                    (semconv.EVIDENCE_TRACE_ID, evidence.trace_id),
                    (semconv.EVIDENCE_SPAN_ID, evidence.span_id),
                    (semconv.EVIDENCE_PATH, evidence.path),
                    (semconv.EVIDENCE_QUOTE, evidence.quote or None),  # kept out where a judge cites by span id
                    (semconv.EVIDENCE_VERIFIED, evidence.verified),
                ]
            ),
        )


def _links(feedback: Feedback) -> Iterator[Span.Link]:
    """To the judged span, to the other turns of a session, to each other span cited, once, and to the judge's own
    trace.
    """
    target = feedback.target
    # A link to the parent itself makes Jaeger forget that it is the parent, unless the link says so.
    yield _link(target.trace_id, target.span_id, "target", (semconv.OPENTRACING_REF_TYPE, "child_of"))
    for turn in target.links:
        yield _link(turn.trace_id, turn.span_id, "turn")
    cited = dict.fromkeys((each.trace_id or target.trace_id, each.span_id) for each in feedback.evidence)
    for trace_id, span_id in cited:
        # A judge may cite what is no span id at all; its evidence event says so, but no link can.
        if (trace_id, span_id) != (target.trace_id, target.span_id) and _is_span_id(span_id):
            yield _link(trace_id, span_id, "evidence")
    if feedback.judge_trace is not None:
        yield _link(feedback.judge_trace.trace_id, feedback.judge_trace.span_id, "judge_trace")


def _link(trace_id: str, span_id: str, kind: str, *more: Attribute) -> Span.Link:
    return Span.Link(
        trace_id=bytes.fromhex(trace_id),
        span_id=bytes.fromhex(span_id),
        flags=PARENT_IS_REMOTE,
        attributes=_key_values([(semconv.LINK_KIND, kind), *more]),
    )


def _is_span_id(text: str) -> bool:
    return re.fullmatch("[0-9a-f]{16}", text) is not None and text != "0" * 16


def _value_text(feedback: Feedback) -> str | None:
    """The value where neither score nor label says it: text as it is, lists and maps as JSON."""
    value = feedback.value
    if isinstance(value, str):
        return value if value != feedback.label else None
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return None


def _rfc3339(time_ns: int) -> str:
    seconds, rest_ns = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest_ns // 1_000_000:03d}Z"


def _key_values(*groups: Iterable[Attribute]) -> list[KeyValue]:
    return [_key_value(name, value) for group in groups for name, value in group if value is not None]


def _key_value(name: str, value: AttributeValue) -> KeyValue:
    return KeyValue(key=name, value=encode_value(cut(value) if isinstance(value, str) else value))


def _own_resource(service_name: str) -> Resource:
    return Resource(
        attributes=[
            _key_value(semconv.SERVICE_NAME, service_name),
            _key_value(semconv.SERVICE_VERSION, __version__),
            _key_value(semconv.EMITTER, value=True),
        ]
    )


def _judged_resource(target: Target) -> Resource:
    """The judged span's resource as it came, marked as ours."""
    resource = Resource.FromString(target.resource)
    if not target.resource:
        resource.attributes.append(_key_value(semconv.SERVICE_NAME, target.service or "unknown_service"))
    resource.attributes.append(_key_value(semconv.EMITTER, value=True))
    return resource


def _envelopes(resource: Resource) -> tuple[bytes, bytes]:
    """Of a span and of a log record."""
    return (
        _bytes(ResourceSpans(resource=resource, scope_spans=[ScopeSpans(scope=_SCOPE)])),
        _bytes(ResourceLogs(resource=resource, scope_logs=[ScopeLogs(scope=_SCOPE)])),
    )


def _bytes(message: Span | LogRecord | ResourceSpans | ResourceLogs) -> bytes:
    return message.SerializeToString(deterministic=True)
