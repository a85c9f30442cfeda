"""Whatever a feedback says, it is encoded: the same each time, within 2 KB a text, cut between characters."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from emit_feedback import DECISION, FULL, TARGET, encode, span_of
from hypothesis import given
from hypothesis import strategies as st

from otel_judge.attributes import decode_attributes
from otel_judge.config import FeedbackConfig
from otel_judge.emit.encode import MAX_TEXT, Encoder, cut
from otel_judge.emit.place import Timestamp
from otel_judge.feedback import Evidence, Feedback, JudgeFailure

texts = st.text(st.characters(codec="utf-8"), max_size=30) | st.text(max_size=5).map(lambda text: text * 500)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
feedbacks = st.builds(
    Feedback,
    target=st.just(TARGET),
    scorer=st.just(FULL.scorer),
    label=texts,
    rationale=texts,
    value=values,
    score=st.none() | st.floats(allow_nan=False),
    evidence=st.lists(
        st.builds(Evidence, span_id=texts, quote=texts, path=st.none() | texts, verified=st.booleans()), max_size=3
    ).map(tuple),
    error=st.none() | st.builds(JudgeFailure, type=texts, message=texts),
    judged_at_ns=st.integers(0, 2**62),
)


@given(feedbacks, st.sampled_from(get_args(Timestamp)))
def test_the_same_feedback_gives_the_same_bytes_and_no_text_past_2_kb(feedback: Feedback, timestamp: Timestamp) -> None:
    config = FeedbackConfig(timestamp=timestamp)
    first = Encoder(config).feedback(feedback, DECISION)
    assert Encoder(config).feedback(replace(feedback), DECISION) == first
    span = span_of(first[0])
    for group in (span, *span.events):
        for attribute in group.attributes:
            assert len(attribute.value.string_value.encode()) <= MAX_TEXT


@given(st.text(), st.integers(3, 40))
def test_a_cut_text_keeps_its_limit_its_beginning_and_whole_characters(text: str, limit: int) -> None:
    readable = text.encode("utf-8", "replace").decode()
    short = cut(text, limit)
    assert len(short.encode()) <= limit
    if len(readable.encode()) <= limit:
        assert short == readable
    else:
        assert short.endswith("…")
        assert readable.startswith(short[:-1])
        assert len(short.encode()) > limit - 4, "no more is cut than one character needs"


@pytest.mark.parametrize("character", ["a", "ü", "漢", "🦉"])
def test_long_texts_and_quotes_are_cut_between_characters(character: str) -> None:
    long = character * 3000
    span, record = encode(replace(FULL, rationale=long, value=long, evidence=(Evidence("a" * 16, long),)))
    for text in (
        decode_attributes(span.attributes)["gen_ai.evaluation.explanation"],
        decode_attributes(span.attributes)["otel_judge.value"],
        decode_attributes(span.events[1].attributes)["otel_judge.evidence.quote"],
        decode_attributes(record.attributes)["gen_ai.evaluation.explanation"],
    ):
        assert isinstance(text, str)
        assert 2043 < len(text.encode()) <= 2047
        assert set(text) == {character, "…"}


def test_half_a_surrogate_pair_does_not_stop_a_verdict() -> None:
    span, _ = encode(replace(FULL, rationale="so \ud83d sad"))
    assert decode_attributes(span.attributes)["gen_ai.evaluation.explanation"] == "so ? sad"
