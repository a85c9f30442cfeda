"""Which tool span belongs to which call in a message."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import orjson

T = TypeVar("T")


def canonical(arguments: str) -> str:
    """Arguments in one spelling: JSON without layout and with sorted keys; what is no JSON, without outer space."""
    try:
        return orjson.dumps(orjson.loads(arguments), option=orjson.OPT_SORT_KEYS).decode()
    except (ValueError, TypeError):
        return arguments.strip()


class SpanPool(Generic[T]):
    """Uses that have a span, waiting for the call in a message that asked for them. Each is taken once."""

    def __init__(self) -> None:
        self._by_id: dict[str, deque[T]] = {}
        self._by_arguments: dict[tuple[bool, str, str | None], deque[T]] = {}
        self._not_spelled: list[tuple[T, str, str | None, bool]] = []
        """Those that are not in `_by_arguments` yet: where all carry an id, none needs to be."""
        self._taken: set[int] = set()

    def add(self, use: T, name: str, arguments: str | None, call_id: str | None) -> None:
        if call_id is not None:
            self._by_id.setdefault(call_id, deque()).append(use)
        self._not_spelled.append((use, name, arguments, call_id is not None))

    def take(self, name: str, arguments: str | None, call_id: str | None) -> T | None:
        """The use whose span carries the id; where either has no id, the next of that name with these arguments."""
        if call_id is not None and (use := self._next(self._by_id.get(call_id))) is not None:
            return use
        self._spell()
        spelled = None if arguments is None else canonical(arguments)
        for has_id in (False,) if call_id is not None else (False, True):
            for key in ((has_id, name, spelled), (has_id, name, None)):
                if (use := self._next(self._by_arguments.get(key))) is not None:
                    return use
        return None

    def _spell(self) -> None:
        for use, name, arguments, has_id in self._not_spelled:
            key = (has_id, name, None if arguments is None else canonical(arguments))
            self._by_arguments.setdefault(key, deque()).append(use)
        self._not_spelled.clear()

    def _next(self, uses: deque[T] | None) -> T | None:
        while uses:
            use = uses.popleft()
            if id(use) not in self._taken:
                self._taken.add(id(use))
                return use
        return None
