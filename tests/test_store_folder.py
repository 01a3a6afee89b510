"""The folder of uploads that was there already: closed to others, or not used."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradviz_core.errors import StoreFull
from gradviz_core.uploads.store import BLOCK, Store
from tests.test_store import MONTH, names, recipe, sha


@pytest.fixture
def place(tmp_path: Path) -> Store:
    """A store in which an image and a model lie."""
    return Store(tmp_path / "uploads", 200 * BLOCK, MONTH)


def again(place: Store) -> Store:
    """The same folder after a restart."""
    return Store(place.folder, 200 * BLOCK, MONTH)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_folder_that_was_open_to_others_is_closed_with_all_that_lies_in_it(
    place: Store, caplog: pytest.LogCaptureFixture
) -> None:
    digest = place.put(b"an upload")
    for path in (place.folder, place.folder / "files"):
        path.chmod(0o755)
    place.file(digest).chmod(0o644)
    again(place).sweep()
    assert [mode(path) for path in (place.folder, place.folder / "files", place.file(digest))] == [0o700, 0o700, 0o600]
    assert place.image(digest) == b"an upload"
    assert "was open to other users (mode 755)" in caplog.text


def test_what_others_could_exchange_is_read_again(place: Store, caplog: pytest.LogCaptureFixture) -> None:
    sound, exchanged = place.put(b"sound", "10.0.0.1"), place.put(b"exchanged")
    model = place.keep_recipe(recipe(sound))
    place.file(exchanged).write_bytes(b"by somebody else")
    again(place).sweep()
    assert place.image(exchanged) == b"by somebody else", "nothing is read again as long as only this user can write"
    place.folder.chmod(0o777)
    again(place).sweep()
    assert (names(place.folder), names(place.folder, "recipes")) == ([sound], [model])
    assert f"{exchanged} in the folder of uploads is not what its name says" in caplog.text


def test_folders_among_the_files_are_left_alone_and_every_file_is_closed(place: Store) -> None:
    digests = [place.put(b"upload %d" % number) for number in range(9)]
    for number in range(9):
        (place.folder / "files" / f"folder {number}").mkdir(mode=0o755)
    for path in (place.folder, *map(place.file, digests)):
        path.chmod(0o755)
    again(place).sweep()
    assert {mode(place.file(digest)) for digest in digests} == {0o600}
    assert {mode(place.folder / "files" / f"folder {number}") for number in range(9)} == {0o755}


@pytest.mark.parametrize("kind", ["files", "recipes", "arriving"])
def test_a_link_in_the_place_of_an_upload_is_removed(place: Store, tmp_path: Path, kind: str) -> None:
    place.sweep()
    (tmp_path / "secret").write_bytes(b"of the operator")
    link = place.folder / kind / sha(b"of the operator")
    link.symlink_to(tmp_path / "secret")
    (place.folder / kind / "folder").mkdir()  # which is left alone
    again(place).sweep()
    assert names(place.folder, kind) == ["folder"]
    assert (tmp_path / "secret").read_bytes() == b"of the operator"


def test_a_link_in_the_place_of_the_folder_is_refused(place: Store, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    place.folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreFull, match="because the upload folder is not safe"):
        place.put(b"x")
    assert [*(tmp_path / "elsewhere").iterdir()] == []


def test_a_link_in_the_place_of_a_folder_inside_is_refused(place: Store, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    place.folder.mkdir()
    (place.folder / "files").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreFull, match="is not safe"):
        place.sweep()


def test_a_folder_of_another_user_is_refused_and_nothing_is_read_out_of_it(
    place: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    digest = place.put(b"x")
    model = place.keep_recipe(recipe(digest))
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    other = again(place)
    for ask in (lambda: other.put(b"y"), lambda: other.touch_image(digest), lambda: other.touch_model(model)):
        with pytest.raises(StoreFull, match="ask the operator of GradViz") as caught:
            ask()
        assert str(place.folder) not in str(caught.value)
    assert f"{place.folder} belongs to another user (number {user})" in caplog.text


def test_a_folder_that_everybody_can_replace_is_refused(place: Store, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(StoreFull, match="is not safe"):
        place.put(b"x")
    tmp_path.chmod(0o1777)  # as /tmp is
    assert place.put(b"x")


def test_a_file_that_another_process_removes_meanwhile_is_passed_over(
    place: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, stays = place.put(b"gone"), place.put(b"stays")
    place.file(stays).chmod(0o644)
    listed = os.scandir

    @contextlib.contextmanager
    def scandir(folder: Path) -> Iterator[list[os.DirEntry[str]]]:
        with listed(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name != gone)
        place.file(gone).unlink(missing_ok=True)
        yield found

    monkeypatch.setattr(os, "scandir", scandir)
    again(place).sweep()
    assert names(place.folder) == [stays]
    assert mode(place.file(stays)) == 0o600
