"""The config and the environment that the demo gives its processes."""

from __future__ import annotations

import pytest

from otel_judge.config_file import parse
from otel_judge.demo.server import JUDGE, Ports, config, environment

PORTS = Ports(otlp=1111, health=2222, admin=3333)


def test_the_config_is_valid_and_sends_verdicts_to_the_backend():
    parsed = parse(config(PORTS, "127.0.0.1:4444", None))
    assert parsed.receivers.otlp.protocols.grpc.endpoint == "127.0.0.1:1111"
    assert parsed.receivers.otlp.protocols.http is None
    assert parsed.health.endpoint == "127.0.0.1:2222"
    assert parsed.admin.endpoint == "127.0.0.1:3333"
    assert parsed.exporters.otlp.endpoint == "127.0.0.1:4444"
    assert parsed.index.completion.root_grace == 1.0
    assert len(parsed.checks) == 5
    assert parsed.judges == ()


def test_with_a_model_there_is_one_judge_that_explores():
    (judge,) = parse(config(PORTS, "127.0.0.1:4444", "provider:some-model")).judges
    assert judge.name == JUDGE["name"]
    assert judge.model == "provider:some-model"
    assert judge.values == ("pass", "fail")
    assert "{{ trace }}" in judge.instructions


def test_free_ports_are_all_different():
    assert len(set(Ports.free())) == len(Ports._fields)


def test_settings_for_other_uses_of_opentelemetry_do_not_reach_the_demo(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    monkeypatch.setenv("OTEL_JUDGE_CONFIG", "elsewhere.yaml")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "kept")
    monkeypatch.setenv("no_proxy", "example.org")
    found = environment()
    assert not [name for name in found if name.startswith("OTEL_")]
    assert found["ANTHROPIC_API_KEY"] == "kept"
    assert found["no_proxy"] == "example.org,127.0.0.1,localhost"
