"""check -> sample -> judge on one finished trace: the order of the rooms, the same for every way of use.

The service, the app and the batch run compose the same `Engine`; what differs is who brings traces, and where the
results go (`Report`).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from . import check, judge
from .agreement import shadows
from .agreement.calibration import Calibrations
from .api import loading
from .api.loading import PythonJudge
from .config import CheckConfig, Config, JudgeConfig, ModelConfig, Sampling
from .config_egress import EgressConfig, RedactConfig
from .decision import Decision
from .feedback import Feedback, JudgeFailure, Target
from .judge import Ledger
from .redact import RedactionFailed, Redactor
from .sample import Sampler
from .session import Session
from .trace import Trace
from .trajectory import Understood, understood

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import SpanExporter

LEAD_S = 10.0  # longest that judges wait for the first answer to one whose prefix they share


@dataclass(frozen=True)
class Plan:
    """What is done with a finished trace. Pickles, so that a process of its own can do it."""

    checks: tuple[CheckConfig, ...]
    sampling: Sampling
    models: tuple[tuple[str, ModelConfig], ...]
    judges: tuple[JudgeConfig, ...]
    calibration: str | None = None
    """File of the judges' agreement with people."""
    redact: RedactConfig | None = field(default_factory=RedactConfig)
    egress: EgressConfig | None = None

    @classmethod
    def of(cls, config: Config) -> Plan:
        return cls(
            checks=config.checks,
            sampling=config.sampling,
            models=tuple(config.models.items()),
            judges=config.judges,
            calibration=config.calibration,
            redact=config.redact,
            egress=config.egress,
        )


class Report(Protocol):
    """Takes results as they come. Called on the engine's loop; must not block and must not raise."""

    def emit(self, feedback: Feedback, decision: Decision | None) -> None:
        """`decision` is what put a judge on the trace; None for a check, which sees every trace."""
        ...

    def decided(self, target: Target, decision: Decision) -> None: ...

    def understood(self, spans: Mapping[Understood, int]) -> None:
        """How many of a trace's spans had content of which kind."""
        ...


