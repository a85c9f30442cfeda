"""References by trace id: `{"trace_id": …, "expectations": …}`, one JSON object a line."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import orjson

from ..errors import SourceError
from ..results.files import read


def read_expectations(path: str | Path) -> dict[str, object]:
    """The expectations by trace id (32 hex digits, lower case).

    Raises `SourceError` for a file that cannot be read, and for the first line that is none: a trace judged without
    what it was to be judged by would look like one that was.
    """
    found: dict[str, object] = {}
    for number, line in enumerate(read(path).splitlines(), 1):
        if line.strip():
            trace_id, expectations = _entry(f"{path}:{number}", line)
            if trace_id in found:
                raise SourceError(f"{path}:{number}", f"trace {trace_id} stands twice", "keep one of the lines")
            found[trace_id] = expectations
    return found


def _entry(where: str, line: bytes) -> tuple[str, object]:
    mend = 'a line is {"trace_id": "32 hex digits", "expectations": …}'
    try:
        given: object = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise SourceError(where, f"not JSON: {error.msg}", mend) from None
    entry = cast("dict[str, object]", given) if isinstance(given, dict) else {}
    expectations, trace_id = entry.get("expectations"), entry.get("trace_id")
    if expectations is None or not isinstance(trace_id, str):
        raise SourceError(where, "trace_id or expectations are missing", mend)
    try:
        raw = bytes.fromhex(trace_id)
    except ValueError:
        raw = b""
    if len(raw) != 16:
        raise SourceError(where, f"{trace_id!r} is not a trace id", mend)
    return raw.hex(), expectations
