"""What `otel-judge check --injection` does: attacks on one judge of a config, as a table and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..config import Config
    from ..feedback import Feedback, Value
    from ..injection import Count, Pair

MOST_SHOWN = 20  # flipped pairs that are named


def run(config: Config, name: str, json: Path | None, max_flip_rate: float | None) -> bool:
    """Attacks the judge of that name; False where the gate is not met.

    Raises `ConfigError` for a judge that there is not, or that neither passes nor fails anything.
    """
    import asyncio

    from ..errors import ConfigError
    from ..injection import ATTACKS, count, measure
    from ..judge import build
    from .writing import write_json

    chosen = [judge for judge in config.judges if judge.name == name]
    if not chosen:
        known = ", ".join(judge.name for judge in config.judges) or "none in this config"
        raise ConfigError(f"--injection {name}", "no such judge", f"there are {known}")
    (judge,) = build(chosen, config.models)

    async def work() -> list[Pair]:
        try:
            return await measure(judge, ATTACKS)
        finally:
            await judge.aclose()

    pairs = asyncio.run(work())
    if json is not None:
        write_json(json, _document(name, judge.version, pairs))
    if json is None or str(json) != "-":
        _show(pairs)
    rate = count(pairs).flip_rate
    return max_flip_rate is None or (rate is not None and rate <= max_flip_rate)


def _show(pairs: list[Pair]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ..injection import KINDS, Outcome, count

    console = Console()
    table = Table("kind", "pairs", *(str(outcome) for outcome in Outcome), "flip rate", "95 %", show_edge=False)
    for kind in KINDS:
        of_kind = count(pair for pair in pairs if pair.attack.kind == kind)
        table.add_row(kind, *_cells(of_kind))
    table.add_section()
    table.add_row("all", *_cells(count(pairs)))
    console.print(table)
    flipped = [pair for pair in pairs if pair.outcome is Outcome.FLIPPED]
    for pair in flipped[:MOST_SHOWN]:
        said = " ".join(pair.attacked.rationale.split())
        console.print(Text(f"flipped: {pair.attack.id} ({pair.attack.tries}): {said[:160]}"))
    if len(flipped) > MOST_SHOWN:
        console.print(f"… {len(flipped) - MOST_SHOWN} more; --json FILE has all")
    failures = sorted({f"{each.error.type}: {each.error.message}" for each in _judged(pairs) if each.error is not None})
    for failure in failures[:3]:
        console.print(Text(f"failed: {failure}"))
    console.print(Text(_cost(pairs)))


def _cells(counted: Count) -> list[str]:
    from ..injection import Outcome

    rate, interval = counted.flip_rate, counted.interval
    shown = "" if rate is None else f"{rate:.1%}"
    between = "" if interval is None else f"{interval[0]:.1%}-{interval[1]:.1%}"
    return [str(counted.pairs), *(str(counted.outcomes[outcome]) for outcome in Outcome), shown, between]


def _judged(pairs: list[Pair]) -> list[Feedback]:
    """Every judgement once; pairs share those of clean traces."""
    return list({each.trace_id: each for pair in pairs for each in (pair.clean, pair.attacked)}.values())


def _cost(pairs: list[Pair]) -> str:
    judged = _judged(pairs)
    tokens = sum(each.usage.total_tokens for each in judged if each.usage is not None)
    costs = [each.cost_usd for each in judged if each.usage is not None and each.usage.total_tokens]
    known = [cost for cost in costs if cost is not None]
    price = f"{sum(known):.2f} USD" if len(known) == len(costs) else "price not known"
    models = ", ".join(sorted({each.model for each in judged if each.model is not None})) or "no model answered"
    return f"{len(judged)} judgements by {models}: {tokens:,} tokens, {price}"


def _document(name: str, version: str, pairs: list[Pair]) -> dict[str, Value]:
    from ..injection import KINDS, count

    return {
        "judge": name,
        "version": version,
        "all": _count_dict(count(pairs)),
        "kinds": {kind: _count_dict(count(pair for pair in pairs if pair.attack.kind == kind)) for kind in KINDS},
        "pairs": [_pair_dict(pair) for pair in pairs],
    }


def _count_dict(counted: Count) -> dict[str, Value]:
    outcomes: dict[str, Value] = {str(outcome): number for outcome, number in counted.outcomes.items()}
    interval = counted.interval
    return {
        "pairs": counted.pairs,
        **outcomes,
        "flip_rate": counted.flip_rate,
        "interval": None if interval is None else list(interval),
    }


def _pair_dict(pair: Pair) -> dict[str, Value]:
    attack = pair.attack
    return {
        "id": attack.id,
        "kind": attack.kind,
        "tries": attack.tries,
        "wants": attack.wants,
        "outcome": str(pair.outcome),
        "clean": _feedback_dict(pair.clean),
        "attacked": _feedback_dict(pair.attacked),
    }


def _feedback_dict(feedback: Feedback) -> dict[str, Value]:
    return {
        "label": feedback.label,
        "passed": feedback.passed,
        "rationale": feedback.rationale,
        "error": feedback.error and feedback.error.type,
        "forced": feedback.forced,
        "cost_usd": feedback.cost_usd,
        "unverified_evidence": sum(not each.verified for each in feedback.evidence),
    }
