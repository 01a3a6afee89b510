"""What is kept counts all of its bytes, and makes room for what comes."""

from __future__ import annotations

import sys
import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest

from gradviz_core.errors import BadTarget
from gradviz_core.serving.lru_cache import LruCache, weight


@dataclass(frozen=True, slots=True)
class Card:
    labels: tuple[str, ...]
    arrays: dict[str, np.ndarray]


def test_the_weight_of_a_card_is_what_python_takes_for_it() -> None:
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    card = Card(tuple(f"label {i} \u00e4" * 3 for i in range(20_000)), {"a": np.ones((300, 400), np.float32)})
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert 0.9 * taken < weight(card) < 1.1 * taken


def test_an_array_counts_the_memory_that_it_looks_at() -> None:
    small = np.frombuffer(bytes(1_000_000), np.uint8)[:10]
    assert weight(small) > 1_000_000
    assert weight((small, small[2:])) < 1_001_000  # and once
    assert weight(np.zeros(1_000_000, np.uint8)[::2]) > 1_000_000


def test_an_error_counts_its_sentence() -> None:
    assert weight(BadTarget("x" * 5000)) > 5000


def test_what_has_no_known_size_is_an_error() -> None:
    with pytest.raises(TypeError, match="memoryview"):
        weight(("a", memoryview(b"x")))


def test_no_more_is_kept_than_there_may_be_and_the_oldest_gives_way() -> None:
    recent: LruCache[bytes] = LruCache(10_000)
    for name in "abc":
        recent.keep(name, bytes(2_500))
    assert recent.get("a") is not None
    recent.keep("d", bytes(2_500))
    assert [name for name in "abcd" if recent.get(name)] == ["a", "c", "d"]
    assert 7_500 < recent.size <= 10_000


def test_what_is_too_large_by_itself_is_not_kept_and_nothing_else_goes() -> None:
    recent: LruCache[bytes] = LruCache(10_000)
    recent.keep("a", bytes(100))
    recent.keep("b", bytes(20_000))
    assert (recent.get("a"), recent.get("b")) == (bytes(100), None)
    recent.keep("a", bytes(20_000))
    assert (recent.get("a"), len(recent), recent.size) == (None, 0, 0)


def test_a_new_value_takes_the_place_of_the_old_one() -> None:
    recent: LruCache[bytes] = LruCache(10_000)
    for size in (9_000, 100, 9_000, 200):
        recent.keep("a", bytes(size))
    assert len(recent) == 1
    assert recent.size < 200 + 300 + 100 + sys.getsizeof("a")
    recent.drop("a")
    assert (len(recent), recent.size) == (0, 0)


def test_keys_count_too() -> None:
    recent: LruCache[None] = LruCache(1_000_000)
    for number in range(10):
        recent.keep(f"{number}" + "x" * 200_000, None)
    assert len(recent) == 4
