"""`python: module:name` of a judge's config: a scorer in Python, run as a judge."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module

from .. import feedback
from ..config import JudgeConfig
from ..errors import ConfigError
from ..feedback import Feedback, JudgeFailure, Target
from ..trace import Trace
from .case import Case
from .scorer import FunctionScorer, Scorer

_SIDE_BY_SIDE = 16  # traces that one scorer grades at a time


class PythonJudge:
    """A scorer under the name of a judge's config. `grade` never raises for what the scorer does."""

    prefix = None

    def __init__(self, config: JudgeConfig, scorer: Scorer) -> None:
        self._config = config
        self._inner = scorer
        self._slots = asyncio.Semaphore(_SIDE_BY_SIDE)
        self.scorer = feedback.Scorer(config.name, scorer.scorer.kind, scorer.version, config.owner)

    @property
    def name(self) -> str:
        return self._config.name

    @property
    def most_usd(self) -> float | None:
        """The most that one grade can cost; None where nobody knows."""
        return self._inner.most_usd

    async def grade(
        self,
        trace: Trace,
        target: Target,
        *,
        expectations: object = None,
        answered: Callable[[], None] | None = None,
    ) -> list[Feedback]:
        """What the scorer says about the trace, which may be nothing. A function that is not async runs in a thread."""
        seconds = self._config.limits.seconds
        async with self._slots:
            try:
                async with asyncio.timeout(seconds):
                    found = await self._inner.score(Case(trace, expectations=expectations), answered=answered)
            except TimeoutError:
                failure = JudgeFailure("timeout", f"the scorer gave nothing within {seconds:g} s")
                found = [Feedback.failure(target, self.scorer, failure, judged_at_ns=time.time_ns())]
        return [self._named(each, target) for each in found]

    async def aclose(self) -> None:
        """There is nothing to close: a judge that the scorer asks closes its own connections."""

    def _named(self, given: Feedback, target: Target) -> Feedback:
        """A scorer's only word goes by the config's name; what it gave a name of its own keeps it."""
        name = self.name if given.name == self._inner.name else given.name
        return replace(given, target=target, scorer=replace(given.scorer, name=name, owner=self._config.owner))


def load(config: JudgeConfig, place: str) -> PythonJudge:
    """The scorer that a config names. Raises `ConfigError` at `place`, the key, for what cannot be loaded."""
    module, _, name = (config.python or "").partition(":")
    where = f"judge {config.name!r}: {place}"
    try:
        found: object = import_module(module)
    except ModuleNotFoundError as error:
        missing = f"there is no module {error.name!r}"
        raise ConfigError(where, missing, "install it, or put the folder that holds it on PYTHONPATH") from error
    except Exception as error:
        raise ConfigError(where, f"importing {module} raised {type(error).__name__}: {error}", "mend it") from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise ConfigError(where, f"{module} has no {part!r}", "name a scorer that it defines, as module:name")
        found = getattr(found, part)
    if isinstance(found, Scorer):
        if found.target == "session" != config.target:
            raise ConfigError(where, f"{name} judges sessions", "set `target: session`")
        return PythonJudge(config, found)
    if not callable(found):
        raise ConfigError(where, f"{name} is no scorer", "name a function with @scorer, or a judge of make_judge")
    try:
        return PythonJudge(config, FunctionScorer(found))
    except (TypeError, ValueError) as error:
        raise ConfigError(where, str(error), "see @scorer in docs/python-api.md") from error
