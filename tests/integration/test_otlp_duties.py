"""Each row of the table in docs/otlp.md, asked of both receivers by clients that decide what goes over the wire."""

from __future__ import annotations

import asyncio
import gzip
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import orjson
import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExporter, MetricExportResult
from otlp_raw import (
    JSON,
    METHODS,
    PATHS,
    PROTOBUF,
    RESPONSES,
    SIGNALS,
    RawHttp,
    Taken,
    a_request,
    encode,
    http,
    over_grpc,
    over_http,
    records_of,
)

from otel_judge import http_connection
from otel_judge.errors import Overloaded
from otel_judge.receive import grpc_settings

DOCS = Path(__file__).parents[2] / "docs/otlp.md"
ROWS: set[str] = set()
signals = pytest.mark.parametrize("signal", SIGNALS)
media_types = pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
Test = Callable[..., Any]


def row(name: str) -> Callable[[Test], Test]:
    ROWS.add(name)
    return lambda test: test


def test_every_row_of_the_docs_has_a_test() -> None:
    assert set(re.findall(r"^\| `([a-z -]+)` \|", DOCS.read_text(), re.MULTILINE)) == ROWS


async def call(endpoint: str, method: str, body: bytes, **options: Any) -> bytes:
    async with grpc.aio.insecure_channel(endpoint, options=[("grpc.max_send_message_length", -1)]) as channel:
        return await channel.unary_unary(method)(body, **options)


