"""Ready-made judges in Python: `config("task_success", model=…)` is a `JudgeConfig`, and each has a worked example."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from ..config import JudgeConfig
from ..errors import ConfigError
from ..handbooks import HANDBOOKS, Handbook
from .examples import EXAMPLES, Example

__all__ = ["EXAMPLES", "HANDBOOKS", "Example", "Handbook", "config"]


def config(
    use: str, *, model: str, guidelines: Sequence[str] | None = None, name: str | None = None, **overrides: object
) -> JudgeConfig:
    """The config of a ready-made judge; `HANDBOOKS` has their names.

    `guidelines` are sentences, for the one of that name. `overrides` are the other keys of a judge's config that the
    handbook leaves open, such as `owner`, `limits`, `reading`, `sweep` and `target`.

    Raises `ConfigError`.
    """
    given = {"use": use, "model": model, "name": name, **overrides}
    if guidelines is not None:
        given["guidelines"] = list(guidelines)
    try:
        return JudgeConfig.model_validate({key: value for key, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(step) for step in first["loc"])
        problem = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"judge {use!r}", f"{key}: {problem}" if key else problem) from None
