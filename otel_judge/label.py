"""What people said of a trace: labels as values, as JSON, and as they stand in OpenTelemetry.

In OpenTelemetry a label is an evaluation (`gen_ai.evaluation.*`) marked `gen_ai.evaluation.evaluator.type: human`: an
event on the span that it is about, also as a log record (`log_events`), or a span of its own below that one. In
OpenInference it is an annotation (`annotations`) whose `annotator_kind` is `HUMAN`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, cast

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from . import semconv
from .annotations import KIND_MARK, annotations_on, is_carrier
from .attributes import decode_attributes
from .trace import SpanBlock, Trace

_MARKS: Final = (semconv.EVALUATOR_TYPE.encode(), KIND_MARK)
"""One of them stands in the bytes of every span that holds a label."""

_HUMAN = "human"
_LONGEST_WORD = 200  # characters of a label or a name
_LONGEST_TEXT = 2_000  # characters of a rationale

Picked = Literal["random", "uncertain"]


@dataclass(frozen=True, slots=True)
class Label:
    """One person's word on a trace or a span of it. At least one of `label`, `score` and `passed` is set."""

    trace_id: str
    """32 hex digits."""
    span_id: str | None = None
    """16 hex digits; None: the trace as a whole."""
    name: str | None = None
    """Name of the judge that answers the same question; None where whoever reads the label has to say."""
    label: str | None = None
    score: float | None = None
    passed: bool | None = None
    rationale: str = ""
    annotator: str | None = None
    """Who said so."""
    picked: Picked | None = None
    """How the trace came to be labelled, where `otel-judge queue` chose it."""

    def as_dict(self) -> dict[str, object]:
        """For JSON; what is not set is left out. `parse_label` reads it."""
        return {key: value for key, value in asdict(self).items() if value not in (None, "")}


def parse_label(entry: object) -> Label | None:
    """The label in a JSON object; None where nobody has filled it in yet. Raises `ValueError` that says what is wrong.

    `label` (or `value`) is a word, a number or true and false; `score` a number; `passed` true or false. One of
    them is enough. Keys that are not known are passed over.
    """
    if not isinstance(entry, dict):
        raise ValueError("not a JSON object")
    given = cast("dict[str, object]", entry)
    trace_id = _hex_id(given, "trace_id", 32)
    if trace_id is None:
        raise ValueError("trace_id is missing")
    said = given.get("label") if given.get("label") not in (None, "") else given.get("value")
    score, passed = _number(given, "score"), _truth(given, "passed")
    label: str | None = None
    if isinstance(said, bool):
        passed = said if passed is None else passed
    elif isinstance(said, int | float):
        score = float(said) if score is None else score
    elif isinstance(said, str):
        label = said.strip()[:_LONGEST_WORD] or None
    elif said is not None:
        raise ValueError("label is neither a word, a number nor true or false")
    if score is not None and not math.isfinite(score):
        raise ValueError("the score is not a finite number")
    if label is None and score is None and passed is None:
        return None
    picked = given.get("picked")
    return Label(
        trace_id,
        _hex_id(given, "span_id", 16),
        _text(given, "name")[:_LONGEST_WORD] or None,
        label,
        score,
        passed,
        _text(given, "rationale")[:_LONGEST_TEXT],
        _text(given, "annotator")[:_LONGEST_WORD] or None,
        picked if picked in ("random", "uncertain") else None,
    )


def may_hold_label(data: bytes) -> bool:
    """False for the bytes of spans that hold no label, in any number of them."""
    return any(mark in data for mark in _MARKS)


def labels_of(trace: Trace) -> Iterator[Label]:
    """The labels that stand in a trace."""
    for block in trace.blocks:
        for data in block.spans:
            if may_hold_label(data):
                yield from labels_on(Span.FromString(data))


def without_labels(trace: Trace) -> Trace:
    """The trace without spans that are nothing but a label: none of them is its root or counts as work done.

    The same one where it holds none, or nothing else.
    """
    if not any(may_hold_label(data) for block in trace.blocks for data in block.spans):
        return trace
    kept = [
        SpanBlock(origin, [data for data in spans if not may_hold_label(data) or not is_label(Span.FromString(data))])
        for origin, spans in trace.blocks
    ]
    blocks = [block for block in kept if block.spans]
    if not blocks:
        return trace
    return trace.remade(blocks)


def labels_on(span: Span) -> Iterator[Label]:
    """The labels that a span holds."""
    trace_id = span.trace_id.hex()
    if _is_evaluation(span):
        about = span.parent_span_id.hex() if any(span.parent_span_id) else None
        yield from _label(trace_id, about, span.attributes)
        return
    for attributes in (span.attributes, *(event.attributes for event in span.events)):
        yield from _label(trace_id, span.span_id.hex(), attributes)
    for annotation in annotations_on(span):
        said, about = annotation.fields, annotation.span_id
        if _is_human(said.get("annotator_kind")):
            entry = {key: said.get(key) for key in ("name", "label", "score")}
            more = {"rationale": said.get("explanation"), "annotator": said.get("identifier")}
            place = {"trace_id": annotation.trace_id.hex(), "span_id": None if about is None else about.hex()}
            yield from _parsed({**place, **entry, **more})


def is_label(span: Span) -> bool:
    """Whether the span is nothing but a label: no operation of the program that is judged."""
    if _is_evaluation(span):
        return True
    return is_carrier(span) and any(_is_human(said.get("annotator_kind")) for _, _, said in annotations_on(span))


def _is_evaluation(span: Span) -> bool:
    keys = {attribute.key for attribute in span.attributes}
    return (
        semconv.EVALUATION_NAME in keys and semconv.OPERATION_NAME not in keys and _human(span.attributes) is not None
    )


def _human(attributes: Iterable[KeyValue]) -> Mapping[str, Any] | None:
    """The attributes, decoded, where they are a person's evaluation."""
    decoded = decode_attributes(attributes)
    return decoded if _is_human(decoded.get(semconv.EVALUATOR_TYPE)) else None


def _is_human(kind: object) -> bool:
    return isinstance(kind, str) and kind.lower() == _HUMAN


def _label(trace_id: str, span_id: str | None, attributes: Iterable[KeyValue]) -> Iterator[Label]:
    said = _human(attributes)
    if said is None:
        return
    entry = {
        "trace_id": trace_id,
        "span_id": span_id,
        "name": said.get(semconv.EVALUATION_NAME),
        "label": said.get(semconv.SCORE_LABEL),
        "score": said.get(semconv.SCORE_VALUE),
        "rationale": said.get(semconv.EXPLANATION),
        "annotator": said.get(semconv.EVALUATOR_ID),
    }
    yield from _parsed(entry)


def _parsed(entry: Mapping[str, object]) -> Iterator[Label]:
    try:
        label = parse_label(entry)
    except ValueError:  # such as a score that is text: an evaluation of some kind, but no label
        return
    if label is not None:
        yield label


def _hex_id(given: Mapping[str, object], key: str, digits: int) -> str | None:
    value = given.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, str) and len(value) == digits:
        try:
            return bytes.fromhex(value).hex()
        except ValueError:
            pass
    raise ValueError(f"{key} is not {digits} hex digits")


def _number(given: Mapping[str, object], key: str) -> float | None:
    value = given.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{key} is not a number")
    return float(value)


def _truth(given: Mapping[str, object], key: str) -> bool | None:
    value = given.get(key)
    if value is None or isinstance(value, bool):
        return value
    raise ValueError(f"{key} is neither true nor false")


def _text(given: Mapping[str, object], key: str) -> str:
    value = given.get(key)
    return value if isinstance(value, str) else ""
