"""The ready-made judges as text: one file each, with an edition that rises when the text changes.

They stand below the configuration, which fills `judges: - use: NAME` in from them; `otel_judge.ready` makes judges of
them in Python, and has an example for each.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import cast

from . import (
    efficiency,
    failure_attribution,
    groundedness,
    guidelines,
    instruction_following,
    safety,
    task_success,
    tool_use,
    user_frustration,
)
from .handbook import Handbook

__all__ = ["HANDBOOKS", "Handbook", "fill_in", "named"]

HANDBOOKS: Mapping[str, Handbook] = {
    module.HANDBOOK.name: module.HANDBOOK
    for module in (
        task_success,
        failure_attribution,
        tool_use,
        groundedness,
        instruction_following,
        efficiency,
        safety,
        user_frustration,
        guidelines,
    )
}
"""Every ready-made judge by name."""

_OWN = ("instructions", "type", "items", "optional", "values", "fields", "label", "scale", "threshold", "pass")


def named(name: object) -> Handbook:
    """The handbook of that name. Raises `ValueError`, with the nearest name, for one that there is not."""
    found = HANDBOOKS.get(name) if isinstance(name, str) else None
    if found is None:
        near = difflib.get_close_matches(str(name), HANDBOOKS, n=1)
        mend = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(HANDBOOKS)}"
        raise ValueError(f"no ready-made judge is named {name!r}; {mend}")
    return found


def fill_in(given: Mapping[str, object]) -> dict[str, object]:
    """The keys of a judge's config with what its `use` stands for; without `use`, the same.

    Raises `ValueError` for a name that there is not, for keys that the handbook decides, and for guidelines that are
    missing or that no handbook takes.
    """
    guidelines, use = given.get("guidelines"), given.get("use")
    if use is None:
        if guidelines is not None:
            raise ValueError("`guidelines` stands without `use: guidelines`; add that, or write them as instructions")
        return dict(given)
    handbook = named(use)
    if clash := [key for key in _OWN if given.get(key) is not None]:
        mend = "remove one of them" if clash[0] == "instructions" else "a judge of your own has `instructions`"
        raise ValueError(f"`{clash[0]}` stands beside `use: {use}`, which decides it; {mend}")
    if handbook.takes_guidelines != (guidelines is not None):
        problem = "needs `guidelines`, a list of sentences" if guidelines is None else "takes no `guidelines`"
        raise ValueError(f"`use: {use}` {problem}")
    settings = handbook.settings(_sentences(guidelines))
    return {**settings, **{key: value for key, value in given.items() if value is not None}}


def _sentences(guidelines: object) -> tuple[str, ...]:
    if guidelines is None:
        return ()
    listed = list(cast("Iterable[object]", guidelines)) if isinstance(guidelines, list | tuple) else []
    sentences = tuple(each for each in listed if isinstance(each, str) and each.strip())
    if not sentences or len(sentences) < len(listed):
        raise ValueError("`guidelines` must be a list of sentences, none of them empty")
    return sentences
