"""What every scorer is, and `@scorer`, which makes one of a function.

    @scorer
    def polite(outputs):
        return "please" in outputs["body"]

    polite(trace=trace).passed
    await polite.acall(outputs={"body": "please wait"})

Whatever a function returns or raises is feedback: one scorer never loses another's.
"""

from __future__ import annotations

import inspect
import logging
import sys
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from typing import Any, Literal, Unpack, cast, overload

from .. import feedback
from ..errors import OtelJudgeError
from ..feedback import NOWHERE, Feedback, JudgeFailure
from .case import PARAMETERS, Case, Given
from .running import background, finish, in_thread

logger = logging.getLogger("otel_judge.scorer")

_LONGEST_MESSAGE = 300  # characters of an exception's message


class Scorer(ABC):
    """Grades cases under one name. Called, it gives its feedback; `acall` is the same for async code.

    A class of your own writes `score`.
    """

    prefix: Hashable | None = None
    """Scorers of a trace with the same one begin their requests alike; None where nothing is shared."""

    target: Literal["root", "session"] = "root"
    """What it grades: single traces, or all traces of a conversation together."""

    def __init__(self, name: str, kind: Literal["judge", "check"], version: str) -> None:
        self.scorer = feedback.Scorer(name, kind, version)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def __call__(self, **given: Unpack[Given]) -> Feedback | list[Feedback] | None:
        """The feedback about a trace, or about values."""
        return background.run(self.acall(**given))

    async def acall(self, **given: Unpack[Given]) -> Feedback | list[Feedback] | None:
        """The same for async code."""
        found = await self.score(Case.of(**given))
        return found if len(found) > 1 else found[0] if found else None

    @property
    def name(self) -> str:
        return self.scorer.name

    @property
    def key(self) -> str:
        """AG2's name for the name."""
        return self.scorer.name

    @property
    def most_usd(self) -> float | None:
        """The most that one grade can cost by itself; None where nobody knows. Code is free, whatever it calls."""
        return 0.0

    @property
    def version(self) -> str:
        """Short hash of all that decides the grade."""
        return self.scorer.version

    @abstractmethod
    async def score(self, case: Case, *, answered: Callable[[], None] | None = None) -> list[Feedback]:
        """The feedback about a case, which may be none. Never raises for what the scorer does: that is a feedback too.

        `answered` is called on this loop once a request to a model has ended.
        """
        ...

    def failure(self, case: Case, error: Exception) -> Feedback:
        """The feedback of a scorer that raised."""
        if isinstance(error, OtelJudgeError):
            failure = JudgeFailure(type(error).__name__, str(error))
        else:
            place = traceback.extract_tb(error.__traceback__)[-1] if error.__traceback__ else None
            where = f" in {place.name}:{place.lineno}" if place else ""
            # Neither the message nor the traceback: both may hold content of the trace.
            logger.warning("scorer %s failed with %s%s", self.name, type(error).__name__, where)
            said = str(error)[:_LONGEST_MESSAGE]
            failure = JudgeFailure(type(error).__name__, f"the scorer failed: {said}")
        return Feedback.failure(case.target, self.scorer, failure, judged_at_ns=time.time_ns())


class FunctionScorer(Scorer):
    """A scorer that is a function of Python. See `scorer`."""

    def __init__(self, function: Callable[..., object], *, name: str | None = None, description: str = "") -> None:
        if isinstance(function, Scorer):
            raise TypeError(f"{function!r} is a scorer already")
        own = getattr(function, "__name__", type(function).__name__)
        self.function = function
        self.description = description or inspect.getdoc(function) or ""
        self._asks_for = _parameters(function, name or own)
        self.__module__ = getattr(function, "__module__", None) or type(self).__module__
        self.__qualname__ = getattr(function, "__qualname__", own)
        super().__init__(name or own, "check", _version(function))

    def __reduce__(self) -> str | tuple[object, ...]:
        """A decorated function of a module pickles by its place there."""
        home: object = sys.modules.get(self.__module__)
        for part in self.__qualname__.split("."):
            home = getattr(home, part, None)
        if home is self:
            return self.__qualname__
        return partial(FunctionScorer, name=self.name, description=self.description), (self.function,)

    def __call__(self, **given: Unpack[Given]) -> Feedback | list[Feedback] | None:
        """A feedback; a list for a function that returns one, and None for one that returns None."""
        case = Case.of(**given)
        began = time.perf_counter()
        try:
            result = self._call(case)
            if inspect.isawaitable(result):
                result = background.run(finish(result))
        except Exception as error:  # noqa: BLE001 - whatever a function raises is its feedback
            return self.failure(case, error)
        return _shaped(result, self._feedback(case, result, began))

    async def acall(self, **given: Unpack[Given]) -> Feedback | list[Feedback] | None:
        """The same for async code."""
        case = Case.of(**given)
        result, found = await self._score(case)
        return _shaped(result, found)

    async def score(self, case: Case, *, answered: Callable[[], None] | None = None) -> list[Feedback]:  # noqa: ARG002
        return (await self._score(case))[1]

    async def _score(self, case: Case) -> tuple[object, list[Feedback]]:
        began = time.perf_counter()
        try:
            if inspect.iscoroutinefunction(self.function):
                result = await self.function(**self._arguments(case))
            else:
                result = await in_thread(partial(self._call, case))
                if inspect.isawaitable(result):
                    result = await result
        except Exception as error:  # noqa: BLE001 - one scorer must not lose the feedback of the others
            return False, [self.failure(case, error)]
        return result, self._feedback(case, result, began)

    def _call(self, case: Case) -> object:
        return self.function(**self._arguments(case))

    def _arguments(self, case: Case) -> dict[str, object]:
        return {name: case.argument(name) for name in self._asks_for}

    def _feedback(self, case: Case, result: object, began: float) -> list[Feedback]:
        several = _several(result)
        if several is None:
            several = [list(cast("tuple[object, ...]", result)) if isinstance(result, tuple) else result]
        placed = [self._placed(case, item) for item in several if item is not None]
        took = time.perf_counter() - began
        return [replace(each, duration_s=took) if each.duration_s == 0.0 else each for each in placed]

    def _placed(self, case: Case, item: object) -> Feedback:
        """What a function returned as a feedback about the case."""
        try:
            given = item if isinstance(item, Feedback) else Feedback(**(_foreign(item) or {"value": item}))
        except (TypeError, ValueError) as error:
            failure = JudgeFailure("invalid_return", f"the scorer returned what is no grade: {error}")
            return Feedback.failure(case.target, self.scorer, failure, judged_at_ns=time.time_ns())
        if given.target != NOWHERE:
            return given  # of a judge that the function has called
        name = given.name or self.name
        return replace(given, target=case.target, scorer=replace(self.scorer, name=name), judged_at_ns=time.time_ns())


