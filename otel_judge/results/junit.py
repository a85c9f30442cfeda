"""Results as JUnit XML, which CI systems show: a suite for each scorer, in it a case for each trace."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree as ET

from ..feedback import Feedback, Outcome
from .ordered import Ordered
from .row import Row

_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write, escaped or not."""
_COUNTS: Final = {"failures": "failure", "errors": "error", "skipped": "skipped"}
"""Attributes of a suite, by the elements that they count."""


class JUnit:
    """A verdict that fails is a failure, a judgement that failed an error, and what was not judgeable is skipped.

    Shadows are in none of it. A suite begins with its counts, so that cases wait on disk until all are there.
    """

    def __init__(self) -> None:
        self._cases = Ordered()
        self._counts: dict[str, Counter[str]] = {}
        self._seconds: dict[str, float] = {}

    def add(self, row: Row) -> None:
        for feedback in row.feedback:
            if feedback.shadow_of is None:
                case, what = _case(row, feedback)
                self._cases.put(feedback.name, row.number, case)
                self._counts.setdefault(feedback.name, Counter())[what] += 1
                self._seconds[feedback.name] = self._seconds.get(feedback.name, 0.0) + feedback.duration_s

    def chunks(self) -> Iterator[bytes]:
        """The document, suites as they came and cases in the order of the traces. Raises `SourceError`."""
        yield b"<?xml version='1.0' encoding='utf-8'?>\n<testsuites name=\"otel-judge\">\n"
        for name, counts in self._counts.items():
            told = {attribute: str(counts[tag]) for attribute, tag in _COUNTS.items()}
            suite = ET.Element("testsuite", {"name": _text(name), "tests": str(counts.total()), **told})
            suite.set("time", f"{self._seconds[name]:.3f}")
            opened, closed = ET.tostring(suite, encoding="utf-8", short_empty_elements=False).split(b"></")
            yield b"  " + opened + b">\n"
            yield from self._cases.read(name)
            yield b"  </" + closed + b"\n"
        yield b"</testsuites>\n"


def _case(row: Row, feedback: Feedback) -> tuple[bytes, str]:
    """A test case, and what its one element is."""
    case = ET.Element(
        "testcase",
        classname=_text(feedback.name),
        name=_text(f"{row.root} {row.trace_id}".strip()),
        time=f"{feedback.duration_s:.3f}",
    )
    said = _text(feedback.rationale)
    if feedback.error is not None:
        told = ET.SubElement(case, "error", type=_text(feedback.error.type), message=_text(feedback.error.message))
        told.text = said
    elif feedback.outcome is Outcome.NOT_JUDGEABLE:
        told = ET.SubElement(case, "skipped", message=said)
    elif feedback.passed is False:
        told = ET.SubElement(case, "failure", type=_text(feedback.label), message=said)
        quotes = [f"{each.span_id} {each.path or ''}: {each.quote}" for each in feedback.evidence]
        told.text = _text("\n".join([feedback.rationale, *quotes]))
    else:
        score = "" if feedback.score is None else f" {feedback.score:g}"
        told = ET.SubElement(case, "system-out")
        told.text = _text(f"{feedback.label}{score}\n{feedback.rationale}")
    ET.indent(case, level=2)
    return b"    " + ET.tostring(case, encoding="utf-8") + b"\n", told.tag


def _text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
