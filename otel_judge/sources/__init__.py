"""Stored traces: where `otel-judge run`, `otel-judge tool` and `read_traces` find them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator

from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from ..errors import SourceError
from ..label import Label
from ..trace import Trace
from . import files, jaeger, live, tempo
from .api import without_credentials
from .documents import OtlpMessage
from .expectations import read_expectations
from .grouping import Grouper
from .skipped import Skip, Skipped, stop

__all__ = ["Skipped", "read_expectations", "read_traces", "shown"]

logger = logging.getLogger(__name__)

_BACKENDS = {module.PREFIX: module.read for module in (live, jaeger, tempo)}


def read_traces(
    *sources: str | os.PathLike[str],
    trace_id: str | None = None,
    strict: bool = False,
    skipped: Skip | None = None,
    found: Callable[[int], None] | None = None,
    said: Callable[[Label], None] = lambda _: None,
) -> Iterator[Trace]:
    """The traces of files, folders of them, `-` (standard input), and backends that are asked over HTTP.

    Files are OTLP as JSON, JSON lines or protobuf, as the Collector's file exporter writes them, or Jaeger's JSON;
    each also gzipped. `live:ADMIN_URL` is a running service, `jaeger:URL?service=NAME` Jaeger's query API,
    `tempo:URL?q=TRACEQL` Tempo's. With `trace_id` (32 hex digits) only that trace is given, and backends are asked for
    nothing else.

    A trace whose spans are spread over several sources is still one trace: all are read before the first trace is
    given. Log records that hold content (docs/dialects.md) are joined to the spans that they name. Past 256 MiB all
    of it waits in a temporary file.

    What cannot be read is left out: `skipped` is called with a `SourceError` for each, or they are logged. `strict`
    raises the first. A source that is not there, or does not answer, raises `SourceError` in any case.

    `found` is told how many traces were read before the first is given; some of them may be left out still. A trace
    that is nothing but what people said, of itself or of another, is not given: `said` is told its labels.
    """
    wanted = None if trace_id is None else _trace_id(trace_id)
    told = Skipped()
    skip = stop if strict else skipped or told
    with Grouper() as grouper:
        for source in sources:
            for where, message in _messages(os.fspath(source), wanted, skip):
                if isinstance(message, TracesData):
                    if invalid := grouper.add(message):
                        skip(SourceError(where, f"{invalid} spans have no valid trace or span id"))
                elif invalid := grouper.add_logs(message):
                    skip(SourceError(where, f"{invalid} log records cannot be joined to a span"))
        for line in told.lines():
            logger.warning("%s", line)
        if found is not None:
            found(len(grouper))
        for trace in grouper.traces(said):
            if wanted is None or trace.raw_trace_id == wanted:
                yield trace


def shown(source: str) -> str:
    """The source as it may be shown: a URL without its credentials."""
    prefix = next((prefix for prefix in _BACKENDS if source.startswith(prefix)), None)
    return source if prefix is None else without_credentials(source, prefix)


def _messages(source: str, wanted: bytes | None, skip: Skip) -> Iterator[tuple[str, OtlpMessage]]:
    for prefix, read in _BACKENDS.items():
        if source.startswith(prefix):
            return read(source, wanted, skip)
    return files.read(source, skip)


def _trace_id(text: str) -> bytes:
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != 16:
        raise SourceError(repr(text), "not a trace id", "give its 32 hex digits")
    return raw
