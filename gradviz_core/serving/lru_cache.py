"""What was used lately, up to so many bytes, whatever it is made of."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")

ENTRY = 300
"""Bytes that an entry takes beside its key and its value."""


class LruCache(Generic[T]):
    """Values by their keys, which together hold at most ``most_bytes``; those used longest ago make room. What is
    larger than that by itself is not kept. Any number of threads may use it at once."""

    def __init__(self, most_bytes: int) -> None:
        """Nothing is kept yet."""
        self._most, self._held = most_bytes, 0
        self._lock = threading.Lock()
        self._values: OrderedDict[str, tuple[T, int]] = OrderedDict()

    def get(self, key: str) -> T | None:
        """The value that is kept under this key; None where there is none. It counts as used now."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def keep(self, key: str, value: T) -> None:
        """Keep a value, in place of the one that was kept under this key."""
        size = ENTRY + sys.getsizeof(key) + weight(value)
        with self._lock:
            self._drop(key)
            if size > self._most:
                return
            while self._held + size > self._most:
                self._drop(next(iter(self._values)))
            self._values[key] = (value, size)
            self._held += size

    def drop(self, key: str) -> None:
        """Keep what is under this key no longer."""
        with self._lock:
            self._drop(key)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def size(self) -> int:
        """Bytes that all of it takes."""
        return self._held

    def _drop(self, key: str) -> None:
        _, size = self._values.pop(key, (None, 0))
        self._held -= size


def weight(value: object) -> int:
    """Bytes that a value takes with all that it refers to: numbers and texts, in dataclasses, tuples, lists, sets and
    mappings; arrays with the memory that they look at. What appears twice counts once; classes and their members do
    not count, for they are there anyway.

    Raises:
        TypeError: a value of another kind is in it, whose size is not known here.
    """
    return _weight(value, set())


def _weight(value: object, seen: set[int]) -> int:
    if value is None or isinstance(value, type | Enum) or id(value) in seen:
        return 0
    seen.add(id(value))
    own = sys.getsizeof(value)
    match value:
        case bool() | int() | float() | str() | bytes() | np.generic():
            return own
        case np.ndarray():
            return own + _memory(value, seen)
        case tuple() | list() | set() | frozenset():
            return own + sum(_weight(item, seen) for item in value)
        case Mapping():
            return own + sum(_weight(key, seen) + _weight(item, seen) for key, item in value.items())
        case BaseException():
            return own + _weight(value.args, seen)
        case _ if is_dataclass(value):
            return own + sum(_weight(getattr(value, each.name), seen) for each in fields(value))
    raise TypeError(f"How many bytes a {type(value).__name__} takes is not known here. Say so in lru_cache.py.")


def _memory(array: np.ndarray, seen: set[int]) -> int:
    """Bytes of the memory behind an array, which may be larger than the part that it shows."""
    base: object = array.base
    if base is None:
        return 0  # it is the array's own, and counted with it
    if isinstance(base, np.ndarray):
        return _weight(base, seen)
    if id(base) in seen:
        return 0
    seen.add(id(base))
    return max(array.nbytes, sys.getsizeof(base))
