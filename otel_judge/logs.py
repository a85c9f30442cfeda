"""Logging of the commands: to stderr, one line an event, as `time level logger message`."""

from __future__ import annotations

import logging
import os
import sys
from datetime import UTC, datetime


class _OneLine(logging.Formatter):
    """`2026-01-31T12:00:00.123Z INFO otel_judge.service ready`.

    An unforeseen error is named by its type and its place. What it says may quote a trace: that is for DEBUG alone.
    """

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = f"{time} {record.levelname} {record.name} {record.getMessage()}"
        if record.exc_info and (error := record.exc_info[1]):
            says = f": {error}" if logging.getLogger("otel_judge").isEnabledFor(logging.DEBUG) else ""
            line += f": {type(error).__name__}{says}{_place(error)}"
        return " ".join(line.split("\n"))


def _place(error: BaseException) -> str:
    traceback = error.__traceback__
    while traceback and traceback.tb_next:
        traceback = traceback.tb_next
    return f" (at {traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno})" if traceback else ""


def configure(level: str | None = None) -> None:
    """Logs to stderr at `level`, else at `OTEL_JUDGE_LOG_LEVEL`, else at INFO; libraries from WARNING up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    chosen = (level or os.environ.get("OTEL_JUDGE_LOG_LEVEL") or "INFO").upper()
    known = logging.getLevelNamesMapping()
    logging.getLogger("otel_judge").setLevel(known.get(chosen, logging.INFO))
