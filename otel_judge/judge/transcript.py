"""The whole exchange of a judgement as a file that people can read: what was sent, what came back, what it used."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ..feedback import Feedback, Target
from .faults import Fault, scrub

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelRequestPart, ModelResponse

logger = logging.getLogger("otel_judge.judge")


class Transcripts:
    """A folder that takes one file a judgement, named after the trace and the judge."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, transcript: Transcript, feedback: Feedback) -> None:
        """Writes the file; a judgement is not lost where that fails."""
        path = self._folder / f"{feedback.trace_id}-{feedback.name}.md"
        try:
            path.write_text(transcript.text(feedback), encoding="utf-8", errors="replace")
        except OSError as error:
            logger.warning("%s cannot be written: %s", path, error.strerror)


class Transcript:
    """One judgement under way. Secrets of the models are taken out; what the trace says is kept as it is."""

    def __init__(self, judge: str, target: Target) -> None:
        self._lines = [f"# {judge}: trace {target.trace_id}, span {target.span_id}"]
        self._requests = 0
        self._shown: list[ModelMessage] = []
        self._secrets: set[str] = set()

    def asked(self, model: str, messages: Sequence[ModelMessage], settings: str, secrets: Sequence[str]) -> None:
        """A request is about to be sent. Of its messages, those are shown that no request before it held."""
        self._requests += 1
        self._secrets.update(secrets)
        self._lines.append(f"## Request {self._requests}: {model} ({settings})")
        for place, message in enumerate(messages):
            if message.kind == "response" or any(message is shown for shown in self._shown):
                continue
            changed = place < len(messages) - 1 and len(self._shown) > 0
            for part in message.parts:
                self._lines += [f"### {_title(part)}{' (condensed)' if changed else ''}", _block(_content(part))]
        self._shown = list(messages)

    def answered(self, response: ModelResponse, seconds: float) -> None:
        """The request was answered."""
        used = response.usage
        tokens = f"{used.input_tokens} tokens in ({used.cache_read_tokens} cached), {used.output_tokens} out"
        self._lines.append(
            f"## Answer {self._requests}: {response.model_name}, {seconds:.1f} s, {tokens}, {response.finish_reason}"
        )
        for part in response.parts:
            if part.part_kind == "tool-call":
                given = part.args if isinstance(part.args, str) else json.dumps(part.args, ensure_ascii=False, indent=1)
                self._lines += [f"### calls {part.tool_name}", _block(given)]
            elif part.part_kind in ("text", "thinking"):
                self._lines += [f"### {part.part_kind}", _block(str(getattr(part, "content", "")))]

    def failed(self, fault: Fault) -> None:
        """The request failed."""
        self._lines.append(f"## No answer {self._requests}: {fault.type}\n\n{fault.message}")

    def text(self, feedback: Feedback) -> str:
        """All of it, with the feedback that came of it at the end."""
        usage = feedback.usage
        ended = [f"label: {feedback.label}", f"score: {feedback.score}", f"rationale: {feedback.rationale}"]
        ended += [f"error: {feedback.error.type}: {feedback.error.message}"] if feedback.error is not None else []
        ended += [f"forced: {feedback.forced}"] if feedback.forced is not None else []
        ended += [f"tokens: {usage.input_tokens} in, {usage.output_tokens} out"] if usage is not None else []
        for each in feedback.evidence:
            found = "verified" if each.verified else "not found"
            ended.append(f"evidence ({found}): {each.span_id} {each.path}: {each.quote}")
        return scrub("\n\n".join([*self._lines, "## Feedback", _block("\n".join(ended))]) + "\n", tuple(self._secrets))


def _title(part: ModelRequestPart) -> str:
    if part.part_kind == "tool-return":
        return f"result of {part.tool_name}"
    return {"system-prompt": "system", "user-prompt": "user"}.get(part.part_kind, part.part_kind)


def _content(part: ModelRequestPart) -> str:
    content: object = getattr(part, "content", "")
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        pieces = cast("Sequence[object]", content)
        return "\n\n".join(piece for piece in pieces if isinstance(piece, str))  # cache points have no text
    return str(content)


def _block(text: str) -> str:
    """Fenced with more tildes than the text has anywhere in a row."""
    fence = "~~~~"
    while fence in text:
        fence += "~"
    return f"{fence}\n{text}\n{fence}"
