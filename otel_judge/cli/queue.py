"""`otel-judge queue`: picks the traces that are worth a person's look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ..agreement import Pick
    from ..feedback import Feedback
    from ..label import Label
    from ..trace import Trace


def add_to(app: typer.Typer) -> None:
    @app.command()
    def queue(
        sources: list[str] | None = typer.Argument(
            None, metavar="SOURCE...", help="OTLP files, folders, - or live:ADMIN_URL: judged as the config says."
        ),
        config: Path | None = typer.Option(
            None, "--config", "-c", help="The config; else $OTEL_JUDGE_CONFIG, else otel-judge.yaml here, if any."
        ),
        *,
        n: int = typer.Option(20, "-n", min=1, help="How many traces."),
        judge: str | None = typer.Option(None, help="The judge that people are to check; needed if there are several."),
        results: list[Path] | None = typer.Option(
            None, help="Verdicts of an earlier run --json in place of new ones; several show flips."
        ),
        out: Path = typer.Option(Path("-"), "--out", "-o", help="The file to fill in; - for standard output."),
        seed: int = typer.Option(0, help="Of the random half."),
    ) -> None:
        """Pick traces to label: half at random, half uncertain or disputed. `agree --labels` reads them back.

        Traces that the sources hold a label of are left out.
        """
        from .. import logs
        from ..agreement import pick, read_results
        from ..errors import SourceError
        from .writing import write_lines

        logs.configure()
        if results:
            feedback = [each for path in results for each in read_results(path)]
            traces, labels = list(dict.fromkeys(each.trace_id for each in feedback)), []
        elif sources:
            traces, feedback, labels = _grade(sources, config)
        else:
            raise SourceError("SOURCE", "no traces to pick from", "name a source, or results with --results")
        name = _judge(judge, feedback)
        said = {label.trace_id for label in labels if label.name in (None, name) or name is None}
        picks = pick([each for each in traces if each not in said], feedback, n, judge=name, seed=seed)
        left_out = f"{len(said)} labelled already" if said else ""
        if not picks:
            raise SourceError(", ".join(sources or map(str, results or [])), "no traces to pick from", left_out)
        write_lines(out, [each.as_dict() for each in picks])
        _tell(picks, left_out)


def _grade(sources: list[str], path: Path | None) -> tuple[list[str], list[Feedback], list[Label]]:
    """All trace ids, what the config's judges say of those that sampling takes, and what people said of any."""
    import asyncio

    from ..batch import grade
    from ..config_file import load
    from ..engine import Engine, Plan
    from ..label import labels_of
    from ..results import Row
    from ..sources import live, read_traces

    engine = Engine(Plan.of(load(path)))
    labels = live.labels(sources)

    def traces() -> Iterator[Trace]:
        for trace in read_traces(*sources, said=labels.append):
            labels.extend(labels_of(trace))
            yield trace

    async def work() -> list[Row]:
        try:
            return await grade(traces(), engine)
        finally:
            await engine.aclose()

    rows = asyncio.run(work())
    return [row.trace_id for row in rows], [feedback for row in rows for feedback in row.feedback], labels


def _judge(name: str | None, feedback: list[Feedback]) -> str | None:
    """The judge to be checked; None where there is none yet, and every trace is as good as another."""
    from ..errors import ConfigError

    judges = dict.fromkeys(each.name for each in feedback if each.scorer.kind == "judge" and each.shadow_of is None)
    known = dict.fromkeys(each.name for each in feedback)
    if name is not None and name not in known:
        raise ConfigError(f"--judge {name}", "gave no verdict", f"there are {', '.join(known) or 'none'}")
    if name is None and len(judges) > 1:
        raise ConfigError("--judge", "several judges gave verdicts", f"choose one of {', '.join(judges)}")
    return name or next(iter(judges), None)


def _tell(picks: list[Pick], left_out: str) -> None:
    """On stderr, since the picks may be on standard output."""
    kinds = Counter(each.picked for each in picks)
    kept = f"{len(picks)} traces: {kinds['random']} at random, {kinds['uncertain']} uncertain"
    typer.echo(f"{kept}; left out: {left_out}" if left_out else kept, err=True)
    for reason, count in Counter(reason for each in picks for reason in each.doubts).most_common():
        typer.echo(f"  {count}: {reason}", err=True)
