"""The configuration: one frozen model a stage, each key with its default.

Durations are written as the Collector writes them (`2s`, `1m30s`) and are seconds here; sizes are MiB. An unknown
key is an error that names the nearest right one, and a key that is planned but not honoured by this version is
refused as such. Reading files, `${env:NAME}` and error places live in `otel_judge.config_file`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import BeforeValidator, Field, model_validator

from . import handbooks
from .config_types import Duration, Endpoint, ModelSpec, Name, PythonName, Section, check_unique


class GrpcReceiver(Section):
    endpoint: Endpoint = "127.0.0.1:14317"
    """Where OTLP/gRPC is taken. A Collector on the same machine has 4317."""
    max_recv_msg_size_mib: Annotated[int, Field(gt=0, le=1024)] = 64
    """Largest request, after decompression."""


class HttpReceiver(Section):
    endpoint: Endpoint = "127.0.0.1:14318"
    """Where OTLP/HTTP is taken, protobuf and JSON, at `/v1/traces` and `/v1/logs`."""
    max_request_body_size: Annotated[int, Field(gt=0)] = 64 * 1024 * 1024
    """Largest body in bytes, after decompression."""


class Protocols(Section):
    """At least one; a protocol set to null is off."""

    grpc: GrpcReceiver | None = GrpcReceiver()
    http: HttpReceiver | None = HttpReceiver()

    @model_validator(mode="after")
    def _one_at_least(self) -> Protocols:
        if self.grpc is None and self.http is None:
            raise ValueError("both protocols are off; leave grpc or http on")
        return self


class OtlpReceiver(Section):
    protocols: Protocols = Protocols()


class Receivers(Section):
    otlp: OtlpReceiver = OtlpReceiver()


class Completion(Section):
    """When a trace counts as finished: whichever comes first."""

    root_grace: Duration = 6.0
    """After its root has ended. SDKs flush every 5 s; 1s is enough behind a tail sampler."""
    idle: Duration = 30.0
    """After its last span came, or the last log about one."""
    max_age: Duration = 600.0
    """After its first span came, or the first log about one."""
    max_spans: Annotated[int, Field(gt=0)] = 100_000
    """A trace of so many spans is finished at once; what comes later is late."""
    max_trace_mib: Annotated[float, Field(gt=0)] = 64
    """Likewise for the bytes of its spans and of the logs about them."""


class Retain(Section):
    """Finished traces stay for span tools and late questions, as long as both limits hold."""

    max_age: Duration = 3600.0
    """How long a finished trace can be asked for."""
    max_mib: Annotated[float, Field(ge=0)] = 256
    """Bytes of all retained traces; past it, the oldest go first."""


class IndexConfig(Section):
    completion: Completion = Completion()
    late_spans: Literal["ignore"] = "ignore"
    """Spans of a trace that is finished are dropped and counted."""
    max_mib: Annotated[float, Field(gt=0)] = 512
    """Buffered spans of unfinished traces; past it, requests are refused with a retryable code."""
    retain: Retain = Retain()


class ToolErrorsCheck(Section):
    """Fails where a tool call failed and no later call of the same tool succeeded."""

    type: Literal["tool_errors"] = "tool_errors"


class RepeatedCallsCheck(Section):
    type: Literal["repeated_calls"] = "repeated_calls"
    min: Annotated[int, Field(ge=2)] = 3
    """Same tool with the same arguments this often, or more, fails."""


class AnsweredCheck(Section):
    """Fails where there is no final output, or it was cut off."""

    type: Literal["answered"] = "answered"


class LatencyCheck(Section):
    type: Literal["latency"] = "latency"
    max: Duration | None = 30.0
    """Whole trace."""
    max_span: Duration | None = None
    """Slowest span below the root."""


class TokensCheck(Section):
    type: Literal["tokens"] = "tokens"
    max: Annotated[int, Field(gt=0)] | None = 200_000
    """Input plus output tokens of the whole trace."""
    max_usd: Annotated[float, Field(gt=0)] | None = None
    """Price of those tokens; a model without a known price makes the trace `not_judgeable`."""


CheckConfig: TypeAlias = Annotated[
    ToolErrorsCheck | RepeatedCallsCheck | AnsweredCheck | LatencyCheck | TokensCheck, Field(discriminator="type")
]
CHECK_TYPES = ("tool_errors", "repeated_calls", "answered", "latency", "tokens")


def _short_check(value: object) -> object:
    """`answered` and `{latency: {max: 30s}}` are short for `{type: answered}` and `{type: latency, max: 30s}`."""
    if isinstance(value, str):
        return {"type": value}
    if isinstance(value, dict):
        entries = list(cast("dict[str, object]", value).items())
        if len(entries) == 1 and entries[0][0] in CHECK_TYPES:
            kind, options = entries[0]
            if options is None or isinstance(options, dict):
                return {"type": kind, **cast("dict[str, object]", options or {})}
    return cast("object", value)


ShortCheck: TypeAlias = Annotated[CheckConfig, BeforeValidator(_short_check)]


class Empty(Section):
    """A policy block without settings."""


class ProbabilisticSettings(Section):
    sampling_percentage: Annotated[float, Field(ge=0, le=100)]
    """Share of the traces, 0 to 100, chosen by trace id."""
    hash_salt: str | None = None
    """The same salt takes the same traces as a Collector with it; none: a salt of our own."""


class StatusCodeSettings(Section):
    status_codes: Annotated[tuple[Literal["ERROR", "OK", "UNSET"], ...], Field(min_length=1)]
    """One span with one of these is enough."""


class LatencySettings(Section):
    threshold_ms: Annotated[int, Field(ge=0)]
    """Traces that lasted longer."""
    upper_threshold_ms: Annotated[int, Field(ge=0)] | None = None
    """And at most so long; 0 or none is no bound."""


class AlwaysSamplePolicy(Section):
    name: Name
    type: Literal["always_sample"]
    always_sample: Empty | None = None


class ProbabilisticPolicy(Section):
    name: Name
    type: Literal["probabilistic"]
    probabilistic: ProbabilisticSettings


class StatusCodePolicy(Section):
    name: Name
    type: Literal["status_code"]
    status_code: StatusCodeSettings


class LatencyPolicy(Section):
    name: Name
    type: Literal["latency"]
    latency: LatencySettings


PolicyConfig: TypeAlias = Annotated[
    AlwaysSamplePolicy | ProbabilisticPolicy | StatusCodePolicy | LatencyPolicy, Field(discriminator="type")
]


class Sampling(Section):
    policies: tuple[PolicyConfig, ...] = ()
    """The Collector's tail_sampling policy blocks, as they are. None: every trace."""

    @model_validator(mode="after")
    def _names_differ(self) -> Sampling:
        check_unique(policy.name for policy in self.policies)
        return self


