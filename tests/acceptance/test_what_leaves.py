"""App -> Collector -> otel-judge -> models and Jaeger: what of a trace with secrets left, for whom, and what is told.

Two models, each a server of its own. The egress rules keep traces of `payments` from the one that is far away.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from clients import AGENT, App, app
from jaeger_api import JaegerApi, Json, OtlpSpan, otlp_spans
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.trace import Link, SpanContext, StatusCode
from processes import wait_for
from stack import CHECKS, Jaeger, WholePath, otel_judge

from otel_judge.otlp_json import encode_message
from otel_judge.testing.model import Reply, Request, ScriptedModel, blocks, tool_use, verdict
from otel_judge.testing.scripts import content_of

TOKEN, EMAIL, CARD = "sk-ant-api03-Q7planted00x", "zoe.planted@example.org", "4111111111111111"
PLANTED = ("Q7planted00x", "zoe.planted", CARD, "4111 1111 1111 1111", "Q8planted77z")
"""What nobody but the backend may hold. None has a character that JSON would escape."""

NEAR, FAR = "anthropic:claude-sonnet-5-5", "anthropic:claude-haiku-4-5"
JUDGES = [
    {
        "name": "reader",
        "instructions": "Read the {{ trace }}. Was the customer told the truth?",
        "values": ["pass", "fail"],
        "model": "near",
        "reading": "explore",
    },
    {
        "name": "filled",
        "instructions": "Does {{ outputs }} answer {{ inputs }}?",
        "values": ["pass", "fail"],
        "model": "near",
    },
    {
        "name": "outside",
        "instructions": "Read the {{ trace }}. Was the agent polite?",
        "values": ["pass", "fail"],
        "model": "far",
    },
]
SCORERS = {*CHECKS, "reader", "filled", "outside"}
FENCED = re.compile(r"<<< record ([0-9a-f]+)\n(.*?)\nrecord \1 >>>", re.DOTALL)
PSEUDONYM = re.compile(r"<(email|card|secret)-(\d+)>")
NAME = "gen_ai.evaluation.name"


def nosy(request: Request) -> Reply:
    """Reads every span, and repeats all that it can in its verdict."""
    results = request.results
    if "get_span" not in request.tools:
        return verdict("pass", f"It says: {request.prompt}")
    if not results:
        return blocks(tool_use("list_spans"), tool_use("search_trace_regex", pattern="."))
    span_ids = re.findall(r"^\s*([0-9a-f]{16}) ", results["list_spans"], re.MULTILINE)
    if "get_span" not in results:
        return blocks(*(tool_use("get_span", span_id=span_id) for span_id in span_ids))
    (tool,) = re.findall(r"([0-9a-f]{16}) execute_tool charge", results["list_spans"])
    evidence = [{"span_id": tool, "quote": "charged to <card-1>, receipt sent to <email-1>"}]
    return verdict("fail", f"I saw {results['search_trace_regex']} {results['get_span']}", evidence)


def telling_run(sdk: App) -> str:
    """A run that holds secrets wherever an app may put them; its trace id."""
    elsewhere = SpanContext(0xAB, 0xCD, is_remote=True)
    said = {
        "gen_ai.input.messages": json.dumps([message("user", f"Charge {CARD} and write to {EMAIL}.")]),
        "gen_ai.output.messages": json.dumps([message("assistant", f"Done, {EMAIL}: 4111 1111 1111 1111 is charged.")]),
        "http.request.header.authorization": f"Bearer {TOKEN}",
        "gen_ai.conversation.id": f"for {EMAIL}",
        "gen_ai.agent.name": f"shop of {EMAIL}",
    }
    tracer = sdk.tracer
    with tracer.start_as_current_span(f"invoke_agent shop for {EMAIL}", attributes={**AGENT, **said}) as root:
        arguments = {"headers": {"Authorization": f"Bearer {TOKEN}"}, "body": json.dumps({"to": EMAIL, "pan": CARD})}
        called = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "charge",
            "gen_ai.tool.call.arguments": json.dumps(arguments),
            "gen_ai.tool.call.result": f"charged to {CARD}, receipt sent to {EMAIL}",
        }
        link = Link(elsewhere, {"why": f"asked by {EMAIL}"})
        with tracer.start_as_current_span("execute_tool charge", attributes=called, links=[link]) as tool:
            tool.add_event("told", {"who": EMAIL, "cards": [CARD, "none"]})
            tool.set_status(StatusCode.ERROR, f"password=Q8planted77z was refused for {EMAIL}")
        return f"{root.get_span_context().trace_id:032x}"


def message(role: str, content: str) -> Json:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


@dataclass(frozen=True)
class Judged:
    """A run of `payments` with secrets, and the same of another namespace, once all has been said of both."""

    path: WholePath
    payments: str
    """Trace id."""
    other: str
    sent: list[OtlpSpan]
    """The run of payments as it left the app."""
    near: list[Request]
    """What the models received of it."""
    far: list[Request]
    far_of_other: list[Request]

    @property
    def api(self) -> JaegerApi:
        return self.path.jaeger.api

    def asked(self, judge: str) -> list[Request]:
        """What the near model was sent by one judge."""
        return [request for request in self.near if f"Instructions of the judge '{judge}'." in request.prompt]

    def score(self, trace_id: str, name: str) -> OtlpSpan:
        (found,) = (span for span in scores(self.api, trace_id) if span.attributes[NAME] == name)
        return found

    def own_trace(self, score: OtlpSpan) -> list[OtlpSpan]:
        """The trace of a judge's own work, its root first."""
        (link,) = score.linked("judge_trace")

        def whole() -> list[OtlpSpan]:
            spans = sorted(self.api.trace_v3(link["trace_id"]), key=lambda span: span.parent_span_id)
            return spans if spans and not spans[0].parent_span_id else []

        return wait_for(whole, "the judge's own trace")

    def egress_record(self, evaluation_id: str) -> str:
        """The log record of what left in one judgement, as the Collector has written it."""

        def found() -> str:
            records = self.path.collector.log.read_text().split("LogRecord #")
            of_egress = (record for record in records if "EventName: otel_judge.egress\n" in record)
            return next((record for record in of_egress if evaluation_id in record), "")

        return wait_for(found, "the log record in the Collector's log")

    def receipts(self, trace_id: str) -> dict[str, Json]:
        """What the admin endpoint says of a trace, by the name of the judge."""
        answer = httpx.get(f"http://{self.path.judge.admin}/egress/{trace_id}").raise_for_status().json()
        assert answer["trace_id"] == trace_id
        return {receipt["judge"]: receipt for receipt in answer["receipts"]}


