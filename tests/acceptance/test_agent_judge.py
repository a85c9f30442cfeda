"""The agent judge in a real `serve`, asking a scripted model over real HTTP by the provider's own SDK."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from clients import app
from jaeger_api import JaegerApi, OtlpSpan
from processes import free_endpoints, holds_for, wait_for
from stack import CHECKS, AppRun, Collector, Jaeger, Judge, WholePath, demo_app

from otel_judge.testing.model import ScriptedModel, explorer

JUDGE = {
    "name": "task_success",
    "instructions": "Read the {{ trace }}. Did the agent do what the user asked, and is what it told the user true?",
    "values": ["pass", "fail"],
    "model": "anthropic:claude-sonnet-5-5",
    "reading": "explore",
    "owner": "payments",
}
RATIONALE = "The refund was declined, and the customer was told otherwise."
VERDICT = "evaluate task_success fail"
INPUT, OUTPUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"


@dataclass(frozen=True)
class Judged:
    """The demo's runs after the judge has given its verdict on each."""

    path: WholePath
    model: ScriptedModel
    runs: dict[str, AppRun]

    @property
    def api(self) -> JaegerApi:
        return self.path.jaeger.api

    def verdict_on(self, run: str) -> OtlpSpan:
        (found,) = (span for span in self.api.trace_v3(self.runs[run].trace_id) if span.name == VERDICT)
        return found

    def own_trace_of(self, run: str) -> list[OtlpSpan]:
        """The judge's own trace, by the id that the verdict's link names."""
        (link,) = self.verdict_on(run).linked("judge_trace")
        return wait_for(lambda: self.api.trace_v3(link["trace_id"]), "the judge's own trace")


@pytest.fixture(scope="module")
def judged(folder: Path, jaeger: Jaeger) -> Iterator[Judged]:
    with ScriptedModel(explorer("fail", RATIONALE)) as model:
        env = {"ANTHROPIC_BASE_URL": model.base_url, "ANTHROPIC_API_KEY": "dummy"}
        with WholePath.laid(folder, jaeger, env=env, judges=[JUDGE]).running() as path:
            runs = demo_app(path.collector.grpc)
            wanted = len(runs) * (len(CHECKS) + 1)
            wait_for(
                lambda: sum(span.is_score for span in jaeger.api.search_v3("otel-judge")) >= wanted,
                f"{wanted} scores in Jaeger",
                40,
            )
            yield Judged(path, model, runs)


def test_jaegers_search_finds_the_verdicts(judged: Judged) -> None:
    tags = {"gen_ai.evaluation.name": "task_success", "gen_ai.evaluation.score.label": "fail"}
    assert set(judged.api.search("otel-judge", **tags)) == {run.trace_id for run in judged.runs.values()}


def test_a_verdict_carries_its_rationale_and_names_its_instrument(judged: Judged) -> None:
    verdict = judged.verdict_on("a false claim").attributes
    assert verdict["gen_ai.evaluation.explanation"] == RATIONALE
    assert verdict["otel_judge.scorer.kind"] == "judge"
    assert verdict["otel_judge.model"] == "claude-sonnet-5-5"  # as the provider named it
    assert (verdict["otel_judge.rung"], verdict["otel_judge.reading"]) == ("agent", "explored")
    assert verdict["otel_judge.judge.owner"] == "payments"
    assert verdict["otel_judge.probability"] == 1
    assert 0 < verdict["otel_judge.coverage.spans"] <= 1


def test_its_evidence_was_checked_against_the_trace(judged: Judged) -> None:
    verdict = judged.verdict_on("a false claim")
    spans = {span.span_id: span for span in judged.api.trace_v3(verdict.trace_id)}
    result, *evidence = verdict.events
    assert result["name"] == "gen_ai.evaluation.result"
    (quote,) = (event["attributes"] for event in evidence)
    assert quote["otel_judge.evidence.verified"] is True
    assert quote["otel_judge.evidence.span_id"] in spans
    assert quote["otel_judge.evidence.quote"]
    assert (
        verdict.attributes["otel_judge.evidence.verified"],
        verdict.attributes["otel_judge.evidence.unverified"],
    ) == (
        1,
        0,
    )


