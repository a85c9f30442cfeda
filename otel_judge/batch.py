"""Over stored traces: the same engine, with the results as values instead of telemetry.

Traces come one by one, and each row is handed over as it ends: what is held is what is under way.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from typing import TypeAlias

from .decision import Decision
from .engine import Engine
from .errors import ConfigError
from .feedback import Feedback, JudgeFailure, Outcome, Target
from .judge import Estimate
from .label import without_labels
from .purse import Purse
from .results import Row
from .selection import value_of
from .session import Session
from .sources.set_aside import SetAside
from .trace import Trace

CONCURRENT_TRACES = 16  # judged side by side; each model's own `concurrency` bounds its requests
NOT_PAID = JudgeFailure("max_usd", "not judged: it could have cost more than is left of the money for this run")

Done: TypeAlias = Callable[[Row], Awaitable[None]]
"""Takes a row that has ended. While it waits, no other trace begins in that place."""


@dataclass(frozen=True)
class Terms:
    """What a run is held to, and what it is given beside the traces."""

    by: tuple[str, ...] = ()
    """Fields that rows are put together by, see `selection.value_of`."""
    expectations: Mapping[str, object] = field(default_factory=dict[str, object])
    """By trace id."""
    earlier: Mapping[str, Row] = field(default_factory=dict[str, Row])
    """By key: rows of a run that this one goes on with. Their verdicts are not paid for again."""
    purse: Purse | None = None
    """None: the money is not limited."""
    watch_session: Callable[[Row, Trace], None] | None = None
    """Told of each session before its judges begin."""


async def grade(traces: Iterable[Trace], engine: Engine) -> list[Row]:
    """Grades every trace and gives the rows in the order of the traces."""
    rows: list[Row] = []

    async def done(row: Row) -> None:
        rows.append(row)

    await run(traces, engine, done)
    return sorted(rows, key=lambda row: row.number)


async def run(traces: Iterable[Trace], engine: Engine, done: Done, terms: Terms = Terms()) -> None:
    """Grades every trace, and hands each row over as it ends, in no order; then the sessions, if a judge wants them.

    Cancelled, it drops what is under way.
    """

    async def judge(trace: Trace, row: Row, decision: Decision, most_usd: float) -> None:
        before = len(row.feedback)
        try:
            await engine.judge(trace, decision, row, expectations=terms.expectations.get(row.trace_id))
        finally:
            if terms.purse is not None:
                terms.purse.settle(most_usd, sum(map(charged_usd, row.feedback[before:])))
        await done(row)

    async def jobs() -> AsyncIterator[Callable[[], Awaitable[None]]]:
        async for trace, row, decision in _checked(traces, engine, terms, aside):
            if not decision.judges:
                await done(row)
                continue
            most_usd = 0.0
            if terms.purse is not None:
                most_usd = bounded_usd(engine.most_usd(decision), decision.judges)
                if not await terms.purse.reserve(most_usd):
                    engine.refuse(trace, decision, NOT_PAID, row)
                    await done(row)
                    continue
            yield partial(judge, trace, row, decision, most_usd)

    with SetAside() as aside:
        await bounded(jobs(), CONCURRENT_TRACES)


@dataclass
class Forecast:
    """What one judge would take over all traces, estimated on the high side."""

    name: str
    traces: int = 0
    lacking: int = 0
    """Traces of these that lack what the judge needs, or of which nothing can be said: they count nothing below."""
    explored: int = 0
    """Traces of these that are not read whole."""
    turns: int = 1
    """That were assumed of those."""
    least_tokens: int = 0
    """If every judgement ended with its first answer."""
    least_usd: float | None = 0.0
    """None where the model has no known price."""
    tokens: int = 0
    usd: float | None = 0.0
    most_tokens: int = 0
    """By the ceilings of the judge."""
    most_usd: float | None = 0.0

    def add(self, each: Estimate | None) -> None:
        """One more trace, or session."""
        self.traces += 1
        if each is None:
            self.lacking += 1
            return
        self.explored += each.turns > 1
        self.turns = max(self.turns, each.turns)
        self.least_tokens += each.least_tokens
        self.tokens += each.tokens
        self.most_tokens += each.most_tokens
        self.least_usd = _sum(self.least_usd, each.least_usd)
        self.usd = _sum(self.usd, each.usd)
        self.most_usd = _sum(self.most_usd, each.most_usd)


async def forecast(
    traces: Iterable[Trace],
    engine: Engine,
    seen: Callable[[Row], None],
    terms: Terms = Terms(),
) -> list[Forecast]:
    """What a run would ask of models, by judge, without asking any. `seen` is told of each trace."""
    found: dict[str, Forecast] = {}
    with SetAside() as aside:
        async for trace, row, decision in _checked(traces, engine, terms, aside):
            for name, each in engine.estimates(trace, decision, expectations=terms.expectations.get(row.trace_id)):
                found.setdefault(name, Forecast(name)).add(each)
            seen(row)
    return list(found.values())


def _sum(usd: float | None, more: float | None) -> float | None:
    return None if usd is None or more is None else usd + more


def charged_usd(feedback: Feedback) -> float:
    """What a judgement counts as having cost: a request whose price nobody knows, as the most that it can be."""
    charged = feedback.detail.get("charged_usd")
    return charged if isinstance(charged, float) else feedback.cost_usd or 0.0


def bounded_usd(most_usd: float | None, judges: Iterable[str]) -> float:
    """The bound. Raises `ConfigError` where there is none, since the money could not be held then."""
    if most_usd is None:
        names = ", ".join(judges)
        raise ConfigError(
            "max_usd", f"cannot be held: the price of a model of {names} is not known", "set `price` under models"
        )
    return most_usd


async def bounded(jobs: AsyncIterable[Callable[[], Awaitable[None]]], most: int) -> None:
    """Runs jobs as they come, `most` of them side by side. Where one raises, or giving them does, all end."""
    slots = asyncio.Semaphore(most)
    tasks: set[asyncio.Task[None]] = set()

    async def run(job: Callable[[], Awaitable[None]]) -> None:
        try:
            await job()
        finally:
            slots.release()

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is None:
            tasks.discard(task)

    try:
        async for job in jobs:
            await slots.acquire()
            task = asyncio.create_task(run(job))
            tasks.add(task)
            task.add_done_callback(ended)
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def fingerprint(expectations: object) -> str | None:
    """16 hex digits; None without expectations. A verdict counts again only beside the same ones."""
    if expectations is None:
        return None
    told = json.dumps(expectations, sort_keys=True, default=str)
    return blake2b(told.encode(errors="replace"), digest_size=8).hexdigest()


def about(trace: Trace, target: Target, by: Iterable[str] = ()) -> dict[str, str]:
    """What a row is put together with others by: what its target says, and fields of the trace as they came.

    What is not there is left out.
    """
    known = {"service": target.service, "agent": target.agent, "model": target.model}
    known |= {key: value_of(trace, key) for key in by if key not in known}
    return {key: value for key, value in known.items() if value is not None}


async def _checked(
    traces: Iterable[Trace], engine: Engine, terms: Terms, aside: SetAside
) -> AsyncIterator[tuple[Trace, Row, Decision]]:
    """Each trace with its checks done, and after them each session, with the judges that are still to be asked."""
    number = 0
    for stored in traces:
        trace = without_labels(stored)
        row = row_of(trace, engine.told(trace), terms.by, terms.expectations.get(trace.trace_id), number)
        decision = engine.check(trace, row)
        if engine.judges_sessions:
            aside.add(trace)
        yield trace, row, _left(engine, trace, row, decision, terms)
        number += 1
        await asyncio.sleep(0)  # others have their turn, and Ctrl-C
    for session in aside.sessions():
        row = row_of(session, engine.told(session), terms.by, terms.expectations.get(session.trace_id), number)
        decision = engine.decide(session, row)
        if terms.watch_session is not None:
            terms.watch_session(row, session)
        yield session, row, _left(engine, session, row, decision, terms)
        number += 1
        await asyncio.sleep(0)


def row_of(
    trace: Trace, told: tuple[str, Target], by: Iterable[str] = (), expectations: object = None, number: int = 0
) -> Row:
    """The row of a trace or a session, before anything was found about it. `told` is its root by name and as target."""
    name, target = told
    return Row(
        trace.trace_id,
        name,
        len(trace),
        about=about(trace, target, by),
        expectations=fingerprint(expectations),
        number=number,
        turns=tuple(turn.trace_id for turn in trace.turns) if isinstance(trace, Session) else (),
    )


def _left(engine: Engine, trace: Trace, row: Row, decision: Decision, terms: Terms) -> Decision:
    """The decision without the judges whose verdict is there already, which the row is given.

    It counts where the judge, the trace or all turns, and the expectations are the same, and judging did not fail.
    """
    earlier = terms.earlier.get(row.key)
    same = (row.spans, row.expectations, row.turns)
    if earlier is None or (earlier.spans, earlier.expectations, earlier.turns) != same:
        return decision
    _, target = engine.told(trace)
    left: list[str] = []
    for name in decision.judges:
        versions = engine.versions(name)
        given = [each for each in earlier.feedback if versions.get(each.name) == each.scorer.version]
        names = {each.name for each in given if each.outcome is not Outcome.FAILED}
        if names == set(versions):
            row.feedback += [replace(each, target=target) for each in given]
        else:
            left.append(name)
    return replace(decision, judges=tuple(left))
