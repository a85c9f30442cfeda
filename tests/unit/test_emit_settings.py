from __future__ import annotations

import io
import socket
from pathlib import Path
from typing import Any

import pytest

from otel_judge.config import Exporters, OtlpExporter
from otel_judge.config_receivers import GrpcReceiver, HttpReceiver, OtlpReceiver, Protocols, Receivers
from otel_judge.emit.printing import Printer
from otel_judge.emit.settings import Export, resolve
from otel_judge.errors import ConfigError
from otel_judge.feedback import Feedback, Scorer, Target

NONE = Exporters()


def configured(**options: Any) -> Export:
    export = resolve(Exporters(otlp=OtlpExporter(**options)), environ={})
    assert export is not None
    return export


def from_environ(**environ: str) -> Export:
    export = resolve(NONE, environ=environ)
    assert export is not None
    return export


def urls(export: Export) -> dict[str, str]:
    return {signal: to.url for signal, to in export.destinations.items()}


def test_without_config_and_environment_there_is_nowhere_to_send() -> None:
    assert resolve(NONE, environ={}) is None
    assert resolve(NONE, environ={"OTEL_EXPORTER_OTLP_ENDPOINT": " "}) is None


def test_the_config_sends_all_signals_to_one_grpc_endpoint() -> None:
    export = configured(
        endpoint="collector:24317", headers={"X-Key": "k"}, compression="gzip", queue_mib=1, timeout="3s"
    )
    assert urls(export) == dict.fromkeys(("traces", "logs", "metrics"), "http://collector:24317")
    to = export.destinations["traces"]
    assert (to.host_port, to.secure, to.headers, to.compression, to.timeout_s) == (
        "collector:24317",
        False,
        {"X-Key": "k"},
        "gzip",
        3.0,
    )
    assert export.queue_bytes == 1024 * 1024
    assert export.name == "collector:24317"


def test_https_means_tls() -> None:
    assert configured(endpoint="https://collector:24317").destinations["traces"].secure


def test_over_http_the_signals_path_is_added_to_the_endpoint() -> None:
    export = configured(endpoint="https://host:4318/otlp/", protocol="http/protobuf")
    assert urls(export) == {
        "traces": "https://host:4318/otlp/v1/traces",
        "logs": "https://host:4318/otlp/v1/logs",
        "metrics": "https://host:4318/otlp/v1/metrics",
    }