async def failing(endpoint: str, method: str, body: bytes, **options: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(endpoint, method, body, **options)
    return caught.value


def details(error: grpc.aio.AioRpcError) -> Status:
    return Status.FromString(dict(error.trailing_metadata() or ())["grpc-status-details-bin"])


@row("success")
@signals
@media_types
async def test_full_success_says_nothing(signal: str, media_type: str) -> None:
    taken = Taken()
    request = a_request(signal)
    async with over_http(taken) as endpoint:
        reply = await http(endpoint, PATHS[signal], encode(request, media_type), content_type=media_type)
    async with over_grpc(taken) as endpoint:
        answer = await call(endpoint, METHODS[signal], request.SerializeToString())
    assert (reply.status, reply.headers["content-type"]) == (200, media_type)
    assert (reply.body, answer) == (b"{}" if media_type == JSON else b"", b"")
    assert taken.accepted == 4


@row("empty")
@signals
async def test_an_empty_request_succeeds(signal: str) -> None:
    taken = Taken()
    bodies = [(PROTOBUF, b""), (JSON, b"{}"), (JSON, b'{"resourceSpans":[],"resourceLogs":[]}')]
    async with over_http(taken) as endpoint:
        replies = [await http(endpoint, PATHS[signal], body, content_type=kind) for kind, body in bodies]
    async with over_grpc(taken) as endpoint:
        assert await call(endpoint, METHODS[signal], b"") == b""
    assert [reply.status for reply in replies] == [200] * 3
    assert (taken.intakes, taken.refused) == ([], [])


@row("partial success")
@signals
@media_types
async def test_what_is_rejected_is_counted_and_the_others_are_kept(signal: str, media_type: str) -> None:
    request = a_request(signal)
    records_of(request)[0].trace_id = b"short"
    taken = Taken()
    async with over_http(taken) as endpoint:
        reply = await http(endpoint, PATHS[signal], encode(request, media_type), content_type=media_type)
    async with over_grpc(taken) as endpoint:
        answer = RESPONSES[signal].FromString(await call(endpoint, METHODS[signal], request.SerializeToString()))
    assert reply.status == 200
    count, message = _partial(answer)
    assert (count, taken.accepted, taken.refused) == (1, 2, [(1, "invalid")] * 2)
    assert "1 with a trace_id that is not 16 bytes" in message
    if media_type == JSON:
        assert orjson.loads(reply.body)["partialSuccess"]["errorMessage"] == message
    else:
        assert RESPONSES[signal].FromString(reply.body) == answer


def _partial(answer: Any) -> tuple[int, str]:
    partial = answer.partial_success
    return getattr(partial, "rejected_spans", 0) or getattr(partial, "rejected_log_records", 0), partial.error_message


@row("unreadable record")
@signals
async def test_a_record_that_cannot_be_read_does_not_take_the_others_with_it(signal: str) -> None:
    request = a_request(signal)
    records_of(request)[0].attributes.add(key="x").value.string_value = "cut here"
    broken = request.SerializeToString().replace(b"cut here", b"cut \xc3re!")  # the first byte of two, alone
    taken = Taken()
    async with over_http(taken) as endpoint:
        reply = await http(endpoint, PATHS[signal], broken, content_type=PROTOBUF)
        half = await http(  # as JavaScript writes half of an emoji
            endpoint, PATHS[signal], encode(request, JSON).replace(b"cut here", b"cut \\ud83d"), content_type=JSON
        )
        wrong = await http(
            endpoint, PATHS[signal], encode(request, JSON).replace(b'"cut here"', b"7"), content_type=JSON
        )
    async with over_grpc(taken) as endpoint:
        answer = RESPONSES[signal].FromString(await call(endpoint, METHODS[signal], broken))
    assert [reply.status, half.status, wrong.status] == [200] * 3
    assert RESPONSES[signal].FromString(reply.body) == answer
    assert _partial(answer)[0] == 1
    assert "1 that cannot be read (not protobuf, or a text that is not UTF-8)" in _partial(answer)[1]
    assert "attributes" in orjson.loads(wrong.body)["partialSuccess"]["errorMessage"]
    assert (taken.accepted, taken.refused) == (4, [(1, "invalid")] * 4)


MALFORMED = {
    PROTOBUF: [b"\xff\xff", b"\x0a\x05short"],
    JSON: [
        b"",
        b"{",
        b"null",
        b"[]",
        b'{"resourceSpans":{},"resourceLogs":7}',
        b"{}" + b" " * 9 + b"x",
        b"[" * 100_000,
    ],
}


@row("malformed")
@signals
@media_types
async def test_what_is_malformed_is_not_to_be_sent_again(signal: str, media_type: str) -> None:
    taken = Taken()
    async with over_http(taken) as endpoint:
        for body in MALFORMED[media_type]:
            reply = await http(endpoint, PATHS[signal], body, content_type=media_type)
            assert (reply.status, reply.headers["content-type"], reply.error().code) == (400, media_type, 3)
            if media_type == JSON:
                (detail,) = orjson.loads(reply.body)["details"]
                assert detail["fieldViolations"][0]["description"] == reply.error().message
            assert "retry-after" not in reply.headers
    async with over_grpc(taken) as endpoint:
        error = await failing(endpoint, METHODS[signal], b"\xff\xff")
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    violations = BadRequest()
    assert details(error).details[0].Unpack(violations)
    assert violations.field_violations[0].description == error.details()
    assert taken.refused == [(0, "malformed")] * (len(MALFORMED[media_type]) + 1)


@row("too large")
@signals
@pytest.mark.parametrize("packed", [False, True], ids=["identity", "gzip"])
async def test_what_is_too_large_is_not_to_be_sent_again(signal: str, packed: bool) -> None:
    taken = Taken()
    body = bytes(2**20 + 1)
    async with over_http(taken, max_request_body_size=2**20) as endpoint, RawHttp.to(endpoint) as client:
        coding = "gzip" if packed else "identity"
        sent = gzip.compress(body) if packed else body
        reply = await client.ask(PATHS[signal], sent, content_type=PROTOBUF, content_encoding=coding)
        assert (await client.ask(PATHS[signal], content_type=PROTOBUF)).status == 200
    async with over_grpc(taken, max_recv_msg_size_mib=1) as endpoint:
        compression = grpc.Compression.Gzip if packed else grpc.Compression.NoCompression
        error = await failing(endpoint, METHODS[signal], body, compression=compression)
    assert (reply.status, reply.error().code) == (413, 8)
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "retry-after" not in reply.headers
    assert {key for key, _ in error.trailing_metadata() or ()}.isdisjoint(
        {"grpc-status-details-bin", "google.rpc.retryinfo-bin"}
    )
    assert taken.intakes == []


@row("overloaded")
@signals
@media_types
async def test_a_full_receiver_says_when_to_come_back(signal: str, media_type: str) -> None:
    taken = Taken(Overloaded("full", retry_after_s=2.4), Overloaded("full", retry_after_s=2.4))
    request = a_request(signal)
    async with over_http(taken) as endpoint:
        reply = await http(endpoint, PATHS[signal], encode(request, media_type), content_type=media_type)
    async with over_grpc(taken) as endpoint:
        error = await failing(endpoint, METHODS[signal], request.SerializeToString())
    assert (reply.status, reply.headers["retry-after"], reply.error().code) == (503, "3", 14)
    retry = RetryInfo()
    assert details(error).details[0].Unpack(retry)
    assert retry == RetryInfo.FromString(dict(error.trailing_metadata() or ())["google.rpc.retryinfo-bin"])
    assert (error.code(), retry.retry_delay.seconds) == (grpc.StatusCode.UNAVAILABLE, 3)


@row("internal error")
@signals
@media_types
async def test_a_fault_of_ours_tells_nothing_of_the_inside(signal: str, media_type: str) -> None:
    taken = Taken(KeyError("secret"), KeyError("secret"))
    request = a_request(signal)
    async with over_http(taken) as endpoint:
        reply = await http(endpoint, PATHS[signal], encode(request, media_type), content_type=media_type)
    async with over_grpc(taken) as endpoint:
        error = await failing(endpoint, METHODS[signal], request.SerializeToString())
    assert (reply.status, reply.error().code, reply.error().message) == (500, 13, "internal error")
    assert (error.code(), error.details()) == (grpc.StatusCode.INTERNAL, "internal error")


@row("metrics")
@pytest.mark.parametrize("transport", ["grpc", "http"])
async def test_metrics_sent_by_mistake_are_not_sent_again(transport: str, caplog: pytest.LogCaptureFixture) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    provider.get_meter("app").create_counter("requests").add(1)
    data = reader.get_metrics_data()
    assert data is not None
    async with over_grpc(Taken()) as grpc_endpoint, over_http(Taken()) as http_endpoint:
        if transport == "grpc":
            exporter: MetricExporter = GrpcMetricExporter(endpoint=grpc_endpoint, insecure=True, timeout=60)
        else:
            exporter = HttpMetricExporter(endpoint=f"http://{http_endpoint}/v1/metrics", timeout=60)
        result = await asyncio.to_thread(exporter.export, data)
        exporter.shutdown()
        reply = await http(http_endpoint, "/v1/metrics", content_type=JSON)
        error = await failing(grpc_endpoint, "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", b"")
    provider.shutdown()
    assert result is MetricExportResult.FAILURE
    assert "retrying" not in caplog.text.lower()
    assert (reply.status, error.code()) == (404, grpc.StatusCode.UNIMPLEMENTED)
    assert reply.error().message.startswith("metrics are not taken here, send them elsewhere")
    assert str(error.details()).startswith("metrics are not taken here, send them elsewhere")


@row("path and method")
async def test_other_paths_and_methods_are_told_the_right_ones() -> None:
    async with over_http(Taken()) as endpoint:
        wrong_path = await http(endpoint, "/v1/trace", content_type=PROTOBUF)
        wrong_method = await http(endpoint, "/v1/traces", method="PUT", content_type=JSON)
    async with over_grpc(Taken()) as endpoint:
        error = await failing(endpoint, "/no.such.Service/Export", b"")
    assert (wrong_path.status, wrong_path.headers["content-type"]) == (404, PROTOBUF)
    assert (wrong_method.status, wrong_method.headers["allow"]) == (405, "POST")
    assert wrong_path.error().message == wrong_method.error().message == "POST OTLP to /v1/traces or /v1/logs"
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED


@row("content type")
@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (PROTOBUF, 200),
        ("Application/X-Protobuf; v=1", 200),
        ("application/json", 400),  # the body is empty
        ("application/json;charset=UTF-8", 400),
        ("text/plain", 415),
        ("application/grpc", 415),
        ("", 415),
    ],
)
async def test_the_content_type_says_how_to_read_it(content_type: str, status: int) -> None:
    async with over_http(Taken()) as endpoint:
        reply = await http(endpoint, "/v1/traces", content_type=content_type)
    assert reply.status == status


