"""Inside an app: a span processor and a span exporter that judge the app's own traces in the background.

Add `JudgeSpanProcessor()` to a tracer provider, or set `OTEL_TRACES_EXPORTER=otlp,judge` and change no code. Both read
`OTEL_JUDGE_CONFIG`, else otel-judge.yaml in the working directory, else run the checks alone.

Neither ever blocks the app or raises into it: spans go into a bounded queue, one background thread does the rest, and
what does not fit or cannot work is dropped, counted, and logged once.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from .config import Config

logger = logging.getLogger(__name__)

QUEUE_SPANS = 16_384  # ended spans that wait for the background thread
TICK_S = 0.1  # how often that thread looks
DEFAULT_TIMEOUT_MS = 30_000  # the SDK's own

ParamT = ParamSpec("ParamT")
ResultT = TypeVar("ResultT")


class _Judging:
    """What processor and exporter share: a background that judges."""

    def __init__(self, config: Config | None = None) -> None:
        self._background = _Background(config)

    @property
    def dropped(self) -> int:
        """Spans that were not judged: the queue was full, or judging is off."""
        return self._background.dropped

    def force_flush(self, timeout_millis: int = DEFAULT_TIMEOUT_MS) -> bool:
        """Grades every trace whose root has ended and sends the feedback; False if the time was too short."""
        return self._background.flush(timeout_millis / 1000)

    # The SDK gives the time that is left only to a parameter of this name.
    def shutdown(self, timeout_millis: float = DEFAULT_TIMEOUT_MS) -> None:
        """Grades all that came, whole or not, and sends the feedback, within the time."""
        self._background.shutdown(timeout_millis / 1000)


class JudgeSpanExporter(_Judging, SpanExporter):
    """Judges what a span processor exports to it. The entry point `judge` of `OTEL_TRACES_EXPORTER`.

    With `config` no file is read.
    """

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Hands the spans over. SUCCESS even where some were dropped: exporting them again would not help."""
        for span in spans:
            self._background.offer(span)
        return SpanExportResult.SUCCESS


class JudgeSpanProcessor(_Judging, SpanProcessor):
    """Judges the sampled traces of a tracer provider, through a bounded queue of its own.

    With `config` no file is read.
    """

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing: a span is judged once it has ended."""

    def on_end(self, span: ReadableSpan) -> None:
        """Hands a span over; returns at once."""
        if span.context is not None and span.context.trace_flags.sampled:
            self._background.offer(span)


class _Background:
    """The queue, and the thread behind it, which starts with the first span."""

    def __init__(self, config: Config | None) -> None:
        self._config = config
        self._queue: deque[ReadableSpan] = deque()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: Future[asyncio.AbstractEventLoop] = Future()
        self._stopped = False
        self.dropped = 0

    def offer(self, span: ReadableSpan) -> None:
        if self._thread is None:
            self._start()
        if self._stopped or len(self._queue) >= QUEUE_SPANS:
            if not self.dropped and not self._stopped:
                logger.warning("spans end faster than they can be taken; some are not judged")
            self.dropped += 1
        else:
            self._queue.append(span)

    def flush(self, timeout_s: float) -> bool:
        return self._call(self._flush, timeout_s) if self._thread is not None else True

    def shutdown(self, timeout_s: float) -> None:
        if self._thread is not None and not self._stopped:
            self._stopped = True
            self._call(self._close, timeout_s)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="otel-judge", daemon=True)
                self._thread.start()

    def _call(self, work: Callable[[float], Coroutine[Any, Any, bool]], timeout_s: float) -> bool:
        """Runs work on the background loop; False where judging is off, or the work is not done in time."""
        deadline = time.monotonic() + timeout_s
        try:
            loop = self._loop.result(timeout_s)
            left = max(0.0, deadline - time.monotonic())
            return asyncio.run_coroutine_threadsafe(work(left), loop).result(left)
        except Exception as error:  # noqa: BLE001 - whatever it is, the app goes on
            logger.warning("not all was judged in time: %s", error or type(error).__name__)
            return False

    def _run(self) -> None:
        # Whatever this thread does (asking models, sending feedback) must leave no spans in the app's own traces.
        from opentelemetry.instrumentation.utils import suppress_instrumentation

        with suppress_instrumentation():
            try:
                asyncio.run(self._serve())
            except Exception as error:  # noqa: BLE001 - whatever it is, the app goes on
                self._stopped = True
                self.dropped += len(self._queue)
                self._queue.clear()
                logger.error("judging is off: %s", error)
                if not self._loop.done():
                    self._loop.set_exception(error)

    async def _serve(self) -> None:
        from .config_file import load
        from .embedded import Embedded

        loop = asyncio.get_running_loop()
        loop.set_default_executor(_DaemonThreads())
        self._embedded = await Embedded.open(self._config if self._config is not None else load())
        self._ended = asyncio.Event()
        self._loop.set_result(loop)
        while not self._ended.is_set():
            try:
                self._take_queue()
                self._embedded.grade_finished()
            except Exception:
                logger.exception("some spans could not be judged")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), TICK_S)

    def _take_queue(self) -> None:
        spans = [self._queue.popleft() for _ in range(len(self._queue))]
        if spans:
            self._embedded.take(spans)

    async def _flush(self, deadline_s: float) -> bool:
        self._take_queue()
        return await self._embedded.flush(deadline_s)

    async def _close(self, deadline_s: float) -> bool:
        self._take_queue()
        try:
            await self._embedded.close(deadline_s)
        finally:
            self._ended.set()
        return True


class _DaemonThreads(ThreadPoolExecutor):
    """An executor that still works while the interpreter exits, when the app's provider shuts us down.

    The standard one refuses work as soon as the main thread has ended, and asyncio looks names up in it.
    """

    def submit(self, fn: Callable[ParamT, ResultT], /, *args: ParamT.args, **kwargs: ParamT.kwargs) -> Future[ResultT]:
        future: Future[ResultT] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - handed to who waits
                future.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        return future
