from __future__ import annotations

import json
from typing import Any

import pytest

from otel_judge.config import JudgeConfig
from otel_judge.errors import InstructionsError
from otel_judge.judge.grades import Grade, InvalidValue
from otel_judge.judge.values import ValueType, grade, value_type_of

FIELDS = {"category": ["none", "wrong_call", "timeout"], "where": "span", "what": "str", "count": "int", "sure": "bool"}
FULL = {"category": "timeout", "where": "00f067aa0ba902b7", "what": "it waited", "count": 2, "sure": True}


def a_type(**options: Any) -> ValueType:
    given = {"name": "judge", "instructions": "{{ trace }}", "model": "anthropic:m", "type": "dict", "fields": FIELDS}
    given |= {"label": "category", "pass": ["none"], **options}
    return value_type_of(JudgeConfig.model_validate(given))


@pytest.mark.parametrize(
    ("raw", "value", "passed", "spans"),
    [
        (FULL, FULL, False, ("00f067aa0ba902b7",)),
        (json.dumps(FULL), FULL, False, ("00f067aa0ba902b7",)),
        (
            {"category": " Wrong_Call ", "where": "00F067AA0BA902B7", "count": 2.0},
            {"category": "wrong_call", "where": "00f067aa0ba902b7", "what": None, "count": 2, "sure": None},
            False,
            ("00f067aa0ba902b7",),
        ),
        ({"category": "none"}, {**dict.fromkeys(FIELDS), "category": "none"}, True, ()),
        ({"category": "none", "where": "null"}, {**dict.fromkeys(FIELDS), "category": "none"}, True, ()),
    ],
)
def test_the_label_is_one_field_and_the_value_is_all(raw: object, value: object, passed: bool, spans: object) -> None:
    graded = grade(a_type(), raw)
    assert isinstance(graded.value, dict)
    assert graded == Grade(value, None, str(graded.value["category"]), passed, spans=spans)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("timeout", "a JSON object"),
        ([FULL], "a JSON object"),
        ({}, "'category' is missing"),
        ({**FULL, "category": "gremlins"}, 'one of "none", "wrong_call", "timeout"'),
        ({**FULL, "category": 1}, "not valid in the field 'category'"),
        ({**FULL, "where": None}, "'where' is missing"),
        ({**FULL, "where": "none"}, "'where' is missing"),
        ({**FULL, "what": 3}, "must be text"),
        ({**FULL, "count": 2.5}, "must be an integer"),
        ({**FULL, "count": True}, "must be an integer"),
        ({**FULL, "sure": "yes"}, "true or false"),
        ({**FULL, "why": "because"}, '"why" is not a field'),
    ],
)
def test_what_does_not_fit_the_fields_is_refused_with_what_to_give(raw: object, said: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        grade(a_type(), raw)
    assert said in str(refused.value)


def test_without_pass_there_is_no_passing_and_a_span_is_always_needed() -> None:
    value_type = a_type(**{"pass": None})
    assert grade(value_type, FULL).passed is None
    with pytest.raises(InvalidValue, match="'where' is missing"):
        grade(value_type, {"category": "none"})


@pytest.mark.parametrize(
    "options",
    [
        {"type": "list"},
        {"items": "str"},
        {"threshold": 1},
        {"values": ["a"]},
        {"label": None},
        {"label": "what"},
        {"label": "other"},
        {"fields": None},
        {"pass": ["perfect"]},
        {"fields": {"category": ["a", "A"]}, "pass": None},
        {"fields": {"category": ["a", "failed"]}, "pass": None},
        {"optional": True},
    ],
)
def test_fields_that_contradict_other_keys_are_an_error_at_construction(options: dict[str, Any]) -> None:
    with pytest.raises(InstructionsError, match="judge 'judge'"):
        a_type(**options)
