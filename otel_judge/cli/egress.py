"""`otel-judge egress`: what of a trace has left for models, by the receipts of a running service."""

from __future__ import annotations

from typing import Any

import typer

_TIMEOUT_S = 10.0
_NOT_FOUND = 404
_UNAUTHORIZED = 401


def add_to(app: typer.Typer) -> None:
    @app.command()
    def egress(
        trace_id: str = typer.Argument(help="32 hex digits."),
        admin: str = typer.Option("http://127.0.0.1:13135", help="Admin endpoint of the running service."),
        tenant: str | None = typer.Option(None, help="Tenant that the trace is of."),
    ) -> None:
        """Print what of a trace has left for models: to which, how much, and of which spans."""
        for receipt in _receipts(admin, trace_id, tenant):
            models = ", ".join(f"{model} ({_count(count, 'request')})" for model, count in receipt["requests"].items())
            redactions = ", ".join(f"{count} {kind}" for kind, count in receipt["redactions"].items())
            outcome = receipt["outcome"] + (f" ({receipt['error']})" if receipt["error"] else "")
            typer.echo(f"{receipt['judge']} {receipt['version']}: {outcome}")
            typer.echo(f"  sent to:  {models or 'nobody'}")
            typer.echo(f"  text:     {_count(receipt['bytes'], 'byte')} of {_count(receipt['span_count'], 'span')}")
            typer.echo(f"  redacted: {redactions or 'nothing'}")
            for span_id, characters in receipt["spans"].items():
                typer.echo(f"  {span_id}  {_count(characters, 'character')}")


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _receipts(admin: str, trace_id: str, tenant: str | None) -> list[dict[str, Any]]:
    import httpx

    from ..errors import SourceError
    from ..sources.live import admin_headers

    base = admin.rstrip("/") if "://" in admin else f"http://{admin}".rstrip("/")
    url = f"{base}/egress/{trace_id}"
    try:
        query = {} if tenant is None else {"tenant": tenant}
        response = httpx.get(url, params=query, headers=admin_headers(), timeout=_TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SourceError(url, f"no answer: {error}", "is `otel-judge serve` running there?") from None
    if response.status_code == _NOT_FOUND:
        raise SourceError(url, "no receipt of that trace", "no judge has run on it, or it was long ago")
    if response.status_code == _UNAUTHORIZED:
        raise SourceError(url, "a token is needed", "set OTEL_JUDGE_ADMIN_TOKEN to one of admin.auth")
    if not response.is_success:
        raise SourceError(url, f"answered {response.status_code}", "a trace id has 32 hex digits")
    return response.json()["receipts"]
