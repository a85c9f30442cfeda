"""The report of a run: one HTML file that needs nothing else, with every verdict beside what it rests on.

    report = Report(sources=["traces.jsonl"], scorers=engine.scorers)
    await grade(report.watch(traces), engine, done=report.add)
    text = report.html()

A trace is shown as its judges saw it: without earlier scores, as the steps of its trajectory. Once it is graded, only
that is kept of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from ..judge.blind import blind
from ..judge.text import clean
from ..results import Row, Tallies
from ..sources import shown
from ..trace import Trace
from ..version import __version__
from .aggregate import Aggregates
from .entry import entry_of
from .page import render
from .sharing import share

MOST_BYTES: Final = 64 * 1024 * 1024  # of the trajectories of all traces; past it, those that passed go without first


class Report:
    """Gathers rows as they end. The order in which they do is not seen in the report.

    `seen` gives what judges may see of a trace, None for nothing; without it, they may see all.
    """

    def __init__(
        self,
        *,
        sources: Iterable[str] = (),
        scorers: Iterable[str] = (),
        seen: Callable[[Trace], Trace | None] | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._sources = tuple(sources)
        self._scorers = tuple(scorers)
        self._tallies = Tallies(self._scorers)
        self._judged_at_ns = 0
        self._seen = seen
        self._most_bytes = most_bytes
        self._waiting: dict[str, tuple[int, Trace]] = {}
        self._numbers = 0
        self._entries: list[tuple[tuple[int, str], dict[str, Any]]] = []

    def watch(self, traces: Iterable[Trace]) -> Iterator[Trace]:
        """The same traces. Each is held until its row is added."""
        for trace in traces:
            self._hold(trace.trace_id, trace)
            yield trace

    def watch_session(self, row: Row, session: Trace) -> None:
        """Likewise a session, before its row is added."""
        self._hold(row.key, session)

    def add(self, row: Row) -> None:
        """A row that has ended. One whose trace was not watched, or may not be seen, has its verdicts alone."""
        number, trace = self._waiting.pop(row.key, (self._numbers, None))
        if trace is not None and self._seen is not None:
            trace = self._seen(trace)
            row = replace(row, root="" if trace is None else trace.root.name)
        self._tallies.add(row)
        self._judged_at_ns = max([self._judged_at_ns, *(each.judged_at_ns for each in row.feedback)])
        self._entries.append(((number, row.key), entry_of(row, None if trace is None else blind(trace))))

    def _hold(self, key: str, trace: Trace) -> None:
        self._waiting[key] = self._numbers, trace
        self._numbers += 1

    def html(self) -> str:
        """The page, with the traces in the order in which they were read. The same rows give the same text."""
        entries = _within([entry for _, entry in sorted(self._entries, key=_place)], self._most_bytes)
        strings = share(entries)
        aggregates = Aggregates(self._tallies.instruments, self._scorers)
        data: Mapping[str, object] = {
            "version": __version__,
            "sources": [clean(shown(source)) for source in self._sources],
            "judged_at_ms": self._judged_at_ns // 1_000_000,
            "scorers": aggregates.as_dicts(),
            "columns": aggregates.names,
            "traces": entries,
            "strings": strings,
        }
        return render(orjson.dumps(data).decode())


def _place(placed: tuple[tuple[int, str], object]) -> tuple[int, str]:
    return placed[0]


def _within(entries: Sequence[Mapping[str, Any]], room: int) -> list[dict[str, Any]]:
    """The entries, without the steps of some where all have no room: those that say the least go first."""
    kept: dict[int, dict[str, Any]] = {}
    for number in sorted(range(len(entries)), key=lambda number: not entries[number]["telling"]):
        entry = {key: value for key, value in entries[number].items() if key not in ("telling", "bytes")}
        size = entries[number]["bytes"]
        if size > room:
            entry["steps"] = {"total": entry["steps"]["total"], "shown": []}
        else:
            room -= size
        kept[number] = entry
    return [kept[number] for number in range(len(entries))]
