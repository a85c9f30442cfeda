"""A judge and its shadow on the whole path, and labels of people, most of which come once both have judged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from clients import AGENT, App, app
from jaeger_api import JaegerApi, Json, OtlpSpan
from opentelemetry._logs import LogRecord
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context
from processes import holds_for, wait_for
from prometheus_client.parser import text_string_to_metric_families
from stack import CHECKS, Jaeger, WholePath, otel_judge

from otel_judge.testing.model import Reply, Request, ScriptedModel, verdict

TASK = {
    "name": "task",
    "instructions": "Read the {{ trace }}. Did the agent do what the user asked?",
    "values": ["pass", "fail"],
    "model": "anthropic:claude-sonnet-5-5",
}
NEXT = {**TASK, "name": "task_next", "shadow_of": "task", "instructions": "Be strict: read the {{ trace }}."}
SCORERS = {*CHECKS, "task", "task_next"}
PEOPLES_WORDS = "It never came, says kim."
NAME, LABEL = "gen_ai.evaluation.name", "gen_ai.evaluation.score.label"

ANSWERS = {
    "sent": "It is sent.",
    "promised": "It will be sent.",
    "refused": "I cannot do that.",
    "thanked": "You are welcome.",
}
JUDGED = {"sent": "pass", "promised": "pass", "refused": "fail", "thanked": "pass"}
"""What the judge says of each run. Its shadow says `fail` of what was only promised."""
SAID = {"sent": "pass", "promised": "fail", "refused": "fail"}
"""What people say of them; of `thanked` they say nothing yet."""


def by_what_it_reads(request: Request) -> Reply:
    asked = str(request.messages)
    (run,) = (run for run, answer in ANSWERS.items() if answer in asked)
    strict = "Be strict" in asked and run == "promised"
    return verdict("fail" if strict else JUDGED[run], f"The answer was: {ANSWERS[run]}")


def human(label: str) -> dict[str, str]:
    """A person's evaluation, as attributes."""
    return {
        NAME: "task",
        LABEL: label,
        "gen_ai.evaluation.evaluator.type": "human",
        "gen_ai.evaluation.evaluator.id": "kim",
        "gen_ai.evaluation.explanation": PEOPLES_WORDS,
    }


@dataclass(frozen=True)
class Run:
    """A run of the app's agent."""

    trace_id: str
    root: str

    @property
    def judged(self) -> Context:
        """What is said in this context is said about the root."""
        span = SpanContext(int(self.trace_id, 16), int(self.root, 16), is_remote=True, trace_flags=TraceFlags(1))
        return set_span_in_context(NonRecordingSpan(span))


UNKNOWN = Run("ab" * 16, "cd" * 8)


def play(sdk: App, answer: str, label: str | None = None) -> Run:
    """One run, with what a person said of it while it ran."""
    output = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": answer}]}])
    with sdk.tracer.start_as_current_span(
        "invoke_agent", attributes=AGENT | {"gen_ai.output.messages": output}
    ) as root:
        if label is not None:
            root.add_event("gen_ai.evaluation.result", human(label))
        context = root.get_span_context()
    return Run(f"{context.trace_id:032x}", f"{context.span_id:016x}")


@dataclass(frozen=True)
class Labelled:
    """Four runs, judged, and what people have said of three of them."""

    path: WholePath
    model: ScriptedModel
    runs: dict[str, Run]

    @property
    def api(self) -> JaegerApi:
        return self.path.jaeger.api

    @property
    def live(self) -> str:
        return f"live:http://{self.path.judge.admin}"

    def scores(self, run: str) -> dict[str, OtlpSpan]:
        return {score.attributes[NAME]: score for score in scores(self.api, self.runs[run])}

    def command(self, name: str, *arguments: str) -> str:
        """What a command prints that asks judges, with the config of the service."""
        key = {"ANTHROPIC_BASE_URL": self.model.base_url, "ANTHROPIC_API_KEY": "dummy"}
        return otel_judge(name, *arguments, "--config", str(self.path.judge.config), **key)

    def agree(self, *arguments: str) -> dict[str, Json]:
        """What `agree` says of each judge."""
        told = json.loads(self.command("agree", *arguments, "--json", "-"))
        return {judge["judge"]: judge for judge in told["judges"]}


