"""One event loop on a thread of its own, where everything that is called from Python asks its models.

Connections to models belong to the loop that opened them. With one loop for all callers they are shared by scripts,
notebooks with a running loop, several threads and any number of `asyncio.run`, and closed once, at exit.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import itertools
import os
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
Close = Callable[[], Coroutine[Any, Any, None]]

_CLOSE_S = 5.0  # at exit, for connections and for spans that were not exported yet


class Background:
    """The loop, started at its first use. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._numbers = itertools.count()
        self._closes: dict[int, Close] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs it on the loop and waits. Raises `RuntimeError` on the loop itself, which must not wait."""
        loop = self._running()
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("this would block the loop that it waits for; use `await ….acall(…)` in async code")
        future = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            return future.result()
        finally:
            future.cancel()  # where waiting was interrupted

    async def arun(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs it on the loop, awaited from any other."""
        loop = self._running()
        if asyncio.get_running_loop() is loop:
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))

    def closes_with(self, owner: object, close: Close) -> None:
        """`close` is run on the loop once the owner is gone, or at exit. It must not refer to the owner."""
        self._leave_parent()
        number = next(self._numbers)
        self._closes[number] = close
        weakref.finalize(owner, self._close_one, number).atexit = False

    def close(self) -> None:
        """Closes what is open and ends the thread."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None or self._pid != os.getpid():
            return
        closes = list(self._closes.values())
        self._closes.clear()
        future = asyncio.run_coroutine_threadsafe(_all(closes), loop)
        try:
            future.result(_CLOSE_S)
        except TimeoutError:
            future.cancel()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_CLOSE_S)
        self._loop = self._thread = None

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            self._leave_parent()
            if self._loop is None:
                self._loop = loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_run, args=(loop,), name="otel-judge-api", daemon=True)
                self._thread.start()
            return self._loop

    def _leave_parent(self) -> None:
        """A forked process has neither the thread nor the connections of its parent."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._loop = self._thread = None
            self._closes.clear()

    def _close_one(self, number: int) -> None:
        close, loop = self._closes.pop(number, None), self._loop
        if close is not None and loop is not None and self._pid == os.getpid():
            loop.call_soon_threadsafe(self._start_closing, close)

    def _start_closing(self, close: Close) -> None:
        task = asyncio.get_running_loop().create_task(_all([close]))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


background = Background()
"""The one of this process."""
atexit.register(background.close)


async def in_thread(function: Callable[[], T]) -> T:
    """Runs a function on a thread of its own, which does not keep the process alive.

    Not `asyncio.to_thread`: what a scorer waits for may need a thread of that pool itself, and a scorer that hangs
    would hold up the exit.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            result = context.run(function)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the caller gets it
            _tell(loop, _fail, done, error)
        else:
            _tell(loop, _succeed, done, result)

    threading.Thread(target=work, name="otel-judge-scorer", daemon=True).start()
    return await done


async def finish(awaitable: Awaitable[T]) -> T:
    """Any awaitable as a coroutine."""
    return await awaitable


def _tell(loop: asyncio.AbstractEventLoop, what: Callable[..., None], *arguments: object) -> None:
    try:
        loop.call_soon_threadsafe(what, *arguments)
    except RuntimeError:  # the loop is closed: nobody waits any more
        return


def _succeed(done: asyncio.Future[T], result: T) -> None:
    if not done.done():
        done.set_result(result)


def _fail(done: asyncio.Future[Any], error: BaseException) -> None:
    if not done.done():
        # A StopIteration cannot be raised into a coroutine.
        done.set_exception(RuntimeError(repr(error)) if isinstance(error, StopIteration) else error)


async def _all(closes: list[Close]) -> None:
    await asyncio.gather(*(close() for close in closes), return_exceptions=True)
    await asyncio.sleep(0)  # transports close their sockets in the loop's next turn


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
