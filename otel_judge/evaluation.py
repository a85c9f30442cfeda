"""`evaluate`: any traces, or rows of values, graded by any scorers, with the results as values.

    result = evaluate(read_traces("traces/"), [no_tool_errors(), judge])
    result.pass_rate("no_tool_errors"), result.score_stats("quality").mean

It is `batch` for whoever has scorers instead of a config.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, cast

from .api.case import Case, Task
from .api.running import background, in_thread
from .api.scorer import FunctionScorer, Scorer
from .batch import CONCURRENT_TRACES, Row, ScoreStats, Summary, bounded, summarise
from .engine import Ready, side_by_side
from .feedback import Feedback
from .trace import Trace

Item: TypeAlias = "Trace | Mapping[str, Any] | Task"
"""A trace, or a row with any of `ROW_KEYS`, or a task."""
ROW_KEYS = ("trace", "inputs", "outputs", "expectations", "reference_outputs", "task_id", "tags", "metadata")


@dataclass(frozen=True)
class Evaluation:
    """What the scorers said. Numbers are kept by key, and asking for a key that nobody gave is an error."""

    rows: list[Row]
    """One for each item, in order."""
    summaries: Mapping[str, Summary]
    """By key: those of the scorers in their order, and after them names that scorers gave of their own."""

    def __repr__(self) -> str:
        return f"<Evaluation of {len(self.rows)} rows: {', '.join(self.summaries)}>"

    @property
    def keys(self) -> list[str]:
        return list(self.summaries)

    def pass_rate(self, key: str) -> float | None:
        """Passed of those that passed or failed; None where nothing was graded.

        What was not judgeable, or failed to be judged, does not count, but for `agent_judge(threshold=…)`, where a
        missing verdict is a fail. Raises `KeyError` for an unknown key, and `ValueError` for a scorer that knows no
        passing.
        """
        summary = self._summary(key)
        rate = summary.pass_rate
        if rate is None and summary.judged:
            raise ValueError(f"{key!r} neither passes nor fails; set a threshold, or name the labels that pass")
        return rate

    def score_stats(self, key: str) -> ScoreStats:
        """Of the scores, those that were given. Raises `KeyError` for an unknown key, `ValueError` without scores."""
        summary = self._summary(key)
        stats = summary.score_stats
        if stats is None:
            raise ValueError(f"{key!r} gave no score; its labels are in value_counts({key!r})")
        return stats

    def value_counts(self, key: str) -> Counter[str]:
        """How often each label was given. Raises `KeyError` for an unknown key."""
        return Counter(self._summary(key).labels)

    def _summary(self, key: str) -> Summary:
        if key not in self.summaries:
            raise KeyError(f"no scorer has the key {key!r}; there are {', '.join(self.summaries) or 'none'}")
        return self.summaries[key]


def evaluate(
    data: Iterable[Item],
    scorers: Iterable[Scorer | Callable[..., object]],
    *,
    concurrency: int = CONCURRENT_TRACES,
) -> Evaluation:
    """Grades each item with each scorer. Also where a loop is running, such as in a notebook.

    `data` are traces, or rows with any of `ROW_KEYS`; values stand for what the row's trace says. `concurrency` is how
    many items are graded side by side. No scorer's failure loses another's feedback: it is a feedback with an `error`.

    Raises `TypeError` for an item that is none, and `ValueError` for two scorers of the same name.
    """
    return background.run(aevaluate(data, scorers, concurrency=concurrency))


async def aevaluate(
    data: Iterable[Item],
    scorers: Iterable[Scorer | Callable[..., object]],
    *,
    concurrency: int = CONCURRENT_TRACES,
) -> Evaluation:
    """`evaluate` for async code: async scorers run on the loop that it is awaited on."""
    chosen = [each if isinstance(each, Scorer) else FunctionScorer(each) for each in scorers]
    twice = [name for name, count in Counter(each.name for each in chosen).items() if count > 1]
    if twice:
        raise ValueError(f"two scorers are called {twice[0]!r}; give each a name of its own")
    if concurrency < 1:
        raise ValueError(f"concurrency={concurrency}: at least one item is graded at a time")
    rows: list[Row] = []

    async def jobs() -> AsyncIterator[Callable[[], Awaitable[None]]]:
        async for case in _cases(data):
            row = _row(case)
            rows.append(row)
            yield partial(_grade, case, row, chosen)

    await bounded(jobs(), concurrency)
    return Evaluation(rows, {each.name: each for each in summarise(rows, [each.name for each in chosen])})


async def _grade(case: Case, row: Row, scorers: Sequence[Scorer]) -> None:
    found: dict[int, list[Feedback]] = {}

    async def score(number: int, ready: Ready, answered: Callable[[], None]) -> None:
        await ready
        each = scorers[number]
        try:
            found[number] = await each.score(case, answered=answered)
        except Exception as error:  # noqa: BLE001 - a scorer of somebody else's class must not lose the others
            found[number] = [each.failure(case, error)]

    await side_by_side((each.prefix, partial(score, number)) for number, each in enumerate(scorers))
    row.feedback += [feedback for number in sorted(found) for feedback in found[number]]


async def _cases(data: Iterable[Item]) -> AsyncIterator[Case]:
    """What is in memory is checked before anything is spent on it; what is read on the way never blocks the loop."""
    if isinstance(data, Sequence):
        for case in [_case(item) for item in data]:
            yield case
        return
    items: Iterator[Item] = iter(data)
    while (item := await in_thread(lambda: next(items, None))) is not None:
        yield _case(item)


def _case(item: object) -> Case:
    if isinstance(item, Trace):
        return Case(item)
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
    task = Task(
        row.get("inputs"),
        str(row.get("task_id", "")),
        expectations,
        tuple(row.get("tags", ())),
        row.get("metadata", {}),
    )
    return Case(row.get("trace"), row.get("inputs"), row.get("outputs"), expectations, task=task)


_KEYS = ", ".join(ROW_KEYS)


def _row(case: Case) -> Row:
    trace = case.trace
    if trace is None:
        return Row(case.target.trace_id, "", 0)
    return Row(trace.trace_id, trace.root.name, len(trace.spans))