@row("content encoding")
@signals
@pytest.mark.parametrize(
    ("coding", "pack", "status"),
    [
        ("identity", bytes, 200),
        ("", bytes, 200),
        ("gzip", gzip.compress, 200),
        ("GZip", gzip.compress, 200),
        ("x-gzip", gzip.compress, 200),
        ("identity, gzip,", gzip.compress, 200),
        ("gzip", bytes, 400),
        ("gzip", lambda body: gzip.compress(body)[:-9], 400),
        ("deflate", zlib.compress, 415),
        ("zstd", bytes, 415),
        ("gzip, gzip", lambda body: gzip.compress(gzip.compress(body)), 415),
    ],
)
async def test_a_coding_of_the_body_is_undone_or_refused(
    signal: str, coding: str, pack: Callable[[bytes], bytes], status: int
) -> None:
    taken = Taken()
    body = pack(a_request(signal).SerializeToString())
    async with over_http(taken) as endpoint:
        reply = await http(endpoint, PATHS[signal], body, content_type=PROTOBUF, content_encoding=coding)
    assert (reply.status, taken.accepted) == (status, 2 if status == 200 else 0)
    assert reply.headers.get("accept-encoding") == ("gzip" if status == 415 else None)


@row("compression")
@signals
@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
async def test_grpc_messages_may_be_compressed(signal: str, compression: grpc.Compression) -> None:
    taken = Taken()
    async with over_grpc(taken) as endpoint:
        await call(endpoint, METHODS[signal], a_request(signal).SerializeToString(), compression=compression)
        unknown = await raw_grpc(endpoint, METHODS[signal], ("grpc-encoding", "snappy"))
    assert taken.accepted == 2
    assert b"grpc-status\x0213" in unknown  # INTERNAL, by the grpc library itself


