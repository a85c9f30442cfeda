"""Grades as OpenInference writes them on spans: annotations, also called evaluations.

By its specification, "Annotations and Evaluations": attributes `annotations.N.annotation.FIELD` or
`evaluations.N.evaluation.FIELD`, about a span; with `trace.` before them about its trace, with `session.` about its
session. They are about the span on which they stand, or about the one that it links to, where that span is a carrier:
made once the other had ended, with a single link.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from . import semconv
from .attributes import decode_attributes

KIND_MARK: Final = b".annotator_kind"
"""Stands in the bytes of every span that says who has graded."""
MARKS: Final = (b".annotation.", b".evaluation.")
"""One of them stands in the bytes of every span that has annotations."""

_SPAN_KIND = "openinference.span.kind"
_EVALUATOR = "EVALUATOR"
_KEY = re.compile(r"(trace\.|session\.)?(annotations\.[0-9]+\.annotation|evaluations\.[0-9]+\.evaluation)\.([^.]+)")


class Annotation(NamedTuple):
    """What was said of one span or trace."""

    trace_id: bytes
    span_id: bytes | None
    """None: the trace as a whole."""
    fields: Mapping[str, Any]
    """`name`, `score`, `label`, `explanation`, `annotator_kind`, `identifier`, `metadata`, as far as given."""


def is_annotation(key: str) -> bool:
    """Whether an attribute of that name is part of one."""
    return _KEY.fullmatch(key) is not None


def annotations_on(span: Span) -> Iterator[Annotation]:
    """Those of a span, in the order of their attributes; what is about a session is left out."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for key, value in decode_attributes(span.attributes).items():
        if (parts := _KEY.fullmatch(key)) is not None and parts[1] != "session.":
            found.setdefault((parts[1] or "", parts[2]), {})[parts[3]] = value
    about = span.links[0] if found and is_carrier(span) else span
    for (scope, _), fields in found.items():
        yield Annotation(about.trace_id, None if scope else about.span_id, fields)


def is_carrier(span: Span) -> bool:
    """Whether the span was made to hold annotations of the one that it links to."""
    if len(span.links) != 1:
        return False
    keys = {attribute.key: attribute.value for attribute in span.attributes}
    kind = keys.get(_SPAN_KIND)
    ours = kind is None or kind.string_value == _EVALUATOR
    return ours and semconv.OPERATION_NAME not in keys and any(map(is_annotation, keys))
