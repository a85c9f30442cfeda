"""read_steps: what the agent did, step by step, each message, tool call and result once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from ...trace import Trace
from ...trajectory import failure_of, steps
from .answer import CAP_BYTES, Answer, Arguments, InvalidArguments, Parameter, Seen, Tool, head, size
from .step_text import StepText

_NOTE = 250  # bytes kept free for what was left out
_VALUE, _LEAST = 1_500, 200  # bytes of one value: as a rule, and where a step would not fit otherwise
_MOST = 1_000  # steps that can be asked for by number


def _run(trace: Trace, arguments: Arguments) -> Answer:
    start, count = int(arguments.get("start", 1)), int(arguments.get("count", 0))
    only = arguments.get("only")
    if only not in (None, "errors"):
        raise InvalidArguments("only must be errors, or left out")
    told = steps(trace).steps
    numbers: Sequence[int] = range(1, len(told) + 1)
    if only == "errors":
        numbers = [number for number in numbers if failure_of(told[number - 1]) is not None]
    what = "steps with an error" if only else "steps"
    wanted = numbers[bisect_left(numbers, start) :]
    title = f"{len(numbers)} {what}" + (f", of {len(told)} steps" if only else "")
    if not wanted:
        return Answer(f"{title}; none from start={start}")
    asked = wanted[:count] if count else wanted
    room = CAP_BYTES - size(title) - _NOTE
    limit = max(_VALUE, room // (2 * min(count, _MOST))) if count else _VALUE
    lines, seen = pages(trace, asked, room, limit)
    left = len(wanted) - len(lines)
    if left:
        lines.append(f"… {left} more {what}; next: start={wanted[len(lines)]}")
    return Answer("\n".join([f"{title}; each line: number, who [span id path]", *lines]), tuple(seen))


def pages(trace: Trace, numbers: Sequence[int], room: int, limit: int) -> tuple[list[str], list[Seen]]:
    """The first of these steps that fit into `room` bytes, at least one, and what they show."""
    lines, seen = list[str](), list[Seen]()
    for number in numbers:
        for allowed in (limit, _LEAST):
            writer = StepText(trace, allowed)
            text = writer.write(number)
            if size(text) < room or lines:
                break
        if size(text) >= room:
            if lines:
                break
            return [head(text, room - 1) + "…"], []
        room -= size(text) + 1
        lines.append(text)
        seen += writer.seen
    return lines, seen


TOOL = Tool(
    name="read_steps",
    description=(
        "Reads what the agent did, step by step: each message, model answer, tool call and result once, numbered, with "
        "the span where it stands; sub-agents indented; other work, such as HTTP or database calls, folded. Long "
        "values are cut in the middle; a small `count` shows more of each."
    ),
    parameters=(
        Parameter("start", "integer", "Number of the first step to show, from 1; an answer that was cut says which."),
        Parameter("count", "integer", "Number of steps to show, at most; as many as fit without it."),
        Parameter("only", "string", "errors: only the steps at which something went wrong."),
    ),
    run=_run,
)