@pytest.fixture(scope="module")
def labelled(folder: Path, jaeger: Jaeger) -> Iterator[Labelled]:
    with ScriptedModel(by_what_it_reads) as model:
        env = {"ANTHROPIC_BASE_URL": model.base_url, "ANTHROPIC_API_KEY": "dummy"}
        with WholePath.laid(folder, jaeger, env=env, judges=[NEXT, TASK]).running() as path:
            with app(path.collector.grpc) as sdk:
                runs = {run: play(sdk, answer, SAID[run] if run == "sent" else None) for run, answer in ANSWERS.items()}
            for name, run in runs.items():
                wait_for(lambda run=run: len(scores(jaeger.api, run)) == len(SCORERS), f"all scores of {name}")
            with app(path.collector.http, http=True, service="thumbs") as thumbs:
                tracer = thumbs.tracer
                tracer.start_span("feedback", runs["promised"].judged, attributes=human(SAID["promised"])).end()
                tracer.start_span("feedback", UNKNOWN.judged, attributes=human("fail")).end()
            with logger(path.collector.http) as emit:
                event = "gen_ai.evaluation.result"
                emit(LogRecord(event_name=event, attributes=human(SAID["refused"]), context=runs["refused"].judged))
            wait_for(lambda: path.judge.count("otel_judge_labels_total") == len(SAID) + 1, "all labels")
            yield Labelled(path, model, runs)


def scores(api: JaegerApi, run: Run) -> list[OtlpSpan]:
    return [span for span in api.trace_v3(run.trace_id) if span.is_score and span.service == "otel-judge"]


@contextmanager
def logger(endpoint: str) -> Iterator[Any]:
    """Emits log records to an OTLP/HTTP endpoint, `host:port`."""
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(f"http://{endpoint}/v1/logs")))
    try:
        yield provider.get_logger("thumbs").emit
    finally:
        provider.shutdown()


def test_the_feedback_of_judge_and_shadow_is_in_jaeger_and_the_shadow_is_marked(labelled: Labelled) -> None:
    for run in ANSWERS:
        found = labelled.scores(run)
        assert found.keys() == SCORERS
        task, shadow = found["task"].attributes, found["task_next"].attributes
        strict = "fail" if run == "promised" else JUDGED[run]
        assert (task[LABEL], shadow[LABEL]) == (JUDGED[run], strict)
        assert shadow["otel_judge.shadow_of"] == "task"
        assert shadow["otel_judge.shadow.agrees"] is (run != "promised")
        assert not any(key.startswith("otel_judge.shadow") for key in task)
        assert task["otel_judge.judge.version"] != shadow["otel_judge.judge.version"]
    disputed = labelled.api.search(
        "otel-judge", **{"otel_judge.shadow_of": "task", "otel_judge.shadow.agrees": "false"}
    )
    assert list(disputed) == [labelled.runs["promised"].trace_id]


def test_the_shadow_is_in_metrics_of_its_own_and_in_no_pass_rate(labelled: Labelled) -> None:
    count = labelled.path.judge.count
    passed = {"judge": "task_next", "shadow_of": "task", "label": "pass"}
    assert count("otel_judge_shadow_feedback_total", **passed, agrees="true") == 2
    assert count("otel_judge_shadow_feedback_total", judge="task_next", label="fail", agrees="true") == 1
    assert count("otel_judge_shadow_feedback_total", judge="task_next", label="fail", agrees="false") == 1
    assert count("otel_judge_shadow_feedback_total") == len(ANSWERS)
    assert count("otel_judge_feedback_total", judge="task", label="pass") == 3
    assert count("otel_judge_feedback_total", judge="task") == len(ANSWERS)
    families = list(text_string_to_metric_families(labelled.path.judge.metrics()))
    naming_it = {f.name for f in families for sample in f.samples if sample.labels.get("judge") == "task_next"}
    assert naming_it == {"otel_judge_shadow_feedback", "otel_judge_shadow_tokens", "otel_judge_shadow_cost_usd"}


