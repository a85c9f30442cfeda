"""What a scripted model answers: replies, requests as a script sees them, and scripts that are ready to use."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, cast

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answers: a message of content blocks, or an HTTP answer of any kind.

    Content and stop reason are Anthropic's; a request in another protocol is answered with what they mean there.
    """

    content: tuple[Json, ...] = ()
    stop_reason: str = "end_turn"
    status: int = 200
    headers: Mapping[str, str] | None = None
    raw: bytes | None = None
    """A body in place of the message."""
    failure: tuple[str, str] | None = None
    """Type and message of an error in place of the message."""
    hangs: bool = False
    """No answer at all until the server closes."""
    breaks: Literal["reset", "truncated"] | None = None
    """The connection is reset in place of an answer, or ends in the middle of it."""
    counted: bool = True
    """Says what it used. OpenAI's protocols leave that open; Anthropic's does not."""


def text(words: str, *, stop_reason: str = "end_turn") -> Reply:
    """Words without a tool call."""
    return Reply(({"type": "text", "text": words},), stop_reason)


def tool_use(name: str, **arguments: object) -> Reply:
    """A call of a tool."""
    return Reply(({"type": "tool_use", "name": name, "input": arguments},), "tool_use")


def verdict(value: object, rationale: str = "It is so.", evidence: Sequence[Json] = ()) -> Reply:
    """A call of a judge's `verdict` tool. A piece of evidence is `{"span_id": …, "quote": …}`, with a `path` or not."""
    return tool_use("verdict", rationale=rationale, value=value, evidence=list(evidence))


def blocks(*replies: Reply) -> Reply:
    """Several replies as one message."""
    return Reply(tuple(block for reply in replies for block in reply.content), replies[-1].stop_reason)


def refusal(words: str = "") -> Reply:
    """The provider's classifiers stop the answer, after some words or before any."""
    return Reply(({"type": "text", "text": words},) if words else (), "refusal")


def uncounted(reply: Reply) -> Reply:
    """The reply without what it used, as some self-hosted servers answer."""
    return replace(reply, counted=False)


def error(
    status: int, kind: str = "api_error", message: str = "scripted", headers: Mapping[str, str] | None = None
) -> Reply:
    """An error in the provider's shape."""
    return Reply(status=status, headers=headers, failure=(kind, message))


def hang() -> Reply:
    """No answer."""
    return Reply(hangs=True)


def reset() -> Reply:
    """The connection is reset."""
    return Reply(breaks="reset")


def truncated(reply: Reply) -> Reply:
    """The connection ends in the middle of the reply."""
    return replace(reply, breaks="truncated")


def garbage(body: bytes = b"<html>Bad gateway</html>") -> Reply:
    """A body that is not the protocol's, with status 200."""
    return Reply(raw=body)


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came."""

    body: Json
    headers: Mapping[str, str]
    """Names in lower case."""
    number: int
    """Counted from 0 over the life of the server."""
    heard: Json | None = None
    """The body in the shape of Anthropic's Messages API, where it came in another protocol."""

    @property
    def said(self) -> Json:
        """The body in the shape of Anthropic's Messages API, whatever the protocol."""
        return self.body if self.heard is None else self.heard

    @property
    def messages(self) -> list[Json]:
        return cast("list[Json]", self.said.get("messages", []))

    @property
    def turn(self) -> int:
        """How often the model has answered in this conversation."""
        return sum(message["role"] == "assistant" for message in self.messages)

    @property
    def tools(self) -> list[str]:
        return [tool["name"] for tool in parts_of(self.said, "tools")]

    @property
    def results(self) -> dict[str, str]:
        """What tools answered so far, by tool name; of several calls, the last."""
        names = {block["id"]: block["name"] for block in self._blocks("tool_use")}
        return {names.get(block["tool_use_id"], ""): _plain(block["content"]) for block in self._blocks("tool_result")}

    @property
    def prompt(self) -> str:
        """The text of all messages of the user, tool results left out."""
        return "\n".join(block["text"] for block in self._blocks("text", role="user"))

    def _blocks(self, kind: str, role: str | None = None) -> Iterator[Json]:
        for message in self.messages:
            if role is None or message["role"] == role:
                yield from (block for block in content_of(message) if block.get("type") == kind)


Script: TypeAlias = Sequence[Reply] | Callable[[Request], Reply]


def explorer(value: object = "pass", rationale: str = "What the span says bears it out.") -> Callable[[Request], Reply]:
    """A script for any trace: looks at the trace, lists it, reads one span, and quotes what truly stands there."""

    def script(request: Request) -> Reply:
        results = request.results
        if "list_spans" not in results and "list_spans" in request.tools:
            return blocks(tool_use("get_trace_info"), tool_use("list_spans"))
        found = re.search(r"^\s*([0-9a-f]{16}) ", results.get("list_spans", ""), re.MULTILINE)
        if found is None:
            return verdict(value, rationale)
        if "get_span" not in results:
            return tool_use("get_span", span_id=found[1])
        named = re.search(r"^name: (.+)$", results["get_span"], re.MULTILINE)
        said = re.search(r"^(output|tool\.result|status\.message): (.+)$", results["get_span"], re.MULTILINE)
        path, quote = (said[1], said[2]) if said else ("name", named[1] if named else "")
        evidence = [{"span_id": found[1], "path": path, "quote": quote}] if quote else []
        return verdict(value, rationale, evidence)

    return script


def content_of(message: Json) -> list[Json]:
    """The blocks of a message."""
    content = message.get("content")
    return [{"type": "text", "text": content}] if isinstance(content, str) else cast("list[Json]", content or [])


def part_of(body: Json, name: str) -> Json:
    """An object in a body; an empty one where there is none."""
    return cast("Json", body.get(name) or {})


def parts_of(body: Json, name: str) -> list[Json]:
    """A list of objects in a body; an empty one where there is none."""
    return cast("list[Json]", body.get(name) or [])


def _plain(content: object) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(block.get("text", "")) for block in cast("list[Json]", content or []))
