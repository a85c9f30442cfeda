"""check -> sample -> judge on one finished trace: the order of the rooms, the same for every way of use.

The service, the app and the batch run compose the same `Engine`; what differs is who brings traces, and where the
results go (`Report`).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from . import check, judge
from .agreement import shadows
from .agreement.calibration import Calibrations
from .config import CheckConfig, Config, JudgeConfig, ModelConfig, Sampling
from .decision import Decision
from .feedback import Feedback, JudgeFailure, Target
from .sample import Sampler
from .trace import Trace
from .trajectory import target_of

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

    @classmethod
    def of(cls, config: Config) -> Plan:
        return cls(config.checks, config.sampling, tuple(config.models.items()), config.judges, config.calibration)


class Report(Protocol):
    """Takes results as they come. Called on the engine's loop; must not block and must not raise."""

    def emit(self, feedback: Feedback, decision: Decision | None) -> None:
        """`decision` is what put a judge on the trace; None for a check, which sees every trace."""
        ...

    def decided(self, target: Target, decision: Decision) -> None: ...


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
        self._checks = check.build(plan.checks)
        self._judges = {
            built.name: built
            for built in judge.build(
                plan.judges,
                dict(plan.models),
                own_spans=own_spans,
                own_resource=own_resource,
                debug_folder=debug_folder,
            )
        }
        self._primaries = tuple(name for name, each in self._judges.items() if each.config.shadow_of is None)
        self._sampler = Sampler(plan.sampling, self._primaries)
        self._calibrations = Calibrations() if plan.calibration is None else Calibrations.load(plan.calibration)

    @property
    def scorers(self) -> Sequence[str]:
        """Names of all checks and judges, in config order, without shadows."""
        return [*(built.name for built in self._checks), *self._primaries]

    def check(self, trace: Trace, report: Report) -> Decision:
        """Runs every check, reports each, and decides which judges follow."""
        target = target_of(trace, trace.root)
        for each in self._checks:
            report.emit(check.run(each, trace, target, now_ns=self._now_ns), None)
        decision = self._sampler.decide(trace)
        report.decided(target, decision)
        return decision

    async def judge(self, trace: Trace, decision: Decision, report: Report) -> None:
        """Runs the judges that the decision selected and their shadows, side by side, and reports each as it ends: a
        shadow once its primary has ended too, since it says whether they agree.

        Of judges whose requests begin alike, one goes ahead until its first answer has come or failed: the others
        then read what they share from the provider's cache.

        When cancelled, a judge that has not ended is reported as a failure of type `shutdown`.
        """
        target = target_of(trace, trace.root)
        leads: dict[Hashable, asyncio.Event] = {}
        graded: dict[str, asyncio.Task[Feedback]] = {}
        async with asyncio.TaskGroup() as group:
            for each in self._with_shadows(decision.judges):
                lead = leads.get(each.prefix) if each.prefix is not None else None
                answered = asyncio.Event()
                if each.prefix is not None:
                    leads.setdefault(each.prefix, answered)
                primary = graded.get(each.config.shadow_of or "")
                graded[each.name] = group.create_task(
                    self._judge(each, trace, target, decision, report, lead=lead, answered=answered, primary=primary)
                )

    def _with_shadows(self, names: Sequence[str]) -> list[judge.Judge]:
        """Primaries first: a shadow holds nobody up."""
        primaries = [self._judges[name] for name in names]
        return primaries + [each for each in self._judges.values() if each.config.shadow_of in names]

    def refuse(self, trace: Trace, decision: Decision, failure: JudgeFailure, report: Report) -> None:
        """Reports that no judge of the decision ran, and why."""
        target = target_of(trace, trace.root)
        for name in decision.judges:
            report.emit(self._failed(self._judges[name], target, failure), decision)

    async def _judge(
        self,
        judge: judge.Judge,
        trace: Trace,
        target: Target,
        decision: Decision,
        report: Report,
        *,
        lead: asyncio.Event | None,
        answered: asyncio.Event,
        primary: asyncio.Task[Feedback] | None,
    ) -> Feedback:
        try:
            if lead is not None:
                await _wait(lead, LEAD_S)
            feedback = self._stamp(judge, await judge.grade(trace, target, answered=answered.set))
        except asyncio.CancelledError:
            failure = JudgeFailure("shutdown", "the service stopped before the judgement ended")
            report.emit(self._failed(judge, target, failure), decision)
            raise
        finally:
            answered.set()
        try:
            if primary is not None:
                await asyncio.wait([primary])
                feedback = replace(feedback, agrees=shadows.same(await primary, feedback))
        finally:
            report.emit(feedback, decision)
        return feedback

    def _stamp(self, judge: judge.Judge, feedback: Feedback) -> Feedback:
        feedback = self._calibrations.stamp(feedback)
        shadow_of = judge.config.shadow_of
        return feedback if shadow_of is None else replace(feedback, shadow_of=shadow_of)

    def _failed(self, judge: judge.Judge, target: Target, failure: JudgeFailure) -> Feedback:
        failed = Feedback.failure(target, judge.scorer, failure, judged_at_ns=self._now_ns())
        return self._stamp(judge, failed)

    async def aclose(self) -> None:
        """Closes the connections to models."""
        for each in self._judges.values():
            await each.aclose()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
