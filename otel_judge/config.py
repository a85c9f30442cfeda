"""The configuration: one frozen model a stage, each key with its default.

Durations are written as the Collector writes them (`2s`, `1m30s`) and are seconds here; sizes are MiB. An unknown
key is an error that names the nearest right one, and a key that is planned but not honoured by this version is
refused as such. Reading files, `${env:NAME}` and error places live in `otel_judge.config_file`.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias, cast

from pydantic import BeforeValidator, Field, model_validator

from .config_egress import EgressConfig, RedactConfig, same_model
from .config_judges import JudgeConfig, ModelConfig, check_shadows
from .config_receivers import Admin, Receivers, Tenants
from .config_types import Duration, Endpoint, Name, Section, check_unique


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


class MemoryLimiterConfig(Section):
    limit_mib: Annotated[float, Field(gt=0)]
    """Resident memory of the service and its workers together."""
    spike_limit_mib: Annotated[float, Field(gt=0)] | None = None
    """So far below `limit_mib` memory counts as short: what comes in between two looks has to fit. None: a fifth."""
    check_interval: Duration = 1.0

    @model_validator(mode="after")
    def _spike_fits(self) -> MemoryLimiterConfig:
        if self.spike_mib >= self.limit_mib:
            raise ValueError("spike_limit_mib has to be less than limit_mib")
        return self

    @property
    def spike_mib(self) -> float:
        return self.limit_mib / 5 if self.spike_limit_mib is None else self.spike_limit_mib


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


class Config(Section):
    """The whole of otel-judge.yaml."""

    receivers: Receivers = Receivers()
    memory_limiter: MemoryLimiterConfig | None = None
    """When memory is short, retained traces are dropped, the oldest finished early, and requests refused at last. None:
    no limit."""
    tenants: Tenants | None = None
    """Absent: requests are of no tenant, whatever their headers say."""
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
    judge_workers: Annotated[int, Field(gt=0, le=64)] = 1
    """Processes of `serve` in which traces are checked and judged. They share the `concurrency` of each model."""
    session_idle: Duration = 600.0
    """Judges of sessions begin when no trace of a conversation has come for so long; once more if it goes on later."""
    calibration: str | None = None
    """File that `otel-judge agree --save` writes; judges that it does not know are stamped `uncalibrated`."""
    redact: RedactConfig | None = RedactConfig()
    """What is taken out of a trace before a judge, a debug file or feedback holds any of it. Null: nothing."""
    egress: EgressConfig | None = None
    """Which models may see which traces. Absent: any model that a judge names."""
    feedback: FeedbackConfig = FeedbackConfig()
    exporters: Exporters = Exporters()
    health: Health = Health()
    admin: Admin = Admin()

    @property
    def judges_sessions(self) -> bool:
        """Whether there is a judge of sessions."""
        return any(judge.target == "session" for judge in self.judges)

    @property
    def direct_models(self) -> frozenset[str]:
        """Models that are named as `provider:model`, not by a name under `models`."""
        named = {judge.model for judge in self.judges if judge.model is not None}
        named.update(*(model.fallback for model in self.models.values()))
        return frozenset(named - self.models.keys())

    @model_validator(mode="after")
    def _workers_have_a_share(self) -> Config:
        for name, model in self.models.items():
            if model.concurrency < self.judge_workers:
                raise ValueError(
                    f"judge_workers is {self.judge_workers}, and model {name!r} takes {model.concurrency} requests at "
                    f"once, fewer than one a worker; raise models.{name}.concurrency, or lower judge_workers"
                )
        return self

    @model_validator(mode="after")
    def _names_fit(self) -> Config:
        check_unique([*(check.type for check in self.checks), *(judge.name for judge in self.judges)])
        check_shadows(self.judges)
        named = [(f"judge {judge.name!r} names", judge.model) for judge in self.judges if judge.model is not None]
        for name, model in self.models.items():
            named += [(f"the fallback of model {name!r} names", other) for other in model.fallback]
            if name in model.fallback:
                raise ValueError(f"model {name!r} is its own fallback")
        named += [("egress names", model) for model in sorted(self.egress.models)] if self.egress is not None else []
        for who, model in named:
            if ":" not in model and model not in self.models:
                known = ", ".join(sorted(self.models)) or "none are defined"
                raise ValueError(
                    f"{who} the model {model!r}, which is neither provider:model nor a name under models ({known})"
                )
        return self

    @model_validator(mode="after")
    def _sessions_are_held(self) -> Config:
        judge = next((judge for judge in self.judges if judge.target == "session"), None)
        if judge is None:
            return self
        who, retain = f"judge {judge.name!r} judges sessions", self.index.retain
        if not retain.max_mib:
            raise ValueError(f"{who}, whose traces are read from the index, and index.retain.max_mib is 0; raise it")
        if self.session_idle >= retain.max_age:
            raise ValueError(
                f"{who}: after session_idle ({self.session_idle:g}s) none of their traces is held any more, as "
                f"index.retain.max_age is {retain.max_age:g}s; make session_idle shorter than that"
            )
        return self

    @model_validator(mode="after")
    def _judges_may_run(self) -> Config:
        if self.egress is None:
            return self
        allowed = {same_model(name) for name in self.egress.models}
        for judge in self.judges:
            if judge.model is None:  # code, which asks no model of ours
                continue
            model = self.models.get(judge.model)
            chain = (judge.model, *(model.fallback if model is not None else ()))
            if allowed.isdisjoint(same_model(name) for name in chain):
                raise ValueError(f"judge {judge.name!r} could never run: egress allows none of {', '.join(chain)}")
        return self


LATER_KEYS = frozenset(
    {
        "checks[].on",
        "forward",
        "index.completion.services",
        "index.storage",
        "sampling.budget",
        "sampling.policies[].judges",
    }
)
"""Keys of the stable surface that this version does not honour. They are refused by name, never ignored."""