class Price(Section):
    """US dollars for a million tokens."""

    input_per_mtok: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    output_per_mtok: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    cached_per_mtok: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Input that the provider reads from its cache; none: as other input."""


class ModelConfig(Section):
    """A model that judges may name."""

    model: ModelSpec
    concurrency: Annotated[int, Field(gt=0, le=1000)] = 16
    """Requests under way at once."""
    base_url: str | None = None
    """Of a gateway or a self-hosted model; else the provider's own."""
    headers: dict[str, str] = Field(default={}, repr=False)  # may hold credentials
    """Sent with every request."""
    api_key: str | None = Field(default=None, repr=False)
    """Of the provider; none: the environment's, such as `ANTHROPIC_API_KEY`."""
    settings: dict[str, Any] = Field(default={})
    """Passed to the provider as they are, such as `temperature`."""
    price: Price | None = None
    """What the model costs, where genai-prices does not know it or knows another price."""
    fallback: tuple[str, ...] = ()
    """Models, by name or as `provider:model`, that are asked in turn while this one is limited, overloaded or away."""


class Limits(Section):
    """Ceilings of one judgement. At one, the judge must give its verdict on what it has read."""

    turns: Annotated[int, Field(gt=0)] = 12
    """Answers of the model; those about the parts of a sweep are not counted."""
    tokens: Annotated[int, Field(gt=0)] = 200_000
    """Input plus output over all calls."""
    usd: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Money over all calls; every model that may be asked needs a known `price`. None: no limit of its own."""
    seconds: Annotated[float, Field(gt=0)] = 120
    """From its start, retries included."""


class JudgeConfig(Section):
    use: str | None = None
    """A ready-made judge, which decides instructions and values. `otel-judge scorers` lists them."""
    guidelines: tuple[str, ...] | None = None
    """Of `use: guidelines`: sentences, each one a rule to be kept."""
    name: Name
    """Goes out as `gen_ai.evaluation.name`. With `use`, the name of that where none is given."""
    instructions: Annotated[str, Field(min_length=1)] | None = None
    """With `{{ trace }}` the judge explores with span tools; without, it is one prompt. None with `use` or `python`."""
    model: str | None = None
    """A name under `models`, or `provider:model`. Required but for `python`."""
    python: PythonName | None = None
    """`module:name` of a scorer in Python, in place of instructions and a model. See docs/python-api.md."""
    type: Literal["bool", "int", "float", "str", "list", "dict"] | None = None
    """Type of the value, where it is not one of `values`."""
    items: Literal["bool", "int", "float", "str"] | None = None
    """Type of what a list or dict holds; none: any of these."""
    optional: bool = False
    """Null is an answer too: label `none`, no score."""
    values: tuple[str, ...] | dict[str, float] | None = None
    """Labels, or labels with their scores."""
    fields: dict[str, tuple[str, ...] | Literal["str", "int", "float", "bool", "span"]] | None = None
    """Of a dict, its fields: each a list of labels or a type. `span` is the id of a span, which has to be there."""
    label: str | None = None
    """The field that is the label; it lists its labels."""
    scale: tuple[int | float, int | float] | None = None
    """Lowest and highest number; what is outside is clamped, and the rationale says so."""
    threshold: float | None = None
    """Numbers from here up pass."""
    passing: tuple[str, ...] | None = Field(default=None, alias="pass")
    """Labels that pass; none given: `pass`, `yes` and `true`."""
    target: Literal["root"] = "root"
    """The span that the feedback is about."""
    reading: Literal["auto", "whole", "explore"] = "auto"
    """`whole` shows the judge all of the trace, `explore` a map and tools; `auto` decides by size."""
    sweep: bool = False
    """For judges that must show absence, such as of leaks. Every value of every span is read, of a long trace in parts,
    each in a request of some 12,000 tokens. What the limits leave unread is told, and passes nothing."""
    retries: Annotated[int, Field(ge=0, le=10)] = 1
    """How often a verdict that is missing or invalid is asked for again."""
    limits: Limits = Limits()
    owner: Name | None = None
    """Goes out as `otel_judge.judge.owner` and as a metric label."""
    shadow_of: Name | None = None
    """A judge that this one runs beside, as a candidate: outside of pass rates, gates and the judges' metrics."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: object) -> object:
        return handbooks.fill_in(cast("dict[str, object]", given)) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _grades_somehow(self) -> JudgeConfig:
        if self.python is None:
            missing = [key for key in ("instructions", "model") if getattr(self, key) is None]
            if missing:
                raise ValueError(f"the judge has no {' and no '.join(missing)}")
        elif beside := sorted(self.model_fields_set - _PYTHON_KEYS):
            raise ValueError(f"`{beside[0]}` stands beside `python`, which takes {', '.join(sorted(_PYTHON_KEYS))}")
        return self


