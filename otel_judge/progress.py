"""How far a run over many traces is: a bar on a terminal, a plain line now and then where there is none."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TextIO

from .feedback import Outcome
from .results import Row

if TYPE_CHECKING:
    import rich.progress

LINE_EVERY_S: Final = 10.0


class Progress:
    """Counts what a run has done. A context manager; by itself it shows nothing."""

    def __init__(self) -> None:
        self.total: int | None = None
        """Traces that there will be; None until it is known."""
        self.traces = 0
        self.failures = 0
        """Judgements that broke off."""
        self.tokens = 0
        self.usd = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Ends what is shown."""

    def expect(self, traces: int) -> None:
        self.total = traces
        self.show()

    def passed_over(self) -> None:
        """A trace of those expected is not to be graded."""
        if self.total is not None:
            self.total -= 1

    def done(self, row: Row) -> None:
        self.traces += not row.turns
        for feedback in row.feedback:
            self.failures += feedback.outcome is Outcome.FAILED
            if feedback.usage is not None:
                self.tokens += feedback.usage.total_tokens
            self.usd += feedback.cost_usd or 0.0
        self.show()

    def show(self) -> None:
        """Called whenever something has changed."""

    def counts(self) -> str:
        """What was counted beside the traces; of a run without models only failures."""
        parts = [f"{self.failures:,} failed"] if self.failures else []
        if self.tokens:
            parts += [f"{self.tokens:,} tokens", f"${self.usd:.2f}"]
        return ", ".join(parts)


class Bar(Progress):
    """On a terminal."""

    def __init__(self, out: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        super().__init__()
        self._bar: rich.progress.Progress = RichProgress(
            TextColumn("traces"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[counts]}"),
            TimeRemainingColumn(),
            console=Console(file=out),
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, counts="")

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.stop()

    def show(self) -> None:
        self._bar.update(self._task, total=self.total, completed=self.traces, counts=self.counts())


class Lines(Progress):
    """Where there is no terminal."""

    def __init__(self, out: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._out = out
        self._clock = clock
        self._began = self._told = clock()

    def show(self) -> None:
        now = self._clock()
        if now - self._told < LINE_EVERY_S:
            return
        self._told = now
        of = "" if self.total is None else f" of {self.total:,}"
        left = self._left_s(now)
        parts = [f"{self.traces:,}{of} traces", self.counts(), "" if left is None else f"{_clock(left)} left"]
        self._out.write(f"otel-judge: {', '.join(part for part in parts if part)}\n")
        self._out.flush()

    def _left_s(self, now: float) -> float | None:
        if not self.total or not self.traces:
            return None
        return (now - self._began) * (self.total - self.traces) / self.traces


def progress() -> Progress:
    """On standard error, as suits it."""
    out = sys.stderr
    return Bar(out) if out.isatty() else Lines(out)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{seconds:02}s" if minutes else f"{seconds}s"
