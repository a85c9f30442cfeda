"""Redaction: what is found, under which disguise, and what becomes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanProto

from otel_judge.attributes import AttributeValue
from otel_judge.config_egress import RedactAttributes, RedactConfig
from otel_judge.redact import Redactor
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import SpanBlock, Trace

EMAIL, CARD = "ann@example.com", "4111111111111111"


def a_trace(attributes: dict[str, AttributeValue], name: str = "work", **resource: AttributeValue) -> Trace:
    build = TraceBuilder(resource=resource)
    build.span(name, attributes=attributes)
    return build.trace()


def shown(value: AttributeValue, key: str = "text", **config: Any) -> AttributeValue:
    """What becomes of an attribute's value."""
    seen = Redactor(RedactConfig.model_validate(config)).redact_now(a_trace({key: value}))
    return seen.trace.root.attributes[key]


@pytest.mark.parametrize(
    "secret",
    [
        "sk-ant-api03-Abc123",
        "sk-proj-ab12cd34ef",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_abcd1234",
        "github_pat_11AAAA",
        "glpat-abcdef12",
        "xoxb-123-abc",
        "sk_live_abcd",
        "AIzaSyabcdef",
        "npm_a1B2c3d4e5",
        "pypi-AgEIcHlwaS5v",
        "hf_AbCd1234ef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig_nature",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMIIEabc",  # cut off
        EMAIL,
        "josé@exämple.fr",
        "ann%40example.com",
        "4111 1111 1111 1111",
        "3782 822463 10005",
    ],
)
def test_what_is_known_by_its_shape_is_replaced(secret: str) -> None:
    assert shown(f"it is {secret}") in ("it is <secret-1>", "it is <email-1>", "it is <card-1>")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Authorization: Bearer abc123def456", "Authorization: Bearer <secret-1>"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic <secret-1>"),
        ("postgres://ann:pa55w0rd@db:5432/x", "postgres://<secret-1>@db:5432/x"),
        ("password=hunter2", "password=<secret-1>"),
        ("password: letmein", "password: <secret-1>"),
        ("api_key='x y z'", "api_key='<secret-1>'"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws_secret_access_key = <secret-1>"),
    ],
)
def test_a_secret_is_known_by_what_stands_around_it(text: str, left: str) -> None:
    assert shown(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "sk-learn and scikit",
        "task-123456789012345678",
        "1700000000000000000",
        "1234567890123456",
        "0.4111111111111111",
        "bearer authentication",
        "basic functionality",
        "password: required",
        "api_key=os.environ[",
        "password=get_password()",
        "npm_lifecycle_event",
        "hf_hub_download",
        "logo@2x.png",
        "npm i pkg@1.2.3",
        "gen_ai.usage.input_tokens: 5",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert shown(text) == text


def test_json_keeps_its_layout_and_its_validity() -> None:
    text = '{ "to":"ann\\u0040example.com", "note":"hi\\nsk-ant-abc123", "card": 4111111111111111 ,"n": [1, 2.50]}'
    assert shown(text) == '{ "to":"<email-1>", "note":"hi\\n<secret-1>", "card": "<card-1>" ,"n": [1, 2.50]}'


def test_json_within_json_is_read_to_the_bottom() -> None:
    inner = json.dumps({"to": EMAIL, "n": int(CARD)}).replace("@", "\\u0040")
    deep = json.dumps({"a": json.dumps({"b": inner})})
    left = shown(deep)
    assert isinstance(left, str)
    assert json.loads(json.loads(json.loads(left)["a"])["b"]) == {"to": "<email-1>", "n": "<card-1>"}


def test_escapes_are_undone_in_what_is_no_json() -> None:
    assert shown('{"to": "x\\nann\\u0040example.com and') == '{"to": "x\\<email-1> and'.replace("\\<", "\\n<")


def test_keys_say_what_their_values_are() -> None:
    text = '{"password": "a b", "list": {"api-key": ["k1 k2"]}, "max_tokens": 5, "token": "word", "secret": null}'
    assert shown(text) == (
        '{"password": "<secret-1>", "list": {"api-key": ["<secret-2>"]}, '
        '"max_tokens": 5, "token": "word", "secret": null}'
    )
    assert shown("quite short", key="db.password") == "<secret-1>"
    assert shown(["Bearer abc123def"], key="http.request.header.authorization") == ["Bearer <secret-1>"]


def test_every_place_of_a_trace_is_redacted_with_one_name_for_one_value() -> None:
    build = TraceBuilder(resource={"owner": EMAIL})
    span = build.span(
        f"mail {EMAIL}",
        error=f"no {EMAIL}",
        attributes={f"to {EMAIL}": [{"k": EMAIL, EMAIL: b"to " + EMAIL.encode()}], "card": int(CARD), "f": float(CARD)},
    )
    build.event(span, f"sent {EMAIL}", {"to": EMAIL.upper()})
    build.link(span, "ab" * 16, "cd" * 8, {"to": EMAIL})
    (block,) = build.trace().blocks
    proto = SpanProto.FromString(block.spans[0])
    proto.trace_state, proto.links[0].trace_state = f"a={EMAIL}", f"b={EMAIL}"
    unknown = bytes([0xFA, 0x3E, len(EMAIL)]) + EMAIL.encode()  # field 1007, which no version of the protocol has
    trace = Trace(proto.trace_id, [SpanBlock(block.origin, [proto.SerializeToString() + unknown])])
    seen = Redactor().redact_now(trace)
    assert seen.redactions == {"email": 1, "card": 1}
    held = b"".join(data for block in seen.trace.blocks for data in (block.origin.resource, *block.spans))
    assert EMAIL.encode() not in held.lower()
    assert CARD.encode() not in held
    root = seen.trace.root
    assert (root.name, root.status_message) == ("mail <email-1>", "no <email-1>")
    assert root.attributes["to <email-1>"] == [{"k": "<email-1>", "<email-1>": b"to <email-1>"}]
    assert (root.attributes["card"], root.attributes["f"]) == ("<card-1>", "<card-1>")
    assert root.resource["owner"] == "<email-1>"
    assert (root.span_id, seen.trace.trace_id) == (trace.root.span_id, trace.trace_id)
    assert trace.root.name == f"mail {EMAIL}"


def test_a_clean_trace_stays_the_same_object() -> None:
    trace = a_trace({"a": "nothing here", "n": 5})
    assert Redactor().redact_now(trace).trace is trace


def test_an_attribute_that_stands_twice_is_redacted_twice() -> None:
    (block,) = a_trace({"a": EMAIL}).blocks
    proto = SpanProto.FromString(block.spans[0])
    proto.attributes.add(key="a").value.string_value = "clean"
    seen = Redactor().redact_now(Trace(proto.trace_id, [SpanBlock(block.origin, [proto.SerializeToString()])])).trace
    assert EMAIL.encode() not in seen.blocks[0].spans[0]


def test_denied_attributes_and_those_that_are_not_allowed_lose_their_values() -> None:
    attributes = RedactAttributes(deny=("user.*",), allow=("http.*", "user.id", "service.name"))
    trace = a_trace({"http.route": "/a", "user.id": "7", "other": "x", "again": "x"})
    seen = Redactor(RedactConfig(attributes=attributes)).redact_now(trace)
    assert seen.trace.root.attributes == {
        "http.route": "/a",
        "user.id": "<denied-1>",
        "other": "<denied-2>",
        "again": "<denied-2>",
    }
    assert seen.redactions == {"denied": 2}


def test_own_patterns_name_their_kind_and_may_be_anchored() -> None:
    own = [{"name": "ticket", "regex": r"TICKET-(\d+)"}, {"name": "whole", "regex": r"^only$"}]
    assert shown('{"a": "TICKET-77", "b": "only", "c": "not only"}', patterns=own) == (
        '{"a": "TICKET-<ticket-1>", "b": "<whole-1>", "c": "not only"}'
    )
    assert shown(EMAIL, patterns=own) == EMAIL


def test_nothing_is_redacted_where_it_is_off() -> None:
    trace = a_trace({"a": EMAIL})
    assert Redactor(None).redact_now(trace).trace is trace


def test_what_a_caller_gives_has_the_same_names() -> None:
    seen = Redactor().redact_now(a_trace({"a": EMAIL}))
    given = seen.given({"to": [EMAIL, "bob@example.com"], "password": "p w", "n": int(CARD)})
    assert given == {"to": ["<email-1>", "<email-2>"], "password": "<secret-1>", "n": "<card-1>"}


def test_what_is_redacted_once_is_redacted() -> None:
    trace = a_trace({"a": f'{{"password": "hunter2", "to": "{EMAIL}"}}', "b": "password=hunter2"}, name=EMAIL)
    once = Redactor().redact_now(trace).trace
    assert Redactor().redact_now(Trace(once.raw_trace_id, once.blocks)).trace.root.attributes == once.root.attributes


def test_a_name_is_told_as_it_stands_in_the_redacted_trace() -> None:
    trace = a_trace({"to": "bob@example.com"}, name=f"mail {EMAIL} for bob@example.com")
    redactor = Redactor()
    assert redactor.name(trace, trace.root) == redactor.redact_now(trace).trace.root.name != trace.root.name
    assert Redactor(None).name(trace, trace.root) == trace.root.name


def test_a_name_with_a_secret_is_not_told_where_redaction_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> Trace:
        raise ValueError("broken")

    monkeypatch.setattr("otel_judge.redact.redactor.redacted", failing)
    trace, plain = a_trace({}, name=f"mail {EMAIL}"), a_trace({}, name="mail")
    redactor = Redactor()
    assert (redactor.name(trace, trace.root), redactor.name(plain, plain.root)) == ("", "mail")
