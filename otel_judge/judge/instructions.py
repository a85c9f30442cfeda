"""A judge's instructions: which `{{ variables }}` they use, and how the text reads once these stand beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import InstructionsError

VARIABLES = ("trace", "inputs", "outputs", "expectations", "conversation")
_PLACEHOLDER = re.compile(r"\{\{\s*(.*?)\s*\}\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Instructions:
    """Instructions whose variables are known."""

    source: str
    """As the user wrote them."""
    variables: tuple[str, ...]
    """Those used, each once, in the order of `VARIABLES`."""

    @classmethod
    def parse(cls, source: str, judge: str) -> Instructions:
        """Raises `InstructionsError`, naming the judge, for an unknown variable or for none at all."""
        used = {match.group(1) for match in _PLACEHOLDER.finditer(source)}
        where = f"judge {judge!r}"
        allowed = ", ".join(f"{{{{ {name} }}}}" for name in VARIABLES)
        if unknown := sorted(used - set(VARIABLES)):
            raise InstructionsError(
                where, f"the instructions use an unknown variable {{{{ {unknown[0]} }}}}", f"use {allowed}"
            )
        if not used:
            raise InstructionsError(where, "the instructions use no variable", f"use at least one of {allowed}")
        return cls(source, tuple(name for name in VARIABLES if name in used))

    @property
    def explores(self) -> bool:
        """With `{{ trace }}` the judge reads the trace with tools; without, it is one prompt."""
        return "trace" in self.variables

    @property
    def filled(self) -> tuple[str, ...]:
        """Variables whose text goes into the prompt."""
        return tuple(name for name in self.variables if name != "trace")

    @property
    def text(self) -> str:
        """The instructions with each variable as a reference, such as `[inputs]`, to a section of the prompt."""
        return _PLACEHOLDER.sub(lambda match: f"[{match.group(1)}]", self.source)
