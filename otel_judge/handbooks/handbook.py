"""What a ready-made judge is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Handbook:
    """The instructions of a ready-made judge, written as a careful grader's handbook, and the value that it gives."""

    name: str
    edition: int
    """Rises with every change of what decides a verdict. The judge's version, a hash, changes with it."""
    asks: str
    """The question, in one line."""
    instructions: str
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    """Keys of a judge's config: its value type, and how it reads."""
    takes_guidelines: bool = False
    """The owner's guidelines come after the instructions, numbered."""

    def settings(self, guidelines: Sequence[str] = ()) -> dict[str, object]:
        """The keys of a judge's config that the handbook decides."""
        listed = "".join(f"\n{number}. {each.strip()}" for number, each in enumerate(guidelines, 1))
        return {"name": self.name, "instructions": self.instructions + listed, **self.options}
