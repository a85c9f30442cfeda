"""Traces of one conversation as one: the same in any order, nothing hidden, bounded, and read as any trace is."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanProto
from session_turns import MINUTE_NS, SAID, a_turn, root_of
from shared_traces import labelled

from otel_judge.dialects.base import Text
from otel_judge.feedback import SpanRef
from otel_judge.judge import tools
from otel_judge.judge.blind import blind
from otel_judge.redact import Redactor
from otel_judge.session import MAX_LINKS, Missing, Session
from otel_judge.sources.set_aside import SetAside
from otel_judge.testing.traces import BASE_NS, TraceBuilder, text
from otel_judge.trace import CompletionReason, SpanBlock, Trace
from otel_judge.trajectory import (
    ModelTurn,
    Said,
    dialogue,
    final_output,
    model_calls,
    steps,
    target_of,
    tool_calls,
    user_request,
)

TURNS = [a_turn(number) for number in range(3)]
TRACES = [each.trace() for each in TURNS]


def told(session: Trace) -> list[str]:
    """All that was said, in order."""
    said = [step for step in steps(session).steps if isinstance(step, Said | ModelTurn)]
    return [part.text for step in said for part in step.parts if isinstance(part, Text)]


@given(st.permutations(TRACES), st.integers(0, 3))
def test_any_order_of_arrival_gives_the_same_session(traces: list[Trace], again: int) -> None:
    session, same = Session.of([*traces, *traces[:again]]), Session.of(TRACES)
    assert session.turns == same.turns
    assert session.blocks == same.blocks
    assert (session.trace_id, session.root.span_id) == (TURNS[-1].trace_id, root_of(TURNS[-1]))
    assert target_of(session, session.root) == target_of(same, same.root)
    assert told(session) == ["You are the shop's.", *(said for pair in SAID for said in pair)]


def test_its_target_is_the_last_root_and_links_the_others() -> None:
    session = Session.of(TRACES)
    target = target_of(session, session.root)
    assert (target.trace_id, target.span_id) == (TURNS[2].trace_id, root_of(TURNS[2]))
    assert target.links == tuple(SpanRef(turn.trace_id, root_of(turn)) for turn in TURNS[:2])
    assert (target.turns, target.missing_turns, target.trace_spans, target.conversation_id) == (3, 0, 6, "c-1")


def test_it_says_what_was_said_between_the_user_and_the_agent() -> None:
    session = Session.of(TRACES)
    assert [(each.role, each.text) for each in dialogue(session)] == [
        each for asked, answered in SAID for each in (("user", asked), ("assistant", answered))
    ]
    final = final_output(session)
    assert (user_request(session), final and final.text) == (SAID[0][0], SAID[-1][1])


def agents_alone(number: int, *, history: bool) -> TraceBuilder:
    """A turn of which only the agent's span was captured; `history`: with all that was said before, as states are."""
    build = TraceBuilder(seed=number, base_ns=BASE_NS + number * MINUTE_NS)
    before = [pair for each in SAID[:number] for pair in zip(("user", "assistant"), each, strict=True)]
    given = [text(*each) for each in (*(before if history else ()), ("user", SAID[number][0]))]
    messages = {"gen_ai.input.messages": given, "gen_ai.output.messages": [text("assistant", SAID[number][1])]}
    build.agent("shop", attributes={key: json.dumps(value) for key, value in messages.items()})
    return build


@pytest.mark.parametrize("history", [True, False])
def test_each_message_is_told_once_where_only_agents_were_captured(history: bool) -> None:
    session = Session.of(agents_alone(number, history=history).trace() for number in range(3))
    assert told(session) == [said for pair in SAID for said in pair]


def test_what_a_user_says_again_in_a_later_turn_is_told_again() -> None:
    traces = []
    for number in range(2):
        build = TraceBuilder(seed=number, base_ns=BASE_NS + number * MINUTE_NS)
        build.agent("shop", user="yes", answer=f"Then {number}.")
        traces.append(build.trace())
    assert told(Session.of(traces)) == ["yes", "Then 0.", "yes", "Then 1."]


IDS = st.sampled_from([f"{number:016x}" for number in range(1, 5)])
SPANS = st.lists(st.tuples(IDS, st.one_of(st.none(), IDS)), min_size=1, max_size=4, unique_by=lambda each: each[0])