@overload
def scorer(function: Callable[..., object], /) -> FunctionScorer: ...


@overload
def scorer(
    function: None = None, /, *, name: str | None = None, key: str | None = None, description: str = ""
) -> Callable[[Callable[..., object]], FunctionScorer]: ...


def scorer(
    function: Callable[..., object] | None = None,
    /,
    *,
    name: str | None = None,
    key: str | None = None,
    description: str = "",
) -> FunctionScorer | Callable[[Callable[..., object]], FunctionScorer]:
    """Makes a scorer of a function, sync or async, that asks by name for any of `PARAMETERS`.

    What it may return: bool (pass or fail, score 1 or 0), a number (the score), a string (the value; a single word is
    the label too), a list or dict of these (the value), a `Feedback`, a list of them, or None (no feedback). What it
    raises becomes a feedback with an `error`.

    `name`, or AG2's word `key`, is the function's own by default. Raises `TypeError` for a parameter of another name.
    """
    if function is not None:
        return FunctionScorer(function)
    return partial(FunctionScorer, name=name or key, description=description)


def _shaped(result: object, found: list[Feedback]) -> Feedback | list[Feedback] | None:
    """As the function returned it: one feedback, a list, or None."""
    if result is None:
        return None
    return found[0] if _several(result) is None else found


def _several(result: object) -> list[object] | None:
    """What a function returned as a list of feedback; None where it returned one grade, such as a list of words."""
    if not isinstance(result, list | tuple):
        return None
    held = list(cast("list[object] | tuple[object, ...]", result))
    if not held or any(isinstance(each, Feedback) or _foreign(each) is not None for each in held):
        return held
    return None


def _foreign(item: object) -> dict[str, Any] | None:
    """A Feedback of AG2 or MLflow, by the short names of ours; None for anything else."""
    if hasattr(item, "comment") and hasattr(item, "score"):
        return {name: getattr(item, name, None) for name in ("key", "score", "value", "comment", "detail")}
    if hasattr(item, "rationale") and hasattr(item, "value"):
        fields = {name: getattr(item, name, None) for name in ("name", "value", "rationale", "metadata")}
        error = getattr(item, "error", None)
        if error is not None and hasattr(error, "error_code"):
            error = JudgeFailure(str(error.error_code), str(getattr(error, "error_message", "")))
        return {**fields, "error": error}
    return None


def _parameters(function: Callable[..., object], name: str) -> tuple[str, ...]:
    taken = inspect.signature(function).parameters.values()
    for each in taken:
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD, each.POSITIONAL_ONLY):
            raise TypeError(f"scorer {name!r}: parameter {each.name!r} cannot be given by name; use a plain one")
        if each.name not in PARAMETERS and each.default is each.empty:
            raise TypeError(f"scorer {name!r}: there is no {each.name!r} to give; use any of {', '.join(PARAMETERS)}")
    return tuple(each.name for each in taken if each.name in PARAMETERS)


def _version(function: Callable[..., object]) -> str:
    """8 hex digits: of the source where there is one, and of what is bound to it."""
    return blake2b(_text_of(function).encode(), digest_size=4).hexdigest()


def _text_of(value: object) -> str:
    if isinstance(value, partial):
        bound = cast("partial[object]", value)
        held = [bound.func, *bound.args, *(part for item in sorted(bound.keywords.items()) for part in item)]
        return " ".join(map(_text_of, held))
    if not callable(value):
        return repr(value)
    try:
        return inspect.getsource(value)
    except (OSError, TypeError):
        return f"{getattr(value, '__module__', '')}:{getattr(value, '__qualname__', type(value).__name__)}"