def test_the_config_wins_over_the_environment() -> None:
    export = resolve(
        Exporters(otlp=OtlpExporter(endpoint="a:1")), environ={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://b:4317"}
    )
    assert export is not None
    assert export.name == "a:1"


def test_a_common_endpoint_in_the_environment_is_a_base_and_a_signals_own_is_used_as_it_is() -> None:
    export = from_environ(
        OTEL_EXPORTER_OTLP_ENDPOINT="http://host:4318/base", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://t:9/exactly"
    )
    assert urls(export) == {
        "traces": "http://t:9/exactly",
        "logs": "http://host:4318/base/v1/logs",
        "metrics": "http://host:4318/base/v1/metrics",
    }


def test_a_traces_endpoint_alone_sends_only_traces() -> None:
    export = from_environ(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://t:4317")
    assert urls(export) == {"traces": "http://t:4317"}


@pytest.mark.parametrize(
    ("endpoint", "protocol", "expected"),
    [
        ("http://h:4317", "", ("grpc", "http://h:4317")),
        ("http://h:4318", "", ("http/protobuf", "http://h:4318/v1/traces")),
        ("http://h:9999", "grpc", ("grpc", "http://h:9999")),
        ("http://h:4317", "http/protobuf", ("http/protobuf", "http://h:4317/v1/traces")),
        ("https://h", "grpc", ("grpc", "https://h:443")),
        ("http://h/path", "grpc", ("grpc", "http://h:4317")),
        ("https://h", "", ("http/protobuf", "https://h/v1/traces")),
    ],
)
def test_the_protocol_is_the_variables_or_that_of_the_port(
    endpoint: str, protocol: str, expected: tuple[str, str]
) -> None:
    export = from_environ(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_EXPORTER_OTLP_PROTOCOL=protocol)
    to = export.destinations["traces"]
    assert (to.protocol, to.url) == expected


def test_headers_are_decoded_and_a_signals_own_win() -> None:
    export = from_environ(
        OTEL_EXPORTER_OTLP_ENDPOINT="http://h:4317",
        OTEL_EXPORTER_OTLP_HEADERS="Authorization=Basic%20a%3D%3D, x-team = judges,",
        OTEL_EXPORTER_OTLP_LOGS_HEADERS="x=1",
        OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
    )
    assert export.destinations["traces"].headers == {"authorization": "Basic a==", "x-team": "judges"}
    assert export.destinations["logs"].headers == {"x": "1"}
    assert export.destinations["traces"].compression == "gzip"


SECRET = "s3cr3t-token"


@pytest.mark.parametrize(
    ("environ", "where"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4317"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[::1"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:99999"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        (
            {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://h:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
            "OTEL_EXPORTER_OTLP_PROTOCOL",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:1", "OTEL_EXPORTER_OTLP_HEADERS": f"a=b,{SECRET}"},
            "OTEL_EXPORTER_OTLP_HEADERS",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:1", "OTEL_EXPORTER_OTLP_HEADERS": f"a={SECRET}%0Ab"},
            "OTEL_EXPORTER_OTLP_HEADERS",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://h:1", "OTEL_EXPORTER_OTLP_CERTIFICATE": "/no/such.pem"},
            "OTEL_EXPORTER_OTLP_CERTIFICATE",
        ),
    ],
)
def test_a_variable_that_cannot_be_used_is_named_and_its_secret_is_not(environ: dict[str, str], where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(NONE, environ=environ)
    assert caught.value.where == where
    assert caught.value.mend
    assert SECRET not in str(caught.value)


def test_a_header_of_the_config_that_cannot_be_sent_is_refused_without_its_value() -> None:
    with pytest.raises(ConfigError) as caught:
        configured(endpoint="h:1", headers={"authorization": f"{SECRET}\n"})
    assert caught.value.where == "exporters.otlp.headers"
    assert SECRET not in str(caught.value)


def test_a_port_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="no port that exists"):
        configured(endpoint="h:99999")


def test_secrets_never_show() -> None:
    export = configured(endpoint=f"http://user:{SECRET}@h:1", headers={"authorization": SECRET})
    assert SECRET not in f"{export!r} {export} {export.name}"
    environ = from_environ(OTEL_EXPORTER_OTLP_ENDPOINT="http://h:1", OTEL_EXPORTER_OTLP_HEADERS=f"a={SECRET}")
    assert SECRET not in repr(environ)


def receivers(grpc: str = "127.0.0.1:14317", http: str = "127.0.0.1:14318") -> Receivers:
    protocols = Protocols(grpc=GrpcReceiver(endpoint=grpc), http=HttpReceiver(endpoint=http))
    return Receivers(otlp=OtlpReceiver(protocols=protocols))


@pytest.mark.parametrize(
    ("endpoint", "receiver"),
    [
        ("127.0.0.1:14317", "127.0.0.1:14317"),
        ("localhost:14317", "127.0.0.1:14317"),
        ("http://localhost:14318", "127.0.0.1:14317"),
        ("0.0.0.0:14317", "127.0.0.1:14317"),
        ("127.0.0.1:14317", "0.0.0.0:14317"),
        ("[::1]:14317", "localhost:14317"),
        ("127.0.0.1:14317", "[::]:14317"),
        ("localhost:14317", "[::1]:14317"),
        (f"{socket.gethostname()}:14317", "0.0.0.0:14317"),
    ],
)
def test_our_own_receiver_is_refused_however_it_is_written(endpoint: str, receiver: str) -> None:
    with pytest.raises(ConfigError, match=r"our own receiver \(.*\)") as caught:
        resolve(Exporters(otlp=OtlpExporter(endpoint=endpoint)), receivers(grpc=receiver), {})
    assert caught.value.where == "exporters.otlp.endpoint"


def test_our_own_receiver_is_refused_from_the_environment_too() -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(NONE, receivers(), {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:14317"})
    assert caught.value.where == "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.mark.parametrize("endpoint", ["127.0.0.1:24317", "192.0.2.7:14317", "no-such-host.invalid:14317"])
def test_other_endpoints_are_not_our_receiver(endpoint: str) -> None:
    assert resolve(Exporters(otlp=OtlpExporter(endpoint=endpoint)), receivers(grpc="0.0.0.0:14317"), {})


def test_a_ca_file_is_passed_on(tmp_path: Path) -> None:
    pem = tmp_path / "ca.pem"
    pem.write_text("")
    export = from_environ(OTEL_EXPORTER_OTLP_ENDPOINT="https://h:4317", OTEL_EXPORTER_OTLP_CERTIFICATE=str(pem))
    assert export.destinations["traces"].ca_file == str(pem)


def test_a_printed_verdict_is_one_line() -> None:
    out = io.StringIO()
    target = Target("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", 1, 2)
    feedback = Feedback(target, Scorer("answered", "check", "v"), "fail", rationale="cut\noff " + "x" * 500, score=0.5)
    Printer(out).emit(feedback, None)
    (line,) = out.getvalue().splitlines()
    assert line.startswith("0af7651916cd43dd8448eb211c80319c  answered  fail  0.5  cut off xxx")
    assert line.endswith("…")


def test_a_printed_verdict_says_who_was_not_measured_and_what_is_a_shadow() -> None:
    out = io.StringIO()
    target = Target("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", 1, 2)
    Printer(out).emit(Feedback(target, Scorer("next", "judge", "v"), "pass", shadow_of="task"), None)
    assert "  next (shadow of task, uncalibrated)  pass  " in out.getvalue()