async def raw_grpc(endpoint: str, path: str, *headers: tuple[str, str]) -> bytes:
    """What a gRPC server answers to a compressed message whose header is written by hand: the bytes of its frames."""

    def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
        return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload

    def literal(name: str, value: str) -> bytes:  # HPACK, without indexing and without Huffman
        return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()

    fields = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x"), ("te", "trailers")]
    head = b"".join(literal(*field) for field in [*fields, ("content-type", "application/grpc"), *headers])
    host, _, port = endpoint.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(1, 4, 1, head))
    writer.write(frame(0, 1, 1, b"\1\0\0\0\3abc"))
    answer = b""
    async with asyncio.timeout(20):
        while b"grpc-status" not in answer:
            answer += await reader.read(65536)
    writer.close()
    return answer


@row("transfer encoding")
@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("transfer-encoding: chunked", 200),
        ("transfer-encoding: gzip, chunked", 501),
        ("transfer-encoding: gzip", 400),
        ("transfer-encoding: chunked\r\ncontent-length: 5", 400),
        ("content-length: 5\r\ncontent-length: 6", 400),
        ("content-length: -1", 400),
    ],
)
async def test_the_length_of_a_body_is_beyond_doubt_or_the_request_refused(lines: str, status: int) -> None:
    async with over_http(Taken()) as endpoint, RawHttp.to(endpoint) as client:
        head = f"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {PROTOBUF}\r\n{lines}\r\n\r\n"
        client.write(head.encode() + b"0\r\n\r\n")
        reply = await client.reply()
        assert reply.status == status
        if status == 400:
            assert reply.error().code == 3
            assert await client.closed()


@row("keep alive")
@signals
async def test_a_connection_serves_many_requests(signal: str) -> None:
    taken = Taken(Overloaded("full"))
    body = a_request(signal).SerializeToString()
    async with over_http(taken) as endpoint, RawHttp.to(endpoint) as client:
        replies = [await client.ask(PATHS[signal], body, content_type=PROTOBUF) for _ in range(3)]
        client.send(PATHS[signal], body, content_type=PROTOBUF)  # two at once, answered in their order
        client.send(PATHS[signal], b"\xff", content_type=PROTOBUF)
        replies += [await client.reply(), await client.reply()]
        replies.append(await client.ask(PATHS[signal], body, content_type=PROTOBUF, connection="close"))
        assert await client.closed()
    assert [reply.status for reply in replies] == [503, 200, 200, 200, 400, 200]


