import pytest
from dialect_spans import content

from otel_judge.dialects import read
from otel_judge.dialects.base import Message, Role, Text
from otel_judge.testing.traces import TraceBuilder


@pytest.mark.parametrize("suffix", ["", ".value"])
def test_input_and_output_are_read_as_text(suffix):
    found = content({f"input{suffix}": "question", f"output{suffix}": {"a": [1]}, "session.id": "s", "user.id": "u"})
    assert found.role is Role.OTHER
    assert found.input == (Message("user", (Text("question"),)),)
    assert found.output == (Message("assistant", (Text('{"a": [1]}'),)),)
    assert (found.conversation_id, found.user) == ("s", "u")
    assert found.content_keys == {f"input{suffix}", f"output{suffix}"}


def test_not_captured_is_none_and_empty_is_empty():
    assert content({}).output is None
    assert content({"output": ""}).output == ()


def test_content_is_read_once_a_span():
    build = TraceBuilder()
    build.span("a span")
    span = build.trace().spans[0]
    assert read(span) is read(span)
