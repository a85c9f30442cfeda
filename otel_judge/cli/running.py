"""What `otel-judge run` does between its options and its output: chooses traces, grades them, keeps what ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from ..batch import Forecast, Terms, forecast, run
from ..config import Config
from ..engine import Engine, Plan
from ..errors import SourceError
from ..progress import Progress
from ..report import Report
from ..results import Journal, Row
from ..selection import Where, sample, sample_conversations
from ..sources import Skipped, read_traces
from ..trace import Trace
from .collecting import Collected
from .emitting import Emission
from .outputs import Outputs


@dataclass(frozen=True)
class Choice:
    """Which traces."""

    sources: Sequence[str]
    where: Where
    sample: int | None
    seed: int
    """Of the sample."""
    trace_id: str | None
    strict: bool
    whole_conversations: bool = False
    """A sample takes all traces of a conversation or none: judges of sessions are asked."""

    def read(self, skipped: Skipped, progress: Progress) -> Iterator[Trace]:
        """The traces. The first is read at once, before any loop runs: until then, Ctrl-C ends it where it is.

        Raises `SourceError` where there is none.
        """
        read = read_traces(
            *self.sources, trace_id=self.trace_id, strict=self.strict, skipped=skipped, found=progress.expect
        )
        chosen = self._met(read, progress)
        if self.sample is not None:
            draw = sample_conversations if self.whole_conversations else sample
            drawn = draw(chosen, self.sample, self.seed)
            progress.expect(len(drawn))
            chosen = iter(drawn)
        first = next(chosen, None)
        if first is None:
            if self.where.conditions and not skipped.count:
                raise SourceError(", ".join(self.sources), "no trace meets --where", "or there are none at all")
            raise skipped.nothing(", ".join(self.sources))
        return chain((first,), chosen)

    def _met(self, traces: Iterable[Trace], progress: Progress) -> Iterator[Trace]:
        for trace in traces:
            if self.where(trace):
                yield trace
            else:
                progress.passed_over()


def build(config: Config, debug_folder: Path | None, emission: Emission | None) -> Engine:
    """The config's engine; with an emission, the judges' own work goes the same way as their feedback."""
    plan = Plan.of(config)
    if emission is None:
        return Engine(plan, debug_folder=debug_folder)
    from ..emit import own_spans

    exporter = own_spans.OwnSpanExporter(emission.put_spans)
    return Engine(plan, own_spans=exporter, own_resource=own_spans.resource(), debug_folder=debug_folder)


@dataclass(frozen=True)
class Rows:
    """Where rows go as they end."""

    collected: Collected
    progress: Progress
    journal: Journal | None
    emission: Emission | None
    outputs: Outputs
    report: Report | None = None

    async def take(self, row: Row) -> None:
        if self.journal is not None:
            self.journal.add(row)
        self.collected.add(row)
        self.outputs.add(row)
        self.progress.done(row)
        if self.report is not None:
            self.report.add(row)
        if self.emission is not None:
            await self.emission.put(row)


def grade(traces: Iterable[Trace], engine: Engine, rows: Rows, terms: Terms) -> bool:
    """Grades the traces; False if Ctrl-C ended it before all were done."""

    async def work() -> None:
        if rows.emission is not None:
            await rows.emission.start()
        try:
            await run(traces, engine, rows.take, terms)
        finally:
            await engine.aclose()
            if rows.emission is not None:
                await rows.emission.close()

    try:
        asyncio.run(work())
    except KeyboardInterrupt:
        return False
    finally:
        if rows.journal is not None:
            rows.journal.close()
    return True


def foresee(traces: Iterable[Trace], engine: Engine, seen: Callable[[Row], None], terms: Terms) -> list[Forecast]:
    """What `grade` would ask of models."""

    async def work() -> list[Forecast]:
        try:
            return await forecast(traces, engine, seen, terms)
        finally:
            await engine.aclose()

    return asyncio.run(work())
