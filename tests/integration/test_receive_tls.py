"""TLS of the receivers and of the admin endpoint, with real certificates and real clients."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from certificates import Authority
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from otlp_raw import METHODS, PROTOBUF, RawHttp, Taken, over_grpc, over_http

from otel_judge import tls as tls_module
from otel_judge.config_receivers import ServerTls
from otel_judge.errors import ConfigError
from otel_judge.tls import Renewal, read_pem, server_context


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("authority"))
    made.issue("server")
    made.issue("renewed")
    made.issue("client")
    return made


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("stranger"))
    made.issue("client")
    return made


@pytest.fixture
def server_tls(authority: Authority, tmp_path: Path) -> dict[str, Any]:
    """Files of the test's own, which it may change."""
    for name in ("server.pem", "server.key"):
        shutil.copy(authority.file(name), tmp_path / name)
    return {"cert_file": str(tmp_path / "server.pem"), "key_file": str(tmp_path / "server.key")}


def replace_by(authority: Authority, name: str, tls: dict[str, Any]) -> None:
    shutil.copy(authority.file(f"{name}.key"), tls["key_file"])
    shutil.copy(authority.file(f"{name}.pem"), tls["cert_file"])


def one_span() -> Any:
    spans = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    provider.get_tracer("app").start_span("only").end()
    return spans.get_finished_spans()


