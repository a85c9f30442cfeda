"""What a dialect reads out of a span: the same small vocabulary, whatever instrumentation wrote it.

Parts are dataclasses, since a text is never equal to reasoning of the same words. The rest are named tuples: there are
many of them, and a dataclass that is frozen takes two or three times as long to make.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeAlias

from ..trace import Span


class Role(StrEnum):
    """What a span did."""

    AGENT = "agent"  # one run of an agent
    MODEL = "model"  # one call of a language model
    TOOL = "tool"  # one execution of a tool
    RETRIEVAL = "retrieval"
    EMBEDDING = "embedding"
    WORKFLOW = "workflow"  # a chain or graph step around the others
    OTHER = "other"  # HTTP, queues, databases and whatever else


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model asks for a tool. `arguments` is JSON as the model wrote it, re-encoded where it came structured."""

    name: str
    arguments: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class ToolResult:
    """A tool's answer, given back to a model."""

    result: str
    id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Blob:
    """Content that is not text: an image, audio, a file, or a reference to one. It counts as unread."""

    media: str
    size: int | None = None


Part: TypeAlias = Text | Reasoning | ToolCall | ToolResult | Blob


class Message(NamedTuple):
    """One message of a conversation. `role` is `system`, `user`, `assistant` or `tool`, or as it was written."""

    role: str
    parts: tuple[Part, ...]
    finish_reason: str | None = None

    @property
    def text(self) -> str:
        """All text parts, a line each."""
        return "\n".join(part.text for part in self.parts if isinstance(part, Text))


class TokenUsage(NamedTuple):
    """Tokens of one model call. `input_tokens` includes cached ones where the convention says so."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None


class ToolRun(NamedTuple):
    """One execution of a tool. None for what was not captured, which is not the same as empty."""

    name: str
    arguments: str | None
    result: str | None
    call_id: str | None = None


class Content(NamedTuple):
    """One span in this vocabulary. Messages are None where the instrumentation captured no content."""

    dialect: str
    """The one that told what the span did."""
    role: Role
    input: tuple[Message, ...] | None = None
    """System instructions first."""
    output: tuple[Message, ...] | None = None
    tool: ToolRun | None = None
    model: str | None = None
    provider: str | None = None
    usage: TokenUsage | None = None
    finish_reasons: tuple[str, ...] = ()
    agent: str | None = None
    conversation_id: str | None = None
    user: str | None = None
    response_id: str | None = None
    error: str | None = None
    """Error type or message where the convention records one beside the span status."""
    content_keys: frozenset[str] = frozenset()
    """Attributes that `input`, `output` and `tool` were read from: whoever shows these need not show those."""
    read_by: str | None = None
    """The dialect that read `input`, `output` or `tool`, if they hold anything and it is another than `dialect`."""
    unread: tuple[str, ...] = ()
    """Attributes that look like content and that no dialect has read."""

    @property
    def captured(self) -> bool:
        """Whether anything was read of what went in or came out, be it empty."""
        tool = self.tool
        return (
            self.input is not None
            or self.output is not None
            or (tool is not None and (tool.arguments is not None or tool.result is not None))
        )


class Dialect(Protocol):
    """A convention. One module each; the registry in `otel_judge.dialects` asks them in order of specificity."""

    @property
    def name(self) -> str: ...

    @property
    def marks(self) -> tuple[str, ...]:
        """Names of attributes and events by which a span is worth reading; one that ends with a dot, how they begin."""
        ...

    def read(self, span: Span, role: Role | None) -> Content | None:
        """The span's content, or None if the span is not written in this dialect.

        `role`: what a more specific dialect has told that the span did, if one has. Values that are recorded alike for
        all spans are a tool's arguments and result then, or a conversation.
        """
        ...
