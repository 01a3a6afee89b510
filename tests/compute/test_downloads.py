"""Files of whole arrays: made by a worker, kept on the disk while they are read, and held whole by nobody else."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil  # type: ignore[import-untyped]
import pytest

from gradviz_core.compute.askers import Asker
from gradviz_core.compute.client import Client
from gradviz_core.compute.connection_pool import Incoming
from gradviz_core.compute.download_files import DownloadFile, DownloadFiles
from gradviz_core.compute.downloads import Wanted
from gradviz_core.compute.protocol import PART
from gradviz_core.errors import BadTarget, Busy, ComputeError, DeadlineExceeded, GradVizError, StoreFull, WorkerDied
from gradviz_core.settings import Settings
from gradviz_core.text.codec import question_to_json
from gradviz_core.types import SurveyQuestion
from tests.compute.conftest import ask, until, uploaded, worker_of
from tests.crowding import soon

ME, YOU, THEM = Asker("1.1.1.1", "a"), Asker("1.1.1.1", "b"), Asker("2.2.2.2", "c")


def wanted(model: str, image: str = "x", check: str | None = None) -> Wanted:
    return Wanted(question_to_json(SurveyQuestion(model=model, image=image)), check)


def fetched(client: Client, model: str, image: str = "x", *, asker: Asker = ME, check: str | None = None) -> Incoming:
    file = client.arrays(wanted(model, image, check), asker, threading.Event())
    assert file is not None
    return file


def test_the_file_holds_question_answer_check_and_the_whole_arrays(client: Client) -> None:
    file = fetched(client, "array", "4000000", check='{"line":"…"}')
    data = b"".join(file.parts())
    assert len(data) == file.size
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["pixels"], np.ones(1_000_000, np.float32), strict=True)
        assert str(arrays["question"]) == wanted("array", "4000000").question
        assert json.loads(str(arrays["answer"]))["question"]["model"] == "array"
        assert str(arrays["check"]) == '{"line":"…"}'
    ask(client, "x")  # on the same connection


def test_one_of_an_upload_comes_from_a_confined_worker(client: Client, chosen: Settings) -> None:
    file = fetched(client, uploaded(client, chosen, "array"), "0")
    with np.load(io.BytesIO(b"".join(file.parts())), allow_pickle=False) as arrays:
        (worker, *_) = json.loads(str(arrays["answer"]))["notes"]
        assert int(worker) not in [worker_of(ask(client, "x")) for _ in range(4)]
        assert "check" not in arrays


@pytest.mark.parametrize(
    ("model", "error", "words"),
    [
        ("refuse", BadTarget, "There is no class 12"),
        ("bug", ComputeError, "inside GradViz"),
        ("kill", WorkerDied, "ended unexpectedly"),
        ("spin", DeadlineExceeded, "took longer than 2 s"),
        ("upload/" + 64 * "0", GradVizError, "has been removed"),
    ],
)
def test_what_fails_fails_before_the_file_begins(
    client: Client, model: str, error: type[GradVizError], words: str
) -> None:
    with pytest.raises(error, match=words):
        fetched(client, model)
    assert worker_of(ask(client, "x"))


def test_the_service_holds_no_more_than_a_part(client: Client) -> None:
    service = psutil.Process(client.status().pid)
    fetched(client, "array", "0").close()
    before, most = service.memory_info().rss, 0
    file = fetched(client, "array", "60000000")
    for part in file.parts():
        assert len(part) <= PART
        most = max(most, service.memory_info().rss)
    assert most - before < 20_000_000


def test_a_slow_reader_holds_up_no_worker_and_gets_one_file_at_a_time(client: Client, chosen: Settings) -> None:
    files = [
        fetched(client, "array", "40000000", asker=asker) for asker in (ME, YOU, THEM)
    ]  # and there are two workers
    started = time.monotonic()
    ask(client, "x")
    assert time.monotonic() - started < soon(0.5)
    with pytest.raises(Busy, match="being sent to this page"):
        fetched(client, "x")
    assert not [path for path in chosen.store.iterdir() if "download-" in path.name], "it would outlive a crash"
    for file in files:
        file.close()
    assert until(lambda: _free(client))


def _free(client: Client) -> bool:
    try:
        fetched(client, "x").close()
    except Busy:
        return False
    return True


def test_who_hangs_up_is_out_of_the_queue_at_once(client: Client) -> None:
    left = threading.Event()
    threads = [threading.Thread(target=ask, args=(client, "sleep", "1")) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert until(lambda: client.status().busy == 2)
    results: list[Incoming | None] = []
    waiting = threading.Thread(target=lambda: results.append(client.arrays(wanted("array", "4"), ME, left)))
    waiting.start()
    assert until(lambda: client.status().queued == 1)
    left.set()
    assert until(lambda: client.status().queued == 0)
    for thread in (*threads, waiting):
        thread.join()
    assert results == [None]


# ------------------------------------------------------------------------------------------------------------ the room


@pytest.fixture
def files(tmp_path: Path) -> DownloadFiles:
    return DownloadFiles(tmp_path / "new", room=1000)


def filled(file: DownloadFile, data: bytes) -> None:
    file.make_room(len(data))
    assert file.take(len(data), iter([data[:3], data[3:]])) is None


def test_what_was_written_is_read_and_then_gone(files: DownloadFiles, tmp_path: Path) -> None:
    with files.reserve(ME) as file:
        filled(file, b"0123456789")
        assert b"".join(file.parts()) == b"0123456789"
        assert list((tmp_path / "new").iterdir()) == []
    with files.reserve(ME) as file:  # the room is free again
        filled(file, bytes(900))


def test_one_address_leaves_room_for_others(files: DownloadFiles) -> None:
    with files.reserve(ME) as mine, files.reserve(YOU) as yours, files.reserve(THEM) as theirs:
        mine.make_room(300)
        with pytest.raises(Busy, match="no space for it at the moment"):
            yours.make_room(300)
        theirs.make_room(700)
        with pytest.raises(Busy, match="no space for it at the moment"):
            yours.make_room(100)


def test_a_large_file_that_is_alone_has_all_the_room(files: DownloadFiles) -> None:
    with files.reserve(ME) as mine:
        mine.make_room(1000)


def test_a_full_disk_is_told_of_and_what_comes_is_taken(files: DownloadFiles) -> None:
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    came: list[bytes] = []

    def parts() -> Iterator[bytes]:
        for part in (b"abc", b"def"):
            came.append(part)
            yield part

    with files.reserve(ME) as file:
        file.make_room(6)
        assert file._file is not None
        file._file.close()
        file._file = Full()
        assert isinstance(file.take(6, parts()), StoreFull)
        assert came == [b"abc", b"def"]
        assert file.size is None


def test_what_nobody_waits_for_any_more_is_not_written(files: DownloadFiles) -> None:
    with files.reserve(ME) as file:
        file.make_room(900)
    assert file.take(6, iter([b"abc", b"def"])) is None
    with pytest.raises(Busy, match="has been cancelled"):
        file.make_room(900)
    with files.reserve(ME) as next_one:
        next_one.make_room(900)


def test_a_file_that_is_taken_too_slowly_is_given_up(files: DownloadFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradviz_core.compute.download_files.SILENCE_S", -1)
    with files.reserve(ME) as file:
        filled(file, b"0123456789")
        with pytest.raises(TimeoutError):
            next(file.parts())
