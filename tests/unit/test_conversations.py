"""Which conversations rest: by the clock alone, bounded, and once more when they go on."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_judge.conversations import Conversation, Conversations

ROOT = b"r" * 8


def note(conversations: Conversations, conversation: str, number: int, now: float) -> None:
    conversations.note(None, conversation, number.to_bytes(16), ROOT, now)


def numbers(conversation: Conversation) -> list[int]:
    return [int.from_bytes(each) for each in conversation.turns]


def resting(conversations: Conversations, now: float, most: int = 100) -> list[list[int]]:
    begun = conversations.resting(now, most)
    for each in begun:
        conversations.judged(each)
    return [numbers(each) for each in begun]


def test_a_conversation_rests_after_its_last_trace_and_once_more_after_later_ones() -> None:
    conversations = Conversations(10.0)
    note(conversations, "a", 1, 0.0)
    note(conversations, "b", 2, 1.0)
    note(conversations, "a", 3, 9.0)
    assert resting(conversations, 10.9) == []
    assert resting(conversations, 11.0) == [[2]]
    assert resting(conversations, 19.0) == [[1, 3]]
    assert resting(conversations, 1_000.0) == []
    note(conversations, "a", 4, 1_000.0)
    assert resting(conversations, 1_010.0) == [[1, 3, 4]]


def test_tenants_have_conversations_of_their_own() -> None:
    conversations = Conversations(0.0)
    for number, tenant in enumerate((None, "", "t", "None")):
        conversations.note(tenant, "a", number.to_bytes(16), ROOT, 0.0)
    assert sorted(resting(conversations, 1.0)) == [[0], [1], [2], [3]]


def test_one_that_is_being_judged_waits_until_that_has_ended() -> None:
    conversations = Conversations(10.0)
    note(conversations, "a", 1, 0.0)
    (first,) = conversations.resting(10.0, 100)
    note(conversations, "a", 2, 11.0)
    note(conversations, "b", 3, 12.0)
    assert resting(conversations, 30.0) == [[3]]
    assert conversations.all_open() == []
    conversations.judged(first)
    assert resting(conversations, 30.0) == [[1, 2]]


def test_no_more_than_there_is_room_for_begin() -> None:
    conversations = Conversations(0.0)
    for number in range(5):
        note(conversations, str(number), number, float(number))
    assert resting(conversations, 9.0, most=2) == [[0], [1]]
    assert [numbers(each) for each in conversations.all_open()] == [[2], [3], [4]]


def test_past_the_bound_the_longest_idle_is_forgotten_judged_ones_first(caplog: pytest.LogCaptureFixture) -> None:
    conversations = Conversations(10.0, max_turns=3)
    note(conversations, "judged", 1, 0.0)
    assert resting(conversations, 10.0) == [[1]]
    with caplog.at_level(logging.WARNING):
        for number, name in enumerate("abcde", 2):
            note(conversations, name, number, 10.0)
    assert resting(conversations, 20.0) == [[4], [5], [6]]
    assert conversations.lost == 2
    assert len(caplog.messages) == 1


def test_of_one_conversation_the_latest_traces_are_remembered() -> None:
    conversations = Conversations(10.0, max_of_a_conversation=3)
    for number in range(5):
        note(conversations, "a", number, 0.0)
    (found,) = conversations.resting(10.0, 1)
    assert numbers(found) == [2, 3, 4]
    assert found.missing.forgotten == 2
    found.gone |= {(2).to_bytes(16)}
    assert [each.trace_id for each in found.missing.gone] == [f"{2:032x}"]
    assert found.held == [(3).to_bytes(16), (4).to_bytes(16)]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.floats(0, 9)), max_size=40), st.integers(1, 6))
def test_every_trace_is_in_a_session_or_counted(noted: list[tuple[str, int, float]], max_turns: int) -> None:
    conversations = Conversations(1.0, max_turns=max_turns)
    now, seen = 0.0, set[tuple[str, int]]()
    for name, number, wait in noted:
        now += wait
        conversations.note(None, name, f"{name}{number:015d}".encode(), ROOT, now)
        for each in conversations.resting(now, 10):
            conversations.judged(each)
            seen |= {(chr(trace_id[0]), int(trace_id[1:])) for trace_id in each.turns}
    for each in conversations.all_open():
        seen |= {(chr(trace_id[0]), int(trace_id[1:])) for trace_id in each.turns}
    if not conversations.lost:
        assert seen == {(name, number) for name, number, _ in noted}
    assert len(conversations) == 0
