"""What `otel-judge agree` prints."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..agreement import Agreement, JudgeAgreement
from .showing import one_line, show_measure, show_usd

SHOWN = 20  # disagreements of a judge; --json has all
_LONGEST_WHY, _LONGEST_QUOTE, _LONGEST_WORD = 600, 160, 30  # characters

_MEANS = {
    "accuracy": "the same grade",
    "kappa": "beyond chance: 1 is perfect, 0 is chance",
    "tpr": "of what people passed, passed by the judge",
    "tnr": "of what people failed, failed by the judge",
}


def show(compared: Agreement, *, blank: int, width: float) -> None:
    """Prints the tables. `width` is that of the interval which the labels still needed are for."""
    console = Console()
    for judge in compared.judges:
        _show_judge(console, judge, width)
    notes = [
        (blank, "lines are not filled in yet"),
        (len(compared.unmatched), "labels are about no verdict here: another trace, another span or another judge"),
        (compared.uncertain, "labels are of traces picked as uncertain: agreement on all traffic is likely higher"),
    ]
    for count, what in notes:
        if count:
            console.print(f"{count} {what}")


def _show_judge(console: Console, judge: JudgeAgreement, width: float) -> None:
    cost = f", {show_usd(judge.cost_usd)}" if judge.cost_usd is not None else ""
    model = f" by {judge.model}" if judge.model else ""
    console.print(Text.assemble((judge.name, "bold"), f" {judge.version}{model}: {judge.table.n} labels{cost}"))
    console.print()
    console.print(_confusion(judge))
    console.print()
    console.print(_measures(judge, width))
    console.print()
    left_out = [
        (judge.split, "on which people do not agree among themselves"),
        (judge.undecided, "of which people said not_judgeable"),
        (judge.not_comparable, "whose label and verdict cannot be compared, such as a score beside a word"),
    ]
    for count, what in left_out:
        if count:
            console.print(f"left out: {count} {what}")
    if judge.flips is not None:
        flips = judge.flips
        console.print(
            f"judged again: {flips.flipped} of {flips.targets} did not get the same grade every time; two judgements "
            f"of a trace differ in {flips.rate:.1%}"
        )
    if judge.disagreements:
        console.print(_disagreements(judge))
        if len(judge.disagreements) > SHOWN:
            console.print(f"… {len(judge.disagreements) - SHOWN} more; --json FILE has all")
        console.print()


def _confusion(judge: JudgeAgreement) -> Table:
    table = judge.table
    said = list(dict.fromkeys([*table.classes, *judge.not_judgeable, *judge.failed]))
    shown = Table("judge said", show_edge=False, pad_edge=False)
    for word in said:
        shown.add_column(_word(f"people: {word}"))
    for column, word in enumerate(table.classes):
        counts = [str(row[column]) for row in table.counts]
        shown.add_row(_word(word), *counts, *("" for _ in said[len(counts) :]))
    shown.add_section()
    for name, counted in (("not_judgeable", judge.not_judgeable), ("failed", judge.failed)):
        shown.add_row(name, *(str(counted[word]) for word in said))
    return shown


def _measures(judge: JudgeAgreement, width: float) -> Table:
    shown = Table("", "95 % interval", "of", f"for ±{width / 2:g}", "", show_edge=False, pad_edge=False)
    named = judge.measures.named() if judge.measures else {}
    rows = [(name, measure, _MEANS[name]) for name, measure in named.items()]
    if judge.measures is not None and len(judge.table.classes) > 2:
        rows += [(f"recall {name}", each, "of what people called so") for name, each in judge.measures.recall.items()]
    if judge.correlation is not None:
        rows.append(("correlation", judge.correlation, "Spearman's, of the scores"))
    for name, measure, means in rows:
        needed = measure.needed(width)
        more = "" if needed is None else f"{needed} more" if needed else "enough"
        shown.add_row(_word(name), show_measure(measure) or "not defined", str(measure.n), more, means)
    return shown


def _disagreements(judge: JudgeAgreement) -> Table:
    shown = Table("trace", "people", "judge", "why, by the judge and by people", show_edge=False, pad_edge=False)
    for each in judge.disagreements[:SHOWN]:
        why = [one_line(each.feedback.rationale, _LONGEST_WHY)]
        why += [
            f"{'' if quote.verified else 'NOT FOUND '}{quote.span_id} “{one_line(quote.quote, _LONGEST_QUOTE)}”"
            for quote in each.feedback.evidence
        ]
        why += [
            one_line(f"{label.annotator or 'people'}: {label.rationale}", _LONGEST_WHY)
            for label in each.labels
            if label.rationale
        ]
        words = _word(each.said), _word(each.judged)
        shown.add_row(each.feedback.trace_id[:16], *words, Text("\n".join(why), overflow="fold"))
    return shown


def _word(text: str) -> Text:
    """Not markup, whatever people wrote."""
    return Text(one_line(text, _LONGEST_WORD))