@pytest.mark.parametrize("transport", ["grpc", "http"])
async def test_a_real_sdk_exports_over_tls_and_proves_who_it_is(
    transport: str, authority: Authority, server_tls: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # which requests heeds before what it is told
        monkeypatch.delenv(name, raising=False)
    taken = Taken()
    tls = {**server_tls, "client_ca_file": authority.file("ca.pem")}
    ca, key, certificate = (authority.file(name) for name in ("ca.pem", "client.key", "client.pem"))
    serving = over_grpc if transport == "grpc" else over_http
    async with serving(taken, tls=tls) as endpoint:
        if transport == "grpc":
            credentials = grpc.ssl_channel_credentials(*map(authority.read, ("ca.pem", "client.key", "client.pem")))
            exporter: SpanExporter = GrpcExporter(endpoint=endpoint, credentials=credentials)
        else:
            exporter = HttpExporter(
                endpoint=f"https://{endpoint}/v1/traces",
                certificate_file=ca,
                client_key_file=key,
                client_certificate_file=certificate,
            )
        assert await asyncio.to_thread(exporter.export, one_span()) is SpanExportResult.SUCCESS
        exporter.shutdown()
    assert taken.accepted == 1


def client_context(authority: Authority, certificate_of: Authority | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.file("ca.pem"))
    if certificate_of is not None:
        context.load_cert_chain(certificate_of.file("client.pem"), certificate_of.file("client.key"))
    return context


@pytest.mark.parametrize("shown", ["none", "of a stranger"])
async def test_without_a_certificate_of_the_authority_nobody_gets_in(
    shown: str, authority: Authority, stranger: Authority, server_tls: dict[str, Any]
) -> None:
    taken = Taken()
    tls = {**server_tls, "client_ca_file": authority.file("ca.pem")}
    pair = (stranger.read("client.key"), stranger.read("client.pem"))
    async with over_http(taken, tls=tls) as endpoint:
        context = client_context(authority, None if shown == "none" else stranger)
        async with httpx.AsyncClient(verify=context, trust_env=False) as client:
            with pytest.raises(httpx.TransportError):
                await client.post(f"https://{endpoint}/v1/traces", headers={"content-type": PROTOBUF})
    async with over_grpc(taken, tls=tls) as endpoint:
        credentials = grpc.ssl_channel_credentials(authority.read("ca.pem"), *(pair if shown != "none" else ()))
        async with grpc.aio.secure_channel(endpoint, credentials) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary(METHODS["traces"])(b"", timeout=20)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert taken.intakes == []


async def served_by(endpoint: str, authority: Authority) -> bytes:
    """The certificate that a new connection is shown."""
    host, _, port = endpoint.rpartition(":")
    context = client_context(authority)
    context.set_alpn_protocols(["h2"])
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return found


async def renewed_by(endpoint: str, authority: Authority, name: str) -> None:
    wanted = ssl.PEM_cert_to_DER_cert(authority.read(f"{name}.pem").decode())
    async with asyncio.timeout(20):
        while await served_by(endpoint, authority) != wanted:  # noqa: ASYNC110 - only a new connection can tell
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("transport", ["grpc", "http"])
async def test_a_renewed_certificate_is_served_without_a_restart(
    transport: str, authority: Authority, server_tls: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    serving = over_grpc if transport == "grpc" else over_http
    async with serving(Taken(), tls={**server_tls, "reload_interval": "20ms"}) as endpoint:
        await renewed_by(endpoint, authority, "server")
        shutil.copy(authority.file("renewed.pem"), server_tls["cert_file"])  # half of a pair: the old one stays
        async with asyncio.timeout(20):
            while "the certificate stays as it was" not in caplog.text:
                await renewed_by(endpoint, authority, "server")
        replace_by(authority, "renewed", server_tls)
        await renewed_by(endpoint, authority, "renewed")


async def test_an_older_tls_than_asked_for_is_refused(authority: Authority, server_tls: dict[str, Any]) -> None:
    context = client_context(authority)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with over_http(Taken(), tls={**server_tls, "min_version": "1.3"}) as endpoint:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            async with RawHttp.to(endpoint, context) as client:
                await client.ask("/v1/traces", content_type=PROTOBUF)
    async with over_http(Taken(), tls=server_tls) as endpoint, RawHttp.to(endpoint, context) as client:
        assert (await client.ask("/v1/traces", content_type=PROTOBUF)).status == 200


async def test_a_handshake_has_its_time_and_no_more(
    server_tls: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_module, "HANDSHAKE_S", 0.2)
    async with over_http(Taken(), tls=server_tls) as endpoint, RawHttp.to(endpoint) as silent:
        assert await silent.closed()


@pytest.mark.parametrize("transport", ["grpc", "http"])
async def test_files_that_cannot_be_used_are_an_error_at_start(
    transport: str, authority: Authority, server_tls: dict[str, Any], tmp_path: Path
) -> None:
    missing, text = str(tmp_path / "none.pem"), tmp_path / "text.pem"
    text.write_text("-----BEGIN NOTHING")
    key = f"receivers.otlp.protocols.{transport}.tls"
    for change, named in (
        ({"cert_file": missing}, "cert_file"),
        ({"key_file": missing}, "key_file"),
        ({"client_ca_file": missing}, "client_ca_file"),
        ({"client_ca_file": str(text)}, "client_ca_file"),
        ({"cert_file": str(text)}, "cert_file"),
        ({"key_file": authority.file("client.key")}, "cert_file"),
    ):
        with pytest.raises(ConfigError) as caught:
            async with (
                over_grpc(Taken(), tls={**server_tls, **change})
                if transport == "grpc"
                else over_http(Taken(), tls={**server_tls, **change})
            ):
                pass
        assert str(caught.value).startswith(f"{key}.{named}: ")
        assert next(iter(change.values())) in str(caught.value)


def test_a_key_with_a_passphrase_is_refused_and_not_asked_for(
    authority: Authority, server_tls: dict[str, Any], tmp_path: Path
) -> None:
    authority.openssl(
        "ec", "-in", server_tls["key_file"], "-aes256", "-passout", "pass:hunter2", "-out", str(tmp_path / "locked.key")
    )
    locked = ServerTls(cert_file=server_tls["cert_file"], key_file=str(tmp_path / "locked.key"))
    with pytest.raises(ConfigError, match="without a passphrase"):
        server_context(locked, key="tls")


def test_files_are_read_again_when_it_is_time_and_only_a_change_counts(
    authority: Authority, server_tls: dict[str, Any]
) -> None:
    now = 0.0
    tls = ServerTls.model_validate({**server_tls, "reload_interval": "10s"})
    renewal = Renewal(tls, key="tls", now=lambda: now)
    first = renewal.pem
    replace_by(authority, "renewed", server_tls)
    assert not renewal.changed()
    now = 10.0
    assert renewal.changed()
    assert renewal.pem != first
    now = 20.0
    assert not renewal.changed()
    assert repr(read_pem(tls, key="tls")) == "<Pem>"
