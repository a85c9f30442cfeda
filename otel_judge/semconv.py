"""Every name that otel-judge writes to or reads from the wire as its own, each marked standard or extension.

A standard name is defined by OpenTelemetry; `source` says where. An extension is ours, under `otel_judge.`.
Names of other conventions that are only read belong to their dialect (`otel_judge.dialects`), metrics to
`otel_judge.telemetry`.
"""

from __future__ import annotations

from typing import Final


class Name(str):
    """A name on the wire. Behaves as the string; knows what defines it and what it holds."""

    __slots__ = ("description", "source")

    source: str | None
    description: str

    def __new__(cls, name: str, description: str, source: str | None = None) -> Name:
        self = super().__new__(cls, name)
        self.source = source
        self.description = description
        return self

    @property
    def standard(self) -> bool:
        """True for a name that OpenTelemetry defines, False for an extension of ours."""
        return self.source is not None


_EVENT = "OpenTelemetry semantic conventions for generative AI, event gen_ai.evaluation.result (Development)"
_SPANS = "OpenTelemetry semantic conventions for generative AI, spans (Development)"
_GENERAL = "OpenTelemetry semantic conventions, general"
_PROVENANCE = "proposed for the generative AI conventions (semantic-conventions-genai, pull request 359, open)"
_OPENTRACING = "OpenTelemetry semantic conventions, OpenTracing compatibility"

# The evaluation itself: on the score span, on its event and on the log record.
EVALUATION_RESULT: Final = Name("gen_ai.evaluation.result", "event and log record: one evaluation", _EVENT)
EVALUATION_NAME: Final = Name("gen_ai.evaluation.name", "name of the scorer", _EVENT)
SCORE_VALUE: Final = Name("gen_ai.evaluation.score.value", "double; absent where there is no score", _EVENT)
SCORE_LABEL: Final = Name("gen_ai.evaluation.score.label", "low-cardinality label; always set", _EVENT)
EXPLANATION: Final = Name("gen_ai.evaluation.explanation", "why, in words; at most 2 KB", _EVENT)
RESPONSE_ID: Final = Name("gen_ai.response.id", "id of the model response judged, where the target has one", _EVENT)
ERROR_TYPE: Final = Name("error.type", "set only where the evaluation itself failed", _EVENT)

# Who evaluated. Read from what people send; nothing of ours carries it.
EVALUATOR_TYPE: Final = Name("gen_ai.evaluation.evaluator.type", "`human` marks a label by a person", _PROVENANCE)
EVALUATOR_ID: Final = Name("gen_ai.evaluation.evaluator.id", "the person", _PROVENANCE)

# Copied from the judged trace, since people filter by them.
AGENT_NAME: Final = Name("gen_ai.agent.name", "agent that was judged", _SPANS)
CONVERSATION_ID: Final = Name("gen_ai.conversation.id", "conversation that was judged", _SPANS)

# The resource of everything that we emit.
SERVICE_NAME: Final = Name("service.name", "service that emits the feedback", _GENERAL)
SERVICE_VERSION: Final = Name("service.version", "version of otel-judge", _GENERAL)
SERVICE_INSTANCE_ID: Final = Name("service.instance.id", "one running process", _GENERAL)
EMITTER: Final = Name("otel_judge.emitter", "true on every resource that otel-judge emits; intake drops by it")

# Who is who.
EVALUATION_ID: Final = Name("otel_judge.evaluation.id", "deterministic id of this evaluation; a resend repeats it")
REVISION: Final = Name("otel_judge.revision", "0, and one more for each that supersedes")
SUPERSEDES: Final = Name("otel_judge.supersedes", "evaluation id that this one replaces")
SCORER_KIND: Final = Name("otel_judge.scorer.kind", "judge (a model) or check (code)")
JUDGE_VERSION: Final = Name("otel_judge.judge.version", "hash of all that decides the verdict")
JUDGE_OWNER: Final = Name("otel_judge.judge.owner", "owner that the config names")
CALIBRATION: Final = Name("otel_judge.calibration", "of a judge: calibrated (measured against people) or uncalibrated")
CALIBRATION_KAPPA: Final = Name("otel_judge.calibration.kappa", "Cohen's kappa with people; absent: not measured")
CALIBRATION_LABELS: Final = Name("otel_judge.calibration.labels", "labels that it was measured on")
SHADOW_OF: Final = Name("otel_judge.shadow_of", "judge that this one runs beside, as a candidate")
SHADOW_AGREES: Final = Name("otel_judge.shadow.agrees", "bool: its primary gave the same label; absent: not comparable")

# What was found.
OUTCOME: Final = Name("otel_judge.outcome", "judged, not_judgeable or failed")
VALUE: Final = Name("otel_judge.value", "the value itself where it is text, a list or a map; JSON, at most 2 KB")
EVIDENCE_VERIFIED: Final = Name(
    "otel_judge.evidence.verified", "count of quotes that stand in the trace; a bool on one"
)
EVIDENCE_UNVERIFIED: Final = Name("otel_judge.evidence.unverified", "count of quotes that do not")
EVIDENCE: Final = Name("otel_judge.evidence", "span event: one quote")
EVIDENCE_TRACE_ID: Final = Name("otel_judge.evidence.trace_id", "its trace, where that is an earlier turn of a session")
EVIDENCE_SPAN_ID: Final = Name("otel_judge.evidence.span_id", "span that the quote stands in")
EVIDENCE_PATH: Final = Name("otel_judge.evidence.path", "where in the span, such as output or attributes.http.route")
EVIDENCE_QUOTE: Final = Name("otel_judge.evidence.quote", "verbatim text")

