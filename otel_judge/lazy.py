"""Values that are worked out once, whichever threads ask for them first.

`functools.cached_property` has one lock for all objects of a class before Python 3.12, and none from then on: the
first would make a small trace wait for a large one, the second would work twice.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import Any, Generic, Protocol, TypeVar, cast, overload

T = TypeVar("T")


class Lockable(Protocol):
    """An object whose values are worked out one at a time."""

    @property
    def lock(self) -> RLock: ...


class lazy(Generic[T]):  # noqa: N801 - a decorator, written as `property` is
    """A property of a `Lockable` that is worked out at first use, and an ordinary attribute from then on."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> lazy[T]: ...
    @overload
    def __get__(self, instance: Lockable, owner: type) -> T: ...
    def __get__(self, instance: Lockable | None, owner: type) -> lazy[T] | T:
        if instance is None:
            return self
        known = instance.__dict__
        with instance.lock:
            if self._name not in known:
                known[self._name] = self._make(instance)
            return cast("T", known[self._name])