@pytest.fixture(scope="module")
def judged(folder: Path, jaeger: Jaeger) -> Iterator[Judged]:
    with ScriptedModel(nosy) as near, ScriptedModel(nosy) as far:
        sections: dict[str, Any] = {
            "models": {
                "near": {"model": NEAR, "base_url": near.base_url},
                "far": {"model": FAR, "base_url": far.base_url},
            },
            "judges": JUDGES,
            "egress": {"attribute": "service.namespace", "allow": {"payments": ["near"], "*": ["near", "far"]}},
        }
        env = {"ANTHROPIC_API_KEY": "dummy"}
        # The Collector's log then holds every log record of otel-judge.
        overlay = "{exporters: {debug: {verbosity: detailed}}}"
        with WholePath.laid(folder, jaeger, env=env, overlay=overlay, **sections).running() as path:

            def run(namespace: str) -> tuple[str, list[OtlpSpan]]:
                with app(path.collector.grpc, service_namespace=namespace, owner=EMAIL) as sdk:
                    trace_id = telling_run(sdk)
                wait_for(lambda: scorers(jaeger.api, trace_id) == SCORERS, f"all scores of {namespace}")
                return trace_id, otlp_spans(json.loads(encode_message(encode_spans(sdk.sent))))

            payments, sent = run("payments")
            of_payments = [*near.requests], [*far.requests]
            other, _ = run("shop")
            yield Judged(path, payments, other, sent, *of_payments, [*far.requests])


