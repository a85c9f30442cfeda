"""`otel-judge agree`: judges what people have labelled, and says how far the two agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ..agreement import Agreement, JudgeAgreement
    from ..config import Config
    from ..feedback import Feedback
    from ..label import Label
    from ..trace import Trace

MEASURES = ("kappa", "accuracy", "tpr", "tnr")
BAD_LINES = 5  # that are named; the others are counted


def add_to(app: typer.Typer) -> None:
    @app.command()
    def agree(
        sources: list[str] | None = typer.Argument(
            None, metavar="SOURCE...", help="OTLP files, folders, - or live:ADMIN_URL; labels in them count too."
        ),
        config: Path | None = typer.Option(
            None, "--config", "-c", help="The config; else $OTEL_JUDGE_CONFIG, else otel-judge.yaml here, if any."
        ),
        *,
        labels: list[Path] | None = typer.Option(None, help="JSON lines with trace_id and label; may be repeated."),
        judge: str | None = typer.Option(None, help="Only this judge; labels that name none are about it."),
        results: list[Path] | None = typer.Option(
            None, help="Verdicts of an earlier run --json in place of new ones; several are repeats."
        ),
        repeat: int = typer.Option(1, min=1, help="Judge each trace so often: the first counts, the rest show flips."),
        threshold: float | None = typer.Option(None, help="Scores of people from here up pass."),
        random_only: bool = typer.Option(False, "--random-only", help="Leave out what queue picked as uncertain."),
        fail_under: list[str] | None = typer.Option(
            None, metavar="MEASURE=X", help="Exit 1 if a judge's kappa, accuracy, tpr or tnr is lower, or undefined."
        ),
        width: float = typer.Option(0.2, min=0.01, help="Say how many labels an interval of this width still needs."),
        save: Path | None = typer.Option(None, help="Remember the judges as calibrated in this file."),
        json: Path | None = typer.Option(None, help="Write all of it to this file; - for standard output."),
        seed: int = typer.Option(0, help="Of the intervals' random draws."),
    ) -> None:
        """Compare judges with what people said of the same traces."""
        from .. import logs
        from ..agreement import Bootstrap, agreement, read_labels, read_results
        from ..errors import SourceError
        from .agree_show import show
        from .gates import parse_gates
        from .writing import write_json

        logs.configure()
        gates = dict(parse_gates(fail_under or [], MEASURES, "MEASURE", lowest=-1.0))
        files = read_labels(labels or [])
        for bad in files.bad[:BAD_LINES]:
            typer.echo(f"otel-judge: {bad}", err=True)
        if files.bad:
            typer.echo(f"otel-judge: {len(files.bad)} lines are no labels and are left out", err=True)
        traces, found = _read(sources or [], files.labels)
        said = [label for label in found if not (random_only and label.picked == "uncertain")]
        if not said:
            raise SourceError("--labels", "no labels", "name a file, or a source that holds some")
        if results:
            feedback = [each for path in results for each in read_results(path) if judge in (None, each.name)]
        else:
            feedback = _grade(config, judge, traces, said, repeat)
        try:
            compared = agreement(feedback, said, judge=judge, threshold=threshold, bootstrap=Bootstrap(seed=seed))
        except ValueError as error:
            raise SourceError("--labels", str(error), "choose with --judge") from None
        if not compared.judges:
            raise SourceError("--labels", f"none of {len(said)} labels is about a verdict here", _names(said, feedback))
        if json is not None:
            write_json(json, compared.as_dict())
        if json is None or str(json) != "-":
            show(compared, blank=files.blank, width=width)
        if save is not None:
            _save(save, compared)
        counting = [each for each in compared.judges if each.shadow_of is None or each.name == judge]
        missed = [line for each in counting for line in _missed(each, gates)]
        for line in missed:
            typer.echo(f"otel-judge: {line}", err=True)
        if missed:
            raise typer.Exit(1)


def _read(sources: Sequence[str], labels: Sequence[Label]) -> tuple[list[Trace], list[Label]]:
    """The traces that are labelled, and all labels: those given, and those in the sources."""
    from ..label import labels_of
    from ..sources import Skipped, live, read_traces

    skipped = Skipped()
    apart = live.labels(sources)
    traces = list(read_traces(*sources, skipped=skipped, said=apart.append))
    for line in skipped.lines():
        typer.echo(line, err=True)
    labels = [*labels, *(label for trace in traces for label in labels_of(trace)), *apart]
    wanted = {label.trace_id for label in labels}
    return [trace for trace in traces if trace.trace_id in wanted], list(dict.fromkeys(labels))


def _grade(
    path: Path | None, judge: str | None, traces: Sequence[Trace], labels: Sequence[Label], repeat: int
) -> list[Feedback]:
    """What the judges that the labels are about say of the traces, whatever sampling would take."""
    import asyncio
    from dataclasses import replace

    from ..batch import grade
    from ..config_file import load
    from ..engine import Engine, Plan
    from ..errors import ConfigError, SourceError

    config = load(path)
    if not traces:
        raise SourceError("SOURCE", f"none of the {len(labels)} labels is about a trace here", "are they of this data?")
    engine = Engine(Plan.of(_chosen(config, judge, labels)))
    if engine.judges_sessions:
        raise ConfigError(
            "agree",
            "a judge of sessions needs all traces of a conversation, and only those that are labelled are judged here",
            "judge them by run --json FILE, and give that FILE to --results",
        )
    shadows = {each.name: each.shadow_of for each in config.judges}  # one that runs alone still answers for its primary

    async def work() -> list[Feedback]:
        try:
            rows = [row for _ in range(repeat) for row in await grade(traces, engine)]
            return [replace(each, shadow_of=shadows.get(each.name)) for row in rows for each in row.feedback]
        finally:
            await engine.aclose()

    return asyncio.run(work())


def _chosen(config: Config, judge: str | None, labels: Sequence[Label]) -> Config:
    """The config with the scorers that the labels are about, and their shadows; without sampling."""
    from ..config import Sampling
    from ..errors import ConfigError
    from .choosing import only

    if judge is not None:
        names = {judge}
    else:
        named = {label.name for label in labels}
        scorers = {*(each.name for each in config.judges), *(check.type for check in config.checks)}
        names = {name for name in named if name in scorers}
        if None in named:
            primaries = [each.name for each in config.judges if each.shadow_of is None]
            if len(primaries) != 1:
                there = ", ".join(primaries) or "none"
                raise ConfigError("--labels", "some name no judge", f"choose one with --judge; there are {there}")
            names |= set(primaries)
        names |= {each.name for each in config.judges if each.shadow_of in names}
        if not names:
            there = ", ".join(sorted(scorers)) or "none"
            asked = ", ".join(sorted(name for name in named if name))
            raise ConfigError("--labels", f"they are about {asked}, which no scorer is called", f"there are {there}")
    return only(config, names).model_copy(update={"sampling": Sampling()})


def _names(labels: Sequence[Label], feedback: Sequence[Feedback]) -> str:
    judges = ", ".join(sorted({each.name for each in feedback})) or "none"
    names = ", ".join(sorted({label.name or "no judge" for label in labels}))
    return f"they name {names}; there are verdicts of {judges}"


def _missed(judge: JudgeAgreement, gates: dict[str, float]) -> Iterable[str]:
    named = judge.measures.named() if judge.measures else {}
    for name, least in gates.items():
        measure = named.get(name)
        value = None if measure is None else measure.value
        if value is None:
            yield f"{judge.name}: {name} is not defined on these labels, and must be at least {least:g}"
        elif value < least:
            yield f"{judge.name}: {name} is {value:.3f}, and must be at least {least:g}"


def _save(path: Path, compared: Agreement) -> None:
    from ..agreement import Calibrations

    known = Calibrations.load(path) if path.exists() else Calibrations()
    known.with_records(each.calibration() for each in compared.judges if each.table.n).save(path)
