"""Stored traces: where `otel-judge run`, `otel-judge tool` and `read_traces` find them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from ..errors import SourceError
from ..trace import Trace
from . import files, live

__all__ = ["read_traces"]


def read_traces(*sources: str | os.PathLike[str], trace_id: str | None = None) -> Iterator[Trace]:
    """The traces of OTLP files, folders of them, `-` (standard input) or `live:ADMIN_URL` (a running service).

    Files are OTLP as JSON, JSON lines or protobuf, each also gzipped. A trace whose spans are spread over several
    files is still one trace: all files are read before the first trace is given. With `trace_id` (32 hex digits)
    only that one; `live:` needs it. Raises `SourceError`.
    """
    wanted = _trace_id(trace_id) if trace_id is not None else None
    paths: list[str] = []
    for given in sources:
        source = os.fspath(given)
        if source.startswith(live.PREFIX):
            if wanted is None:
                raise SourceError(source, "a running service is asked for one trace", "name it with --trace-id")
            yield live.read(source, wanted)
        else:
            paths.append(source)
    yield from _only(files.read(paths), wanted)


def _only(traces: Iterable[Trace], wanted: bytes | None) -> Iterator[Trace]:
    return (trace for trace in traces if wanted is None or trace.raw_trace_id == wanted)


def _trace_id(text: str) -> bytes:
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != 16:
        raise SourceError(repr(text), "not a trace id", "give its 32 hex digits")
    return raw