class Engine:
    """Runs a plan. Building it raises what the plan cannot do: `ConfigError`, `InstructionsError` or
    `ModelUnavailable`.

    A shadow runs whenever its primary does; sampling never sees it.

    `check` is synchronous and takes about a millisecond for a small trace; `judge` waits for models.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        own_spans: SpanExporter | None = None,
        own_resource: Resource | None = None,
        debug_folder: Path | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._now_ns = now_ns
        self._redactor = Redactor(plan.redact)
        self._checks = check.build(plan.checks)
        asked = judge.build(
            [config for config in plan.judges if config.python is None],
            dict(plan.models),
            own_spans=own_spans,
            own_resource=own_resource,
            debug_folder=debug_folder,
            redactor=self._redactor,
            egress=plan.egress,
        )
        called = [
            loading.load(config, f"judges[{number}].python")
            for number, config in enumerate(plan.judges)
            if config.python is not None
        ]
        built: dict[str, judge.Judge | PythonJudge] = {each.name: each for each in (*asked, *called)}
        self._judges = {config.name: built[config.name] for config in plan.judges}
        self._shadows = {config.name: config.shadow_of for config in plan.judges if config.shadow_of is not None}
        self._primaries = tuple(name for name in self._judges if name not in self._shadows)
        of_sessions = {config.name for config in plan.judges if config.target == "session"}
        self._sampler = Sampler(plan.sampling, [name for name in self._primaries if name not in of_sessions])
        self._session_sampler = Sampler(plan.sampling, [name for name in self._primaries if name in of_sessions])
        self.judges_sessions = bool(of_sessions)
        """Whether there is a judge for `decide` to choose."""
        self._calibrations = Calibrations() if plan.calibration is None else Calibrations.load(plan.calibration)

    @property
    def scorers(self) -> Sequence[str]:
        """Names of all checks and judges, in config order, without shadows."""
        return [*(built.name for built in self._checks), *self._primaries]

    def seen(self, trace: Trace) -> Trace | None:
        """What judges may see of a trace; None where it could not be redacted. May block on `redact.callback`."""
        try:
            return self._redactor.redact_now(trace).trace
        except RedactionFailed:
            return None

    def told(self, trace: Trace) -> tuple[str, Target]:
        """The root by its name and as a target, as both may leave."""
        return self._redactor.name(trace, trace.root), self._redactor.target(trace, trace.root)

    def check(self, trace: Trace, report: Report) -> Decision:
        """Runs every check, reports each, and decides which judges of single traces follow."""
        target = self._redactor.target(trace, trace.root)
        report.understood(understood(trace))
        for each in self._checks:
            said = check.run(each, trace, target, now_ns=self._now_ns)
            report.emit(self._redactor.scrub(trace, said), None)
        decision = self._sampler.decide(trace)
        report.decided(target, decision)
        return decision

    def decide(self, session: Session, report: Report) -> Decision:
        """Decides which judges of sessions see this one, by the policies that decide about traces."""
        decision = self._session_sampler.decide(session)
        report.decided(self._redactor.target(session, session.root), decision)
        return decision

    def most_usd(self, decision: Decision) -> float | None:
        """The most that all that the decision selected can cost together; None where the price of one is not known."""
        costs = [each.most_usd for each in self._with_shadows(decision.judges)]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if len(known) == len(costs) else None

    def estimates(
        self, trace: Trace, decision: Decision, *, expectations: object = None
    ) -> Iterator[tuple[str, judge.Estimate | None]]:
        """What each judge and shadow of the decision would take, by name.

        None where the trace lacks what it needs, and for judges in Python.
        """
        for each in self._with_shadows(decision.judges):
            asks = isinstance(each, judge.Judge)
            target = self._redactor.target(trace, trace.root)
            yield each.name, each.estimate(trace, target, expectations=expectations) if asks else None

    def versions(self, name: str) -> Mapping[str, str]:
        """Versions of a judge and its shadows, by name."""
        return {each.name: each.scorer.version for each in self._with_shadows([name])}

    async def judge(self, trace: Trace, decision: Decision, report: Report, *, expectations: object = None) -> None:
        """Runs the judges that the decision selected and their shadows, side by side, and reports each as it ends: a
        shadow once its primary has ended too, since it says whether they agree.

        Of judges whose requests begin alike, one goes ahead until its first answer has come or failed: the others
        then read what they share from the provider's cache.

        When cancelled, a judge that has not ended is reported as a failure of type `shutdown`.
        """
        verdicts = {name: asyncio.get_running_loop().create_future() for name in decision.judges}
        target = self._redactor.target(trace, trace.root)
        about = {
            "trace": trace,
            "target": target,
            "decision": decision,
            "report": report,
            "expectations": expectations,
        }
        judges = self._with_shadows(decision.judges)
        await side_by_side((each.prefix, partial(self._judge, each, verdicts=verdicts, **about)) for each in judges)

    def _with_shadows(self, names: Sequence[str]) -> list[judge.Judge | PythonJudge]:
        """Primaries first: a shadow holds nobody up."""
        shadows = [name for name, primary in self._shadows.items() if primary in names]
        return [self._judges[name] for name in (*names, *shadows)]

    def refuse(self, trace: Trace, decision: Decision, failure: JudgeFailure, report: Report) -> None:
        """Reports that no judge of the decision ran, and why."""
        target = self._redactor.target(trace, trace.root)
        for name in decision.judges:
            report.emit(self._failed(self._judges[name], target, failure), decision)

    async def _judge(
        self,
        judge: judge.Judge | PythonJudge,
        ready: Ready,
        answered: Callable[[], None],
        *,
        trace: Trace,
        target: Target,
        decision: Decision,
        report: Report,
        verdicts: Mapping[str, asyncio.Future[Feedback | None]],
        expectations: object,
    ) -> None:
        ledger = Ledger()
        try:
            await ready
            if isinstance(judge, PythonJudge):
                given = await judge.grade(trace, target, expectations=expectations, answered=answered)
                found = [self._redactor.scrub(trace, each) for each in given]
            else:
                found = [await judge.grade(trace, target, expectations=expectations, answered=answered, ledger=ledger)]
        except asyncio.CancelledError:
            failure = JudgeFailure("shutdown", "the service stopped before the judgement ended")
            report.emit(replace(self._failed(judge, target, failure), receipt=ledger.receipt), decision)
            raise
        given = [self._stamp(each) for each in found]
        try:
            if (primary := self._shadows.get(judge.name)) is not None:
                verdict = await verdicts[primary]
                given = [replace(each, agrees=verdict and shadows.same(verdict, each)) for each in given]
            else:
                verdicts[judge.name].set_result(next((each for each in given if each.name == judge.name), None))
        finally:  # what a shadow has found is told also when its primary was cut off
            for feedback in given:
                report.emit(feedback, decision)

    def _stamp(self, feedback: Feedback) -> Feedback:
        feedback = self._calibrations.stamp(feedback)
        shadow_of = self._shadows.get(feedback.name)
        return feedback if shadow_of is None else replace(feedback, shadow_of=shadow_of)

    def _failed(self, judge: judge.Judge | PythonJudge, target: Target, failure: JudgeFailure) -> Feedback:
        return self._stamp(Feedback.failure(target, judge.scorer, failure, judged_at_ns=self._now_ns()))

    async def aclose(self) -> None:
        """Closes the connections to models."""
        for each in self._judges.values():
            await each.aclose()


def settle() -> None:
    """Loads what judges need, and has the garbage collector pass over all that is loaded by now: it stays anyway.

    Else each full collection walks some 230,000 objects of the SDKs and stops every thread for a tenth of a second.
    """
    judge.load()
    gc.collect()
    gc.freeze()


Ready: TypeAlias = Awaitable[None]
Job: TypeAlias = Callable[[Ready, Callable[[], None]], Awaitable[None]]
"""Begins once its first argument has come, and calls the second when a request of it has been answered."""


async def side_by_side(jobs: Iterable[tuple[Hashable | None, Job]]) -> None:
    """Runs judgements of one trace, each with its prefix. Of those with the same prefix, one goes ahead.

    The others begin once it was answered or has ended, `LEAD_S` later at most. None shares nothing.
    """
    leads: dict[Hashable, asyncio.Event] = {}
    async with asyncio.TaskGroup() as group:
        for prefix, job in jobs:
            answered = asyncio.Event()
            lead = None if prefix is None else leads.setdefault(prefix, answered)
            group.create_task(_job(job, None if lead is answered else lead, answered))


async def _job(job: Job, lead: asyncio.Event | None, answered: asyncio.Event) -> None:
    try:
        await job(_wait(lead), answered.set)
    finally:
        answered.set()


async def _wait(lead: asyncio.Event | None) -> None:
    if lead is not None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(lead.wait(), LEAD_S)
