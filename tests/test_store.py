"""The folder of uploads: nothing is lost, what was just used stays, and it never grows beyond its quota."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradviz_core.errors import BadModel, StoreFull, UnknownImage, UnknownModel
from gradviz_core.types import keys
from gradviz_core.types.cards import Preprocessing, Recipe
from gradviz_core.uploads import store
from gradviz_core.uploads.store import BLOCK, Store

STEPS = Preprocessing((224, 224), 256, (0.5,), (0.25,))
MONTH = 30


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def recipe(file: str, title: str = "Mine") -> Recipe:
    return Recipe(file, "torchvision/resnet18", title, ("cat", "dog"), STEPS)


def names(folder: Path, kind: str = "files") -> list[str]:
    return sorted(path.name for path in (folder / kind).iterdir())


def age(path: Path, days: float) -> None:
    """Let a file look as if it was last used some days ago."""
    then = time.time() - days * 86400
    os.utime(path, (then, then))


@pytest.fixture
def place(tmp_path: Path) -> Store:
    """A store that is nearly empty and takes 200 blocks."""
    return Store(tmp_path / "uploads", 200 * BLOCK, MONTH)


def test_what_is_put_comes_back_under_its_digest(place: Store) -> None:
    digest = place.put(b"bytes")
    assert digest == sha(b"bytes")
    assert place.image(digest) == place.model(digest) == place.file(digest).read_bytes() == b"bytes"
    assert place.put(memoryview(b"bytes")) == digest
    assert names(place.folder) == [digest]


def test_an_image_is_opened_by_its_key_and_by_no_other(place: Store) -> None:
    with place.opened_image(f"upload/{place.put(b'bytes')}") as file:
        assert file.read() == b"bytes"
    for other in ("sample/star", "upload/star", "", f"upload/{sha(b'others')}"):
        with pytest.raises(UnknownImage):
            place.opened_image(other)


def test_only_this_user_may_look(place: Store) -> None:
    file = place.file(place.put(b"x"))
    assert [path.stat().st_mode & 0o777 for path in (place.folder, file.parent, file)] == [0o700, 0o700, 0o600]


def test_a_recipe_is_named_by_what_it_says(place: Store) -> None:
    file = place.put(b"weights")
    first, second = place.keep_recipe(recipe(file)), place.keep_recipe(recipe(file, "Yours"))
    assert place.keep_recipe(recipe(file)) == first != second
    assert (place.recipe(first), place.recipe(second)) == (recipe(file), recipe(file, "Yours"))
    with pytest.raises(BadModel, match="standard deviation 0 is not possible"):
        place.keep_recipe(Recipe(file, "", "", (), Preprocessing((1, 1), None, (0.0,), (0.0,))))


@pytest.mark.parametrize("name", ["", "../" * 21 + "a", "a" * 63, "A" * 64, "a" * 63 + "/", "\0" * 64, "é" * 64])
def test_no_other_name_becomes_a_path(place: Store, name: str) -> None:
    with pytest.raises(ValueError, match="is not the name of an upload"):
        place.file(name)
    with pytest.raises(ValueError, match="is not the name of an upload"):
        place.arriving(name)
    with pytest.raises(UnknownImage):
        place.image(name)
    for ask in (place.model, place.recipe, place.touch_model):
        with pytest.raises(UnknownModel):
            ask(name)
    with pytest.raises(UnknownModel):
        place.keep_recipe(recipe(name))
    assert keys.digest(f"upload/{name}") is None


def test_a_key_is_a_digest_with_a_word_before_it() -> None:
    assert keys.digest(f"upload/{'a' * 64}") == "a" * 64
    assert keys.digest(f"sample/{'a' * 64}") is None


def test_what_is_not_here_is_told(place: Store) -> None:
    gone = "has been removed: uploads are kept for 30 days after they were last used. Upload it again."
    with pytest.raises(UnknownImage) as image:
        place.image("0" * 64)
    with pytest.raises(UnknownModel) as model:
        place.recipe("0" * 64)
    assert str(image.value) == f"The uploaded image of this address {gone}"
    assert str(model.value) == f"The uploaded model of this address {gone}"
    for touch, error in ((place.touch_image, UnknownImage), (place.touch_model, UnknownModel)):
        with pytest.raises(error):
            touch("0" * 64)


def test_reading_touches_no_folder_and_makes_none(tmp_path: Path) -> None:
    place = Store(tmp_path / "not there", BLOCK, MONTH)
    with pytest.raises(UnknownImage):
        place.image("0" * 64)
    assert not place.folder.exists()


# ------------------------------------------------------------------------------------------------------------ the quota


@settings(deadline=None)  # how long a disk takes to write for good is not the question
@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 6 * BLOCK), st.booleans()), max_size=25))
def test_the_quota_holds_whatever_comes(files: list[tuple[int, int, bool]]) -> None:
    """Files of any size, some more than once, some that break off: the folder holds just what was accepted."""
    with tempfile.TemporaryDirectory() as folder:
        place, held = Store(Path(folder), 20 * BLOCK, MONTH), dict[str, int]()
        for value, size, whole in files:
            data, blocks = bytes([value]) * size, max(1, -(-size // BLOCK))
            if sum(held.values()) + blocks > 20:
                with pytest.raises(StoreFull):
                    place.put(data)
            elif whole:
                held[place.put(data)] = blocks
            else:
                with place.receive(size) as arrival:
                    arrival.write(data[: size // 2])
            assert names(place.folder) == sorted(held)
            assert names(place.folder, "arriving") == []
            assert sum(held.values()) <= 20


def test_room_is_promised_to_what_is_still_arriving(place: Store) -> None:
    with place.receive(150 * BLOCK) as first:
        with pytest.raises(StoreFull, match=r"no space for another 0.2 MB. Uploads may take up to 0.8192 MB here"):
            place.receive(51 * BLOCK)
        first.write(bytes(150 * BLOCK))
        assert first.left == 0
    assert place.put(bytes(200 * BLOCK))


def test_a_refusal_throws_nothing_out(place: Store) -> None:
    kept = [place.put(bytes([n]) * 50 * BLOCK) for n in range(4)]
    with pytest.raises(StoreFull, match="within the last day"):
        place.put(b"x")
    assert names(place.folder) == sorted(kept)


def test_more_than_was_announced_is_refused(place: Store) -> None:
    with place.receive(3) as arrival, pytest.raises(ValueError, match="4 bytes came, 3 were to come"):
        arrival.write(b"four")


def test_a_disk_that_is_full_is_told_of(place: Store) -> None:
    """Linux has a file that every write to fails as on a full disk."""
    with place.receive(5) as arrival:
        arrival._out.close()
        arrival._out = io.FileIO("/dev/full", "wb")
        with pytest.raises(StoreFull, match="full or not writable"):
            arrival.write(b"bytes")
    assert names(place.folder, "arriving") == []
    assert place.put(b"bytes")


def test_a_folder_that_cannot_be_made_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreFull, match="not writable") as caught:
        Store(tmp_path / "file", BLOCK, MONTH).put(b"")
    assert str(tmp_path) not in str(caught.value)


# ------------------------------------------------------------------------------------------------------- time to live


def test_what_nobody_used_for_too_long_goes(place: Store) -> None:
    old, young = place.put(b"old"), place.put(b"young")
    model = place.keep_recipe(recipe(young))
    age(place.file(old), MONTH + 1)
    age(place.file(young), MONTH - 1)
    place.sweep()
    assert names(place.folder) == [young]
    assert names(place.folder, "recipes") == [model]


def test_what_is_used_stays(place: Store) -> None:
    image, file = place.put(b"image"), place.put(b"file")
    model = place.keep_recipe(recipe(file))
    for path in (place.file(image), place.file(file), place.folder / "recipes" / model):
        age(path, MONTH - 1)
    place.touch_image(image)
    place.touch_model(model)
    for path in (place.file(image), place.file(file), place.folder / "recipes" / model):
        assert path.stat().st_mtime > time.time() - 60


def test_putting_it_again_makes_it_young(place: Store) -> None:
    file = place.file(place.put(b"x"))
    age(file, MONTH - 1)
    place.put(b"x")
    assert file.stat().st_mtime > time.time() - 60


def test_what_is_too_old_makes_room_before_anything_is_refused(place: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    old = place.put(bytes(150 * BLOCK))
    age(place.file(old), MONTH + 1)
    monkeypatch.setattr(store, "SPARED_S", 1e12)
    with pytest.raises(StoreFull):  # it was counted a moment ago
        place.put(b"x" * 100 * BLOCK)
    monkeypatch.setattr(store, "RECOUNT_S", 0.0)
    assert names(place.folder) == [old]
    new = place.put(b"x" * 100 * BLOCK)
    assert names(place.folder) == [new]


def test_what_nobody_used_for_a_day_makes_room_the_longest_unused_first(place: Store) -> None:
    old, older, young = (place.put(bytes([i]) * 60 * BLOCK) for i in range(3))
    age(place.file(old), 2)
    age(place.file(older), 3)
    new = place.put(b"x" * 60 * BLOCK)
    assert names(place.folder) == sorted([old, young, new])


def test_nothing_makes_room_for_what_would_not_fit_all_the_same(place: Store) -> None:
    old, young = place.put(b"a" * 20 * BLOCK), place.put(b"b" * 150 * BLOCK)
    age(place.file(old), 2)
    with pytest.raises(StoreFull, match="within the last day"):
        place.put(b"c" * 100 * BLOCK)
    assert names(place.folder) == sorted([old, young])


def test_what_was_left_half_written_is_swept(place: Store) -> None:
    place.sweep()
    old, of_another = (place.arriving(letter * 32) for letter in "ab")
    begun = place.arriving("c" * 32).with_suffix(".new")
    for path in (old, of_another, begun):
        path.write_bytes(bytes(10 * BLOCK))
    age(old, 1)
    with place.receive(10 * BLOCK) as coming:  # by a service that has not ended
        place.sweep()
        assert set(names(place.folder, "arriving")) == {coming.name, begun.name}
    age(begun, 1)
    place.sweep()
    assert names(place.folder, "arriving") == []


def test_a_store_counts_what_it_finds(place: Store) -> None:
    place.put(bytes(150 * BLOCK))
    with pytest.raises(StoreFull):
        Store(place.folder, 200 * BLOCK, MONTH).put(b"x" * 60 * BLOCK)


# ----------------------------------------------------------------------------------------------------- many at one time


def test_what_gets_its_name_is_not_left_behind_for_another_process(
    place: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    move = place._move

    def swept_before(*arguments: Any) -> None:
        Store(place.folder, 200 * BLOCK, MONTH).sweep()
        move(*arguments)

    monkeypatch.setattr(place, "_move", swept_before)
    assert place.file(place.put(b"kept")).read_bytes() == b"kept"


def test_many_put_the_same_file_and_it_is_kept_once(place: Store) -> None:
    """Half of them through a store of their own on the same folder, as another process would."""
    other, data, ready = Store(place.folder, 200 * BLOCK, MONTH), os.urandom(20 * BLOCK), threading.Barrier(8)

    def put(mine: Store) -> str:
        ready.wait()
        return mine.put(data)

    with ThreadPoolExecutor(8) as threads:
        digests = set(threads.map(put, [place, other] * 4))
    assert digests == {sha(data)}
    assert names(place.folder) == [sha(data)]
    assert place.file(sha(data)).read_bytes() == data
    place.put(bytes(180 * BLOCK))  # it was counted once


def test_many_put_different_files_and_the_quota_holds(place: Store) -> None:
    files = [bytes([n]) * 30 * BLOCK for n in range(12)]

    def put(data: bytes) -> str | None:
        try:
            return place.put(data)
        except StoreFull:
            return None

    with ThreadPoolExecutor(12) as threads:
        kept = {digest for digest in threads.map(put, files) if digest}
    assert 1 <= len(kept) <= 6
    assert set(names(place.folder)) == kept
    assert all(sha(place.file(digest).read_bytes()) == digest for digest in kept)
