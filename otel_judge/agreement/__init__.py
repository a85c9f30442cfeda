"""Agreement of judges with people: labels beside verdicts, what is measured on them, and which traces to label next.

    labels = read_labels(["labels.jsonl"]).labels
    found = agreement(feedback, labels)
    found.judges[0].measures.kappa

Pure functions over values; numpy is imported when intervals are asked for.
"""

from __future__ import annotations

from ..intervals import Bootstrap, Measure
from .calibration import Calibrations
from .compare import Agreement, Disagreement, Flips, JudgeAgreement, agreement
from .files import BadLine, LabelFiles, read_labels, read_results
from .pick import Pick, pick
from .shadows import ShadowReport, shadow_reports
from .statistics import Measures, Table

__all__ = [
    "Agreement",
    "BadLine",
    "Bootstrap",
    "Calibrations",
    "Disagreement",
    "Flips",
    "JudgeAgreement",
    "LabelFiles",
    "Measure",
    "Measures",
    "Pick",
    "ShadowReport",
    "Table",
    "agreement",
    "pick",
    "read_labels",
    "read_results",
    "shadow_reports",
]
