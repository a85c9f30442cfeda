"""Which scorers of a config a command runs."""

from __future__ import annotations

from collections.abc import Collection

from ..config import Config
from ..errors import ConfigError


def only(config: Config, names: Collection[str]) -> Config:
    """The config with only the scorers that were named, or as it is where none were. Raises `ConfigError`.

    A shadow that is named without its primary runs as any judge.
    """
    known = [*(check.type for check in config.checks), *(judge.name for judge in config.judges)]
    for name in names:
        if name not in known:
            raise ConfigError(f"--judge {name}", "no such scorer", f"there are {', '.join(known)}")
    if not names:
        return config
    checks = tuple(check for check in config.checks if check.type in names)
    judges = tuple(
        judge if judge.shadow_of in names else judge.model_copy(update={"shadow_of": None})
        for judge in config.judges
        if judge.name in names
    )
    return config.model_copy(update={"checks": checks, "judges": judges})