def test_labels_are_kept_with_their_traces_however_they_came(labelled: Labelled) -> None:
    answer = httpx.get(f"http://{labelled.path.judge.admin}/labels").raise_for_status()
    said = [json.loads(line) for line in answer.text.splitlines()]
    wanted = [
        {"trace_id": run.trace_id, "span_id": run.root, "name": "task", "label": SAID[name]}
        | {"annotator": "kim", "rationale": PEOPLES_WORDS}
        for name, run in labelled.runs.items()
        if name in SAID
    ]
    assert sorted(said, key=trace_id) == sorted(wanted, key=trace_id)
    assert labelled.path.judge.count("otel_judge_labels_total", outcome="kept") == len(SAID)
    assert labelled.path.judge.count("otel_judge_labels_total", outcome="unknown_trace") == 1


def trace_id(entry: Json) -> str:
    return entry["trace_id"]


def test_a_label_is_in_jaeger_below_what_it_is_about(labelled: Labelled) -> None:
    run = labelled.runs["promised"]

    def found() -> list[OtlpSpan]:
        return [span for span in labelled.api.trace_v3(run.trace_id) if span.service == "thumbs"]

    (label,) = wait_for(found, "the label in Jaeger")
    assert (label.name, label.parent_span_id, label.attributes[LABEL]) == ("feedback", run.root, "fail")


def test_agree_finds_in_jaeger_the_labels_that_came_as_spans(labelled: Labelled) -> None:
    found = labelled.agree(f"jaeger:{labelled.path.jaeger.query}?service=shop")
    assert (found["task"]["labels"], found["task"]["classes"]) == (2, ["fail", "pass"])
    assert found["task"]["confusion"] == [[0, 1], [0, 1]]


def test_agree_counts_the_labels_of_the_running_service_and_those_of_what_queue_picked(
    labelled: Labelled, tmp_path: Path
) -> None:
    file = tmp_path / "labels.jsonl"
    labelled.command("queue", labelled.live, "-n", "4", "--out", str(file))
    assert "The answer was" not in file.read_text()
    lines = {line["trace_id"]: line for line in map(json.loads, file.read_text().splitlines())}
    assert lines.keys() == {labelled.runs["thanked"].trace_id}  # the others are labelled already
    lines[labelled.runs["thanked"].trace_id] |= {"label": "fail", "annotator": "lou"}
    file.write_text("\n".join(map(json.dumps, lines.values())))

    found = labelled.agree(labelled.live, "--labels", str(file))
    assert found.keys() == {"task", "task_next"}
    task, shadow = found["task"], found["task_next"]
    assert (task["labels"], task["classes"], task["confusion"]) == (4, ["fail", "pass"], [[1, 2], [0, 1]])
    assert (shadow["labels"], shadow["confusion"], shadow["shadow_of"]) == (4, [[2, 1], [0, 1]], "task")
    missed = {each["trace_id"]: each["labels"] for each in task["disagreements"]}
    assert missed.keys() == {labelled.runs[run].trace_id for run in ("promised", "thanked")}
    (label,) = missed[labelled.runs["promised"].trace_id]
    assert (label["annotator"], label["rationale"]) == ("kim", PEOPLES_WORDS)
    # They are the judges of the service: what is measured here holds there.
    for name, judge in found.items():
        assert judge["version"] == labelled.scores("sent")[name].attributes["otel_judge.judge.version"]


def test_no_label_is_judged_and_no_judge_is_told_what_people_say(labelled: Labelled) -> None:
    """The last test here: the model has been asked by the service and by the commands."""
    judge = labelled.path.judge

    def unchanged() -> None:
        assert judge.count("otel_judge_traces_completed_total") == len(ANSWERS)
        assert judge.count("otel_judge_feedback_total", judge="task") == len(ANSWERS)
        assert [span for span in labelled.api.trace_v3(UNKNOWN.trace_id) if span.service == "otel-judge"] == []

    holds_for(3.0, unchanged)
    assert judge.count("otel_judge_receiver_accepted_spans_total") == len(ANSWERS)
    assert judge.count("otel_judge_index_late_spans_total") == 0
    told = str([request.body for request in labelled.model.requests])
    assert all(answer in told for answer in ANSWERS.values())
    assert PEOPLES_WORDS not in told