@given(st.lists(SPANS, min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_ids_that_collide_hide_nothing_and_lead_back(traces: list[list[tuple[str, str | None]]], random: Any) -> None:
    made = []
    for number, spans in enumerate(traces):
        build = TraceBuilder(seed=number, base_ns=BASE_NS + number * MINUTE_NS)
        for span_id, parent in spans:
            build.span(f"{number} {span_id}", span_id=span_id, parent=parent)
        made.append(build.trace())
    shuffled = list(made)
    random.shuffle(shuffled)
    session = Session.of(shuffled)
    assert sorted(span.name for span in session.spans) == sorted(span.name for trace in made for span in trace.spans)
    own = {trace.trace_id: trace for trace in made}
    for span in session.spans:
        ref = session.ref(span.span_id)
        assert ref is not None
        original = own[ref.trace_id].by_id[ref.span_id]
        assert original.name == span.name
        parent, had = session.by_id.get(span.parent_span_id), own[ref.trace_id].by_id.get(original.parent_span_id)
        assert (parent and parent.name) == (had and had.name)
    assert session.root.span_id == made[-1].root.span_id
    assert [turn.root.span_id for turn in session.turns] == [trace.root.span_id for trace in made]
    assert len(list(session.walk())) == len(session.spans)
    again = pickle.loads(pickle.dumps(session))
    assert (again.turns, again.blocks, again.renamed) == (session.turns, session.blocks, session.renamed)


def test_a_span_that_takes_the_new_id_of_another_hides_nothing() -> None:
    first = TraceBuilder(seed=1)
    first.span("first", span_id="00000000000000a1")
    second = TraceBuilder(seed=2, base_ns=BASE_NS + MINUTE_NS)
    second.span("second", span_id="00000000000000a1")
    taken = Session.of([first.trace(), second.trace()]).main_roots[0].span_id
    second.span("cunning", span_id=taken)
    session = Session.of([first.trace(), second.trace()])
    assert sorted(span.name for span in session.spans) == ["cunning", "first", "second"]


def test_responses_that_have_the_same_id_in_two_turns_are_two() -> None:
    traces = []
    for number in range(2):
        build = TraceBuilder(seed=number, base_ns=BASE_NS + number * MINUTE_NS)
        build.chat("m", attributes={"gen_ai.response.id": "r-1"})
        traces.append(build.trace())
    assert len(model_calls(Session.of(traces))) == 2


def test_a_session_stays_one_when_it_is_redacted_and_blinded() -> None:
    build = TraceBuilder(seed=9, base_ns=BASE_NS + 9 * MINUTE_NS)
    root = build.agent("shop", user="I am kim@example.com.", answer="Hello.")
    build.event(root, "gen_ai.evaluation.result", {"gen_ai.evaluation.name": "x"})
    session = Session.of([*TRACES, build.trace()])
    seen = blind(Redactor().redact_now(session).trace)
    assert isinstance(seen, Session)
    assert seen is not session
    assert (seen.turns, seen.root.span_id) == (session.turns, root)
    assert "kim@" not in "".join(told(seen))
    assert seen.ref(root) == SpanRef(build.trace_id, root)


def test_the_oldest_turns_are_left_out_of_one_that_is_too_large_and_it_is_said() -> None:
    for limits in ({"max_spans": 4}, {"max_bytes": TRACES[1].size + TRACES[2].size}):
        session = Session.of(TRACES, **limits)
        assert [turn.trace_id for turn in session.turns] == [turn.trace_id for turn in TURNS[1:]]
        assert session.missing == Missing(cut=(SpanRef(TURNS[0].trace_id, root_of(TURNS[0])),))
        assert session.links[0] == session.missing.cut[0]
        assert session.first_trace_id.hex() == TURNS[0].trace_id
        info = tools.call("get_trace_info", session, {})
        assert f"unusual: the 1 oldest turns are left out: all were too large (traces {TURNS[0].trace_id})" in info
    assert len(Session.of(TRACES, max_spans=1).turns) == 1


def test_its_info_names_the_turns_and_what_is_missing() -> None:
    gone = tuple(SpanRef(f"{number:032x}", f"{number:016x}") for number in range(1, 9))
    early = TURNS[0].trace(completion=CompletionReason.IDLE)
    session = Session.of([early, *TRACES[1:]], missing=Missing(gone, forgotten=2))
    lines = tools.call("get_trace_info", session, {}).splitlines()
    assert lines[0] == "session of 3 traces, in order of time"
    for number, turn in enumerate(TURNS, 1):
        assert lines[number].startswith(f"  turn {number} · trace {turn.trace_id} · from +")
        assert root_of(turn) in lines[number]
    unusual = [line for line in lines if line.startswith("unusual")]
    assert any("10 turns of the conversation are missing" in line and "and 3 more" in line for line in unusual)
    assert any(f"the trace {TURNS[0].trace_id} was closed early" in line for line in unusual)
    assert not any("roots" in line for line in unusual)
    assert target_of(session, session.root).missing_turns == 10


def test_tools_show_every_root_and_stay_within_their_cap() -> None:
    traces = []
    for number in range(300):
        build = TraceBuilder(seed=number, base_ns=BASE_NS + number * MINUTE_NS)
        root = build.agent("shop", user=f"question {number} " + "x" * 500, answer="y" * 500)
        build.tool("find", parent=root, arguments={"n": number}, result="z" * 500)
        traces.append(build.trace())
    session = Session.of(traces)
    assert len(session.main_roots) == 300
    assert len(session.links) == MAX_LINKS
    assert session.links[-1].trace_id == traces[-2].trace_id
    for name in tools.TOOLS:
        arguments = {"get_span": {"span_id": session.root.span_id}, "search_trace_regex": {"pattern": "question"}}
        assert len(tools.call(name, session, arguments.get(name, {})).encode()) <= tools.CAP_BYTES
    info = tools.call("get_trace_info", session, {})
    assert "turn 1 ·" in info
    assert "turn 300 ·" in info
    assert "288 more turns" in info
    assert "of the roots of 300 turns" in tools.call("span_statistics", session, {})


def an_hour_later(trace: Trace) -> Trace:
    """The same spans with the same ids, in another trace."""
    trace_id = bytes(byte ^ 0xFF for byte in trace.raw_trace_id)
    blocks = []
    for origin, encoded in trace.blocks:
        spans = [SpanProto.FromString(data) for data in encoded]
        for span in spans:
            span.trace_id = trace_id
            span.start_time_unix_nano += 60 * MINUTE_NS
            span.end_time_unix_nano += 60 * MINUTE_NS if span.end_time_unix_nano else 0
        blocks.append(SpanBlock(origin, [span.SerializeToString() for span in spans]))
    return Trace(trace_id, blocks)


def test_a_labelled_run_twice_over_has_everything_twice_and_no_message_more() -> None:
    for trace in labelled():
        session = Session.of([an_hour_later(trace), trace])
        assert len(session) == 2 * len(trace)
        assert len(tool_calls(session)) == 2 * len(tool_calls(trace))
        assert len(dialogue(trace)) <= len(dialogue(session)) <= 2 * len(dialogue(trace))
        assert tools.call("get_trace_info", session, {}).startswith("session of 2 traces")


def test_nothing_is_no_session() -> None:
    with pytest.raises(ValueError, match="a trace that has spans"):
        Session.of([Trace(b"\1" * 16, [])])


@given(st.permutations(TRACES), st.sampled_from([0, 1_000, 10**9]))
def test_what_was_set_aside_comes_back_as_sessions(traces: list[Trace], spill_bytes: int) -> None:
    other = TraceBuilder(seed=7)
    other.agent("shop", attributes={"gen_ai.conversation.id": "c-2"})
    alone = TraceBuilder(seed=8)
    alone.agent("shop")
    with SetAside(spill_bytes) as aside:
        for trace in (*traces, other.trace(), alone.trace(), traces[0]):
            aside.add(trace)
        found = list(aside.sessions())
    same = Session.of(TRACES)
    assert [len(session.turns) for session in found] == [3, 1]
    assert [span.proto for span in found[0].spans] == [span.proto for span in same.spans]
    assert found[0].turns == same.turns


def test_what_was_set_aside_and_is_too_large_is_not_even_read_again() -> None:
    with SetAside(max_spans=4) as aside:
        for trace in TRACES:
            aside.add(trace)
        (session,) = aside.sessions()
    assert [turn.trace_id for turn in session.turns] == [turn.trace_id for turn in TURNS[1:]]
    assert [ref.trace_id for ref in session.missing.cut] == [TURNS[0].trace_id]
    assert session.first_trace_id.hex() == TURNS[0].trace_id
