"""`Redactor`: a trace to the trace that judges may see, worked out once for all of them."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import cast

from ..config_egress import RedactCallback, RedactConfig
from ..feedback import Evidence, Feedback, Target, Value
from ..trace import Origin, Span, Trace
from ..trajectory import target_of
from .callback import Answered, CallbackFailed, Collector, ask
from .finder import Finder
from .mapping import Keys, Mapping, visit
from .messages import edited_origin
from .rules import rules_of
from .traces import edit_all, redacted

logger = logging.getLogger("otel_judge.redact")

CALLBACK = "callback"
_REMEMBERED_ORIGINS = 4_096  # that were found clean
_AT_ONCE_BYTES = 256 * 1024  # a trace within this is redacted on the event loop, in some milliseconds


class RedactionFailed(Exception):
    """A trace could not be redacted, so nothing of it may leave. Its text holds nothing of the trace."""


class Redacted:
    """What judges may see of a trace."""

    def __init__(self, trace: Trace, mapping: Mapping, callback: RedactCallback | None = None) -> None:
        self.trace = trace
        self._mapping = mapping
        self._callback = callback
        self._changed = 0

    @property
    def redactions(self) -> dict[str, int]:
        """How many different values were replaced, by kind; of `callback`, how many different texts it changed."""
        changed = {CALLBACK: self._changed} if self._changed else {}
        return {**self._mapping.redactions, **changed}

    @property
    def asks_callback(self) -> bool:
        """Whether `given` blocks."""
        return self._callback is not None

    def given(self, value: object) -> object:
        """A caller's value (text, or maps and lists of it) after what was done to the trace.

        Raises `RedactionFailed`.
        """
        with _failing():
            made = self._mapping.given(value)
            if self._callback is None:
                return made
            collector = Collector()
            visit(made, collector.text)
            return visit(made, Answered(self._ask(collector, self._callback)).text)

    def after_callback(self, callback: RedactCallback) -> Redacted:
        """The same trace with all its texts as the callback gives them back. Blocks. Raises `CallbackFailed`."""
        made = Redacted(self.trace, self._mapping, callback)
        collector = Collector()
        edit_all(self.trace, collector)
        made.trace = edit_all(self.trace, Answered(made._ask(collector, callback)))
        return made

    def words(self, text: str) -> str:
        """Words about the trace, after its patterns and without the values of its denied attributes."""
        return self._mapping.words(text)

    def _ask(self, collector: Collector, callback: RedactCallback) -> dict[str, str]:
        answers = ask(callback, list(collector.texts))
        self._changed += sum(text != made for text, made in answers.items())
        return answers


class Redactor:
    """Does what `redact` in the config says; None: nothing. By default the built-in patterns are looked for."""

    def __init__(self, config: RedactConfig | None = RedactConfig()) -> None:  # noqa: B008 - frozen
        self.config = config
        self._finder = Finder(rules_of(config.patterns) if config is not None else ())
        self._keys = Keys(config.attributes if config is not None else RedactConfig().attributes)
        self._callback = None if config is None else config.callback
        self._clean_origins: set[Origin] = set()

    def __repr__(self) -> str:
        return f"Redactor({self.config!r})"

    async def redact(self, trace: Trace) -> Redacted:
        """The trace for judges. Worked out once a trace, beside the event loop if it is large.

        Raises `RedactionFailed`.
        """
        if self._callback is None and trace.size <= _AT_ONCE_BYTES:
            return self.redact_now(trace)
        return _raised(await asyncio.to_thread(self._result, trace))

    def redact_now(self, trace: Trace) -> Redacted:
        """As `redact`, for who may block: on the callback, and while a large trace is worked on."""
        return _raised(self._result(trace))

    def _result(self, trace: Trace) -> Redacted | RedactionFailed:
        """A failure is a value here, so that all judges of the trace find the same one."""
        seen = self._by_patterns(trace)
        callback = self._callback
        if callback is None or isinstance(seen, RedactionFailed):
            return seen
        return trace.once((self, "callback"), lambda: _tried(lambda: seen.after_callback(callback)))

    def _by_patterns(self, trace: Trace) -> Redacted | RedactionFailed:
        return trace.once((self, "patterns"), lambda: _tried(lambda: self._searched(trace)))

    def _searched(self, trace: Trace) -> Redacted:
        mapping = Mapping(self._finder, self._keys)
        on = self.config is not None
        return Redacted(redacted(trace, self._finder, self._keys, mapping) if on else trace, mapping)

    def target(self, trace: Trace, span: Span) -> Target:
        """The span as a target, as it may leave before any judge has run. The callback is not asked.

        Never raises: if redaction fails, the target is told by its ids alone.
        """
        raw = target_of(trace, span)
        try:
            with _failing():
                concerned = self._concerns(span, raw)
            return self._in(_raised(self._by_patterns(trace)).trace, raw) if concerned else raw
        except RedactionFailed:
            return bare(raw)

    def name(self, trace: Trace, span: Span) -> str:
        """The span's name, as it may be told beside what is said of the trace. The callback is not asked.

        Never raises: if redaction fails, it is empty.
        """
        if self.config is None or not self._finder.candidates([span.name.encode("utf-8", "surrogatepass")]):
            return span.name
        try:
            seen = _raised(self._by_patterns(trace)).trace.by_id.get(span.span_id)
        except RedactionFailed:
            return ""
        return "" if seen is None else seen.name

    def target_in(self, seen: Redacted, trace: Trace, target: Target) -> Target:
        """The target of a raw trace as it may leave, once the trace is redacted."""
        with _failing():
            return target if seen.trace is trace else self._in(seen.trace, target)

    def scrub(self, trace: Trace, feedback: Feedback) -> Feedback:
        """What code that has read the raw trace says of it, as it may leave.

        Words are searched as the trace is. Attribute lists and callbacks know more than can be searched for: with
        them, quotes are left out and the ids of their spans stay. Never raises.
        """
        if self.config is None:
            return feedback
        try:
            if self._keys.listed or self._callback is not None:
                quoted = [replace(each, quote="") for each in feedback.evidence]
            elif self._clean(feedback):
                return feedback
            else:
                quoted = list(feedback.evidence)
            return _scrubbed(feedback, quoted, _raised(self._by_patterns(trace)))
        except RedactionFailed as error:
            withheld = f"withheld: {error}"
            failure = feedback.error and replace(feedback.error, message=withheld)
            return replace(feedback, rationale=withheld, evidence=(), error=failure, detail={})

    def _clean(self, feedback: Feedback) -> bool:
        texts = [feedback.rationale, repr(feedback.value), repr(feedback.detail)]
        texts += [feedback.error.message] if feedback.error is not None else []
        for each in feedback.evidence:
            texts += (each.quote, each.path or "")
        return not self._finder.candidates([text.encode("utf-8", "surrogatepass") for text in texts])

    def _concerns(self, span: Span, target: Target) -> bool:
        """Whether the target may hold what must not leave."""
        if self.config is None:
            return False
        texts = [target.service, target.agent, target.conversation_id, target.model, target.response_id]
        found = [text.encode("utf-8", "surrogatepass") for text in texts if text]
        return self._keys.listed or bool(self._finder.candidates(found)) or not self._is_clean(span.origin.raw)

    def _is_clean(self, origin: Origin) -> bool:
        if origin not in self._clean_origins:
            if edited_origin(origin, Mapping(self._finder, self._keys)) is not origin:
                return False
            if len(self._clean_origins) >= _REMEMBERED_ORIGINS:
                self._clean_origins.clear()
            self._clean_origins.add(origin)
        return True

    def _in(self, seen: Trace, target: Target) -> Target:
        span = seen.by_id.get(target.span_id)
        if span is None:
            return bare(target)
        told = target_of(seen, span)
        return replace(
            target,
            service=told.service,
            agent=told.agent,
            conversation_id=told.conversation_id,
            model=told.model,
            response_id=told.response_id,
            resource=told.resource,
        )


def bare(target: Target) -> Target:
    """The target without anything that the trace says of itself but ids, times and counts."""
    return replace(target, service=None, agent=None, conversation_id=None, model=None, response_id=None, resource=b"")


def _scrubbed(feedback: Feedback, evidence: list[Evidence], seen: Redacted) -> Feedback:
    said, error = seen.words, feedback.error
    return replace(
        feedback,
        rationale=said(feedback.rationale),
        evidence=tuple(
            replace(each, quote=said(each.quote), path=None if each.path is None else said(each.path))
            for each in evidence
        ),
        error=None if error is None else replace(error, message=said(error.message)),
        value=cast("Value", visit(feedback.value, said)),
        detail=cast("dict[str, Value]", visit(feedback.detail, said)),
    )


def _raised(result: Redacted | RedactionFailed) -> Redacted:
    if isinstance(result, RedactionFailed):
        raise RedactionFailed(*result.args)
    return result


def _tried(work: Callable[[], Redacted]) -> Redacted | RedactionFailed:
    try:
        with _failing():
            return work()
    except RedactionFailed as error:
        return error


@contextmanager
def _failing() -> Generator[None]:
    """Whatever goes wrong within is told without what it was about: neither message nor traceback leaves."""
    try:
        yield
    except RedactionFailed:
        raise
    except CallbackFailed as error:
        logger.warning("redaction failed: %s", error)
        raise RedactionFailed(str(error)) from None
    except Exception as error:  # noqa: BLE001 - nothing may leave unredacted, whatever the reason
        place = traceback.extract_tb(error.__traceback__)[-1]
        logger.error("redaction failed with %s in %s:%s", type(error).__name__, place.name, place.lineno)
        raise RedactionFailed(f"redaction failed with {type(error).__name__}") from None
