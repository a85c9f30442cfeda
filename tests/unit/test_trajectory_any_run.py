"""Whatever an agent does and however its calls were recorded, each message, call and result is one step, in order."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from otel_judge.dialects.base import Text
from otel_judge.testing.traces import TraceBuilder, text
from otel_judge.trajectory import AgentRun, ModelTurn, Said, Step, ToolStep, Work, steps

WORDS = ("yes", "no", "ok", "a longer sentence, which may come again")


@dataclass(frozen=True)
class ToolCase:
    name: str
    arguments: str
    result: str
    below: RunCase | None = None


@dataclass(frozen=True)
class TurnCase:
    user: str | None
    answer: str | None
    tools: tuple[ToolCase, ...] = ()
    retried: bool = False


@dataclass(frozen=True)
class RunCase:
    system: str | None
    turns: tuple[TurnCase, ...]
    around: bool
    """The agent's span repeats the first request and the last answer."""


@dataclass(frozen=True)
class Recording:
    """How the run was instrumented."""

    inputs: str
    """`full`, `new` or `window`."""
    tool_spans: bool
    ids: bool
    noise: bool
    wrapped: bool
    """Each model call has two spans, one in the other."""


def tool_cases(below: st.SearchStrategy[RunCase | None]) -> st.SearchStrategy[ToolCase]:
    return st.builds(
        ToolCase, st.sampled_from(("find", "pay")), st.sampled_from(('{"id": 1}', "{}")), st.sampled_from(WORDS), below
    )


def run_cases(below: st.SearchStrategy[RunCase | None], most: int) -> st.SearchStrategy[RunCase]:
    @st.composite
    def build(draw: st.DrawFn) -> RunCase:
        turns: list[TurnCase] = []
        for number in range(draw(st.integers(1, most))):
            asked = draw(st.sampled_from(WORDS))
            user: str | None = asked
            for _ in range(draw(st.integers(0, 2))):
                tools = tuple(draw(st.lists(tool_cases(below), min_size=1, max_size=2)))
                turns.append(TurnCase(user, None, tools, draw(st.booleans()) and number == 0))
                user = None
            turns.append(TurnCase(user, draw(st.sampled_from(WORDS)), (), draw(st.booleans())))
        return RunCase(draw(st.sampled_from((None, "Be kind."))), tuple(turns), draw(st.booleans()))

    return build()


runs = run_cases(st.one_of(st.none(), run_cases(st.none(), 2)), 4)
recordings = st.builds(
    Recording,
    inputs=st.sampled_from(("full", "new", "window")),
    tool_spans=st.booleans(),
    ids=st.booleans(),
    noise=st.booleans(),
    wrapped=st.booleans(),
).filter(lambda recording: recording.ids or recording.inputs != "window")


@dataclass
class Recorder:
    how: Recording
    build: TraceBuilder = field(default_factory=TraceBuilder)
    expected: list[tuple[object, ...]] = field(default_factory=list[tuple[object, ...]])
    now: float = 0.0
    calls: int = 0

    def tick(self) -> float:
        self.now += 1.0
        return self.now

    def run(self, case: RunCase, parent: str | None, depth: int) -> None:
        around = {"user": case.turns[0].user, "answer": case.turns[-1].answer} if case.around else {}
        agent = self.build.agent("helper", parent=parent, start=self.tick(), end=10_000.0, **around)
        self.expected.append(("agent", "helper", depth))
        history: list[object] = []
        new: list[object] = []
        if case.system is not None:
            new.append(text("system", case.system))
            self.expected.append(("said", "system", case.system, depth + 1))
        for turn in case.turns:
            if turn.user is not None:
                new.append(text("user", turn.user))
                self.expected.append(("said", "user", turn.user, depth + 1))
            self.turn(turn, agent, history, new, depth + 1)

    def turn(self, turn: TurnCase, agent: str, history: list[object], new: list[object], depth: int) -> None:
        history += new
        shown = {"full": history, "new": new, "window": [*history[:1], *history[1:][-5:]]}[self.how.inputs]
        ids = [f"call-{self.calls + number}" if self.how.ids else None for number in range(len(turn.tools))]
        self.calls += len(turn.tools)
        output = text("assistant", turn.answer) if turn.answer is not None else asks(turn.tools, ids)
        parent = agent
        if turn.retried and self.how.inputs == "full":
            self.build.chat("m", parent=agent, messages=shown, start=self.tick(), error="overloaded")
            self.expected.append(("model", "", (), depth))
        if self.how.wrapped:
            parent = self.build.chat("m", parent=agent, messages=shown, output=[output], start=self.tick())
        self.build.chat("m", parent=parent, messages=shown, output=[output], start=self.tick())
        if self.how.noise:
            self.build.span("POST", parent=agent, start=self.tick(), kind="CLIENT")
        names = tuple(tool.name for tool in turn.tools)
        self.expected.append(("model", turn.answer or "", names, depth))
        history.append(output)
        new.clear()
        for tool, call_id in zip(turn.tools, ids, strict=True):
            self.expected.append(("tool", tool.name, tool.arguments, tool.result, self.how.tool_spans, depth))
            if self.how.tool_spans:
                span = self.build.tool(
                    tool.name,
                    parent=agent,
                    arguments=tool.arguments,
                    result=tool.result,
                    call_id=call_id,
                    start=self.tick(),
                )
                if tool.below is not None:
                    self.run(tool.below, span, depth + 1)
            part = {"type": "tool_call_response", "response": tool.result, "name": tool.name}
            new.append({"role": "tool", "parts": [part if call_id is None else {**part, "id": call_id}]})


def asks(tools: tuple[ToolCase, ...], ids: list[str | None]) -> dict[str, object]:
    parts = [
        {"type": "tool_call", "name": tool.name, "arguments": json.loads(tool.arguments)}
        | ({} if call_id is None else {"id": call_id})
        for tool, call_id in zip(tools, ids, strict=True)
    ]
    return {"role": "assistant", "parts": parts}


def told(step: Step) -> tuple[object, ...] | None:
    if isinstance(step, AgentRun):
        return ("agent", step.name, step.depth)
    if isinstance(step, ModelTurn):
        return ("model", "".join(part.text for part in step.parts if isinstance(part, Text)), step.calls, step.depth)
    if isinstance(step, ToolStep):
        use = step.use
        return ("tool", use.name, use.arguments, use.result, use.ran, step.depth)
    if isinstance(step, Said):
        texts = (part.text if isinstance(part, Text) else getattr(part, "result", "") for part in step.parts)
        return ("said", step.role, "".join(texts), step.depth)
    return None


@settings(max_examples=100, deadline=None)
@given(runs, recordings)
def test_each_message_call_and_result_is_one_step_in_order(case: RunCase, how: Recording) -> None:
    recorder = Recorder(how)
    recorder.run(case, None, 0)
    trajectory = steps(recorder.build.trace())
    found = [step for step in map(told, trajectory.steps) if step is not None]
    assert found == recorder.expected
    noise = sum(len(step.spans) for step in trajectory.steps if isinstance(step, Work))
    assert noise == sum(step[0] == "model" and step[1:3] != ("", ()) for step in found) * how.noise