def scores(api: JaegerApi, trace_id: str) -> list[OtlpSpan]:
    return [span for span in api.trace_v3(trace_id) if span.is_score]


def scorers(api: JaegerApi, trace_id: str) -> set[str]:
    return {score.attributes[NAME] for score in scores(api, trace_id)}


def received(requests: list[Request]) -> str:
    """All that stands in requests, with the escapes of their JSON undone."""
    return "\n".join(json.dumps([each.body, dict(each.headers)], ensure_ascii=False) for each in requests)


def shown(request: Request) -> list[str]:
    """The texts of the trace that stand in a request: between fences, and as answers of tools."""
    return [match[2] for match in FENCED.finditer(request.prompt)] + [
        "".join(part["text"] for part in block["content"])
        for message in request.messages
        for block in content_of(message)
        if block["type"] == "tool_result"
    ]


def test_no_model_receives_a_secret(judged: Judged) -> None:
    text = received([*judged.near, *judged.far_of_other])
    assert [secret for secret in PLANTED if secret in text] == []
    for pseudonym in ("Bearer <secret-1>", "password=<secret-2>", "charged to <card-1>, receipt sent to <email-1>"):
        assert pseudonym in text


def test_jaeger_has_the_trace_as_the_app_sent_it_and_so_has_the_admin_endpoint(judged: Judged) -> None:
    retained = httpx.get(f"http://{judged.path.judge.admin}/traces/{judged.payments}").raise_for_status().json()
    in_jaeger = [span for span in judged.api.trace_v3(judged.payments) if not span.is_score]
    for found in (in_jaeger, otlp_spans(retained)):
        assert sorted(found, key=by_id) == sorted(judged.sent, key=by_id)
    assert [secret for secret in PLANTED if secret not in repr(in_jaeger)] == []


def by_id(span: OtlpSpan) -> str:
    return span.span_id


def test_nothing_that_is_said_of_the_trace_holds_a_secret(judged: Judged) -> None:
    for trace_id in (judged.payments, judged.other):
        for receipt in judged.receipts(trace_id).values():
            judged.egress_record(receipt["evaluation_id"])
    spans = [span for span in judged.api.search_v3("otel-judge") if span.service == "otel-judge"]
    logs = [part.log.read_text() for part in (judged.path.judge, judged.path.collector)]
    said = "\n".join([repr(spans), *logs, judged.path.judge.metrics()])
    assert [secret for secret in PLANTED if secret in said] == []
    # In Jaeger, in the log records that went through the Collector, and in a label of the metrics.
    for text in (repr(spans), logs[1], judged.path.judge.metrics()):
        assert "<email-1>" in text


def test_evidence_is_found_in_the_span_where_the_secret_stood(judged: Judged) -> None:
    (tool,) = (span for span in judged.sent if span.name == "execute_tool charge")
    for name, quote in (
        ("reader", "charged to <card-1>, receipt sent to <email-1>"),
        ("tool_errors", "password=<secret-2> was refused for <email-1>"),
    ):
        score = judged.score(judged.payments, name)
        (evidence,) = (event["attributes"] for event in score.events if event["name"] == "otel_judge.evidence")
        assert evidence["otel_judge.evidence.quote"] == quote
        assert evidence["otel_judge.evidence.verified"] is True
        assert evidence["otel_judge.evidence.span_id"] == tool.span_id
        assert [link["span_id"] for link in score.linked("evidence")] == [tool.span_id]


@pytest.mark.parametrize("judge", ["reader", "filled"])
def test_the_receipt_says_what_the_model_received(judged: Judged, judge: str) -> None:
    asked, receipt = judged.asked(judge), judged.receipts(judged.payments)[judge]
    last = shown(asked[-1])  # it repeats those before
    text = "\n".join(last)
    assert receipt["requests"] == {NEAR: len(asked)}
    assert {request.body["model"] for request in asked} == {NEAR.partition(":")[2]}
    assert receipt["bytes"] == sum(len(each.encode()) for each in last)
    assert set(receipt["spans"]) == {span.span_id for span in judged.sent if span.span_id in text}
    assert receipt["span_count"] == len(receipt["spans"]) == (2 if judge == "reader" else 0)
    assert all(0 < characters < len(text) for characters in receipt["spans"].values())
    seen = Counter(kind for kind, _ in set(PSEUDONYM.findall(text)))
    assert seen.items() <= receipt["redactions"].items()
    if judge == "reader":  # which was shown all that there is
        assert seen == receipt["redactions"] == {"email": 1, "card": 1, "secret": 2}


