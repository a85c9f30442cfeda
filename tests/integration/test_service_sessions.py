"""Judges of sessions in the running service: real OTLP in, a scripted model over HTTP, a real OTLP backend."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import grpc.aio
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from session_turns import SAID, a_turn, root_of
from test_service import config_for, running, wait_for
from test_service_labels import EXPORT

from otel_judge import service as service_module
from otel_judge.attributes import Attributes
from otel_judge.config import Config
from otel_judge.exporter import JudgeSpanExporter
from otel_judge.service import Service
from otel_judge.testing.backend import Backend
from otel_judge.testing.model import Reply, Request, ScriptedModel, error, hang, verdict
from otel_judge.testing.traces import TraceBuilder

QUIET = {"session_idle": "400ms"}


def config(backend: Backend, model: ScriptedModel, beside: Sequence[object] = (), **sections: Any) -> Config:
    judge = {"name": "helped", "instructions": "Was the user of the {{ trace }} helped?", "target": "session"}
    given = {"values": ["pass", "fail"], "model": "main", **sections.pop("judge", {})}
    main = {"model": "anthropic:scripted", "base_url": model.base_url}
    return config_for(
        backend,
        **{"checks": [], "judges": [{**judge, **given}, *beside], "models": {"main": main}, **QUIET, **sections},
    )


def verdicts(backend: Backend) -> list[dict[str, Any]]:
    """The score spans of the judge of sessions, with their place and links."""
    found: list[dict[str, Any]] = []
    for received in backend.spans():
        if received.attributes.get("gen_ai.evaluation.name") == "helped":
            span: Span = received.record
            links = {
                (link.trace_id.hex(), link.span_id.hex(), kind.value.string_value)
                for link in span.links
                for kind in link.attributes
                if kind.key == "otel_judge.link"
            }
            place = {"trace": span.trace_id.hex(), "parent": span.parent_span_id.hex(), "links": links}
            found.append({**received.attributes, **place})
    return sorted(found, key=lambda each: each["otel_judge.revision"])


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "unused")


def judged_by(asked: list[str]) -> Any:
    def reply(request: Request) -> Reply:
        asked.append(request.prompt)
        return verdict("pass", "All was answered.")

    return reply


async def send(service: Service, *turns: TraceBuilder) -> None:
    """All in one request, so that they are finished together."""
    request = ExportTraceServiceRequest()
    for turn in turns:
        request.resource_spans.extend(turn.request().resource_spans)
    async with grpc.aio.insecure_channel(service.endpoints["OTLP/gRPC"]) as channel:
        await channel.unary_unary(EXPORT)(request.SerializeToString())


async def test_a_session_is_judged_once_it_rests_and_again_when_it_goes_on() -> None:
    asked: list[str] = []
    first, second, third = map(a_turn, range(3))
    with Backend() as backend, ScriptedModel(judged_by(asked)) as model:
        async with running(config(backend, model)) as service, httpx.AsyncClient() as client:
            await send(service, second, first)
            await wait_for(backend, lambda: len(verdicts(backend)) == 1)
            await send(service, third)
            await wait_for(backend, lambda: len(verdicts(backend)) == 2)
            metrics = (await client.get(f"http://{service.endpoints['health']}/metrics")).text
        one, two = verdicts(backend)
    assert (one["trace"], one["parent"]) == (second.trace_id, root_of(second))
    assert (first.trace_id, root_of(first), "turn") in one["links"]
    assert (one["otel_judge.revision"], one.get("otel_judge.supersedes")) == (0, None)
    assert (one["gen_ai.conversation.id"], one["otel_judge.session.turns"]) == ("c-1", 2)
    assert (two["trace"], two["parent"]) == (third.trace_id, root_of(third))
    assert {link[:2] for link in two["links"] if link[2] == "turn"} == {
        (first.trace_id, root_of(first)),
        (second.trace_id, root_of(second)),
    }
    assert (two["otel_judge.revision"], two["otel_judge.supersedes"]) == (1, one["otel_judge.evaluation.id"])
    assert (two["otel_judge.session.turns"], two["otel_judge.session.missing_turns"]) == (3, 0)
    assert 'otel_judge_sessions{state="open"} 0.0' in metrics
    for prompt, turns in zip(asked, (2, 3), strict=True):
        assert f"session of {turns} traces" in prompt
        steps = prompt.partition("Steps, each")[2]
        assert [steps.count(said) for pair in SAID[:turns] for said in pair] == [1] * 2 * turns
        assert steps.count("You are the shop's.") == 1


async def test_what_is_open_at_the_end_is_judged_before_the_service_stops() -> None:
    asked: list[str] = []
    with Backend() as backend, ScriptedModel(judged_by(asked)) as model:
        async with running(config(backend, model, session_idle="10m")) as service:
            await send(service, a_turn(1), a_turn(2, "c-2"))
            await send(service, a_turn(0))
        found = {each["gen_ai.conversation.id"]: each["otel_judge.session.turns"] for each in verdicts(backend)}
    assert found == {"c-1": 2, "c-2": 1}


async def test_a_turn_that_is_no_longer_held_is_said_and_still_linked() -> None:
    asked: list[str] = []
    first, second = a_turn(0), a_turn(1)
    room = 1.5 * max(each.trace().size for each in (first, second)) / 2**20
    index = {"completion": {"root_grace": "200ms"}, "retain": {"max_mib": room}}
    with Backend() as backend, ScriptedModel(judged_by(asked)) as model:
        async with running(config(backend, model, index=index)) as service:
            await send(service, first)
            await wait_for(backend, lambda: len(verdicts(backend)) == 1)
            await send(service, second)
            await wait_for(backend, lambda: len(verdicts(backend)) == 2)
        _, later = verdicts(backend)
    assert (later["otel_judge.session.turns"], later["otel_judge.session.missing_turns"]) == (1, 1)
    assert (first.trace_id, root_of(first), "turn") in later["links"]
    assert f"they are no longer held (traces {first.trace_id})" in asked[1]


async def test_a_session_of_which_nothing_is_held_is_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    index = {"completion": {"root_grace": "100ms"}, "retain": {"max_mib": 0.0001}}
    with Backend() as backend, ScriptedModel(judged_by([])) as model, caplog.at_level(logging.WARNING):
        async with running(config(backend, model, index=index)) as service:
            for number, conversation in enumerate(("c-1", "c-2")):
                await send(service, a_turn(number, conversation))
            sessions = service._workers.sessions
        assert verdicts(backend) == []
    assert sessions.lost == 2
    assert len([each for each in caplog.messages if "no trace of it is held any more" in each]) == 1


async def test_judges_of_traces_and_of_sessions_each_see_their_own() -> None:
    asked: list[str] = []
    turn = {"name": "turn", "instructions": "Is {{ outputs }} polite?", "values": ["pass", "fail"], "model": "main"}
    with Backend() as backend, ScriptedModel(judged_by(asked)) as model:
        both = config(backend, model, judge={"instructions": "Was {{ conversation }} calm?"}, beside=[turn])
        async with running(both) as service:
            await send(service, a_turn(0), a_turn(1))
            await wait_for(backend, lambda: len(verdicts(backend)) == 1)
        names = [each.attributes.get("gen_ai.evaluation.name") for each in backend.spans()]
    assert sorted(name for name in names if name) == ["helped", "turn", "turn"]
    (conversation,) = [prompt for prompt in asked if "[conversation]" in prompt]
    places = [conversation.index(said) for pair in SAID[:2] for said in pair]
    assert places == sorted(places)


async def test_a_session_that_cannot_be_judged_before_the_end_fails_as_shut_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service_module, "DRAIN_S", 5.0)
    with Backend() as backend, ScriptedModel([hang()]) as model:
        async with running(config(backend, model, session_idle="10m")) as service:
            await send(service, a_turn(0), a_turn(1))
        (found,) = verdicts(backend)
    assert (found["otel_judge.outcome"], found["error.type"]) == ("failed", "shutdown")
    assert found["otel_judge.session.turns"] == 2


async def test_a_session_that_no_policy_takes_is_decided_about_and_not_judged() -> None:
    policy = {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}
    with Backend() as backend, ScriptedModel([]) as model:

        def decisions() -> list[Attributes]:
            return [each.attributes for each in backend.logs() if "otel_judge.sampled" in each.attributes]

        async with running(config(backend, model, sampling={"policies": [policy]})) as service:
            await send(service, a_turn(0), a_turn(1))
            await wait_for(backend, lambda: len(decisions()) == 3)
        assert verdicts(backend) == []
        assert sorted(int(str(each.get("otel_judge.session.turns", 0))) for each in decisions()) == [0, 0, 2]
        assert not any(each["otel_judge.sampled"] for each in decisions())


def test_in_an_app_too_sessions_are_judged() -> None:
    with Backend() as backend, ScriptedModel(judged_by([])) as model:
        exporter = JudgeSpanExporter(config(backend, model, session_idle="10m"))
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        for _ in range(2):
            about = {"gen_ai.operation.name": "invoke_agent", "gen_ai.conversation.id": "c-1"}
            provider.get_tracer("app").start_span("invoke_agent shop", attributes=about).end()
        provider.shutdown()
        (found,) = verdicts(backend)
    assert found["otel_judge.session.turns"] == 2
    assert len([link for link in found["links"] if link[2] == "turn"]) == 1


async def test_a_failed_judgement_of_a_session_is_superseded_too() -> None:
    replies: list[Reply] = [error(400, "no"), verdict("pass", "Fine.")]
    with Backend() as backend, ScriptedModel(replies) as model:
        async with running(config(backend, model)) as service:
            await send(service, a_turn(0))
            await wait_for(backend, lambda: len(verdicts(backend)) == 1)
            await send(service, a_turn(1))
            await wait_for(backend, lambda: len(verdicts(backend)) == 2)
        one, two = verdicts(backend)
    assert (one["otel_judge.outcome"], two["otel_judge.outcome"]) == ("failed", "judged")
    assert two["otel_judge.supersedes"] == one["otel_judge.evaluation.id"]
