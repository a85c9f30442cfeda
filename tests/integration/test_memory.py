"""The lid on memory: a real service that is sent more than it may hold."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import psutil
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from otel_judge.testing.backend import Backend

MIB = 2**20
LIMIT_MIB, SPIKE_MIB = 420, 100
SENT_MIB = 700
CONFIG = """
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: 127.0.0.1:0}}, http: }}}}}}
memory_limiter: {{limit_mib: {limit}, spike_limit_mib: {spike}, check_interval: 100ms}}
index: {{max_mib: 4000, completion: {{root_grace: 100ms, idle: 1h, max_age: 2h}}, retain: {{max_mib: 4000}}}}
exporters: {{otlp: {{endpoint: {backend}}}}}
health: {{endpoint: 127.0.0.1:0}}
admin: {{endpoint: 127.0.0.1:0}}
"""


@contextmanager
def serving(config: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "otel_judge", "serve", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        endpoint = ""
        try:
            for line in process.stderr:
                if "OTLP/gRPC at " in line:
                    endpoint = line.rsplit(" ", 1)[1].strip()
                if line.endswith(" ready\n"):
                    break
            yield process, endpoint
        finally:
            process.kill()


def a_request(*, spans: int = 64, root: bool) -> ExportTraceServiceRequest:
    """Part of a trace of its own; without the root, unless it is asked for, it waits for more."""
    request, trace_id, parent = ExportTraceServiceRequest(), secrets.token_bytes(16), secrets.token_bytes(8)
    scope = request.resource_spans.add().scope_spans.add()
    for number in range(spans):
        span = scope.spans.add(trace_id=trace_id, span_id=secrets.token_bytes(8), parent_span_id=parent, name="call")
        span.start_time_unix_nano = time.time_ns()
        span.end_time_unix_nano = span.start_time_unix_nano + 1
        span.attributes.add(key="input").value.string_value = secrets.token_hex(2_000)
        if root and not number:
            span.ClearField("parent_span_id")
    return request


def is_taken(stub: TraceServiceStub, request: ExportTraceServiceRequest) -> bool:
    try:
        stub.Export(request)
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            raise
        return False
    return True


def rss_mib(process: subprocess.Popen[str]) -> float:
    service = psutil.Process(process.pid)
    return sum(each.memory_info().rss for each in (service, *service.children())) / MIB


def test_memory_stays_below_its_limit_and_what_is_refused_is_taken_later(tmp_path: Path) -> None:
    config = tmp_path / "otel-judge.yaml"
    with Backend() as backend:
        config.write_text(CONFIG.format(limit=LIMIT_MIB, spike=SPIKE_MIB, backend=backend.endpoint))
        with serving(config) as (process, endpoint), grpc.insecure_channel(endpoint) as channel:
            stub = TraceServiceStub(channel)
            requests = [a_request(root=False) for _ in range(40)]
            size_mib = requests[0].ByteSize() / MIB
            refused, most, sent = list[grpc.RpcError](), 0.0, 0.0
            while sent < SENT_MIB:
                for request in requests:
                    trace_id = secrets.token_bytes(16)
                    for span in request.resource_spans[0].scope_spans[0].spans:
                        span.trace_id = trace_id
                    try:
                        stub.Export(request)
                    except grpc.RpcError as error:
                        refused.append(error)
                        time.sleep(0.02)  # a client waits longer; this one presses
                    sent += size_mib
                most = max(most, rss_mib(process))
            assert most < LIMIT_MIB
            assert refused
            assert {error.code() for error in refused} == {grpc.StatusCode.UNAVAILABLE}
            trailers = dict(refused[0].trailing_metadata())
            (detail,) = Status.FromString(trailers["grpc-status-details-bin"]).details
            retry = RetryInfo()
            assert detail.Unpack(retry)
            assert retry.retry_delay.seconds >= 1
            assert "memory_limiter.limit_mib" in refused[0].details()
            # None of those traces ever ends by itself; yet room comes, and a whole trace is graded.
            last = a_request(spans=2, root=True)
            trace_id = last.resource_spans[0].scope_spans[0].spans[0].trace_id
            while not is_taken(stub, last):
                time.sleep(0.1)
            backend.wait_for(lambda: any(each.record.trace_id == trace_id for each in backend.spans()), 60.0)
            reasons = {each.attributes.get("otel_judge.completion.reason") for each in backend.spans()}
            assert "memory_pressure" in reasons


def test_a_limit_below_what_the_processes_take_is_an_error_at_start(tmp_path: Path) -> None:
    config = tmp_path / "otel-judge.yaml"
    config.write_text(CONFIG.format(limit=50, spike=10, backend="127.0.0.1:9"))
    command = [sys.executable, "-m", "otel_judge", "serve", "--config", str(config)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "memory_limiter.limit_mib: 40 MiB is all that may be used" in ended.stderr
