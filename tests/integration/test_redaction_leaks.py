"""No planted secret in any byte that leaves: requests to the model, what is emitted, log records, debug files."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_judge.config import Config
from otel_judge.engine import Engine, Plan
from otel_judge.outlet import Outlet
from otel_judge.telemetry import Telemetry
from otel_judge.testing.backend import Backend
from otel_judge.testing.model import Reply, Request, ScriptedModel, blocks, tool_use, verdict
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace

pytestmark = pytest.mark.usefixtures("anthropic_key")

SECRETS = {
    "sk-ant-api03-Q7planted00x": "Q7planted00x",
    "ghp_Q8plantedZZ1122": "Q8plantedZZ1122",
    "AKIAQ9PLANTED7EXAMPL": "Q9PLANTED7EXAMPL",
    "zoe.planted@example.org": "zoe.planted",
    "4111111111111111": "4111111111111111",
    "postgres://app:Q6planted@db/x": "Q6planted",
    "password=Q5planted!": "Q5planted!",
}
"""What is planted, and the part of it that nobody may see."""

PLACES = ("name", "status", "key", "value", "bytes", "event", "event_key", "link", "resource", "agent", "conversation",
          "input", "arguments", "result", "list", "map")  # fmt: skip


def _plain(secret: str) -> str:
    return f"use {secret} now"


def _json(secret: str) -> str:
    return json.dumps({"note": f"line\n{secret} end", secret: 1})


def _ascii_json(secret: str) -> str:
    return "".join(f"\\u{ord(c):04x}" if c in "@-_:=" else c for c in _json(secret))


def _json_in_json(secret: str) -> str:
    return json.dumps([json.dumps({"inner": _ascii_json(secret)})])


def _cut_off(secret: str) -> str:
    text = _json(secret)
    return text[: text.index(" end")]


def _in_prose(secret: str) -> str:
    return f'the call said {{"note": "line\\n{secret}\\tend"}} and more'


DISGUISES = (_plain, _json, _json_in_json, _cut_off, _in_prose)


def plant(plants: list[tuple[str, str, Any]]) -> Trace:
    texts: dict[str, str] = {place: disguise(secret) for place, secret, disguise in plants}
    said = texts.get
    build = TraceBuilder(service="shop", resource={"owner": said("resource", "us")})
    root = build.agent(
        f"shop {said('agent', '')}",
        user=said("input", "Where is my order?"),
        answer="It ships today.",
        end=2.0,
        attributes={"gen_ai.conversation.id": said("conversation", "c-1")},
    )
    span = build.tool(
        f"find {said('name', '')}",
        parent=root,
        arguments={"why": said("arguments", "asked")},
        result=said("result", "none"),
        error=said("status", "no such order"),
        attributes={
            f"k {said('key', '')}": said("value", "v"),
            "raw": said("bytes", "b").encode(),
            "list": ["a", said("list", "l")],
            "map": {"m": {said("map", "k"): said("map", "v")}},
        },
    )
    build.event(span, f"told {said('event', '')}", {said("event_key", "k"): said("event", "v")})
    build.link(span, "ab" * 16, "cd" * 8, {"why": said("link", "w")})
    return build.trace()


def curious(request: Request) -> Reply:
    """Reads all that it can, and repeats it in its verdict."""
    spans = request.prompt.split("[")
    ids = list(dict.fromkeys(piece[:16] for piece in spans if len(piece) > 16 and piece[:16].isalnum()))
    if not request.results and "get_span" in request.tools:
        calls = [tool_use("search_trace_regex", pattern="."), tool_use("list_spans"), tool_use("read_steps")]
        return blocks(*calls, *(tool_use("get_span", span_id=span_id) for span_id in ids[:3]))
    shown = " ".join(request.results.values())
    evidence = [{"span_id": span_id, "quote": "ships"} for span_id in ids[:1]]
    return verdict("fail", f"It says: {request.prompt[-700:]} {shown[-700:]}", evidence)


async def judged(model: ScriptedModel, backend: Backend, trace: Trace, debug: Path, **redact: Any) -> None:
    config = Config.model_validate(
        {
            "models": {"main": {"model": "anthropic:claude-sonnet-5-5", "base_url": model.base_url}},
            "judges": [
                {"name": "explores", "instructions": "Is the {{ trace }} honest?", "model": "main"},
                {"name": "filled", "instructions": "Is {{ inputs }} answered by {{ outputs }}?", "model": "main"},
            ],
            "feedback": {"service_name": "judged"},
            "exporters": {"otlp": {"endpoint": backend.endpoint}},
            **redact,
        }
    )
    outlet = await Outlet.open(config, Telemetry())
    from otel_judge.emit import own_spans

    exporter = own_spans.OwnSpanExporter(outlet._sink.put_spans)  # pyright: ignore
    engine = Engine(Plan.of(config), own_spans=exporter, own_resource=own_spans.resource(), debug_folder=debug)
    try:
        await engine.judge(trace, engine.check(trace, outlet), outlet)
    finally:
        await engine.aclose()
        await outlet.close()


def everything(model: ScriptedModel, backend: Backend, debug: Path, caplog: pytest.LogCaptureFixture) -> str:
    """All that has left, with escapes undone as often as anyone could."""
    pieces = [json.dumps(request.body, ensure_ascii=False) for request in model.requests]
    pieces += [request.body.decode("utf-8", "replace") for request in backend.requests]
    pieces += [file.read_text() for file in debug.iterdir()]
    pieces += [caplog.text]
    text = "\n".join(pieces)
    levels = [text]
    for _ in range(6):
        for escape in ("@", "-", "_", ":", "="):
            text = text.replace(f"\\u{ord(escape):04x}", escape)
        text = text.replace("\\\\", "\x00").replace('\\"', '"').replace("\\n", "\n").replace("\x00", "\\")
        levels.append(text)
    return "\n".join(levels)


planted = st.lists(
    st.tuples(st.sampled_from(PLACES), st.sampled_from(sorted(SECRETS)), st.sampled_from([*DISGUISES, _ascii_json])),
    min_size=1,
    max_size=6,
)


@given(plants=planted)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_planted_secret_leaves(plants: list[tuple[str, str, Any]], caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    caplog.set_level(logging.DEBUG, logger="otel_judge")
    with ScriptedModel(curious) as model, Backend() as backend, TemporaryDirectory() as folder:
        asyncio.run(judged(model, backend, plant(plants), Path(folder)))
        left = everything(model, backend, Path(folder), caplog)
    assert len(model.requests) >= 2
    assert {log.record.event_name for log in backend.logs()} >= {"gen_ai.evaluation.result", "otel_judge.egress"}
    for _, secret, _ in plants:
        assert SECRETS[secret].lower() not in left.lower()


def test_the_same_plants_are_seen_where_redaction_is_off(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.DEBUG, logger="otel_judge")
    plants = [("result", secret, _plain) for secret in SECRETS]
    for plant_ in plants:
        with ScriptedModel(curious) as model, Backend() as backend:
            asyncio.run(judged(model, backend, plant([plant_]), tmp_path, redact=None))
            assert SECRETS[plant_[1]] in everything(model, backend, tmp_path, caplog)


def test_the_judges_own_trace_has_numbers_and_no_content(tmp_path: Path) -> None:
    with ScriptedModel(curious) as model, Backend() as backend:
        asyncio.run(judged(model, backend, plant([("result", "zoe.planted@example.org", _plain)]), tmp_path))
    (root,) = [each for each in backend.spans() if each.record.name == "invoke_agent explores"]
    assert root.attributes["otel_judge.egress.models"] == ["anthropic:claude-sonnet-5-5"]
    assert root.attributes["otel_judge.redactions"] == ["email=1"]
    own = [each.record for each in backend.spans() if each.record.trace_id == root.record.trace_id]
    assert len(own) > 3
    assert not any(b"ships" in span.SerializeToString() for span in own)
