"""The exceptions that a caller can handle.

    OtelJudgeError
    ├── ConfigError            a configuration that cannot be used; the CLI exits 2
    ├── SourceError            stored traces that cannot be read; the CLI exits 2
    ├── IntakeError            an OTLP request that is not accepted; nothing of it was kept
    │   ├── MalformedRequest   not OTLP: do not retry (HTTP 400, gRPC INVALID_ARGUMENT)
    │   ├── RequestTooLarge    past the size limit: do not retry (HTTP 413, gRPC RESOURCE_EXHAUSTED)
    │   ├── Unauthenticated    without a token or a tenant that opens the door (HTTP 401, gRPC UNAUTHENTICATED)
    │   └── Overloaded         no room now: retry after `retry_after_s` (HTTP 503, gRPC UNAVAILABLE)
    ├── InstructionsError      a judge's instructions or value type that cannot work
    └── ModelUnavailable       a model that cannot be used at all: no key, no extra, unknown provider

A judge or check that fails while it grades does not raise: that is a `Feedback` with an `error`.
"""

from __future__ import annotations


class OtelJudgeError(Exception):
    """Base of everything that otel-judge raises on purpose."""


class _Located(OtelJudgeError):
    """An error in something that a person wrote: says where it is, what is wrong and how to mend it, in one line."""

    def __init__(self, where: str, problem: str, mend: str | None = None) -> None:
        self.where = where
        self.problem = problem
        self.mend = mend
        super().__init__(where, problem, mend)

    def __str__(self) -> str:
        line = f"{self.where}: {self.problem}" if self.where else self.problem
        return f"{line}; {self.mend}" if self.mend else line


class ConfigError(_Located):
    """A configuration that cannot be used.

    `where` is the file with its line and the dotted key, as `otel-judge.yaml:12: judges[0].values`.
    """


class SourceError(_Located):
    """Stored traces that cannot be read. `where` is the file, with its line where there is one, or the URL."""


class InstructionsError(_Located):
    """A judge whose instructions, values or limits cannot work. `where` names the judge."""


class ModelUnavailable(_Located):
    """A model that cannot be used at all. `where` is the `provider:model`; `mend` is the line that mends it."""


class IntakeError(OtelJudgeError):
    """An OTLP request that is not accepted; nothing of it was kept."""


class MalformedRequest(IntakeError):
    """The body is not an OTLP request. Sending it again cannot help."""


class RequestTooLarge(IntakeError):
    """The body is larger than allowed, counted after decompression. Sending it again cannot help."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        super().__init__(f"the request is larger than {limit_bytes} bytes after decompression; send smaller batches")


class Unauthenticated(IntakeError):
    """Nothing says who sends, or not rightly. Sending the same again cannot help."""


class Overloaded(IntakeError):
    """No room now; the client should send the same request again after `retry_after_s` seconds."""

    def __init__(self, reason: str, retry_after_s: float = 2.0) -> None:
        self.reason = reason
        self.retry_after_s = retry_after_s
        super().__init__(reason)
