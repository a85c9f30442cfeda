"""The docs say all that there is: every config key, metric and name on the wire."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from otel_judge import semconv
from otel_judge.cli import COMMANDS, app
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


@pytest.mark.parametrize("command", ["run", "diff"])
def test_every_option_over_stored_traces_is_documented(command: str) -> None:
    text = (ROOT / "docs/running.md").read_text()
    (found,) = [each for each in app.registered_commands if each.callback and each.callback.__name__ == command]
    parameters = typer.main.get_command_from_info(found, pretty_exceptions_short=False, rich_markup_mode=None).params
    flags = [flag for parameter in parameters for flag in parameter.opts if flag.startswith("--")]
    assert len(flags) > 1
    assert [flag for flag in flags if f"`{flag}" not in text] == []
