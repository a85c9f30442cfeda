"""Tokens, tenants and origins at the receivers, and tokens at the admin endpoint."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import grpc
import httpx
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from otlp_raw import (
    JSON,
    METHODS,
    PATHS,
    PROTOBUF,
    SIGNALS,
    RawHttp,
    Taken,
    a_request,
    encode,
    http,
    over_grpc,
    over_http,
)

from otel_judge.access import BearerTokens
from otel_judge.config import Config
from otel_judge.config_receivers import ServerAuth, Tenants
from otel_judge.errors import ConfigError
from otel_judge.service import Service
from otel_judge.sources import read_traces
from otel_judge.sources.live import labels

TOKEN = "s3cret-of-the-shop"
AUTH = {"tokens": ["another", TOKEN]}
WRONG = [{}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN}, {"authorization": f"Basic {TOKEN}"}]


async def call(endpoint: str, method: str, body: bytes, headers: dict[str, str]) -> bytes:
    async with grpc.aio.insecure_channel(endpoint) as channel:
        return await channel.unary_unary(method)(body, metadata=tuple(headers.items()))


async def failing(endpoint: str, method: str, body: bytes, headers: dict[str, str]) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(endpoint, method, body, headers)
    return caught.value


@pytest.mark.parametrize("transport", ["grpc", "http"])
async def test_a_real_sdk_with_a_token_gets_in(transport: str) -> None:
    taken = Taken()
    headers = {"authorization": f"Bearer {TOKEN}"}
    serving = over_grpc if transport == "grpc" else over_http
    async with serving(taken, auth=AUTH) as endpoint:
        if transport == "grpc":
            exporter: SpanExporter = GrpcExporter(endpoint=endpoint, insecure=True, headers=headers)
        else:
            exporter = HttpExporter(endpoint=f"http://{endpoint}/v1/traces", headers=headers)

        def run_app() -> None:
            provider = TracerProvider(shutdown_on_exit=False)
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            provider.get_tracer("app").start_span("only").end()
            provider.shutdown()

        await asyncio.to_thread(run_app)
    assert (taken.accepted, taken.refused) == (1, [])


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
async def test_without_the_right_token_nobody_gets_in_and_no_secret_gets_out(
    signal: str, media_type: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "otel_judge")
    taken = Taken()
    request = a_request(signal)
    async with over_http(taken, auth=AUTH) as endpoint:
        for headers in WRONG:
            body = encode(request, media_type)
            reply = await http(endpoint, PATHS[signal], body, content_type=media_type, **headers)
            assert (reply.status, reply.error().code) == (401, 16)
            assert (reply.headers["www-authenticate"], reply.headers["content-type"]) == ("Bearer", media_type)
            assert TOKEN.encode() not in reply.body
        good = await http(endpoint, PATHS[signal], body, content_type=media_type, authorization=f"bearer {TOKEN}")
    async with over_grpc(taken, auth=AUTH) as endpoint:
        for headers in WRONG:
            error = await failing(endpoint, METHODS[signal], request.SerializeToString(), headers)
            assert error.code() == grpc.StatusCode.UNAUTHENTICATED
            assert TOKEN not in str(error.details())
        await call(endpoint, METHODS[signal], request.SerializeToString(), {"authorization": f"Bearer {TOKEN}"})
    assert good.status == 200
    assert taken.accepted == 4
    assert taken.refused == [(0, "unauthenticated")] * 2 * len(WRONG)
    assert TOKEN not in caplog.text


async def test_the_body_of_who_has_no_token_is_not_read() -> None:
    """Neither server waits for it, nor asks for it: the client sends a header alone."""
    async with over_http(Taken(), auth=AUTH) as endpoint, RawHttp.to(endpoint) as client:
        client.send("/v1/traces", sized=False, content_length="1000000", content_type=PROTOBUF, expect="100-continue")
        assert (await client.reply()).status == 401

    async with over_grpc(Taken(), auth=AUTH) as endpoint, grpc.aio.insecure_channel(endpoint) as channel:
        export = channel.stream_unary(METHODS["traces"])()
        async with asyncio.timeout(20):
            assert await export.code() == grpc.StatusCode.UNAUTHENTICATED


def test_tokens_of_a_file_are_read_again_when_it_changes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    file = tmp_path / "tokens"
    file.write_text("first\n\n second \n")
    tokens = BearerTokens(ServerAuth(tokens=("given",), filename=str(file)), key="auth", now=lambda: now)

    def admitted() -> list[str]:
        return [name for name in ("given", "first", "second", "third", "") if tokens.admit(f"Bearer {name}")]

    assert admitted() == ["given", "first", "second"]
    file.write_text("third")
    assert admitted() == ["given", "first", "second"]
    now = 1.0
    assert admitted() == ["given", "third"]
    file.unlink()
    now = 2.0
    assert admitted() == ["given", "third"]
    now = 3.0
    assert admitted() == ["given", "third"]
    assert caplog.text.count("the tokens stay as they were") == 1
    assert "third" not in caplog.text + repr(tokens)


@pytest.mark.parametrize("content", [None, b"", b"\n \n", b"\xff\xfe"])
def test_a_file_without_tokens_is_an_error_at_start(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "tokens"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"^admin.auth.filename: {file} "):
        BearerTokens(ServerAuth(filename=str(file)), key="admin.auth")


BAD_TENANTS = ["two words", "x" * 151, "caf\u00e9"]


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("required", [False, True])
async def test_the_tenant_is_that_of_the_header(signal: str, required: bool) -> None:
    tenants = Tenants(header="X-Shop", required=required)
    taken = Taken()
    body = a_request(signal).SerializeToString()
    async with over_http(taken, tenants=tenants) as endpoint:
        named = await http(endpoint, PATHS[signal], body, content_type=PROTOBUF, x_shop=" a ")
        unnamed = await http(endpoint, PATHS[signal], body, content_type=PROTOBUF)
        bad = [await http(endpoint, PATHS[signal], body, content_type=PROTOBUF, x_shop=name) for name in BAD_TENANTS]
        two = await http(endpoint, PATHS[signal], body, content_type=PROTOBUF, x_shop="a", X_Shop="b")
    async with over_grpc(taken, tenants=tenants) as endpoint:
        await call(endpoint, METHODS[signal], body, {"x-shop": "b"})
        error = await failing(endpoint, METHODS[signal], body, {"x-shop": "two words"})
        if required:
            refused = await failing(endpoint, METHODS[signal], body, {})
            assert refused.code() == grpc.StatusCode.UNAUTHENTICATED
            assert "X-Shop" in str(refused.details())
        else:
            await call(endpoint, METHODS[signal], body, {})
    assert (named.status, unnamed.status) == (200, 401 if required else 200)
    assert [reply.status for reply in (*bad, two)] == [400] * 4
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert taken.tenants == (["a", "b"] if required else ["a", None, "b", None])


async def test_without_tenants_in_the_config_the_header_says_nothing() -> None:
    taken = Taken()
    body = a_request("traces").SerializeToString()
    async with over_http(taken) as endpoint:
        await http(endpoint, PATHS["traces"], body, content_type=PROTOBUF, x_scope_orgid="a")
    async with over_grpc(taken) as endpoint:
        await call(endpoint, METHODS["traces"], body, {"x-scope-orgid": "a"})
    assert taken.tenants == [None, None]


PREFLIGHT = {"access_control_request_method": "POST", "access_control_request_headers": "content-type,authorization"}


@pytest.mark.parametrize(
    ("allowed", "origin", "fits"),
    [
        ("https://app.example.com", "https://app.example.com", True),
        ("https://app.example.com", "https://app.example.com.evil", False),
        ("https://app.example.com", "https://appxexample.com", False),
        ("https://*.example.com", "https://a.b.example.com", True),
        ("https://*.example.com", "https://example.com", False),
        ("https://*.example.com", "https://evil/.example.com", False),
        ("*", "http://anywhere:8080", True),
    ],
)
async def test_pages_of_allowed_origins_may_send(allowed: str, origin: str, fits: bool) -> None:
    cors = {"allowed_origins": ["https://other.example.org", allowed], "allowed_headers": ["Authorization"]}
    taken = Taken()
    async with over_http(taken, cors=cors | {"max_age": 7200}, auth=AUTH) as endpoint:
        asked = await http(endpoint, "/v1/traces", method="OPTIONS", origin=origin, **PREFLIGHT)
        sent = await http(endpoint, "/v1/traces", content_type=PROTOBUF, origin=origin, authorization=f"Bearer {TOKEN}")
        refused = await http(endpoint, "/v1/traces", content_type=PROTOBUF, origin=origin)
    assert asked.status == (200 if fits else 400)
    assert (sent.status, refused.status) == (200, 401)
    for reply in (asked, sent, refused):  # the page may read why it was refused
        assert reply.headers.get("access-control-allow-origin") == (origin if fits else None)
    if fits:
        assert asked.headers["access-control-max-age"] == "7200"
        assert "Authorization" in asked.headers["access-control-allow-headers"]
        assert sent.headers["access-control-allow-credentials"] == "true"


async def test_headers_that_are_not_allowed_are_not_and_without_cors_no_page_may_send() -> None:
    cors = {"allowed_origins": ["*"]}
    async with over_http(Taken(), cors=cors) as endpoint:
        asked = await http(endpoint, "/v1/traces", method="OPTIONS", origin="http://x", **PREFLIGHT)
    async with over_http(Taken()) as endpoint:
        unknown = await http(endpoint, "/v1/traces", method="OPTIONS", origin="http://x", **PREFLIGHT)
    assert (asked.status, unknown.status) == (400, 405)
    assert "access-control-allow-origin" not in unknown.headers


async def test_the_admin_endpoint_asks_for_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    here = {"endpoint": "127.0.0.1:0"}
    document = {"receivers": {"otlp": {"protocols": {"grpc": here, "http": here}}}, "health": here}
    config = Config.model_validate({**document, "admin": {**here, "auth": AUTH}})
    async with Service(config) as service:
        admin = f"http://{service.endpoints['admin']}"
        async with httpx.AsyncClient(trust_env=False) as client:
            for path in ("/traces", f"/traces/{'ab' * 16}", "/labels", "/nothing"):
                answer = await client.get(f"{admin}{path}")
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            answer = await client.get(f"{admin}/traces", headers={"authorization": f"Bearer {TOKEN}"})
            assert answer.json() == {"trace_ids": []}
        monkeypatch.setenv("OTEL_JUDGE_ADMIN_TOKEN", TOKEN)
        assert await asyncio.to_thread(lambda: list(read_traces(f"live:{admin}"))) == []
        assert await asyncio.to_thread(labels, f"live:{admin}") == []
