"""`evaluate`: any traces, or rows of values, graded by any scorers, with the results as values.

    result = evaluate(read_traces("traces/"), [no_tool_errors(), judge])
    result.pass_rate("no_tool_errors"), result.score_stats("quality").mean

It is `batch` for whoever has scorers instead of a config.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypedDict, Unpack, cast

from .agreement import Agreement, agreement, read_labels
from .api.case import Case, Task
from .api.running import background, in_thread
from .api.scorer import FunctionScorer, Scorer
from .batch import CONCURRENT_TRACES, NOT_PAID, bounded, bounded_usd, charged_usd, fingerprint, row_of
from .engine import Ready, side_by_side
from .feedback import Feedback
from .label import Label
from .progress import Progress
from .progress import progress as shown_progress
from .purse import Purse
from .results import Results, Row
from .selection import check_field
from .sources.set_aside import SetAside
from .trace import Trace

Item: TypeAlias = "Trace | Mapping[str, Any] | Task"
"""A trace, or a row with any of `ROW_KEYS`, or a task."""
ROW_KEYS = ("trace", "inputs", "outputs", "expectations", "reference_outputs", "task_id", "tags", "metadata")
_METADATA = "metadata."
_KEYS = ", ".join(ROW_KEYS)


@dataclass(frozen=True, repr=False)
class Evaluation(Results):
    """What `evaluate` gives: results, and how far the judges among the scorers agree with people."""

    agreement: Agreement | None = None
    """None where no labels were given."""


class Options(TypedDict, total=False):
    """What `evaluate` takes beside the data and the scorers."""

    concurrency: int
    """How many items are graded side by side."""
    expectations: Mapping[str, object]
    """By trace id, for traces that come without."""
    labels: str | Path | Iterable[Label] | None
    """What people said of the same traces: labels, or a file of them, as `otel-judge agree` reads."""
    by: str | Iterable[str]
    """What rows will be put together by beside `service`, `agent`, `model` and `tag`: `attributes.KEY`, `resource.KEY`,
    `metadata.KEY` of the row, `name`, `status`, `conversation`."""
    max_usd: float | None
    """No judgement begins that could, with those under way, cost more than this in all."""
    progress: bool | Progress
    """A bar on standard error; or whatever counts."""


def evaluate(
    data: Iterable[Item], scorers: Iterable[Scorer | Callable[..., object]], **options: Unpack[Options]
) -> Evaluation:
    """Grades each item with each scorer. Also where a loop is running, such as in a notebook.

    A judge with `target="session"` grades no item by itself, but at the end the traces of each conversation together:
    that is a row more, after those of the items.

    `data` are traces, or rows with any of `ROW_KEYS`; values stand for what the row's trace says. No scorer's failure
    loses another's feedback: it is a feedback with an `error`; so is a judgement that `max_usd` does not pay for.

    Raises `TypeError` for an item or an option that is none, `ValueError` for two scorers of the same name, and
    `ConfigError` for a `max_usd` that cannot be held, since a price is not known, and for a `by` that there is not.
    """
    return background.run(aevaluate(data, scorers, **options))


async def aevaluate(
    data: Iterable[Item], scorers: Iterable[Scorer | Callable[..., object]], **options: Unpack[Options]
) -> Evaluation:
    """`evaluate` for async code: async scorers run on the loop that it is awaited on."""
    if unknown := options.keys() - Options.__annotations__.keys():
        raise TypeError(f"evaluate takes no {min(unknown)!r}; it takes {', '.join(Options.__annotations__)}")
    chosen = [each if isinstance(each, Scorer) else FunctionScorer(each) for each in scorers]
    twice = [name for name, count in Counter(each.name for each in chosen).items() if count > 1]
    if twice:
        raise ValueError(f"two scorers are called {twice[0]!r}; give each a name of its own")
    concurrency = options.get("concurrency", CONCURRENT_TRACES)
    if concurrency < 1:
        raise ValueError(f"concurrency={concurrency}: at least one item is graded at a time")
    labels = _labels(options.get("labels"))
    by = _fields(options.get("by", ()))
    expectations = options.get("expectations", {})
    usd = options.get("max_usd")
    purse = None if usd is None else Purse(usd)
    of_traces = [each for each in chosen if each.target != "session"]
    of_sessions = [each for each in chosen if each.target == "session"]
    if purse is not None:
        _most_usd(chosen)  # known of all, before the first is asked
    rows: list[Row] = []
    counting = options.get("progress", False)
    progress = counting if isinstance(counting, Progress) else shown_progress() if counting else Progress()

    async def grade(case: Case, row: Row, scorers: Sequence[Scorer], most_usd: float, *, paid: bool) -> None:
        try:
            await _grade(case, row, scorers, paid=paid)
        finally:
            if purse is not None and paid:
                purse.settle(most_usd, sum(map(charged_usd, row.feedback)))
        progress.done(row)

    async def job(case: Case, scorers: Sequence[Scorer]) -> Callable[[], Awaitable[None]]:
        row = _row(case, by)
        rows.append(row)
        most_usd = 0.0 if purse is None else _most_usd(scorers)
        paid = purse is None or await purse.reserve(most_usd)
        return partial(grade, case, row, scorers, most_usd, paid=paid)

    async def jobs() -> AsyncIterator[Callable[[], Awaitable[None]]]:
        async for case in _cases(data, expectations):
            if of_sessions and case.trace is not None:
                aside.add(case.trace)
            yield await job(case, of_traces)
        for session in aside.sessions():
            yield await job(Case.of(trace=session, expectations=expectations.get(session.trace_id)), of_sessions)

    with progress, SetAside() as aside:
        if isinstance(data, Sequence):
            progress.expect(len(data))
        await bounded(jobs(), concurrency)
    found = Results.of(rows, [each.name for each in chosen])
    given = [feedback for row in rows for feedback in row.feedback]
    return Evaluation(rows, found.summaries, None if labels is None else agreement(given, labels))


async def _grade(case: Case, row: Row, scorers: Sequence[Scorer], *, paid: bool) -> None:
    """All scorers; of a row that is not paid for, those that cost nothing."""
    found: dict[int, list[Feedback]] = {}

    async def score(number: int, ready: Ready, answered: Callable[[], None]) -> None:
        await ready
        each = scorers[number]
        if not paid and each.most_usd != 0:
            found[number] = [Feedback.failure(case.target, each.scorer, NOT_PAID, judged_at_ns=time.time_ns())]
            return
        try:
            found[number] = await each.score(case, answered=answered)
        except Exception as error:  # noqa: BLE001 - a scorer of somebody else's class must not lose the others
            found[number] = [each.failure(case, error)]

    await side_by_side((each.prefix, partial(score, number)) for number, each in enumerate(scorers))
    row.feedback += [feedback for number in sorted(found) for feedback in found[number]]


def _most_usd(scorers: Sequence[Scorer]) -> float:
    """The most that one item can cost. Raises `ConfigError` where nobody knows."""
    return sum(bounded_usd(each.most_usd, [each.name]) for each in scorers)


async def _cases(data: Iterable[Item], expectations: Mapping[str, object]) -> AsyncIterator[Case]:
    """What is in memory is checked before anything is spent on it; what is read on the way never blocks the loop."""
    if isinstance(data, Sequence):
        for case in [_case(item, expectations) for item in data]:
            yield case
        return
    items: Iterator[Item] = iter(data)
    while (item := await in_thread(lambda: next(items, None))) is not None:
        yield _case(item, expectations)


def _case(item: object, expected: Mapping[str, object]) -> Case:
    if isinstance(item, Trace):
        return Case.of(trace=item, expectations=expected.get(item.trace_id))
    if isinstance(item, Task):
        return Case.of(task=item)
    if not isinstance(item, Mapping):
        raise TypeError(f"{type(item).__name__} is nothing to evaluate; give Traces, or dicts with {_KEYS}")
    row = dict(cast("Mapping[str, Any]", item))
    if unknown := [key for key in row if key not in ROW_KEYS]:
        raise TypeError(f"a row has the key {unknown[0]!r}; the keys are {_KEYS}")
    expectations = row.get("expectations")
    if expectations is None:
        expectations = row.get("reference_outputs")
    trace = row.get("trace")
    if expectations is None and isinstance(trace, Trace):
        expectations = expected.get(trace.trace_id)
    task = Task(
        row.get("inputs"),
        str(row.get("task_id", "")),
        expectations,
        tuple(row.get("tags", ())),
        row.get("metadata", {}),
    )
    return Case(trace, row.get("inputs"), row.get("outputs"), expectations, task=task)


def _row(case: Case, by: Sequence[str]) -> Row:
    trace = case.trace
    if trace is None:
        row = Row(case.target.trace_id, "", 0)
    else:
        told = trace.root.name, case.target
        row = row_of(trace, told, [key for key in by if not key.startswith(_METADATA)])
    metadata = case.task.metadata
    for key in by:
        name = key.removeprefix(_METADATA)
        if name != key and name in metadata:
            row.about[key] = str(metadata[name])
    row.tags = tuple(case.task.tags)
    row.expectations = fingerprint(case.expectations)
    return row


def _fields(by: str | Iterable[str]) -> list[str]:
    fields = [by] if isinstance(by, str) else list(by)
    for each in fields:
        if not each.startswith(_METADATA):
            check_field(each)
    return fields


def _labels(given: str | Path | Iterable[Label] | None) -> list[Label] | None:
    if given is None:
        return None
    return read_labels([given]).labels if isinstance(given, str | Path) else list(given)
