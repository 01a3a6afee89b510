"""A cache of the values that were used last, limited by their size in bytes."""

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
"""Bytes that an entry takes besides its key and its value."""


class LruCache(Generic[T]):
    """Values by key, of at most ``most_bytes`` in total; the least recently used are dropped first. A value that is
    larger than that is not kept. Thread-safe."""

    def __init__(self, most_bytes: int) -> None:
        """An empty cache."""
        self._most, self._held = most_bytes, 0
        self._lock = threading.Lock()
        self._values: OrderedDict[str, tuple[T, int]] = OrderedDict()

    def get(self, key: str) -> T | None:
        """The value with this key; None if there is none. It counts as used now."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def keep(self, key: str, value: T) -> None:
        """Store a value, replacing the one with this key."""
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
        """Drop the value with this key."""
        with self._lock:
            self._drop(key)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def size(self) -> int:
        """Bytes of all entries."""
        return self._held

    def _drop(self, key: str) -> None:
        _, size = self._values.pop(key, (None, 0))
        self._held -= size


def weight(value: object) -> int:
    """Bytes of a value with everything it refers to: numbers and strings, in dataclasses, tuples, lists, sets and
    mappings; arrays with the memory behind them. What appears twice counts once. Classes and enum members do not count,
    because they exist anyway.

    Raises:
        TypeError: it contains a value of another type, whose size is not known here.
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