# How it was found.
MODEL: Final = Name("otel_judge.model", "model that judged, as the provider named it")
RUNG: Final = Name("otel_judge.rung", "agent or prompt: how much judging the budget allowed")
READING: Final = Name("otel_judge.reading", "whole or explored")
FORCED: Final = Name("otel_judge.forced", "ceiling at which the verdict had to be given")
COVERAGE_SPANS: Final = Name("otel_judge.coverage.spans", "share of the spans that the judge saw, 0 to 1")
COVERAGE_BYTES: Final = Name("otel_judge.coverage.bytes", "share of the text that the judge saw, 0 to 1")
INPUT_TOKENS: Final = Name("otel_judge.usage.input_tokens", "input tokens of the judgement, cached ones included")
CACHED_TOKENS: Final = Name("otel_judge.usage.cached_tokens", "input tokens read from the provider's cache")
OUTPUT_TOKENS: Final = Name("otel_judge.usage.output_tokens", "output tokens of the judgement")
COST_USD: Final = Name("otel_judge.cost.usd", "money, where the model has a price")
DURATION: Final = Name("otel_judge.duration", "seconds that the judgement took")
JUDGED_AT: Final = Name("otel_judge.judged_at", "when it was judged, RFC 3339; the span's own time is its place")

# Why it was judged.
PROBABILITY: Final = Name("otel_judge.probability", "inclusion probability of the sampling decision; absent: unknown")
POLICY: Final = Name("otel_judge.policy", "policy that decided")
REASON: Final = Name("otel_judge.reason", "the decision in words")
SAMPLED: Final = Name("otel_judge.sampled", "bool: whether judges ran")
JUDGES: Final = Name("otel_judge.judges", "names of the judges that the decision selected")
COMPLETION_REASON: Final = Name("otel_judge.completion.reason", "why the trace counted as finished")
TARGET_SPAN_ID: Final = Name("otel_judge.target.span_id", "span that was judged")
TARGET_SERVICE: Final = Name("otel_judge.target.service", "service of the judged span")
TARGET_MODEL: Final = Name("otel_judge.target.model", "model used by the judged trace")
TRACE_SPANS: Final = Name("otel_judge.trace.spans", "spans of the judged trace")
SESSION_TURNS: Final = Name("otel_judge.session.turns", "of a session: traces that were judged together")
SESSION_MISSING_TURNS: Final = Name(
    "otel_judge.session.missing_turns", "turns of the conversation that were no longer held, or left out for size"
)
LINK_KIND: Final = Name("otel_judge.link", "on a link: target, turn, evidence or judge_trace")
OPENTRACING_REF_TYPE: Final = Name("opentracing.ref_type", "child_of on the link to the judged span", _OPENTRACING)

DECISION: Final = Name("otel_judge.decision", "log event: one sampling decision")

# What left for models.
EGRESS: Final = Name("otel_judge.egress", "log event: what of a trace left for models in one judgement")
EGRESS_MODELS: Final = Name("otel_judge.egress.models", "each provider:model that was asked")
EGRESS_REQUESTS: Final = Name("otel_judge.egress.requests", "requests to models")
EGRESS_BYTES: Final = Name("otel_judge.egress.bytes", "bytes of text from the trace that were shown")
EGRESS_SPANS: Final = Name("otel_judge.egress.spans", "count of spans of which something was shown")
EGRESS_SPAN_IDS: Final = Name("otel_judge.egress.span_ids", "the first of these spans, at most 128")
REDACTIONS: Final = Name("otel_judge.redactions", "different values replaced in the trace, each as kind=count")

# The judge's own trace.
OPERATION_NAME: Final = Name("gen_ai.operation.name", "invoke_agent, chat or execute_tool", _SPANS)
PROVIDER_NAME: Final = Name("gen_ai.provider.name", "provider of the judge's model", _SPANS)
REQUEST_MODEL: Final = Name("gen_ai.request.model", "model that the judge asked", _SPANS)
REQUEST_MAX_TOKENS: Final = Name("gen_ai.request.max_tokens", "most tokens that one answer may have", _SPANS)
RESPONSE_MODEL: Final = Name("gen_ai.response.model", "model that answered, as the provider named it", _SPANS)
FINISH_REASONS: Final = Name("gen_ai.response.finish_reasons", "why the answer ended", _SPANS)
USAGE_INPUT: Final = Name("gen_ai.usage.input_tokens", "input tokens of one request, cached ones included", _SPANS)
USAGE_CACHED: Final = Name("gen_ai.usage.cache_read.input_tokens", "input tokens read from a cache", _SPANS)
USAGE_OUTPUT: Final = Name("gen_ai.usage.output_tokens", "output tokens of one request", _SPANS)
TOOL_NAME: Final = Name("gen_ai.tool.name", "span tool that the judge called", _SPANS)
TOOL_CALL_ID: Final = Name("gen_ai.tool.call.id", "id of that call", _SPANS)

SCOPE: Final = "otel_judge"  # instrumentation scope of all that we emit


def names() -> tuple[Name, ...]:
    """Every name of this module, in the order in which it stands here."""
    return tuple(value for value in globals().values() if isinstance(value, Name))
