"""What a backend answers, and what stands in the environment, may be anything."""

from __future__ import annotations

import contextlib

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.status_pb2 import Status
from grpc.aio import AioRpcError, Metadata
from hypothesis import example, given
from hypothesis import strategies as st

from otel_judge.config import Exporters
from otel_judge.emit.otlp_grpc import _read_error
from otel_judge.emit.otlp_http import _retry_after_s
from otel_judge.emit.outbox import SIGNALS, Signal
from otel_judge.emit.settings import resolve
from otel_judge.emit.transport import Accepted, Partial, Retry, read_success
from otel_judge.errors import ConfigError


@given(st.sampled_from(SIGNALS), st.binary() | st.binary(min_size=1).map(lambda data: b"\x0a" + data))
def test_a_success_stays_a_success_whatever_its_body(signal: Signal, body: bytes) -> None:
    outcome = read_success(signal, body)
    assert isinstance(outcome, Accepted) or (isinstance(outcome, Partial) and outcome.rejected >= 0)


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,5} \d\d:\d\d:\d\d( GMT| [+-]\d{4})?"))
@example("Mon, 01 Jan 99999 00:00:00 GMT")
@example("9" * 400)
@example("Fri, 31 Dec 9999 23:59:59 -2359")
def test_any_retry_after_is_a_delay_or_none(value: str) -> None:
    delay = _retry_after_s(value)
    assert delay is None or delay >= 0


@pytest.mark.parametrize(("value", "expected"), [("0", 0.0), (" 30 ", 30.0), ("-5", None), ("1.5", None), ("", None)])
def test_a_retry_after_in_seconds_is_a_whole_number(value: str, expected: float | None) -> None:
    assert _retry_after_s(value) == expected


details = st.binary() | st.binary().map(
    lambda data: Status(
        details=[AnyMessage(type_url="type.googleapis.com/google.rpc.RetryInfo", value=data)]
    ).SerializeToString()
)


@given(st.sampled_from(["grpc-status-details-bin", "google.rpc.retryinfo-bin"]), details)
def test_any_trailer_is_a_delay_or_none(key: str, data: bytes) -> None:
    error = AioRpcError(grpc.StatusCode.UNAVAILABLE, Metadata(), Metadata((key, data)))
    outcome = _read_error(error)
    assert isinstance(outcome, Retry)
    assert outcome.after_s is None or outcome.after_s >= 0


@given(st.text(), st.text(), st.sampled_from(["", "grpc", "http/protobuf"]))
def test_any_environment_is_used_or_refused_by_name(endpoint: str, headers: str, protocol: str) -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{endpoint}",
        "OTEL_EXPORTER_OTLP_HEADERS": headers,
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
    }
    with contextlib.suppress(ConfigError):
        resolve(Exporters(), environ=environ)
