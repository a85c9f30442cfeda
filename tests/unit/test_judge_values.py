from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_judge.config import JudgeConfig
from otel_judge.errors import InstructionsError
from otel_judge.judge.values import Grade, InvalidValue, ValueType, grade, value_type_of


def a_type(**options: Any) -> ValueType:
    given_options = {"name": "judge", "instructions": "{{ trace }}", "model": "anthropic:m", **options}
    return value_type_of(JudgeConfig.model_validate(given_options))


@pytest.mark.parametrize(
    ("options", "raw", "expected"),
    [
        ({}, "pass", Grade("pass", None, "pass", True)),
        ({}, " FAIL ", Grade("fail", None, "fail", False)),
        ({"values": ["good", "bad"]}, "bad", Grade("bad", None, "bad", None)),
        ({"values": ["yes", "no"]}, "yes", Grade("yes", None, "yes", True)),
        ({"values": ["good", "bad"], "pass": ["good"]}, "Good", Grade("good", None, "good", True)),
        ({"values": ["pass", "fail"], "pass": []}, "pass", Grade("pass", None, "pass", None)),
        ({"values": {"great": 1, "poor": 0.25}}, "poor", Grade("poor", 0.25, "poor", None)),
        ({"values": ["1", "2"]}, 2, Grade("2", None, "2", None)),
        ({"values": ["true", "false"]}, True, Grade("true", None, "true", True)),
        ({"type": "bool"}, True, Grade(True, 1.0, "pass", True)),
        ({"type": "bool"}, "False", Grade(False, 0.0, "fail", False)),
        ({"type": "float"}, 3.5, Grade(3.5, 3.5, "number", None)),
        ({"type": "float"}, "3.5", Grade(3.5, 3.5, "number", None)),
        ({"type": "int"}, 4.0, Grade(4, 4.0, "number", None)),
        ({"type": "float", "scale": [0, 1]}, 0.6, Grade(0.6, 0.6, "0.6-0.8", None)),
        ({"type": "float", "scale": [0, 1]}, 0.59, Grade(0.59, 0.59, "0.4-0.6", None)),
        ({"type": "float", "scale": [0, 1]}, 1, Grade(1.0, 1.0, "0.8-1", None)),
        ({"type": "list"}, ["a", 1, True], Grade(["a", 1, True], None, "text", None)),
        ({"type": "list", "items": "str"}, '["a"]', Grade(["a"], None, "text", None)),
        ({"type": "list", "items": "float"}, [1, 0.5], Grade([1, 0.5], None, "text", None)),
        ({"type": "dict", "items": "int"}, {"a": 1}, Grade({"a": 1}, None, "text", None)),
        ({"type": "int", "optional": True}, None, Grade(None, None, "none", None)),
        ({"type": "int", "optional": True}, "null", Grade(None, None, "none", None)),
        ({"type": "int", "optional": True}, 3, Grade(3, 3.0, "number", None)),
        ({"type": "str", "optional": True}, "none", Grade("none", None, "text", None)),
        ({"scale": [0, 1]}, 0, Grade(0.0, 0.0, "0-0.2", None)),
        ({"type": "int", "scale": [1, 5]}, 3, Grade(3, 3.0, "2.6-3.4", None)),
        ({"scale": [-1, 1]}, -1, Grade(-1.0, -1.0, "-1--0.6", None)),
        ({"threshold": 0.7}, 0.7, Grade(0.7, 0.7, "pass", True)),
        ({"threshold": 0.7, "scale": [0, 1]}, 0.69, Grade(0.69, 0.69, "fail", False)),
        ({"type": "str"}, " billing ", Grade("billing", None, "text", None)),
    ],
)
def test_an_answer_gives_value_score_label_and_pass(options: dict[str, Any], raw: object, expected: Grade) -> None:
    assert grade(a_type(**options), raw) == expected


