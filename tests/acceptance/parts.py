"""Where the real parts are, and what to do where one is missing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

BUILT_AS = {
    "otelcol": "collector",
    "jaeger": "jaeger",
    "telemetrygen": "telemetrygen",
    "promtool": "prometheus",
    "small-model": "small-model",
    "chromium": "chromium",
}
"""Program -> its name for build.sh."""


def find(program: str) -> str:
    """The path of a part. Where it is missing the test is skipped, or fails where all parts are required."""
    path = _folder() / program
    if os.access(path, os.X_OK):
        return str(path)
    advice = f"{path} is missing; get it by: tests/acceptance/parts/build.sh {BUILT_AS[program]}"
    if os.environ.get("CI") or os.environ.get("OTEL_JUDGE_PARTS_REQUIRED"):
        pytest.fail(advice, pytrace=False)
    pytest.skip(advice)


def _folder() -> Path:
    if named := os.environ.get("OTEL_JUDGE_PARTS"):
        return Path(named)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "otel-judge" / "parts"
