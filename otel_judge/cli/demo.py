"""`otel-judge demo`: the whole path on an embedded default, no key needed."""

from __future__ import annotations

import typer


def add_to(app: typer.Typer) -> None:
    @app.command()
    def demo(
        model: str | None = typer.Option(None, help="Judge with this provider:model too; its key must be set."),
    ) -> None:
        """Run six agent traces through a real service and show what it says of them."""
        from rich.console import Console

        from ..demo import run

        raise typer.Exit(run(model, Console()))
