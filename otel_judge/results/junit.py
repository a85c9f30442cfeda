"""Results as JUnit XML, which CI systems show: a suite for each scorer, in it a case for each trace."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from xml.etree import ElementTree as ET

from ..feedback import Feedback, Outcome
from .row import Row

_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write, escaped or not."""


def junit(rows: Iterable[Row]) -> bytes:
    """A verdict that fails is a failure, a judgement that failed an error, and what was not judgeable is skipped.

    Shadows are in none of it.
    """
    suites = ET.Element("testsuites", name="otel-judge")
    by_name: dict[str, ET.Element] = {}
    for row in rows:
        for feedback in row.feedback:
            if feedback.shadow_of is None:
                suite = by_name.get(feedback.name)
                if suite is None:
                    suite = by_name[feedback.name] = ET.SubElement(suites, "testsuite", name=_text(feedback.name))
                _case(suite, row, feedback)
    for suite in by_name.values():
        kinds = {"failures": "failure", "errors": "error", "skipped": "skipped"}
        suite.set("tests", str(len(suite)))
        for name, tag in kinds.items():
            suite.set(name, str(sum(case.find(tag) is not None for case in suite)))
        suite.set("time", f"{sum(float(case.get('time', 0)) for case in suite):.3f}")
    ET.indent(suites)
    return ET.tostring(suites, encoding="utf-8", xml_declaration=True) + b"\n"


def _case(suite: ET.Element, row: Row, feedback: Feedback) -> None:
    case = ET.SubElement(
        suite,
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
        ET.SubElement(case, "skipped", message=said)
    elif feedback.passed is False:
        told = ET.SubElement(case, "failure", type=_text(feedback.label), message=said)
        quotes = [f"{each.span_id} {each.path or ''}: {each.quote}" for each in feedback.evidence]
        told.text = _text("\n".join([feedback.rationale, *quotes]))
    else:
        score = "" if feedback.score is None else f" {feedback.score:g}"
        ET.SubElement(case, "system-out").text = _text(f"{feedback.label}{score}\n{feedback.rationale}")


def _text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
