"""`/v1/logs` on both servers: the duties of an OTLP receiver, and that both encodings bring the same."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import httpx
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse

from otel_judge.config_receivers import GrpcReceiver, HttpReceiver
from otel_judge.errors import Overloaded
from otel_judge.otlp_json import encode_message
from otel_judge.receive import Intake, LogAcceptor, LogIntake
from otel_judge.receive.grpc import LOGS_SERVICE, GrpcServer
from otel_judge.receive.http import HttpServer

PROTOBUF, JSON = "application/x-protobuf", "application/json"
TRACE_ID = bytes(range(16))


def no_spans(_: Intake) -> None:
    raise AssertionError("nobody sends spans here")


class Taken:
    """A sink that keeps what it was given, after raising what it was told to raise."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.intakes: list[LogIntake] = []
        self.refused: list[tuple[int, str]] = []

    def __call__(self, intake: LogIntake) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.intakes.append(intake)

    def acceptor(self) -> LogAcceptor:
        return LogAcceptor(self, refused=lambda count, reason: self.refused.append((count, reason)))


def some_request(*, broken: bool = False) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    scope_logs = request.resource_logs.add().scope_logs.add()
    said = scope_logs.log_records.add(
        event_name="gen_ai.choice", trace_id=TRACE_ID, span_id=bytes(range(8)), time_unix_nano=7, severity_number=9
    )
    said.body.kvlist_value.values.add(key="message").value.string_value = "On its way."
    said.attributes.add(key="gen_ai.system").value.string_value = "openai"
    scope_logs.log_records.add().body.string_value = "started"
    if broken:
        scope_logs.log_records.add(event_name="gen_ai.choice", trace_id=b"short", span_id=b"short")
    return request


@asynccontextmanager
async def over_http(taken: Taken, **config: int) -> AsyncIterator[httpx.AsyncClient]:
    server = HttpServer(HttpReceiver(endpoint="127.0.0.1:0", **config), no_spans, logs=taken.acceptor())
    endpoint = await server.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://{endpoint}", trust_env=False) as client:
            yield client
    finally:
        await server.stop(1.0)


async def post(client: httpx.AsyncClient, body: bytes, content_type: str = PROTOBUF, **headers: str) -> httpx.Response:
    return await client.post("/v1/logs", content=body, headers={"content-type": content_type, **headers})


@asynccontextmanager
async def over_grpc(taken: Taken | None, **config: int) -> AsyncIterator[grpc.aio.UnaryUnaryMultiCallable]:
    logs = None if taken is None else taken.acceptor()
    server = GrpcServer(GrpcReceiver(endpoint="127.0.0.1:0", **config), no_spans, logs=logs)
    endpoint = await server.start()
    try:
        options = [("grpc.max_send_message_length", -1)]
        async with grpc.aio.insecure_channel(endpoint, options=options) as channel:
            yield channel.unary_unary(f"/{LOGS_SERVICE}/Export")
    finally:
        await server.stop(1.0)


@pytest.mark.parametrize("packed", [False, True], ids=["identity", "gzip"])
async def test_all_ways_bring_the_same(packed: bool) -> None:
    request = some_request()
    taken = Taken()
    headers = {"content-encoding": "gzip"} if packed else {}
    async with over_http(taken) as client:
        for content_type, body in ((PROTOBUF, request.SerializeToString()), (JSON, encode_message(request))):
            response = await post(client, gzip.compress(body) if packed else body, content_type, **headers)
            assert (response.status_code, response.headers["content-type"]) == (200, content_type)
            assert response.content == (b"{}" if content_type == JSON else b"")
    async with over_grpc(taken) as export:
        compression = grpc.Compression.Gzip if packed else None
        answer = ExportLogsServiceResponse.FromString(
            await export(request.SerializeToString(), compression=compression)
        )
    assert not answer.HasField("partial_success")
    first, *others = taken.intakes
    assert (first.accepted, first.other, list(first.events)) == (1, 1, [TRACE_ID])
    assert others == [first, first]


async def test_an_empty_request_succeeds() -> None:
    taken = Taken()
    async with over_http(taken) as client:
        assert (await post(client, b"")).status_code == (await post(client, b"{}", JSON)).status_code == 200
    async with over_grpc(taken) as export:
        assert await export(b"") == b""
    assert (taken.intakes, taken.refused) == ([], [])


async def test_what_no_span_can_take_is_a_partial_success() -> None:
    request = some_request(broken=True)
    taken = Taken()
    async with over_http(taken) as client:
        text = await post(client, encode_message(request), JSON)
    async with over_grpc(taken) as export:
        partial = ExportLogsServiceResponse.FromString(await export(request.SerializeToString())).partial_success
    assert partial.rejected_log_records == 1
    assert "1 with a trace_id that is not 16 bytes" in partial.error_message
    assert text.json() == {"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": partial.error_message}}
    assert taken.refused == [(1, "invalid")] * 2
    assert [intake.accepted for intake in taken.intakes] == [1, 1]


async def test_what_is_malformed_or_too_large_is_not_to_be_retried() -> None:
    taken = Taken()
    async with over_http(taken, max_request_body_size=100_000) as client:
        broken = [await post(client, b"\xff\xff"), await post(client, b'{"resourceLogs":[7]}', JSON)]
        large = await post(client, gzip.compress(bytes(300_000)), **{"content-encoding": "gzip"})
    async with over_grpc(taken, max_recv_msg_size_mib=1) as export:
        with pytest.raises(grpc.aio.AioRpcError) as malformed:
            await export(b"\xff\xff")
        with pytest.raises(grpc.aio.AioRpcError) as too_large:
            await export(bytes(2**20 + 1), compression=grpc.Compression.Gzip)
    assert [response.status_code for response in (*broken, large)] == [400, 400, 413]
    assert Status.FromString(broken[0].content).message == "the body is not a protobuf ExportLogsServiceRequest"
    assert broken[1].json()["message"] == "resourceLogs[0]: not an object"
    assert malformed.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert too_large.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "google.rpc.retryinfo-bin" not in dict(too_large.value.trailing_metadata())
    assert taken.refused == [(0, "malformed"), (0, "malformed"), (0, "too_large"), (0, "malformed")]


async def test_a_full_service_says_when_to_come_back() -> None:
    taken = Taken(Overloaded("full", retry_after_s=2.4), Overloaded("full", retry_after_s=2.4))
    async with over_http(taken) as client:
        response = await post(client, some_request().SerializeToString())
    async with over_grpc(taken) as export:
        with pytest.raises(grpc.aio.AioRpcError) as full:
            await export(some_request().SerializeToString())
    assert (response.status_code, response.headers["retry-after"]) == (503, "3")
    assert full.value.code() == grpc.StatusCode.UNAVAILABLE
    retry = RetryInfo.FromString(dict(full.value.trailing_metadata())["google.rpc.retryinfo-bin"])
    assert retry.retry_delay.seconds == 3
    assert taken.refused == [(1, "overloaded")] * 2


async def test_other_paths_name_both() -> None:
    async with over_http(Taken()) as client:
        response = await client.post("/v1/log", headers={"content-type": JSON})
    assert (response.status_code, response.json()["message"]) == (404, "POST OTLP to /v1/traces or /v1/logs")


async def test_without_a_taker_there_is_no_such_service() -> None:
    async with over_grpc(None) as export:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await export(b"")
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