@row("upgrade")
@pytest.mark.parametrize("at_once", [True, False])
async def test_an_offer_of_another_protocol_loses_no_body(at_once: bool) -> None:
    taken = Taken()
    body = a_request("traces").SerializeToString()
    header = (
        f"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {PROTOBUF}\r\ncontent-length: {len(body)}\r\n"
        "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n"
    ).encode()
    async with over_http(taken) as endpoint, RawHttp.to(endpoint) as client:
        for piece in [header + body] if at_once else [header, body]:
            client.write(piece)
            await asyncio.sleep(0)
        assert (await client.reply()).status == 200
        assert (await client.ask("/v1/traces", body, content_type=PROTOBUF)).status == 200
    assert taken.accepted == 2 * len(records_of(a_request("traces")))


@row("expect continue")
async def test_a_body_that_waits_for_leave_is_asked_for() -> None:
    async with over_http(Taken()) as endpoint, RawHttp.to(endpoint) as client:
        client.write(
            f"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {JSON}\r\ncontent-length: 2\r\n"
            "expect: 100-continue\r\n\r\n".encode()
        )
        assert (await client.reply()).status == 100
        client.write(b"{}")
        assert (await client.reply()).status == 200


@row("slow header")
async def test_a_header_has_its_time_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "SWEEP_S", 0.05)
    async with over_http(Taken()) as endpoint:
        async with RawHttp.to(endpoint) as second:
            assert (await second.ask("/v1/traces", content_type=PROTOBUF)).status == 200
            with monkeypatch.context() as patch:
                patch.setattr(http_connection, "HEADER_S", 0.2)
                second.write(b"\r\n")  # which may stand before a request, and is none
                async with RawHttp.to(endpoint) as silent, RawHttp.to(endpoint) as slow:
                    slow.write(b"POST /v1/traces HTTP/1.1\r\nhost:")
                    assert [await client.closed() for client in (silent, slow, second)] == [True] * 3
        assert (await http(endpoint, "/v1/traces", content_type=PROTOBUF)).status == 200


@row("slow body")
@pytest.mark.parametrize("answered", [False, True], ids=["waited for", "refused before"])
async def test_a_body_has_its_time_and_no_more(monkeypatch: pytest.MonkeyPatch, answered: bool) -> None:
    monkeypatch.setattr(http_connection, "BODY_S", 0.3)
    monkeypatch.setattr(http_connection, "SWEEP_S", 0.05)
    taken = Taken()
    async with over_http(taken) as endpoint, RawHttp.to(endpoint) as client:
        kind = "text/plain" if answered else PROTOBUF
        client.send("/v1/traces", sized=False, content_type=kind, content_length="1000000")
        if answered:
            assert (await client.reply()).status == 415

        async def trickle() -> None:
            while True:
                client.write(b"x")
                await asyncio.sleep(0.02)

        trickling = asyncio.create_task(trickle())
        assert await client.closed()
        trickling.cancel()
    assert (taken.intakes, taken.refused) == ([], [])


@row("idle connection")
async def test_a_connection_without_requests_is_kept_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "SWEEP_S", 0.05)
    async with over_http(Taken()) as endpoint, RawHttp.to(endpoint) as client:
        assert (await client.ask("/v1/traces", content_type=PROTOBUF)).status == 200
        monkeypatch.setattr(http_connection, "HEADER_S", 0.2)
        assert not await client.closed(within_s=0.6)  # no header is waited for
        assert (await client.ask("/v1/traces", content_type=PROTOBUF)).status == 200
    monkeypatch.undo()
    monkeypatch.setattr("otel_judge.http_server.KEEP_ALIVE_S", 0.2)
    async with over_http(Taken()) as endpoint, RawHttp.to(endpoint) as client:
        assert (await client.ask("/v1/traces", content_type=PROTOBUF)).status == 200
        assert await client.closed()
    async with over_grpc(Taken(), keepalive={"server_parameters": {"max_connection_idle": "200ms"}}) as endpoint:
        await _idles(endpoint)


async def _idles(endpoint: str) -> None:
    """Returns once the server has closed a connection that has nothing to do."""
    async with grpc.aio.insecure_channel(endpoint) as channel, asyncio.timeout(20):
        await channel.unary_unary(METHODS["traces"])(b"")
        while channel.get_state() is grpc.ChannelConnectivity.READY:
            await channel.wait_for_state_change(grpc.ChannelConnectivity.READY)


