"""What is graded: a trace, or values, or both; and what a scorer's function is given of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import TypedDict, Unpack

from .. import trajectory
from ..feedback import Target
from ..session import Session
from ..trace import Trace

PARAMETERS = ("inputs", "outputs", "expectations", "reference_outputs", "trace", "task")
"""What a scorer's function may ask for, by name. `expectations` is MLflow's name for AG2's `reference_outputs`."""

_DECODING = threading.Lock()


@dataclass(frozen=True)
class Task:
    """One row of a data set, as AG2 says it."""

    inputs: object = None
    task_id: str = ""
    reference_outputs: object = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, object] = field(default_factory=dict[str, object])


class Given(TypedDict, total=False):
    """What a judge or scorer is called with. Values stand for what the trace says."""

    trace: Trace | None
    inputs: object
    outputs: object
    expectations: object
    reference_outputs: object
    """AG2's name for the expectations."""
    session: Iterable[Trace] | None
    """The traces of one conversation: for `{{ conversation }}`, and for a judge whose target is the session."""
    task: Task | None


@dataclass(frozen=True)
class Case:
    """What is graded: a trace, or values, or both. Values stand for what the trace says."""

    trace: Trace | None = None
    inputs: object = None
    outputs: object = None
    expectations: object = None
    conversation: object = None
    task: Task = field(default_factory=Task)
    session: Session | None = None
    """The traces of one conversation, of which `trace` is the last."""

    def __post_init__(self) -> None:
        if self.trace is not None and not isinstance(self.trace, Trace):  # pyright: ignore[reportUnnecessaryIsInstance]
            kind = type(self.trace).__name__
            raise TypeError(f"trace is a {kind}, not a Trace; otel_judge.read_traces reads them from OTLP files")
        if self.trace is not None:
            with _DECODING:  # several threads may read the same trace, and tell its spans apart by identity
                _ = self.trace.by_id

    @classmethod
    def of(cls, **given: Unpack[Given]) -> Case:
        """The case of a call. What is not given is the task's; of a session the last trace is judged, or all of it by
        a judge whose target it is.
        """
        traces = list(given.get("session") or ())
        session = Session.of(traces) if traces else None
        trace, task, inputs = given.get("trace"), given.get("task"), given.get("inputs")
        expectations = given.get("expectations")
        if expectations is None:
            expectations = given.get("reference_outputs")
        if task is None:
            task = Task(inputs, reference_outputs=expectations)
        return cls(
            _last(traces, session) if session is not None and trace is None else trace,
            task.inputs if inputs is None else inputs,
            given.get("outputs"),
            task.reference_outputs if expectations is None else expectations,
            None if session is None else _conversation(session),
            task,
            session,
        )

    @cached_property
    def target(self) -> Target:
        """The root of the trace. Without a trace, ids that are made of the values."""
        if self.trace is not None:
            return trajectory.target_of(self.trace, self.trace.root)
        values = [self.inputs, self.outputs, self.expectations, self.conversation]
        try:
            text = json.dumps(values, sort_keys=True, default=str)
        except (TypeError, ValueError):  # keys that cannot be sorted, or a value that holds itself
            text = repr(values)
        ids = blake2b(text.encode(errors="replace"), digest_size=24).hexdigest()
        return Target(ids[:32], ids[32:], 0, 0)

    def argument(self, name: str) -> object:
        """What a function gets under one of `PARAMETERS`; what was not given is read from the trace, in AG2's shape."""
        if name == "trace":
            return self.trace
        if name == "task":
            return self.task
        if name == "inputs":
            return self.inputs if self.inputs is not None or self.trace is None else _asked(self.trace)
        if name == "outputs":
            return self.outputs if self.outputs is not None or self.trace is None else _answered(self.trace)
        return self.expectations


def _answered(trace: Trace) -> dict[str, object]:
    """The final answer as AG2 gives it: its text as `body`, and as `content` what it holds where it is JSON."""
    final = trajectory.final_output(trace)
    if final is None:
        return {}
    try:
        content = json.loads(final.text)
    except (ValueError, RecursionError):
        content = final.text
    return {"body": final.text, "content": content}


def _asked(trace: Trace) -> dict[str, object]:
    question = trajectory.user_request(trace)
    return {} if question is None else {"input": question}


def _last(traces: list[Trace], session: Session) -> Trace:
    return next(trace for trace in traces if trace.raw_trace_id == session.raw_trace_id)


def _conversation(session: Session) -> list[dict[str, str]]:
    """What users and agents said to each other, in the order of time."""
    return [{"role": message.role, "content": message.text} for message in trajectory.dialogue(session)]
