"""Which models may see a trace, what is done when redaction fails, and the receipts of both."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import ValidationError

from otel_judge.batch import grade
from otel_judge.config import Config
from otel_judge.engine import Engine, Plan
from otel_judge.feedback import Feedback
from otel_judge.testing.model import ScriptedModel, error, verdict
from otel_judge.testing.traces import TraceBuilder

pytestmark = pytest.mark.usefixtures("anthropic_key")

MAIN, SPARE = "anthropic:claude-sonnet-5-5", "anthropic:claude-haiku-4-5"


def config(base_url: str = "http://127.0.0.1:1", judge: dict[str, Any] | None = None, **more: Any) -> Config:
    return Config.model_validate(
        {
            "checks": [],
            "models": {
                "main": {"model": MAIN, "base_url": base_url, "fallback": ["spare"]},
                "spare": {"model": SPARE, "base_url": base_url},
            },
            "judges": [{"name": "j", "instructions": "Is the {{ trace }} honest?", "model": "main", **(judge or {})}],
            **more,
        }
    )


def judged(model: ScriptedModel, *, answer: str = "Sent to ann@example.com.", **options: Any) -> Feedback:
    build = TraceBuilder(resource={"service.namespace": "payments"})
    build.agent("a", user="Send it", answer=answer)

    async def work() -> Feedback:
        engine = Engine(Plan.of(config(model.base_url, **options)))
        try:
            (row,) = await grade([build.trace()], engine)
        finally:
            await engine.aclose()
        (feedback,) = row.feedback
        return feedback

    return asyncio.run(work())


def egress(**allow: list[str]) -> dict[str, Any]:
    return {"attribute": "service.namespace", "allow": {key.replace("any", "*"): value for key, value in allow.items()}}


def test_a_trace_that_no_model_may_see_is_not_sent() -> None:
    with ScriptedModel([verdict("pass")]) as model:
        feedback = judged(model, egress=egress(shop=["main"]))
        assert model.requests == []
    assert feedback.error is not None
    assert feedback.error.type == "egress_denied"
    assert "service.namespace is 'payments'" in feedback.error.message
    assert feedback.receipt is not None
    assert (feedback.receipt.requests, feedback.receipt.bytes) == ({}, 0)


def test_a_fallback_that_is_not_allowed_is_never_asked() -> None:
    with ScriptedModel(lambda _: error(400)) as model:
        feedback = judged(model, egress=egress(any=["main"], shop=["spare"]))
        assert {request.body["model"] for request in model.requests} == {"claude-sonnet-5-5"}
    assert feedback.receipt is not None
    assert list(feedback.receipt.requests) == [MAIN]


def test_only_the_fallback_is_asked_where_it_alone_is_allowed() -> None:
    with ScriptedModel([verdict("pass")]) as model:
        feedback = judged(model, egress=egress(payments=["spare"], any=["main"]))
    assert feedback.receipt is not None
    assert feedback.receipt.requests == {SPARE: 1}
    assert feedback.receipt.redactions == {"email": 1}
    assert feedback.receipt.bytes > 0
    assert list(feedback.receipt.spans) == [feedback.span_id]


@pytest.mark.parametrize("allow", [{"any": ["nosuch"]}, {"any": [SPARE]}])
def test_unknown_models_and_judges_that_could_never_run_are_refused(allow: dict[str, list[str]]) -> None:
    with pytest.raises(ValidationError, match=r"nosuch|could never run"):
        config(egress=egress(**allow))


def test_evidence_by_span_id_has_no_quote() -> None:
    with ScriptedModel(
        lambda request: verdict("pass", "Yes.", [{"span_id": request.prompt.split("[")[1][:16], "quote": "Send it"}])
    ) as model:
        feedback = judged(model, judge={"evidence": "span_id"})
    assert [each.quote for each in feedback.evidence] == [""] * len(feedback.evidence)
    assert feedback.evidence


@contextmanager
def callback(status: int, answer: Any) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["texts"]
            body = json.dumps({"texts": answer(asked)}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_a_callback_takes_out_what_patterns_do_not_know() -> None:
    with (
        callback(200, lambda texts: [text.replace("Ann Smith", "<name>") for text in texts]) as url,
        ScriptedModel([verdict("pass")]) as model,
    ):
        feedback = judged(model, answer="Sent to Ann Smith.", redact={"callback": {"url": url}})
        assert "Sent to <name>." in model.requests[0].prompt
        assert "Ann Smith" not in json.dumps(model.requests[0].body)
    assert feedback.receipt is not None
    assert feedback.receipt.redactions == {"callback": 1}


@pytest.mark.parametrize(("status", "answer"), [(500, list), (200, lambda texts: texts[1:]), (200, lambda texts: [1])])
def test_nothing_is_sent_where_redaction_fails(status: int, answer: Any) -> None:
    with callback(status, answer) as url, ScriptedModel([verdict("pass")]) as model:
        feedback = judged(model, redact={"callback": {"url": url}})
        assert model.requests == []
    assert feedback.error is not None
    assert feedback.error.type == "redaction_failed"
    assert (feedback.target.agent, feedback.target.resource) == (None, b"")