_PYTHON_KEYS = frozenset({"name", "python", "limits", "owner"})


class FeedbackConfig(Section):
    service_name: str = "otel-judge"
    """Service that the feedback appears under; `judged` stands for the judged span's own."""
    timestamp: Literal["auto", "span_start", "span_end", "now"] = "auto"
    """Where in the trace the score sits; `auto` is its judged span's start while that is recent."""


class OtlpExporter(Section):
    endpoint: Endpoint
    """Takes traces, logs and metrics: a Collector's feedback receiver, or a backend. `https://` for TLS."""
    protocol: Literal["grpc", "http/protobuf"] = "grpc"
    headers: dict[str, str] = Field(default={}, repr=False)  # may hold credentials
    """Sent with every request."""
    compression: Literal["none", "gzip"] = "none"
    timeout: Duration = 10.0
    """For one request."""
    queue_mib: Annotated[float, Field(gt=0)] = 64
    """Feedback that waits for the backend; past it, the oldest is dropped, counted and logged."""


class Exporters(Section):
    otlp: OtlpExporter | None = None
    """Absent: `OTEL_EXPORTER_OTLP_*` decide; neither: verdicts are printed."""


class Health(Section):
    endpoint: Endpoint = "127.0.0.1:13134"
    """Serves `/healthz`, `/readyz` and `/metrics`."""


