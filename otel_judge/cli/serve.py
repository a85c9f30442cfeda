"""`otel-judge serve`: the service."""

from __future__ import annotations

from pathlib import Path

import typer


def add_to(app: typer.Typer) -> None:
    @app.command()
    def serve(
        config: Path | None = typer.Option(
            None, "--config", "-c", help="The config; else $OTEL_JUDGE_CONFIG, else otel-judge.yaml here, if any."
        ),
        log_level: str | None = typer.Option(None, help="DEBUG, INFO, WARNING or ERROR; else $OTEL_JUDGE_LOG_LEVEL."),
    ) -> None:
        """Take traces over OTLP, judge them, write the scores back. SIGTERM drains and exits 0."""
        import asyncio

        from .. import logs
        from ..config_file import load
        from ..workers.launch import launch

        logs.configure(log_level)
        loaded = load(config)
        launched = [launch() for _ in range(loaded.judge_workers)]  # they load while we do

        from ..service import serve as run

        asyncio.run(run(loaded, launched))