@pytest.mark.parametrize(
    ("options", "raw"),
    [
        ({}, "maybe"),
        ({}, None),
        ({"type": "bool"}, None),
        ({"type": "bool"}, 1),
        ({"type": "bool"}, "perhaps"),
        ({"type": "int"}, "five"),
        ({"type": "int"}, 2.5),
        ({"type": "int"}, True),
        ({"type": "float"}, math.nan),
        ({"type": "float"}, "NaN"),
        ({"type": "float"}, math.inf),
        ({"type": "float"}, "-Infinity"),
        ({"type": "float"}, 10**400),
        ({"type": "float"}, [1]),
        ({"type": "str"}, ""),
        ({"type": "str"}, 3),
    ],
)
def test_an_answer_of_another_type_is_refused_with_what_to_give(options: dict[str, Any], raw: object) -> None:
    value_type = a_type(**options)
    with pytest.raises(InvalidValue, match="value must be") as refused:
        grade(value_type, raw)
    assert value_type.describe() in str(refused.value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("options", [{}, {"type": "bool"}, {"type": "int"}, {"scale": [0, 1]}, {"type": "str"}])
def test_not_judgeable_is_always_an_answer(options: dict[str, Any]) -> None:
    assert grade(a_type(**options), "Not_judgeable") == Grade(None, None, "not_judgeable", None)


@pytest.mark.parametrize(("raw", "score"), [(7, 5.0), (-3, 1.0), (1e300, 5.0)])
def test_a_number_outside_the_scale_is_clamped_with_a_note(raw: float, score: float) -> None:
    graded = grade(a_type(type="int", scale=[1, 5]), raw)
    assert (graded.score, graded.value) == (score, int(score))
    assert graded.note is not None
    assert graded.note == f"[score clamped from {float(raw)} to scale 1-5]"


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(-1e6, 1e6), st.floats(0.001, 1e6))
def test_every_number_has_a_score_on_the_scale_and_one_of_five_labels(number: float, low: float, width: float) -> None:
    value_type = a_type(scale=[low, low + width])
    graded = grade(value_type, number)
    assert graded.score is not None
    assert low <= graded.score <= low + width
    labels = {grade(value_type, low + width * part / 1000).label for part in range(1001)}
    assert graded.label in labels
    assert len(labels) <= 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scale": [1, 0]}, "write the lower bound first"),
        ({"scale": [1, 1]}, "write the lower bound first"),
        ({"scale": [0, math.inf]}, "finite"),
        ({"threshold": math.nan}, "finite"),
        ({"scale": [0, 1], "threshold": 2}, "outside `scale`"),
        ({"type": "int", "scale": [0, 0.5]}, "two integers"),
        ({"type": "bool", "scale": [0, 1]}, "need a number"),
        ({"type": "str", "threshold": 1}, "need a number"),
        ({"values": []}, "`values` is empty"),
        ({"values": ["a", "A"]}, "the same label"),
        ({"values": ["a", "failed"]}, "cannot be a label"),
        ({"values": ["a", "not_judgeable"]}, "cannot be a label"),
        ({"values": {"a": math.nan}}, "finite number"),
        ({"values": ["a"], "type": "str"}, "keep one of them"),
        ({"values": ["a"], "threshold": 1}, "keep one of them"),
        ({"values": ["a"], "pass": ["b"]}, "'b', which is not among"),
        ({"pass": ["a"]}, "there are no `values`"),
    ],
)
def test_a_value_type_that_contradicts_itself_is_an_error_at_construction(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InstructionsError, match=r"judge 'judge': .*") as refused:
        a_type(**options)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("options", "raw"),
    [
        ({"type": "list"}, {"a": 1}),
        ({"type": "list"}, "a"),
        ({"type": "list"}, [None]),
        ({"type": "list"}, [["a"]]),
        ({"type": "list"}, [math.nan]),
        ({"type": "list"}, "[NaN]"),
        ({"type": "list", "items": "str"}, [1]),
        ({"type": "list", "items": "int"}, [True]),
        ({"type": "list", "items": "bool"}, [1]),
        ({"type": "dict", "items": "int"}, {"a": 1.5}),
        ({"type": "dict"}, ["a"]),
        ({"type": "bool"}, None),
        ({"type": "int", "optional": True}, "five"),
    ],
)
def test_what_is_not_of_the_type_is_no_value(options: dict[str, Any], raw: object) -> None:
    with pytest.raises(InvalidValue, match="value must be"):
        grade(a_type(**options), raw)


@pytest.mark.parametrize(
    "options",
    [
        {"items": "str"},
        {"type": "int", "items": "int"},
        {"type": "list", "scale": [0, 1]},
        {"values": ["some", "none"], "optional": True},
    ],
)
def test_keys_that_contradict_each_other_about_lists_and_null_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InstructionsError, match="judge 'judge'"):
        a_type(**options)