@row("handshake")
async def test_a_grpc_connection_has_its_time_to_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_settings, "HANDSHAKE_S", 0.3)
    async with over_grpc(Taken()) as endpoint:
        host, _, port = endpoint.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        async with asyncio.timeout(20):
            while await reader.read(4096):
                pass
        writer.close()
        assert await call(endpoint, METHODS["traces"], b"", wait_for_ready=True, timeout=20) == b""


@row("large header")
@pytest.mark.parametrize("kind", ["in pieces", "one field without end", "at once"])
async def test_a_header_has_its_room_and_no_more(kind: str) -> None:
    async with over_http(Taken()) as endpoint, RawHttp.to(endpoint) as client:
        assert (await client.ask("/v1/traces", bytes(100_000), content_type="text/plain")).status == 415  # no header
        assert (await client.ask("/v1/traces", content_type=PROTOBUF, x_large="x" * 60_000)).status == 200
        fields = [b"x-%d: %b\r\n" % (number, b"x" * 10_000) for number in range(7)]
        client.write(b"POST /v1/traces HTTP/1.1\r\n")
        for field in [b"".join(fields) + b"\r\n"] if kind == "at once" else fields:
            client.write(b"x" * 10_000 if kind == "one field without end" else field)
            await asyncio.sleep(0.01)
        reply = await client.reply()
        assert (reply.status, reply.error().code) == (431, 8)
        assert await client.closed()


@row("streams")
async def test_a_connection_has_so_many_calls_at_once() -> None:
    async with over_grpc(Taken(), max_concurrent_streams=1) as endpoint:
        async with grpc.aio.insecure_channel(endpoint) as channel:
            export = channel.unary_unary(METHODS["traces"])
            assert await asyncio.gather(*(export(b"") for _ in range(20))) == [b""] * 20
        host, _, port = endpoint.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
        assert b"\0\3\0\0\0\1" in await reader.read(4096)  # SETTINGS_MAX_CONCURRENT_STREAMS = 1
        writer.close()


@row("pings")
async def test_a_client_that_pings_too_often_is_cut_off() -> None:
    policy = {"enforcement_policy": {"min_time": "1h", "permit_without_stream": False}}
    ping = b"\0\0\x08\6\0\0\0\0\0" + bytes(8)
    async with over_grpc(Taken(), keepalive=policy) as endpoint:
        host, _, port = endpoint.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
        answer = b""
        async with asyncio.timeout(20):
            while b"too_many_pings" not in answer:
                writer.write(ping)
                answer += await reader.read(4096)
        writer.close()


@row("json")
@signals
async def test_json_is_read_as_generously_as_the_mapping_allows(signal: str) -> None:
    span_id = "00f067aa0ba902b7"
    record = {
        "traceId": "4BF92F3577B34DA6A3CE929D0E0E4736",
        "span_id": span_id,
        "startTimeUnixNano": 1_760_000_000_000_000_000,
        "endTimeUnixNano": "1760000000000000001",
        "timeUnixNano": None,
        "kind": "SPAN_KIND_INTERNAL",
        "severityNumber": 9,
        "eventName": "gen_ai.choice",
        "body": {"stringValue": "On its way."},
        "attributes": None,
        "name": "x",
        "unheardOf": {"of": [1]},
    }
    outer, middle, inner = (
        ("resourceSpans", "scopeSpans", "spans") if signal == "traces" else ("resourceLogs", "scopeLogs", "logRecords")
    )
    document = {outer: [{"resource": None, middle: [{"scope": None, inner: [record]}]}], "unheardOf": None}
    nulls = [{outer: None}, {outer: [{middle: None}]}, {outer: [{middle: [{inner: None}]}]}]
    taken = Taken()
    async with over_http(taken) as endpoint:
        for body in (document, *nulls):
            reply = await http(endpoint, PATHS[signal], orjson.dumps(body), content_type=JSON)
            assert (reply.status, reply.body) == (200, b"{}")
        element = await http(endpoint, PATHS[signal], orjson.dumps({outer: [None]}), content_type=JSON)
    assert taken.accepted == 1
    assert (element.status, element.error().message) == (400, f"{outer}[0]: not an object")