def test_the_judges_own_trace_is_there_by_its_id_with_genai_spans(judged: Judged) -> None:
    verdict = judged.verdict_on("a false claim")
    spans = judged.own_trace_of("a false claim")
    (root,) = (span for span in spans if not span.parent_span_id)
    assert root.name == "invoke_agent task_success"
    assert [(link["trace_id"], link["span_id"]) for link in root.links] == [(verdict.trace_id, verdict.parent_span_id)]
    operations = Counter(span.attributes["gen_ai.operation.name"] for span in spans)
    assert operations == {"invoke_agent": 1, "chat": 3, "execute_tool": 3}
    assert {span.parent_span_id for span in spans if span is not root} == {root.span_id}
    assert {(span.service, span.resource["otel_judge.emitter"]) for span in spans} == {("otel-judge", True)}


def test_its_tokens_are_those_of_the_verdict(judged: Judged) -> None:
    verdict = judged.verdict_on("a false claim").attributes
    chats = [span.attributes for span in judged.own_trace_of("a false claim") if span.name.startswith("chat ")]
    assert sum(chat[INPUT] for chat in chats) == verdict["otel_judge.usage.input_tokens"] > 0
    assert sum(chat[OUTPUT] for chat in chats) == verdict["otel_judge.usage.output_tokens"] > 0


def test_a_trace_of_3000_spans_is_judged_as_well(judged: Judged) -> None:
    verdict = judged.verdict_on("3,000 spans")
    assert verdict.attributes["otel_judge.trace.spans"] == 3000
    assert verdict.attributes["otel_judge.coverage.spans"] < 1
    assert verdict.attributes["otel_judge.evidence.verified"] == 1


def test_the_key_is_sent_to_the_model_and_shown_nowhere(judged: Judged) -> None:
    # Versions of the SDK differ in the header.
    sent = [request.headers.get("x-api-key") or request.headers["authorization"] for request in judged.model.requests]
    assert {key.removeprefix("Bearer ") for key in sent} == {"dummy"}
    assert "dummy" not in judged.path.judge.log.read_text()
    assert "dummy" not in judged.path.judge.metrics()


def test_the_judges_own_traces_come_by_the_collector_and_are_never_judged(judged: Judged) -> None:
    """The last test of these parts. Scores and the judge's spans go through the Collector as the apps' do."""
    for run in judged.runs:
        judged.own_trace_of(run)
    asked = len(judged.model.requests)
    spans = judged.api.search_v3("otel-judge")

    def unchanged() -> None:
        assert len(judged.model.requests) == asked
        assert len(judged.api.search_v3("otel-judge")) == len(spans)

    holds_for(5.0, unchanged)
    runs, scores = judged.runs.values(), [span for span in spans if span.is_score]
    assert Counter(score.trace_id for score in scores) == {run.trace_id: len(CHECKS) + 1 for run in runs}
    assert {span.trace_id for span in spans} - {run.trace_id for run in runs} == {
        link["trace_id"] for score in scores for link in score.linked("judge_trace")
    }
    assert judged.path.judge.count("otel_judge_receiver_accepted_spans_total") == sum(run.spans for run in runs)
    assert judged.path.judge.count("otel_judge_traces_completed_total") == len(runs)


def test_feedback_that_takes_the_apps_way_by_mistake_is_not_judged(folder: Path, jaeger: Jaeger) -> None:
    """Scores and the judge's own traces are sent to the receiver for apps, whose pipelines lead to the judge."""
    (folder / "mistaken").mkdir()
    apps, otlp, unused = free_endpoints(3)
    with ScriptedModel(explorer("fail", RATIONALE)) as model:
        env = {"ANTHROPIC_BASE_URL": model.base_url, "ANTHROPIC_API_KEY": "dummy"}
        judge = Judge(folder / "mistaken", feedback=apps, otlp=otlp, env=env, judges=[JUDGE])
        collector = Collector(folder / "mistaken", backend=jaeger.otlp, judge=otlp, feedback=unused, grpc=apps)
        with WholePath(jaeger, collector, judge).running():
            with app(apps) as sdk:
                trace_id = sdk.agent_run()
            wanted = 2 + len(CHECKS) + 1 + 7  # the app's spans, the scores, the judge's own work
            sent = "otelcol_exporter_sent_spans_total"
            wait_for(lambda: collector.count(sent, exporter="otlp_grpc/judge") == wanted, "all came back", 40)
            asked = len(model.requests)

            def unchanged() -> None:
                assert collector.count(sent, exporter="otlp_grpc/judge") == wanted
                assert len(model.requests) == asked
                assert judge.count("otel_judge_receiver_accepted_spans_total") == 2
                assert sum(span.is_score for span in jaeger.api.trace_v3(trace_id)) == len(CHECKS) + 1

            holds_for(4.0, unchanged)
