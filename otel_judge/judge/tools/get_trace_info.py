"""get_trace_info: what the trace is, in a few lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ... import dialects
from ...dialects.base import Blob, Content, Role
from ...session import Session
from ...trace import Span, Trace
from ...trajectory import Understanding, Understood, cost_of, token_totals, understood
from .answer import Answer, Arguments, Tool, cut
from .outline import duration, outline
from .unusual import unusual

_MOST = 12  # names, services or errors that are listed


def _run(trace: Trace, _: Arguments) -> Answer:
    return trace.once(_run, lambda: Answer("\n".join(_lines(trace))))


def _lines(trace: Trace) -> list[str]:
    spans = trace.spans
    errors = [span for span in spans if span.status_code == "ERROR"]
    contents = [dialects.read(span) for span in spans]
    session = trace if isinstance(trace, Session) else None
    lines = [
        f"trace {trace.trace_id}" if session is None else f"session of {len(session.turns)} traces, in order of time",
        *(() if session is None else _turns(session)),
        f"spans: {len(trace)}, over {duration(trace.duration_ns)}",
        f"status of the {'root' if session is None else 'last root'}: {trace.root.status_code}"
        if spans
        else "no spans",
        f"services: {_counts(span.service or 'unknown' for span in spans)}",
        f"roles: {_counts(content.role.value for content in contents)}",
        f"kinds: {_counts(span.kind.lower() for span in spans)}",
        f"names: {_counts(span.name for span in spans)}",
    ]
    if models := _counts(content.model for content in contents if content.role is Role.MODEL and content.model):
        lines.append(f"models: {models}")
    if any(content.usage is not None for content in contents):
        lines.append(_tokens(trace))
    lines += _content(trace, contents)
    if session is None or len(trace.roots) > len(trace.main_roots):
        lines += _listed(f"roots: {len(trace.roots)}", trace.roots, "list_spans shows them")
    lines += _listed(f"spans with status ERROR: {len(errors)}", errors, "list_spans with status=ERROR")
    lines += [f"unusual: {each}" for each in unusual(trace)]
    return lines


def _turns(session: Session) -> list[str]:
    """One line a turn; of many, the first and the last."""
    turns, lines = session.turns, list[str]()
    for number, turn in enumerate(turns, 1):
        if _MOST // 2 < number <= len(turns) - _MOST // 2:
            continue
        if number > 1 and number == len(turns) - _MOST // 2 + 1 > _MOST // 2 + 1:
            lines.append(f"  … {len(turns) - 2 * (_MOST // 2)} more turns: list_spans shows their roots")
        root = session.by_id.get(turn.root_id)
        told = "its root is left out" if root is None else outline(root, 0)
        after = duration(max(0, turn.start_ns - turns[0].start_ns))
        lines.append(f"  turn {number} · trace {turn.trace_id} · from +{after} · {turn.spans} spans · {told}")
    return lines


def _counts(names: Iterable[str]) -> str:
    counted = Counter(names).most_common()
    shown = ", ".join(f"{cut(name, 80)} {count}" for name, count in counted[:_MOST])
    return shown + (f", and {len(counted) - _MOST} more" if len(counted) > _MOST else "")


def _tokens(trace: Trace) -> str:
    totals = token_totals(trace)
    missing = f"; {len(totals.uncounted)} model calls report none" if totals.uncounted else ""
    cost = cost_of(totals.counted)
    unpriced = (
        f"; no price is known for {', '.join(cut(name, 60) for name in cost.unpriced[:_MOST])}" if cost.unpriced else ""
    )
    money = f"; about {cost.usd:,.4f} USD" if cost.usd else ""
    return f"tokens: {totals.input_tokens} input, {totals.output_tokens} output{missing}{money}{unpriced}"


def _content(trace: Trace, contents: list[Content]) -> list[str]:
    """How much of what agents, models and tools said was captured, and how much of that can be read."""
    lines = list[str]()
    counts = understood(trace)
    for role in (Role.AGENT, Role.MODEL, Role.TOOL):
        of_role = sum(content.role is role for content in contents)
        read, unknown = (
            sum(count for kind, count in counts.items() if kind.role is role and kind.content is how)
            for how in (Understanding.READ, Understanding.UNKNOWN)
        )
        if of_role:
            told = f"captured in {read + unknown} of {of_role}" if read + unknown else "not captured"
            lines.append(f"content of {role.value} spans: {told}" + (f"; {unknown} not understood" if unknown else ""))
    lines += _by_dialect(counts)
    messages = (message for content in contents for message in (*(content.input or ()), *(content.output or ())))
    if blobs := Counter(part.media for message in messages for part in message.parts if isinstance(part, Blob)):
        shown = ", ".join(f"{cut(media, 40)} {count}" for media, count in blobs.most_common(_MOST))
        lines.append(f"content that cannot be read here: {shown}")
    return lines


def _by_dialect(counts: Counter[Understood]) -> list[str]:
    """The share of content that was understood, and by which dialects."""
    read, unknown = Counter[str](), 0
    for kind, count in counts.items():
        if kind.content is Understanding.READ:
            read[kind.dialect] += count
        elif kind.content is Understanding.UNKNOWN:
            unknown += count
    if not read and not unknown:
        return []
    share = read.total() / (read.total() + unknown)
    by = f", by {', '.join(f'{dialect} {count}' for dialect, count in read.most_common())}" if read else ""
    return [f"content understood: {share:.0%} of {read.total() + unknown} spans that carry any{by}"]


def _listed(title: str, spans: tuple[Span, ...] | list[Span], how: str) -> list[str]:
    lines = [title, *(f"  {outline(span, 0)}" for span in spans[:_MOST])]
    if len(spans) > _MOST:
        lines.append(f"  … {len(spans) - _MOST} more: {how}")
    return lines


TOOL = Tool(
    name="get_trace_info",
    description=(
        "Says what the trace is: services, duration, counts by role, kind and name, tokens, how much content was "
        "captured, roots, errors, what is unusual."
    ),
    parameters=(),
    run=_run,
)