class Admin(Section):
    endpoint: Endpoint = "127.0.0.1:13135"
    """Serves `/traces` and `/traces/<trace_id>`: what came in, content included. Keep it on loopback."""


class Config(Section):
    """The whole of otel-judge.yaml."""

    receivers: Receivers = Receivers()
    index: IndexConfig = IndexConfig()
    checks: tuple[ShortCheck, ...] = (
        ToolErrorsCheck(),
        RepeatedCallsCheck(),
        AnsweredCheck(),
        LatencyCheck(),
        TokensCheck(),
    )
    sampling: Sampling = Sampling()
    models: dict[str, ModelConfig] = Field(default={})
    judges: tuple[JudgeConfig, ...] = ()
    calibration: str | None = None
    """File that `otel-judge agree --save` writes; judges that it does not know are stamped `uncalibrated`."""
    feedback: FeedbackConfig = FeedbackConfig()
    exporters: Exporters = Exporters()
    health: Health = Health()
    admin: Admin = Admin()

    @model_validator(mode="after")
    def _names_fit(self) -> Config:
        check_unique([*(check.type for check in self.checks), *(judge.name for judge in self.judges)])
        _check_shadows(self.judges)
        named = [(f"judge {judge.name!r} names", judge.model) for judge in self.judges if judge.model is not None]
        for name, model in self.models.items():
            named += [(f"the fallback of model {name!r} names", other) for other in model.fallback]
            if name in model.fallback:
                raise ValueError(f"model {name!r} is its own fallback")
        for who, model in named:
            if ":" not in model and model not in self.models:
                known = ", ".join(sorted(self.models)) or "none are defined"
                raise ValueError(
                    f"{who} the model {model!r}, which is neither provider:model nor a name under models ({known})"
                )
        return self


def _check_shadows(judges: tuple[JudgeConfig, ...]) -> None:
    primaries = {judge.name for judge in judges if judge.shadow_of is None}
    for judge in judges:
        if judge.shadow_of is None or judge.shadow_of in primaries:
            continue
        who = f"judge {judge.name!r} is a shadow of {judge.shadow_of!r}"
        if any(other.name == judge.shadow_of for other in judges):
            raise ValueError(f"{who}, which is itself a shadow; name the judge that counts")
        known = ", ".join(sorted(primaries)) or "none are defined"
        raise ValueError(f"{who}, which is no judge here ({known})")


LATER_KEYS = frozenset(
    {
        "admin.auth",
        "checks[].on",
        "egress",
        "forward",
        "index.completion.services",
        "index.storage",
        "judge_workers",
        "judges[].evidence",
        "memory_limiter",
        "receivers.otlp.protocols.grpc.auth",
        "receivers.otlp.protocols.grpc.keepalive",
        "receivers.otlp.protocols.grpc.max_concurrent_streams",
        "receivers.otlp.protocols.grpc.tls",
        "receivers.otlp.protocols.http.auth",
        "receivers.otlp.protocols.http.cors",
        "receivers.otlp.protocols.http.tls",
        "redact",
        "sampling.budget",
        "sampling.policies[].judges",
        "session_idle",
        "tenants",
    }
)
"""Keys of the stable surface that this version does not honour. They are refused by name, never ignored."""
