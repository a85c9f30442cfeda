"""Reads large traces beside the event loop, so that whoever waits for a model or a timer there is never held up.

Small traces are read on the loop: to hand work to a thread and back costs about 0.1 ms, and more of them side by side
gain nothing. RE2 searches without Python's lock, so that searches of one turn run truly in parallel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from ..trace import Trace

LARGE_BYTES = 250_000
"""Wire bytes from which a trace is read aside. At this size the first look at all of its spans takes about 10 ms."""

_THREADS = 4
_pool = ThreadPoolExecutor(_THREADS, "otel-judge-reader")  # of its own: asyncio's also resolves host names

P = ParamSpec("P")
T = TypeVar("T")


async def aside(trace: Trace, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` on this trace returns or raises. When cancelled it ends at once; work under way runs out unheard."""
    if trace.size < LARGE_BYTES:
        return work(*args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_pool, partial(work, *args, **kwargs))
