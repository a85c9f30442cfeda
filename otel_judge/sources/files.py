"""OTLP files: JSON, JSON lines (as the Collector's file exporter writes them) or protobuf, each also gzipped."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson
from google.protobuf.message import DecodeError
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from ..errors import MalformedRequest, SourceError
from ..otlp_json import decode_traces
from ..trace import Trace
from .grouping import Grouper

STDIN = "-"
SUFFIXES = (".json", ".jsonl", ".ndjson", ".pb", ".binpb")
_GZIP_MAGIC = b"\x1f\x8b"


def read(paths: Iterable[str]) -> Iterator[Trace]:
    """The traces of all files together. A folder stands for the OTLP files below it. Raises `SourceError`."""
    grouper = Grouper()
    for path in paths:
        if path == STDIN:
            _add(grouper, "standard input", sys.stdin.buffer.read())
        else:
            for file in _files(Path(path)):
                _add(grouper, str(file), _content(file))
    return grouper.traces()


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(
        file for file in path.rglob("*") if file.name.removesuffix(".gz").endswith(SUFFIXES) and file.is_file()
    )
    if not found:
        endings = ", ".join(SUFFIXES)
        raise SourceError(str(path), "no OTLP files in this folder", f"they end in {endings}, also with .gz")
    return found


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise SourceError(str(file), "no such file") from None
    except OSError as error:
        raise SourceError(str(file), f"cannot be read: {error.strerror}") from None


def _add(grouper: Grouper, where: str, data: bytes) -> None:
    if data.startswith(_GZIP_MAGIC):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise SourceError(where, f"broken gzip: {error}", "was it written to its end?") from None
    if data.lstrip()[:1] == b"{":
        _add_json(grouper, where, data)
    elif data.strip():
        try:
            grouper.add(TracesData.FromString(data))
        except DecodeError:
            raise SourceError(where, "neither OTLP/JSON nor OTLP protobuf") from None


def _add_json(grouper: Grouper, where: str, data: bytes) -> None:
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        lines = data.splitlines()  # not one document: one a line
    else:
        lines = [data]
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                grouper.add(decode_traces(line, lenient=True))
            except MalformedRequest as error:
                place = f"{where}:{number}" if len(lines) > 1 else where
                raise SourceError(place, f"not OTLP/JSON: {error}") from None