@pytest.mark.parametrize("judge", ["reader", "filled", "outside"])
def test_the_command_the_judges_own_trace_and_the_log_record_say_the_same(judged: Judged, judge: str) -> None:
    receipt = judged.receipts(judged.payments)[judge]
    score = judged.score(judged.payments, judge)
    assert receipt["evaluation_id"] == score.attributes["otel_judge.evaluation.id"]
    requests, redactions = receipt["requests"], [f"{kind}={n}" for kind, n in receipt["redactions"].items()]

    root = judged.own_trace(score)[0].attributes
    assert root.get("otel_judge.egress.models", []) == list(requests)
    assert root["otel_judge.egress.requests"] == sum(requests.values())
    assert root["otel_judge.egress.bytes"] == receipt["bytes"]
    assert root["otel_judge.egress.spans"] == receipt["span_count"]
    assert root["otel_judge.redactions"] == redactions

    printed = otel_judge("egress", judged.payments, "--admin", judged.path.judge.admin)
    (own,) = (part for part in re.split(r"^(?=\w)", printed, flags=re.MULTILINE) if part.startswith(f"{judge} "))
    to = {"reader": f"{NEAR} ({requests.get(NEAR)} requests)", "filled": f"{NEAR} (1 request)", "outside": "nobody"}
    assert f"  sent to:  {to[judge]}\n" in own
    assert f"  text:     {receipt['bytes']:,} bytes of {receipt['span_count']} spans\n" in own
    assert "  redacted: 1 email, 1 card, 2 secret\n" in own
    assert dict(re.findall(r"^  ([0-9a-f]{16})  ([\d,]+) characters?$", own, re.MULTILINE)) == {
        span_id: f"{characters:,}" for span_id, characters in receipt["spans"].items()
    }

    record = judged.egress_record(receipt["evaluation_id"])
    assert f"-> otel_judge.egress.requests: Int({sum(requests.values())})\n" in record
    assert f"-> otel_judge.egress.bytes: Int({receipt['bytes']})\n" in record
    assert f"-> otel_judge.egress.spans: Int({receipt['span_count']})\n" in record
    assert f"-> otel_judge.egress.span_ids: Slice({json.dumps([*receipt['spans']], separators=(',', ':'))})\n" in record
    assert f"-> otel_judge.redactions: Slice({json.dumps(redactions, separators=(',', ':'))})\n" in record


def test_a_model_that_the_rules_forbid_is_asked_nothing_and_jaeger_shows_why(judged: Judged) -> None:
    assert judged.far == []
    score = judged.score(judged.payments, "outside")
    assert (score.name, score.status) == ("evaluate outside failed", 2)
    assert score.attributes["error.type"] == "egress_denied"
    assert "service.namespace is 'payments'" in score.attributes["gen_ai.evaluation.explanation"]
    assert "gen_ai.evaluation.score.value" not in score.attributes
    assert [span.name for span in judged.own_trace(score)] == ["invoke_agent outside"]
    assert list(judged.api.search("otel-judge", **{"error.type": "egress_denied", NAME: "outside"})) == [
        judged.payments
    ]


def test_the_same_model_is_asked_where_the_rules_allow_it(judged: Judged) -> None:
    assert {request.body["model"] for request in judged.far_of_other} == {FAR.partition(":")[2]}
    assert judged.receipts(judged.other)["outside"]["requests"] == {FAR: len(judged.far_of_other)}
    assert judged.score(judged.other, "outside").attributes["gen_ai.evaluation.score.label"] == "fail"
