"""The compose stack agrees with the Collector's config and with ours; both configs are what the docs say."""

import re
from pathlib import Path

import yaml

from otel_judge.config import Config
from otel_judge.config_file import load

ROOT = Path(__file__).parents[2]
COLLECTOR = (ROOT / "collector-config.yaml").read_text()
COMPOSE = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
DEFAULTS = dict(re.findall(r"\$\{env:(\w+):-([^}]+)\}", COLLECTOR))


def port(endpoint: str) -> str:
    return endpoint.rsplit(":", 1)[1]


def test_compose_sets_what_the_collectors_config_reads() -> None:
    assert set(COMPOSE["collector"]["environment"]) == set(DEFAULTS)


def test_the_stack_is_wired_from_app_to_jaeger() -> None:
    environment = COMPOSE["collector"]["environment"]
    judge = load(ROOT / "deploy/otel-judge.yaml", environ={})
    assert judge.receivers.otlp.protocols.grpc is not None
    assert judge.exporters.otlp is not None
    assert environment["JUDGE_ENDPOINT"] == f"otel-judge:{port(judge.receivers.otlp.protocols.grpc.endpoint)}"
    assert judge.exporters.otlp.endpoint == f"collector:{port(environment['FEEDBACK_ENDPOINT'])}"
    assert COMPOSE["app"]["command"] == ["--endpoint", f"collector:{port(environment['OTLP_GRPC_ENDPOINT'])}"]
    assert environment["BACKEND_ENDPOINT"].startswith("jaeger:")
    assert f"127.0.0.1:13134:{port(judge.health.endpoint)}" in COMPOSE["otel-judge"]["ports"]


def test_the_collectors_defaults_meet_ours() -> None:
    defaults = Config()
    assert defaults.receivers.otlp.protocols.grpc is not None
    assert DEFAULTS["JUDGE_ENDPOINT"] == defaults.receivers.otlp.protocols.grpc.endpoint
    ours = {
        port(defaults.receivers.otlp.protocols.grpc.endpoint),
        port(defaults.health.endpoint),
        port(defaults.admin.endpoint),
    }
    collectors = {port(value) for name, value in DEFAULTS.items() if name != "JUDGE_ENDPOINT"}
    assert not ours & collectors


def test_the_image_has_what_its_build_needs() -> None:
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE):
        assert all((ROOT / name).exists() for name in line.split())


def test_every_yaml_example_of_the_docs_is_a_config() -> None:
    examples = [
        example
        for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
        for example in re.findall(r"```yaml\n(.*?)```", path.read_text(), re.DOTALL)
    ]
    assert len(examples) >= 2
    for example in examples:
        from otel_judge.config_file import parse

        assert parse(example, environ={"GATEWAY_KEY": "unused", "OTLP_TOKEN": "unused"}) != Config()
