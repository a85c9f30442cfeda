"""`otel-judge check`: validates a config and says what it would do; or attacks one of its judges."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ..config import Config


def add_to(app: typer.Typer) -> None:
    @app.command()
    def check(
        file: Path | None = typer.Argument(
            None, help="The config; else $OTEL_JUDGE_CONFIG, else otel-judge.yaml here, else the defaults."
        ),
        *,
        config: Path | None = typer.Option(None, "--config", "-c", help="The same as FILE."),
        injection: str | None = typer.Option(
            None, metavar="JUDGE", help="Attack this judge, with its own model: sends requests, and costs money."
        ),
        json: Path | None = typer.Option(None, help="With --injection: write every pair to this file; - for stdout."),
        max_flip_rate: float | None = typer.Option(
            None, "--max-flip-rate", min=0.0, max=1.0, help="With --injection: exit 1 if more than this share flips."
        ),
    ) -> None:
        """Validate a config, models' keys and extras included, and say what it would do.

        Sends nothing; but with --injection, it runs attacks on one judge and shows how often its verdict flips.
        """
        from ..config_file import load
        from ..errors import ConfigError

        if file is not None and config is not None:
            raise ConfigError("check", "two configs are named", "give FILE or --config")
        loaded = load(file or config)
        if injection is None:
            if json is not None or max_flip_rate is not None:
                raise ConfigError("check", "--json and --max-flip-rate go with --injection", "name a judge with it")
            _tell(loaded)
            return
        from .. import logs
        from .injection import run

        logs.configure()
        if not run(loaded, injection, json, max_flip_rate):
            raise typer.Exit(1)


def _tell(config: Config) -> None:
    from ..emit.settings import resolve
    from ..engine import Engine, Plan

    destination = resolve(config.exporters, config.receivers)
    Engine(Plan.of(config))
    protocols = config.receivers.otlp.protocols
    takes = [
        f"{name} at {receiver.endpoint}"
        for name, receiver in (("OTLP/gRPC", protocols.grpc), ("OTLP/HTTP", protocols.http))
        if receiver is not None
    ]
    policies = [f"{policy.name} ({policy.type})" for policy in config.sampling.policies] or ["none: every trace"]
    judges = [
        f"{judge.name} ({judge.model or judge.python}"
        f"{', of sessions' if judge.target == 'session' else ''}"
        f"{f', shadow of {judge.shadow_of}' if judge.shadow_of else ''})"
        for judge in config.judges
    ] or ["none"]
    typer.echo(f"takes traces:  {', '.join(takes)}")
    typer.echo(f"checks:        {', '.join(check.type for check in config.checks) or 'none'}")
    typer.echo(f"policies:      {', '.join(policies)}")
    typer.echo(f"judges:        {', '.join(judges)}")
    redact = config.redact
    kinds = [each if isinstance(each, str) else each.name for each in redact.patterns] if redact else []
    typer.echo(f"redacts:       {', '.join(kinds) or 'no patterns'}" if redact else "redacts:       nothing")
    typer.echo(f"sends scores:  {destination.name if destination else 'nowhere: they are printed'}")
