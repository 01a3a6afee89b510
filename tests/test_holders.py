"""Who gives way in a full store: whoever holds the most, to those who hold less; never the other way round."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from gradviz_core.errors import StoreFull
from gradviz_core.uploads import holders
from gradviz_core.uploads.holders import Kept, giving_way
from gradviz_core.uploads.store import BLOCK, Store
from tests.test_store import MONTH, age, names, recipe

ATTACKER, OTHER, THIRD = "10.0.0.66", "10.0.0.7", "10.0.0.8"


@pytest.fixture
def place(tmp_path: Path) -> Store:
    """A store that takes 200 blocks."""
    return Store(tmp_path / "uploads", 200 * BLOCK, MONTH)


def blocks(number: int, count: int) -> bytes:
    return bytes([number]) * count * BLOCK


def fill(place: Store, holder: str, count: int = 10) -> list[str]:
    """Uploads of a moment ago, the first one the longest unused, that fill the store."""
    digests = [place.put(blocks(n, 200 // count), holder) for n in range(count)]
    for n, digest in enumerate(digests):
        age(place.file(digest), (count - n) / 1000)
    return digests


def test_one_person_who_fills_the_store_keeps_nobody_out(place: Store) -> None:
    filled = fill(place, ATTACKER)
    first = place.put(blocks(50, 30), OTHER)
    second = place.put(blocks(51, 30), THIRD)
    assert set(names(place.folder)) == {*filled[3:], first, second}, "the longest unused of the largest holder went"
    model = place.keep_recipe(recipe(first), OTHER)
    assert names(place.folder, "recipes") == [model]


def test_it_is_so_after_a_restart(place: Store) -> None:
    fill(place, ATTACKER)
    again = Store(place.folder, 200 * BLOCK, MONTH)
    assert again.put(blocks(50, 100), OTHER)
    with pytest.raises(StoreFull):
        again.put(blocks(51, 40), OTHER)


def test_whoever_holds_the_most_takes_nothing_from_the_others(place: Store) -> None:
    mine = [place.put(blocks(n, 50), OTHER) for n in range(2)]
    filled = [place.put(blocks(10 + n, 50), ATTACKER) for n in range(2)]
    with pytest.raises(StoreFull, match="nobody has uploaded more than you would have"):
        place.put(blocks(20, 20), ATTACKER)
    with pytest.raises(StoreFull):  # two that hold the same do not drive each other out
        place.put(blocks(20, 20), OTHER)
    assert set(names(place.folder)) == {*mine, *filled}


def test_many_uploads_at_one_time_take_no_more_than_one_after_the_other(place: Store) -> None:
    filled = fill(place, OTHER)
    with place.receive(60 * BLOCK, ATTACKER), pytest.raises(StoreFull):
        place.receive(80 * BLOCK, ATTACKER)
    assert set(names(place.folder)) == set(filled[3:])


def test_nothing_goes_where_it_would_not_fit_all_the_same(place: Store) -> None:
    filled = fill(place, ATTACKER)
    with pytest.raises(StoreFull):
        place.put(bytes(150 * BLOCK), OTHER)
    assert set(names(place.folder)) == set(filled)


def test_an_upload_of_two_stays_for_the_one_who_holds_less(place: Store) -> None:
    both = place.put(blocks(99, 20), OTHER)
    assert place.put(blocks(99, 20), ATTACKER) == both
    alone = [place.put(blocks(n, 20), ATTACKER) for n in range(9)]
    age(place.file(both), 0.5)
    assert place.put(blocks(50, 60), THIRD)
    assert both in names(place.folder)
    assert len(set(alone) & set(names(place.folder))) == 6


def test_two_addresses_of_one_person_protect_nothing(place: Store) -> None:
    """Everything brought from both: the one that holds less of the two still holds more than the newcomer."""
    for n in range(9):
        for holder in (ATTACKER, THIRD):
            place.put(blocks(n, 20), holder)
    assert place.put(blocks(50, 60), OTHER)


def test_what_nobody_used_for_a_day_goes_before_anybody_gives_way(place: Store) -> None:
    filled = fill(place, ATTACKER, 5)
    age(place.file(filled[4]), 2)
    place.put(blocks(50, 40), OTHER)
    assert filled[4] not in names(place.folder)
    assert set(filled[:4]) <= set(names(place.folder))


def test_the_folder_does_not_say_who_it_was(place: Store) -> None:
    digest = place.put(b"x", OTHER)
    place.put(b"x", OTHER)
    (mark,) = [path for path in (place.folder / "holders").iterdir() if path.name != "secret"]
    assert mark.name.startswith(f"{digest}-")
    assert mark.stat().st_size == 0
    assert OTHER not in mark.name
    elsewhere = Store(place.folder.parent / "other", BLOCK * 9, MONTH)
    elsewhere.put(b"x", OTHER)
    assert mark.name not in names(elsewhere.folder, "holders"), "another store has another secret"


def test_only_so_many_holders_are_noted_and_their_marks_go_with_the_upload(place: Store) -> None:
    for n in range(holders.MOST + 5):
        digest = place.put(b"x", f"10.0.1.{n}")
    assert len(names(place.folder, "holders")) == holders.MOST + 1
    place.file(digest).unlink()
    place.sweep()
    assert names(place.folder, "holders") == ["secret"]


@pytest.mark.parametrize("seed", range(20))
def test_nobody_who_gives_way_is_left_with_less_than_the_newcomer(seed: int) -> None:
    """Whatever lies in the store: enough goes or nothing, nothing that was needed by somebody smaller, and of each
    group of holders the longest unused."""
    drawn = random.Random(seed)
    kept = [
        Kept(Path(str(n)), drawn.random(), drawn.randrange(1, 50), frozenset(drawn.choices("abcdef", k=1 + n % 2)))
        for n in range(60)
    ]
    needed, held = drawn.randrange(1, 400), drawn.randrange(0, 300)
    leaving = giving_way(kept, needed, held)
    holds: Counter[str] = Counter()
    for one in kept:
        holds.update(dict.fromkeys(one.holders, one.size))
    for one in leaving:
        assert min(holds[mark] for mark in one.holders) > held
        holds.subtract(dict.fromkeys(one.holders, one.size))
        assert all(other in leaving or other.used >= one.used for other in kept if other.holders == one.holders)
    assert not leaving or sum(one.size for one in leaving) >= needed > sum(one.size for one in leaving[:-1])


def test_a_hundred_thousand_small_uploads_make_room_at_once() -> None:
    kept = [Kept(Path(str(n)), float(n), BLOCK, frozenset({"a", f"b{n % 1000}"})) for n in range(100_000)]
    start = time.process_time()
    assert giving_way(kept, 1000 * BLOCK, 0)
    assert time.process_time() - start < 5
