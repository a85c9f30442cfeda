from shared_traces import labelled, recorded

from otel_judge.testing.traces import TraceBuilder, asks, text
from otel_judge.trajectory import FinalOutput, final_output, target_of, user_request


def output(build: TraceBuilder) -> FinalOutput:
    found = final_output(build.trace())
    assert found is not None
    return found


def test_root_agents_output_is_the_answer_with_the_last_calls_finish_reason():
    build = TraceBuilder()
    agent = build.agent("shop", user="hi", answer="bye", end=9.0)
    helper = build.agent("helper", parent=agent, answer="not this", start=1.0, end=2.0)
    build.chat("m", parent=helper, output=[text("assistant", "nor this")], finish="length", start=1.0)
    build.chat("m", parent=agent, output=[text("assistant", "bye")], finish="stop", start=3.0)
    assert (output(build).text, output(build).finish_reason, output(build).span.span_id) == ("bye", "stop", agent)


def test_of_several_agents_the_one_that_ended_last_answers():
    build = TraceBuilder()
    root = build.span("POST /chat", end=9.0)
    build.agent("writer", parent=root, answer="draft", start=1.0, end=2.0)
    build.agent("editor", parent=root, answer="final", start=3.0, end=4.0)
    assert output(build).text == "final"


def test_without_agent_output_the_last_model_call_answers():
    build = TraceBuilder()
    agent = build.agent("shop", end=9.0)
    build.chat("m", parent=agent, output=[text("assistant", "first")], start=1.0)
    build.chat("m", parent=agent, output=[text("assistant", "last", finish="max_tokens")], start=3.0)
    assert (output(build).text, output(build).finish_reason) == ("last", "max_tokens")


def test_output_on_any_span_of_the_last_call_will_do():
    build = TraceBuilder()
    outer = build.chat("m", output=[text("assistant", "said outside")], tokens=(1, 1))
    build.chat("m", parent=outer, tokens=(1, 1), start=0.1)
    assert output(build).text == "said outside"


def test_output_of_an_earlier_call_is_not_the_answer():
    build = TraceBuilder()
    build.chat("m", output=[text("assistant", "early")], start=0.0)
    build.chat("m", start=2.0)
    assert final_output(build.trace()) is None


def test_not_captured_is_none_and_empty_is_an_empty_message():
    build = TraceBuilder()
    build.agent("shop")
    assert final_output(build.trace()) is None
    build = TraceBuilder()
    build.agent("shop", attributes={"gen_ai.output.messages": "[]"})
    assert output(build).message.parts == ()
    assert final_output(TraceBuilder().trace()) is None


def test_answer_that_asks_for_a_tool():
    build = TraceBuilder()
    build.chat("m", output=[asks("find", {}, call_id="c")])
    assert output(build).text == ""
    assert [call.name for call in output(build).pending] == ["find"]


def test_root_of_no_dialect_answers_where_there_is_neither_agent_nor_model():
    build = TraceBuilder()
    build.span("handle", attributes={"input": "question", "output": "answer"})
    assert output(build).text == "answer"
    assert user_request(build.trace()) == "question"


def test_user_request_is_the_first_user_message_of_the_agent():
    build = TraceBuilder()
    root = build.span("POST", attributes={"input": "raw body"})
    agent = build.agent("shop", parent=root, user="where is it?")
    build.chat("m", parent=agent, messages=[text("system", "be kind"), text("user", "rephrased")])
    assert user_request(build.trace()) == "where is it?"
    assert user_request(TraceBuilder().trace()) is None


def test_recorded_agent_with_content():
    trace = recorded("microsoft-agent-2025-12-17")
    found = final_output(trace)
    assert found is not None
    assert found.text.startswith("Current conditions in Tokyo, Japan: stormy")
    assert user_request(trace) == "What's the weather in Tokyo?"


def test_recorded_agent_without_content_has_no_answer():
    assert final_output(recorded("microsoft-agent-2025-12-17", bare=True)) is None


def test_labelled_runs_all_have_an_answer_and_a_request():
    for trace in labelled():
        assert final_output(trace) is not None
        assert user_request(trace)


def test_target_takes_what_the_span_does_not_say_from_the_trace():
    build = TraceBuilder(service="gateway", resource={"host.name": "h"})
    root = build.span("POST", start=1.0, end=5.0)
    agent = build.agent("shop", parent=root, attributes={"gen_ai.conversation.id": "c1"}, service="shop")
    build.chat("m-1", parent=agent, attributes={"gen_ai.response.id": "r1"}, service="shop")
    trace = build.trace(tenant="acme")
    target = target_of(trace, trace.root)
    assert (target.trace_id, target.span_id) == (build.trace_id, root)
    assert (target.service, target.agent, target.model) == ("gateway", "shop", "m-1")
    assert (target.conversation_id, target.response_id, target.tenant) == ("c1", None, "acme")
    assert (target.trace_spans, target.completion_reason) == (3, "stored")
    assert target.end_ns - target.start_ns == 4_000_000_000
    assert b"host.name" in target.resource


def test_target_of_a_model_span_names_its_response():
    build = TraceBuilder()
    build.chat("m-1", attributes={"gen_ai.response.id": "r1"}, ended=False)
    trace = build.trace()
    target = target_of(trace, trace.root)
    assert target.response_id == "r1"
    assert target.end_ns == target.start_ns
