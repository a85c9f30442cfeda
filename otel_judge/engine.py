"""check -> sample -> judge on one finished trace: the order of the rooms, the same for every way of use.

The service, the app and the batch run compose the same `Engine`; what differs is who brings traces, and where the
results go (`Report`).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from . import check, judge
from .config import CheckConfig, Config, JudgeConfig, ModelConfig, Sampling
from .config_egress import EgressConfig, RedactConfig
from .decision import Decision
from .feedback import Feedback, JudgeFailure, Target
from .judge import Ledger
from .redact import Redactor
from .sample import Sampler
from .trace import Trace

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
    redact: RedactConfig | None = field(default_factory=RedactConfig)
    egress: EgressConfig | None = None

    @classmethod
    def of(cls, config: Config) -> Plan:
        models = tuple(config.models.items())
        return cls(config.checks, config.sampling, models, config.judges, config.redact, config.egress)


class Report(Protocol):
    """Takes results as they come. Called on the engine's loop; must not block and must not raise."""

    def emit(self, feedback: Feedback, decision: Decision | None) -> None:
        """`decision` is what put a judge on the trace; None for a check, which sees every trace."""
        ...

    def decided(self, target: Target, decision: Decision) -> None: ...


class Engine:
    """Runs a plan. Building it raises what the plan cannot do: `InstructionsError` or `ModelUnavailable`.

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
        self._judges = {
            built.name: built
            for built in judge.build(
                plan.judges,
                dict(plan.models),
                own_spans=own_spans,
                own_resource=own_resource,
                debug_folder=debug_folder,
                redactor=self._redactor,
                egress=plan.egress,
            )
        }
        self._sampler = Sampler(plan.sampling, tuple(self._judges))

    @property
    def scorers(self) -> Sequence[str]:
        """Names of all checks and judges, in config order."""
        return [*(built.name for built in self._checks), *self._judges]

    def check(self, trace: Trace, report: Report) -> Decision:
        """Runs every check, reports each, and decides which judges follow."""
        target = self._redactor.target(trace, trace.root)
        for each in self._checks:
            said = check.run(each, trace, target, now_ns=self._now_ns)
            report.emit(self._redactor.scrub(trace, said), None)
        decision = self._sampler.decide(trace)
        report.decided(target, decision)
        return decision

    async def judge(self, trace: Trace, decision: Decision, report: Report) -> None:
        """Runs the judges that the decision selected, side by side, and reports each as it ends.

        Of judges whose requests begin alike, one goes ahead until its first answer has come or failed: the others
        then read what they share from the provider's cache.

        When cancelled, a judge that has not ended is reported as a failure of type `shutdown`.
        """
        target = self._redactor.target(trace, trace.root)
        leads: dict[Hashable, asyncio.Event] = {}
        async with asyncio.TaskGroup() as group:
            for name in decision.judges:
                each = self._judges[name]
                lead = leads.get(each.prefix) if each.prefix is not None else None
                answered = asyncio.Event()
                if each.prefix is not None:
                    leads.setdefault(each.prefix, answered)
                group.create_task(self._judge(each, trace, target, decision, report, lead=lead, answered=answered))

    def refuse(self, trace: Trace, decision: Decision, failure: JudgeFailure, report: Report) -> None:
        """Reports that no judge of the decision ran, and why."""
        target = self._redactor.target(trace, trace.root)
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
    ) -> None:
        ledger = Ledger()
        try:
            if lead is not None:
                await _wait(lead, LEAD_S)
            feedback = await judge.grade(trace, target, answered=answered.set, ledger=ledger)
        except asyncio.CancelledError:
            failure = JudgeFailure("shutdown", "the service stopped before the judgement ended")
            report.emit(replace(self._failed(judge, target, failure), receipt=ledger.receipt), decision)
            raise
        finally:
            answered.set()
        report.emit(feedback, decision)

    def _failed(self, judge: judge.Judge, target: Target, failure: JudgeFailure) -> Feedback:
        return Feedback.failure(target, judge.scorer, failure, judged_at_ns=self._now_ns())

    async def aclose(self) -> None:
        """Closes the connections to models."""
        for each in self._judges.values():
            await each.aclose()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
