"""The docs say all that there is: every config key, metric and name on the wire."""

import subprocess
import sys
from pathlib import Path

import pytest

from otel_judge import semconv
from otel_judge.cli import COMMANDS
from otel_judge.dialects import DIALECTS

ROOT = Path(__file__).parents[2]


def test_the_reference_is_what_the_code_says() -> None:
    command = [sys.executable, ROOT / "docs/reference.py", "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", semconv.names())
def test_every_name_on_the_wire_is_documented(name: str) -> None:
    assert f"`{name}`" in (ROOT / "docs/telemetry.md").read_text()


def test_every_dialect_is_documented_in_its_order() -> None:
    table = (ROOT / "docs/dialects.md").read_text().partition("## ")[0]  # the first one
    rows = [line.split("`")[1] for line in table.splitlines() if line.startswith("| `")]
    assert rows == [dialect.name for dialect in DIALECTS]


def test_every_key_has_a_default_or_a_description() -> None:
    rows = [line for line in (ROOT / "docs/configuration.md").read_text().splitlines() if line.startswith("| `")]
    assert len(rows) > 50
    assert [row for row in rows if row.endswith("|  |  |")] == []


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [name for name in COMMANDS if f"otel-judge {name}" not in readme and f"make {name}" not in readme] == []
