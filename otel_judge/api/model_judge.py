"""`ModelJudge`: a judge of a config, called from Python. `make_judge` and `agent_judge` build one."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, cast

from pydantic import ValidationError

from .. import judge
from ..config_judges import JudgeConfig, Limits, ModelConfig
from ..errors import InstructionsError, OtelJudgeError
from ..feedback import Feedback, Value
from ..trace import Trace
from .case import Case, Given
from .models import told
from .running import background
from .scorer import Scorer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

_FIRST = "main"  # the model to ask; those to fall back to are numbered


class Options(TypedDict, total=False):
    """What a judge can be given beside its config and its models."""

    description: str
    literals: Mapping[str, Value]
    """Values of labels that are no strings."""
    middleware: Iterable[judge.Middleware]
    own_spans: SpanExporter | None


class ModelJudge(Scorer):
    """A judge that asks a model. Thread-safe, usable from any loop; it pickles by its config.

    Calling it gives the `Feedback`; a failure is a feedback with an `error`. Raises `InstructionsError` for a call that
    lacks what the instructions use.
    """

    def __init__(self, config: JudgeConfig, models: tuple[ModelConfig, ...], **options: Unpack[Options]) -> None:
        self.config = config.model_copy(update={"model": _FIRST})
        self.description = options.get("description", "")
        self._models = _named(models)
        self._literals = dict(options.get("literals", {}))
        self._middleware = _checked(config.name, options.get("middleware", ()))
        own_spans = options.get("own_spans")
        self._own_spans = own_spans and cast("SpanExporter", _Lent(own_spans))
        self._built: tuple[int, judge.Judge] | None = None
        built = self._judge
        super().__init__(config.name, "judge", built.version)
        self.model = built.model
        """`provider:model`."""
        self.target = config.target
        self.prefix = None if built.prefix is None else (built.model, config.reading)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}, model {self.model!r}, version {self.version}>"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_built": None}

    @property
    def most_usd(self) -> float | None:
        return self._judge.most_usd

    @property
    def instructions(self) -> str:
        return self.config.instructions or ""

    def __call__(self, **given: Unpack[Given]) -> Feedback:
        """The feedback about a trace, or about values; values stand for what the trace says.

        `session` are the traces of one conversation, for `{{ conversation }}`. A judge with `target="session"` reads
        all of them as its `{{ trace }}`; for any other, that is the last of them. The feedback is about its root.
        """
        return background.run(self.grade(Case.of(**given)))

    async def acall(self, **given: Unpack[Given]) -> Feedback:
        """The same for async code."""
        return await self.grade(Case.of(**given))

    async def score(self, case: Case, *, answered: Callable[[], None] | None = None) -> list[Feedback]:
        try:
            return [await self.grade(case, answered=answered)]
        except OtelJudgeError as error:
            return [self._finish(self.failure(case, error))]

    async def grade(self, case: Case, *, answered: Callable[[], None] | None = None) -> Feedback:
        """The feedback about a case. Raises `InstructionsError` where it lacks what the instructions use."""
        built = self._judge
        if self.target == "session" and case.session is not None:
            case = replace(case, trace=case.session)
        given = self._given(case)
        self._check(built.instructions.variables, case, given)
        trace = case.trace if case.trace is not None else Trace(bytes.fromhex(case.target.trace_id), ())
        here = asyncio.get_running_loop()

        def tell() -> None:
            if answered is not None:
                here.call_soon_threadsafe(answered)

        work = built.grade(trace, case.target, **given, otherwise=self._otherwise(), answered=tell)
        feedback = await background.arun(work)
        if feedback.label in self._literals:
            feedback = replace(feedback, value=self._literals[feedback.label])
        return self._finish(feedback)

    def close(self) -> None:
        """Closes the connections to models now, and hands over the judge's own spans. A later call opens them again."""
        built = self._built
        if built is not None:
            self._built = None
            background.run(built[1].aclose())

    def _given(self, case: Case) -> dict[str, Any]:
        return {
            "inputs": case.inputs,
            "outputs": case.outputs,
            "expectations": case.expectations,
            "conversation": case.conversation,
        }

    def _otherwise(self) -> Mapping[str, str]:
        """Words for variables that neither the call nor the trace gives."""
        return {}

    def _finish(self, feedback: Feedback) -> Feedback:
        return feedback

    def _check(self, used: tuple[str, ...], case: Case, given: Mapping[str, Any]) -> None:
        if case.trace is not None:
            return
        for name in used:
            if given.get(name) is None and name not in self._otherwise():
                give = "trace" if name == "trace" else "session" if name == "conversation" else name
                other = "" if name == "trace" else " or trace="
                raise InstructionsError(
                    f"judge {self.name!r}",
                    f"the instructions use {{{{ {name} }}}}, and the call gives none",
                    f"give {give}={other}",
                )

    @property
    def _judge(self) -> judge.Judge:
        """Built once a process: connections do not outlive a fork."""
        pid, known = os.getpid(), self._built
        if known is not None and known[0] == pid:
            return known[1]
        (built,) = judge.build(
            [self.config],
            self._models,
            own_spans=self._own_spans,
            middleware=self._middleware,
            check_models=False,
        )
        self._built = (pid, built)
        background.closes_with(self, built.aclose)
        return built


class _Lent:
    """The caller's exporter: several judges may share it, and it outlives them."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.export = exporter.export
        self.force_flush = exporter.force_flush

    def __reduce__(self) -> tuple[object, ...]:
        return _Lent, (self._exporter,)

    def shutdown(self) -> None:
        self._exporter.force_flush()


def config_of(where: str, **fields: Any) -> JudgeConfig:
    """A judge's config. Raises `InstructionsError`."""
    limits = fields.get("limits")
    try:
        if not isinstance(limits, Limits):
            fields["limits"] = Limits.model_validate(limits or {})
        return JudgeConfig.model_validate({name: value for name, value in fields.items() if value is not None})
    except ValidationError as error:
        raise told(where, error) from None


def _named(models: tuple[ModelConfig, ...]) -> dict[str, ModelConfig]:
    """The models by name, the first one with the others to fall back to, and after them its own."""
    first, *others = models
    numbered = {f"fallback-{number}": other for number, other in enumerate(others, 1)}
    chain = (*numbered, *first.fallback)
    return {_FIRST: first.model_copy(update={"fallback": chain}), **numbered}


def _checked(name: str, middleware: Iterable[judge.Middleware]) -> tuple[judge.Middleware, ...]:
    listed = tuple(middleware)
    for each in listed:
        called = getattr(each, "func", each)
        if not (inspect.iscoroutinefunction(called) or inspect.iscoroutinefunction(getattr(called, "__call__", None))):  # noqa: B004
            raise InstructionsError(
                f"judge {name!r}",
                f"the middleware {type(each).__name__} is no async function",
                "write `async def around(send, messages): return await send(messages)`; for the judge's own spans, "
                "give own_spans=",
            )
    return listed
