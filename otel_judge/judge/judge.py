"""`Judge`: grades a target of a trace with a model, as its config says."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from typing import Any, cast

from ..config import JudgeConfig
from ..errors import InstructionsError, ModelUnavailable
from ..feedback import NOT_JUDGEABLE, Evidence, Feedback, JudgeFailure, Scorer, SpanRef, Target, Value
from ..redact import Redacted, RedactionFailed, Redactor, bare
from ..session import Session
from ..trace import Trace
from . import costs, filling, parts, prompt
from .agent import Brief, Deliberation, Ruling
from .aside import aside
from .ask import Asker, Middleware
from .blind import blind
from .budget import Budget
from .egress import Egress, EgressDenied
from .faults import JudgeStopped
from .instructions import Instructions
from .ledger import Ledger
from .models import Models
from .reading import Opening, Record, open_trace
from .sweep import Sweep, open_all
from .tracing import Activity, Tracing
from .transcript import Transcript, Transcripts
from .values import Grade, value_type_of

logger = logging.getLogger("otel_judge.judge")

_DECIDES = {
    *("type", "items", "optional", "values", "fields", "label", "scale", "threshold", "passing"),
    *("reading", "sweep", "retries", "limits", "evidence"),
}


class Judge:
    """A named judge. `grade` never raises for what a model or a provider does.

    Raises `InstructionsError` at construction for instructions, values or limits that cannot work.
    """

    def __init__(
        self,
        config: JudgeConfig,
        models: Models,
        tracing: Tracing,
        transcripts: Transcripts | None = None,
        *,
        middleware: Sequence[Middleware] = (),
        redactor: Redactor | None = None,
        egress: Egress | None = None,
    ) -> None:
        self.config = config
        self.instructions = Instructions.parse(config.instructions or "", config.name)
        self.value_type = value_type_of(config)
        if config.sweep and not self.instructions.explores:
            raise InstructionsError(
                f"judge {config.name!r}", "`sweep` reads a trace, and the instructions use none", "add {{ trace }}"
            )
        self._model = config.model or ""
        self.model = models.spec(self._model)
        """`provider:model`."""
        self._chain = models.chain(self._model)
        self._models = models
        self._middleware = tuple(middleware)
        self._tracing = tracing
        self._transcripts = transcripts
        self._redactor = redactor if redactor is not None else Redactor()
        self._egress = egress if egress is not None else Egress()
        self._settings = models.config(self._model).settings
        quotes = config.evidence == "quote"
        self._task = prompt.task(config.name, self.instructions.text, self.value_type.describe(), quotes=quotes)
        self.scorer = Scorer(config.name, "judge", self._version(), config.owner)
        if config.limits.usd is not None:
            self._check_prices()

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def version(self) -> str:
        """12 hex digits: a hash of all that decides the verdict, prompt text included."""
        return self.scorer.version

    @property
    def prefix(self) -> tuple[str, str, bool] | None:
        """Judges of a trace with the same one begin their requests alike; None where nothing large is shared."""
        config = self.config
        return (self._model, config.reading, config.sweep) if self.instructions.explores else None

    @property
    def most_usd(self) -> float | None:
        """The most that one judgement can cost; None where the price of a model is not known."""
        prices = [self._models.price(name) for name in self._chain]
        longest = [self._models.config(name).settings.get("max_tokens", 0) for name in self._chain]
        return costs.most_usd(self.config.limits, prices, max_tokens=max(longest), sweep=self.config.sweep)

    def estimate(self, trace: Trace, target: Target, *, expectations: object = None) -> costs.Estimate | None:
        """What a judgement would cost, without asking anybody; None where the trace lacks what the judge needs."""
        trace = blind(trace)
        given = {"expectations": expectations}
        filled, missing = filling.fill(self.instructions.filled, trace, given, {})
        if missing is not None:
            return None
        opening, sweep = self._open(trace, Record())
        brief, pieces = self._brief(target, opening, filled), () if sweep is None else sweep.parts
        return costs.estimate(brief, pieces, self.config.limits, self._models.price(self._model), self.most_usd)

    async def grade(
        self,
        trace: Trace,
        target: Target,
        *,
        inputs: object = None,
        outputs: object = None,
        expectations: object = None,
        conversation: object = None,
        otherwise: Mapping[str, str] | None = None,
        answered: Callable[[], None] | None = None,
        ledger: Ledger | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> Feedback:
        """The feedback of this judge about the target, which redaction has made fit to leave.

        `inputs`, `outputs` and `conversation` stand for what the trace says; `expectations` are never in a trace.
        `otherwise` has words for variables that neither gives: without them the trace is not judgeable. `answered` is
        called whenever a request has ended, answered or not; of a sweep, once its parts are read. `ledger` is kept of
        what leaves, for who may have to cancel. A failure is a feedback with an `error`.
        """
        ledger = ledger if ledger is not None else Ledger()
        given = {"inputs": inputs, "outputs": outputs, "expectations": expectations, "conversation": conversation}
        transcript = None if self._transcripts is None else Transcript(self.name, target)
        with self._tracing.judgement(self.name, self.version, target) as activity:
            feedback = await self._guarded(
                trace,
                target,
                given,
                otherwise or {},
                activity=activity,
                ledger=ledger,
                answered=answered,
                transcript=transcript,
            )
            if feedback.error is not None:
                activity.fail(feedback.error.type)
            activity.book(ledger.receipt)
            if self._transcripts is not None and transcript is not None:
                self._transcripts.write(transcript, feedback)
            return replace(feedback, receipt=ledger.receipt, judge_trace=activity.ref, judged_at_ns=now_ns())

    async def aclose(self) -> None:
        """Closes the connections to models, which the judges of one `build` share. Can be called for each of them."""
        await self._models.aclose()
        await self._tracing.aclose()

    async def _guarded(
        self,
        trace: Trace,
        target: Target,
        given: dict[str, object],
        otherwise: Mapping[str, str],
        *,
        activity: Activity,
        ledger: Ledger,
        answered: Callable[[], None] | None,
        transcript: Transcript | None,
    ) -> Feedback:
        """Takes out of the trace what may not leave, and of the models those that may not see it; then grades."""
        try:
            seen = await self._redactor.redact(trace)
            given = await _redacted(seen, given)
            target = self._redactor.target_in(seen, trace, target)
        except RedactionFailed as error:
            return self._failure(bare(target), JudgeFailure("redaction_failed", str(error)))
        ledger.open(seen.trace, seen.redactions)
        try:
            chain = self._egress.allowed(trace, self._chain)
            limits = self.config.limits
            asker = Asker(self._models, chain, Budget(limits), activity, seconds=limits.seconds, ledger=ledger)
            asker.transcript, asker.middleware = transcript, self._middleware
            shown = await aside(seen.trace, blind, seen.trace)
            filled, missing = await aside(shown, filling.fill, self.instructions.filled, shown, given, otherwise)
            if missing is not None:
                return self._missing(target, missing)
            async with self._models.place(chain[0]):
                return await self._grade(shown, target, filled, asker, answered)
        except EgressDenied as error:
            return self._failure(target, JudgeFailure("egress_denied", seen.words(str(error))))
        except ModelUnavailable as error:
            return self._failure(target, JudgeFailure("model_unavailable", str(error)))
        except Exception as error:
            logger.exception("judge %s failed on trace %s", self.name, target.trace_id)
            return self._failure(target, JudgeFailure(type(error).__name__, "the judge failed unexpectedly"))

    async def _grade(
        self,
        trace: Trace,
        target: Target,
        filled: Mapping[str, str],
        asker: Asker,
        answered: Callable[[], None] | None,
    ) -> Feedback:
        budget, ledger = asker.budget, asker.ledger
        await asker.open()
        budget.start()
        started = time.monotonic()
        record = Record()
        opening, sweep = await aside(trace, self._open, trace, record)
        brief = self._brief(target, opening, filled)
        for content in filled.values():
            ledger.show(content)
        deliberate = partial(
            Deliberation,
            trace,
            value_type=self.value_type,
            retries=self.config.retries,
            asker=asker,
            budget=budget,
            record=record,
            activity=asker.activity,
        )
        deliberation: Deliberation | None = None
        try:
            deliberation = (
                deliberate(brief)
                if sweep is None
                else await parts.read(
                    sweep, brief, deliberate, budget, trace_id=target.trace_id, task=self._task, show=ledger.show
                )
            )
            if opening is not None:
                ledger.show(opening.text, opening.seen)
            asker.on_outcome = answered
            ruling = await deliberation.rule()
            unread = None if sweep is None else await aside(trace, sweep.unread)
            feedback = self._feedback(trace, target, ruling, unread)
        except JudgeStopped as stopped:
            feedback = self._failure(target, JudgeFailure(stopped.type, stopped.message))
        return replace(
            feedback,
            model=asker.model_name,
            rung="prompt" if opening is None else "agent",
            reading=None if opening is None else "whole" if opening.whole else "explored",
            forced=None if deliberation is None else deliberation.forced,
            coverage=None if opening is None else await aside(trace, record.coverage, trace),
            usage=budget.usage,
            duration_s=time.monotonic() - started,
            cost_usd=budget.cost_usd if budget.turns else None,
            detail=_detail(budget) | ({} if sweep is None else sweep.counts),
        )

    def _open(self, trace: Trace, record: Record) -> tuple[Opening | None, Sweep | None]:
        """What the judge is shown first, and what a sweep reads beside it."""
        if not self.instructions.explores:
            return None, None
        if not self.config.sweep:
            opening, sweep = open_trace(trace, self.config.reading), None
        else:
            opening, pieces = open_all(trace, self.config.reading)
            sweep = Sweep(trace, record, pieces)
        record.add(opening.seen)
        return opening, sweep

    def _brief(self, target: Target, opening: Opening | None, filled: Mapping[str, str]) -> Brief:
        own = [prompt.sections(target.trace_id, filled)] if filled else []
        own.append(self._task)
        if opening is None:
            return Brief(prompt.SYSTEM_PROMPT, "", "\n\n".join(own), span_tools=False)
        show = prompt.whole if opening.whole else prompt.overview
        shared = show(target.trace_id, opening.text)
        return Brief(
            prompt.SYSTEM_TRACE,
            shared,
            "\n\n".join(own),
            span_tools=True,
            whole=opening.whole,
        )

    def _feedback(self, trace: Trace, target: Target, ruling: Ruling, unread: str | None) -> Feedback:
        graded = ruling.grade
        evidence = ruling.evidence if self.config.evidence == "quote" else tuple(map(_unquoted, ruling.evidence))
        if isinstance(trace, Session):
            evidence = tuple(_in_its_trace(trace, each) for each in evidence)
        if unread is not None:
            if graded.passed:
                graded = Grade(None, None, NOT_JUDGEABLE, None)
            graded = replace(graded, note=f"{graded.note or ''} (not read: {unread})".strip())
        return Feedback(
            target=target,
            scorer=self.scorer,
            label=graded.label,
            rationale=f"{ruling.rationale} {graded.note}" if graded.note else ruling.rationale,
            value=graded.value,
            score=graded.score,
            passed=graded.passed,
            evidence=evidence,
            not_judgeable=graded.label == NOT_JUDGEABLE,
        )

    def _missing(self, target: Target, name: str) -> Feedback:
        why = "none were given" if name == "expectations" else "the trace holds none"
        return Feedback(
            target=target,
            scorer=self.scorer,
            label=NOT_JUDGEABLE,
            rationale=f"the instructions need {name}, and {why}",
            not_judgeable=True,
        )

    def _failure(self, target: Target, error: JudgeFailure) -> Feedback:
        return Feedback.failure(target, self.scorer, error, judged_at_ns=0)

    def _check_prices(self) -> None:
        for name in self._chain:
            if not self._models.price(name).known:
                raise InstructionsError(
                    f"judge {self.name!r}",
                    f"`limits.usd` cannot be held: the price of {self._models.spec(name)} is not known",
                    "set `price` under models, or leave the limit out",
                )

    def _version(self) -> str:
        config = self.config
        decides: list[Any] = [
            prompt.version(),
            config.instructions,
            config.model_dump(mode="json", include=_DECIDES),
            self.model,
            self._settings,
            None if self._redactor.config is None else self._redactor.config.model_dump(mode="json"),
            *([config.target] if config.target != "root" else []),
        ]
        fallbacks = self._chain[1:]
        decides += [[self._models.spec(name), self._models.config(name).settings] for name in fallbacks]
        return blake2b(json.dumps(decides, sort_keys=True, default=str).encode(), digest_size=6).hexdigest()


def _unquoted(evidence: Evidence) -> Evidence:
    return replace(evidence, quote="")


def _in_its_trace(session: Session, evidence: Evidence) -> Evidence:
    """Of a session, by the ids that the span has in its own trace."""
    ref = session.ref(evidence.span_id)
    if ref is None or ref == SpanRef(session.trace_id, evidence.span_id):
        return evidence
    return replace(evidence, span_id=ref.span_id, trace_id=ref.trace_id)


async def _redacted(seen: Redacted, given: dict[str, object]) -> dict[str, object]:
    """What the caller gave, after what was done to the trace."""
    held = {name: value for name, value in given.items() if value is not None}
    made = seen.given(held) if held and not seen.asks_callback else held
    if held and seen.asks_callback:
        made = await asyncio.to_thread(seen.given, held)
    return {**given, **cast("dict[str, object]", made)}


def _detail(budget: Budget) -> dict[str, Value]:
    """With `charged_usd` where requests were lost whose cost nobody knows: each counts as the most that it can be."""
    lost = budget.spent_usd > (budget.cost_usd or 0.0)
    return {"requests": budget.requests, **({"charged_usd": budget.spent_usd} if lost else {})}
