"""`otel-judge check`: validates a config and says what it would do."""

from __future__ import annotations

from pathlib import Path

import typer


def add_to(app: typer.Typer) -> None:
    @app.command()
    def check(
        file: Path | None = typer.Argument(
            None, help="The config; else $OTEL_JUDGE_CONFIG, else otel-judge.yaml here, else the defaults."
        ),
    ) -> None:
        """Validate a config, models' keys and extras included, and say what it would do. Sends nothing."""
        from ..config_file import load
        from ..emit.settings import resolve
        from ..engine import Engine, Plan

        config = load(file)
        destination = resolve(config.exporters, config.receivers)
        Engine(Plan.of(config))
        protocols = config.receivers.otlp.protocols
        takes = [
            f"{name} at {receiver.endpoint}"
            for name, receiver in (("OTLP/gRPC", protocols.grpc), ("OTLP/HTTP", protocols.http))
            if receiver is not None
        ]
        policies = [f"{policy.name} ({policy.type})" for policy in config.sampling.policies] or ["none: every trace"]
        judges = [f"{judge.name} ({judge.model})" for judge in config.judges] or ["none"]
        typer.echo(f"takes traces:  {', '.join(takes)}")
        typer.echo(f"checks:        {', '.join(check.type for check in config.checks) or 'none'}")
        typer.echo(f"policies:      {', '.join(policies)}")
        typer.echo(f"judges:        {', '.join(judges)}")
        redact = config.redact
        kinds = [each if isinstance(each, str) else each.name for each in redact.patterns] if redact else []
        typer.echo(f"redacts:       {', '.join(kinds) or 'no patterns'}" if redact else "redacts:       nothing")
        typer.echo(f"sends scores:  {destination.name if destination else 'nowhere: they are printed'}")
