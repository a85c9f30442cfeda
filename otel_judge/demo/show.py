"""Score spans as people want to see them: a table by run, what failed first, passes in one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanProto
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .. import semconv
from ..attributes import Attributes, decode_attributes
from .agent import Played

_WIDE = 100  # columns from which evidence has one of its own
_WHY_CHARACTERS = 220
_QUOTE_CHARACTERS = 90
_QUOTES_SHOWN = 2
_COLOURS = {"pass": "green", "fail": "bold red"}
_OTHER_COLOUR = "yellow"

NEXT_STEPS = (
    (
        "Your own app",
        "otel-judge serve, and in the app OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:14317 (HTTP: 14318)",
    ),
    ("Beside a Collector", "otel-judge serve, and the pipelines of collector-config.yaml"),
    ("Stored traces", "otel-judge run traces.jsonl"),
)
"""What to do next: one line each."""


@dataclass(frozen=True, slots=True)
class Quote:
    """One piece of evidence."""

    span_id: str
    text: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """One score span, read back."""

    trace_id: str
    scorer: str
    kind: str
    """`check` or `judge`."""
    label: str
    score: float | None
    why: str
    evidence: tuple[Quote, ...]
    error: str | None
    """`error.type`, where the scorer itself failed."""
    calibration: str | None = None
    """Of a judge: whether it was measured against people."""


def read_verdicts(spans: Iterable[tuple[SpanProto, Attributes]]) -> list[Verdict]:
    """The verdicts among spans, each given with its resource's attributes, in the order in which they came.

    Spans that are not scores (a judge's own work) or not of otel-judge are passed over, and so are resends.
    """
    found: dict[object, Verdict] = {}
    for span, resource in spans:
        attributes = decode_attributes(span.attributes)
        if resource.get(semconv.EMITTER) is not True or semconv.EVALUATION_NAME not in attributes:
            continue
        found.setdefault(attributes.get(semconv.EVALUATION_ID, span.span_id), _verdict(span, attributes))
    return list(found.values())


def _verdict(span: SpanProto, attributes: Attributes) -> Verdict:
    score = attributes.get(semconv.SCORE_VALUE)
    error = attributes.get(semconv.ERROR_TYPE)
    calibration = attributes.get(semconv.CALIBRATION)
    events = [decode_attributes(event.attributes) for event in span.events if event.name == semconv.EVIDENCE]
    return Verdict(
        trace_id=span.trace_id.hex(),
        scorer=str(attributes[semconv.EVALUATION_NAME]),
        kind=str(attributes.get(semconv.SCORER_KIND, "check")),
        label=str(attributes.get(semconv.SCORE_LABEL, "")),
        score=float(score) if isinstance(score, int | float) else None,
        why=str(attributes.get(semconv.EXPLANATION, "")),
        evidence=tuple(
            Quote(
                span_id=str(event.get(semconv.EVIDENCE_SPAN_ID, "")),
                text=str(event.get(semconv.EVIDENCE_QUOTE, "")),
                verified=event.get(semconv.EVIDENCE_VERIFIED) is not False,
            )
            for event in events
        ),
        error=str(error) if error is not None else None,
        calibration=None if calibration is None else str(calibration),
    )


def report(console: Console, runs: Sequence[Played], verdicts: Sequence[Verdict]) -> None:
    """Print the table and the line that sums it up."""
    console.print()
    console.print(table(runs, verdicts, width=console.width))
    console.print(summary(runs, verdicts))


def next_steps(console: Console) -> None:
    """Print what to do next, in three lines. They are never broken, so that they can be copied."""
    console.print()
    for title, step in NEXT_STEPS:
        console.print(Text.assemble((f"{title:<20}", "bold"), step), soft_wrap=True)


def table(runs: Sequence[Played], verdicts: Sequence[Verdict], *, width: int) -> Table:
    """A table for a terminal of `width` columns. A narrow one has the evidence beneath the reason."""
    wide = width >= _WIDE
    result = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, expand=True)
    result.add_column("trace", no_wrap=True)
    result.add_column("scorer", no_wrap=True)
    result.add_column("label", no_wrap=True)
    result.add_column("score", justify="right", no_wrap=True)
    result.add_column("why", ratio=4)
    if wide:
        result.add_column("evidence", ratio=3)
    for run in runs:
        rows = _rows([verdict for verdict in verdicts if verdict.trace_id == run.trace_id], wide=wide)
        names = [Text.assemble((run.title, "bold"), "\n", (run.trace_id[:8], "cyan")), *([Text()] * (len(rows) - 1))]
        for name, row in zip(names, rows, strict=True):
            result.add_row(name, *row)
        result.add_section()
    return result


def summary(runs: Sequence[Played], verdicts: Sequence[Verdict]) -> Text:
    """How many traces, spans and verdicts, and how they came out."""
    passed = sum(verdict.label == "pass" for verdict in verdicts)
    failed = sum(verdict.label == "fail" for verdict in verdicts)
    line = Text(f"{len(runs)} traces, {sum(run.spans for run in runs):,} spans, {len(verdicts)} verdicts: ")
    line.append(f"{passed} pass", "green").append(", ").append(f"{failed} fail", "bold red")
    if others := len(verdicts) - passed - failed:
        line.append(", ").append(f"{others} other", _OTHER_COLOUR)
    return line


def _rows(verdicts: Sequence[Verdict], *, wide: bool) -> list[list[Text]]:
    """A row for each verdict that says something, failures first, and one row for all checks that pass."""
    if not verdicts:
        return [_row(Text("no verdict", _OTHER_COLOUR), Text(), Text(), Text(), Text(), wide=wide)]
    quiet = [verdict for verdict in verdicts if verdict.kind == "check" and verdict.label == "pass"]
    loud = sorted((verdict for verdict in verdicts if verdict not in quiet), key=_urgency)
    rows = [
        _row(
            _scorer(verdict),
            _label(verdict.label),
            Text("-" if verdict.score is None else f"{verdict.score:.3g}"),
            Text(_shorten(f"{verdict.error}: {verdict.why}" if verdict.error else verdict.why, _WHY_CHARACTERS)),
            _evidence(verdict.evidence),
            wide=wide,
        )
        for verdict in loud
    ]
    if quiet:
        names = ", ".join(verdict.scorer for verdict in quiet)
        count = f"{len(quiet)} {'others' if loud else 'checks'}" if len(quiet) > 1 else quiet[0].scorer
        rows.append(_row(Text(count), _label("pass"), Text(), Text(names, "dim"), Text(), wide=wide))
    return rows


def _row(scorer: Text, label: Text, score: Text, why: Text, evidence: Text, *, wide: bool) -> list[Text]:
    if wide:
        return [scorer, label, score, why, evidence]
    return [scorer, label, score, Text("\n").join(part for part in (why, evidence) if part)]


def _urgency(verdict: Verdict) -> tuple[int, bool]:
    return {"fail": 0, "pass": 2}.get(verdict.label, 1), verdict.kind == "check"


def _scorer(verdict: Verdict) -> Text:
    name = Text(verdict.scorer)
    return name.append("\nuncalibrated", "dim") if verdict.calibration == "uncalibrated" else name


def _label(label: str) -> Text:
    return Text(label, _COLOURS.get(label, _OTHER_COLOUR))


def _evidence(quotes: Sequence[Quote]) -> Text:
    lines = [
        Text.assemble(
            (quote.span_id[:8], "cyan"),
            "" if quote.verified else (" not found", _OTHER_COLOUR),
            (f" “{_shorten(quote.text, _QUOTE_CHARACTERS)}”", "italic"),
        )
        for quote in quotes[:_QUOTES_SHOWN]
    ]
    if len(quotes) > _QUOTES_SHOWN:
        lines.append(Text(f"and {len(quotes) - _QUOTES_SHOWN} more", "dim"))
    return Text("\n").join(lines)


def _shorten(text: str, limit: int) -> str:
    """One line of at most `limit` characters, without what could steer a terminal."""
    line = "".join(character for character in " ".join(text.split()) if character.isprintable())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
