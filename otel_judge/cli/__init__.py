"""The command line. One module a command, imported when it is called, so that `--help` stays quick."""

from __future__ import annotations

import gc
import sys
from importlib import import_module

import typer

from ..errors import OtelJudgeError

COLLECT_EVERY = 10_000
"""New objects between two passes of Python's garbage collector, in processes of our own. Traces are many objects
without cycles, which its passes walk in vain: at the usual 700 that was a quarter of the time of a large judgement."""

COMMANDS = ("serve", "run", "diff", "agree", "queue", "tool", "egress", "check", "scorers", "demo")

app = typer.Typer(
    name="otel-judge",
    help="Judges traces and writes the scores back as OpenTelemetry.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(value: bool) -> None:
    if value:
        from ..version import __version__

        typer.echo(f"otel-judge {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass


for _name in COMMANDS:
    import_module(f".{_name}", __name__).add_to(app)


def main() -> None:
    """The entry point. Exits 0 done, 1 a gate not met, 2 wrong usage, config or input, said in one line on stderr."""
    gc.set_threshold(COLLECT_EVERY)
    try:
        app()
    except OtelJudgeError as error:
        typer.echo(f"otel-judge: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
