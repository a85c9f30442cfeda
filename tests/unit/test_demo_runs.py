"""The six runs, through the real SDK into memory."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from otel_judge import own_traces
from otel_judge.demo.agent import Played, Run, play
from otel_judge.demo.runs import CUT_OFF, FALSE_CLAIM, GOOD, LONG, LOOP, RUNS, SLOW
from otel_judge.demo.shop import NS_PER_S, SHORT_ORDER

NOW_NS = 1_760_000_000 * NS_PER_S


@dataclass(frozen=True)
class Made:
    played: Played
    root: ReadableSpan
    spans: tuple[ReadableSpan, ...]

    def of(self, operation: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.attributes["gen_ai.operation.name"] == operation]

    @property
    def failed(self) -> list[ReadableSpan]:
        return [span for span in self.spans if span.status.status_code is StatusCode.ERROR]

    @property
    def calls(self) -> Counter[tuple[str, str]]:
        return Counter(
            (span.attributes["gen_ai.tool.name"], span.attributes["gen_ai.tool.call.arguments"])
            for span in self.of("execute_tool")
        )

    @property
    def answer(self) -> str:
        (message,) = json.loads(self.root.attributes["gen_ai.output.messages"])
        return "\n".join(part["content"] for part in message["parts"])

    @property
    def seconds(self) -> float:
        return (self.root.end_time - self.root.start_time) / NS_PER_S


def make(run: Run, now_ns: int = NOW_NS) -> Made:
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    played = play(run, provider.get_tracer("test"), now_ns)
    spans = memory.get_finished_spans()
    (root,) = [span for span in spans if span.parent is None]
    return Made(played, root, spans)


@pytest.fixture(scope="module")
def made() -> dict[str, Made]:
    return {run.title: make(run) for run in RUNS}


def test_there_are_six_runs_with_titles_of_their_own():
    assert len({run.title for run in RUNS}) == len({run.conversation for run in RUNS}) == 6


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.title)
def test_a_run_is_one_trace_with_one_root_and_says_how_many_spans_it_has(run: Run, made: dict[str, Made]):
    it = made[run.title]
    assert it.played.spans == len(it.spans)
    assert {f"{span.context.trace_id:032x}" for span in it.spans} == {it.played.trace_id}
    assert {span.parent.span_id for span in it.spans if span.parent} == {it.root.context.span_id}
    assert not own_traces.is_own(bytes.fromhex(it.played.trace_id))


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.title)
def test_a_run_ended_a_moment_ago_and_began_within_the_time_that_backends_search(run: Run, made: dict[str, Made]):
    it = made[run.title]
    assert 0 < NOW_NS - it.root.end_time < 5 * NS_PER_S
    assert NOW_NS - it.root.start_time < 60 * NS_PER_S
    for span in it.spans:
        assert it.root.start_time <= span.start_time <= span.end_time <= it.root.end_time
        assert all(span.start_time <= event.timestamp <= span.end_time for event in span.events)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.title)
def test_every_span_follows_the_genai_conventions(run: Run, made: dict[str, Made]):
    it = made[run.title]
    assert it.root.name == f"invoke_agent {run.agent}"
    for span in it.spans:
        assert span.attributes["gen_ai.agent.name"] == run.agent
        assert span.attributes["gen_ai.conversation.id"] == run.conversation
    for chat in it.of("chat"):
        (said,) = json.loads(chat.attributes["gen_ai.output.messages"])
        assert said["role"] == "assistant"
        assert chat.attributes["gen_ai.response.finish_reasons"] == (said["finish_reason"],)
        assert chat.attributes["gen_ai.usage.input_tokens"] > 0
        assert 0 < chat.attributes["gen_ai.usage.output_tokens"] <= run.max_tokens
        assert json.loads(chat.attributes["gen_ai.input.messages"])[0]["role"] == "user"
        assert run.instructions in chat.attributes["gen_ai.system_instructions"]
    for tool in it.of("execute_tool"):
        succeeded = tool.status.status_code is StatusCode.UNSET
        assert ("gen_ai.tool.call.result" in tool.attributes) == succeeded
        assert ("error.type" in tool.attributes) == bool(tool.events) == (not succeeded)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.title)
def test_the_model_is_answered_with_what_each_of_its_calls_gave(run: Run, made: dict[str, Made]):
    it = made[run.title]
    asked = [part for chat in it.of("chat") for part in parts(chat, "output", "tool_call")]
    assert len({part["id"] for part in asked}) == len(asked)
    assert [part["id"] for part in asked] == [tool.attributes["gen_ai.tool.call.id"] for tool in it.of("execute_tool")]
    answered = {
        part["id"]: part["response"] for chat in it.of("chat") for part in parts(chat, "input", "tool_call_response")
    }
    for tool in it.of("execute_tool"):
        answer = answered[tool.attributes["gen_ai.tool.call.id"]]
        if tool.status.status_code is StatusCode.ERROR:
            assert answer == {"error": tool.status.description}
        else:
            assert answer == json.loads(tool.attributes["gen_ai.tool.call.result"])


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.title)
def test_the_same_run_says_the_same_again(run: Run, made: dict[str, Made]):
    def story(it: Made) -> list[object]:
        return [(span.name, span.start_time, span.end_time, dict(span.attributes)) for span in it.spans]

    assert story(make(run)) == story(made[run.title])


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.title)
def test_tokens_of_the_root_are_the_sum_of_its_calls_and_stay_under_the_limit(run: Run, made: dict[str, Made]):
    it = made[run.title]
    for kind in ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"):
        assert it.root.attributes[kind] == sum(chat.attributes[kind] for chat in it.of("chat"))
        assert it.root.attributes[kind] < 100_000


def test_the_good_run_has_nothing_wrong(made: dict[str, Made]):
    it = made[GOOD.title]
    assert not it.failed
    assert max(it.calls.values()) == 1
    assert it.seconds < 10
    assert "R-4417-1" in it.answer
    assert "R-4417-1" in it.of("execute_tool")[-1].attributes["gen_ai.tool.call.result"]


def test_the_false_claim_is_about_a_refund_that_the_bank_declined(made: dict[str, Made]):
    it = made[FALSE_CLAIM.title]
    (failed,) = it.failed
    assert failed.name == "execute_tool issue_refund"
    assert failed.attributes["error.type"] == "PaymentDeclined"
    (event,) = failed.events
    assert event.attributes["exception.type"] == "otel_judge.demo.shop.PaymentDeclined"
    assert "declined by the bank" in event.attributes["exception.message"]
    assert "I have refunded £129.00" in it.answer


def test_the_loop_makes_the_very_same_call_again_and_again(made: dict[str, Made]):
    it = made[LOOP.title]
    assert list(it.calls.values()) == [7]
    assert not it.failed


def test_the_slow_run_takes_longer_than_the_latency_limit_and_no_other_does(made: dict[str, Made]):
    assert {title for title, it in made.items() if it.seconds > 30} == {SLOW.title}
    assert made[SLOW.title].seconds < 60


def test_the_cut_off_answer_ends_in_the_middle_of_a_word_at_its_token_limit(made: dict[str, Made]):
    it = made[CUT_OFF.title]
    last = it.of("chat")[-1]
    assert last.attributes["gen_ai.response.finish_reasons"] == ("length",)
    assert last.attributes["gen_ai.usage.output_tokens"] == CUT_OFF.max_tokens
    assert it.answer[-1].isalpha()
    others = [
        title for title, other in made.items() if "length" in other.root.attributes["gen_ai.response.finish_reasons"]
    ]
    assert others == [CUT_OFF.title]


def test_the_long_run_hides_one_call_that_failed_and_was_never_made_good(made: dict[str, Made]):
    it = made[LONG.title]
    assert len(it.spans) == 3000
    lost, needle = it.failed
    assert lost.name == "execute_tool check_availability"
    assert it.calls["check_availability", lost.attributes["gen_ai.tool.call.arguments"]] == 2
    assert needle.name == "execute_tool hold_order"
    assert sum(tool == "hold_order" for tool, _ in it.calls) == 1
    assert max(count for (tool, _), count in it.calls.items()) == 2
    assert f"{SHORT_ORDER} is on hold" in it.answer
    assert 0.4 < it.spans.index(needle) / len(it.spans) < 0.9


def test_calls_of_one_reply_overlap_in_time(made: dict[str, Made]):
    tools = sorted(made[LONG.title].of("execute_tool"), key=lambda span: span.start_time)
    assert sum(later.start_time < earlier.end_time for earlier, later in pairwise(tools)) > 2000


def test_the_long_run_plays_fast():
    started = time.monotonic()
    make(LONG)
    assert time.monotonic() - started < 5


def parts(chat: ReadableSpan, side: str, kind: str) -> list[dict[str, object]]:
    messages = json.loads(chat.attributes[f"gen_ai.{side}.messages"])
    return [part for message in messages for part in message["parts"] if part["type"] == kind]
