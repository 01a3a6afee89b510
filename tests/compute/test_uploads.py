"""Uploads on their way in: what is kept, what is refused before it is sent, and what is left of one that broke off."""

from __future__ import annotations

import hashlib
import io
import json
import resource
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gradviz_core.compute import protocol, sockets
from gradviz_core.compute.client import Client
from gradviz_core.compute.launch import LocalService
from gradviz_core.compute.protocol import Announcement
from gradviz_core.compute.slot import Job
from gradviz_core.compute.upload_intake import UploadIntake
from gradviz_core.errors import (
    BadImage,
    BadModel,
    ComputeError,
    StoreFull,
    UnknownImage,
    UnknownModel,
)
from gradviz_core.settings import Settings
from gradviz_core.text.codec import error_from_json
from gradviz_core.types.cards import Preprocessing, Recipe
from tests.compute.conftest import FAKES, ask, kept, until, worker_of
from tests.crowding import soon
from tests.image_files import wide_png

STEPS = Preprocessing((8, 8), None, (0.0,), (1.0,))


def picture(width: int = 8) -> bytes:
    """An image of noise, so that it does not shrink."""
    file = io.BytesIO()
    noise = np.random.default_rng(width).integers(0, 255, (width, width, 3), np.uint8)
    Image.fromarray(noise).save(file, "PNG")
    return file.getvalue()


def files(settings: Settings, kind: str = "files") -> list[str]:
    return sorted(path.name for path in (settings.store / kind).glob("*"))


@pytest.fixture(autouse=True)
def nothing_is_left_half_way(chosen: Settings) -> Iterator[None]:
    """Whatever a test does, no file is left among those that are arriving."""
    yield
    assert until(lambda: files(chosen, "arriving") == [])


def test_an_image_is_read_by_a_worker_and_kept_under_its_digest(client: Client, chosen: Settings) -> None:
    report = client.upload_image(picture())
    assert (report.width, report.height, report.format) == (8, 8, "PNG")
    assert (chosen.store / "files" / report.key.removeprefix("upload/")).read_bytes() == picture()
    before = files(chosen)
    assert client.upload_image(picture()) == report
    assert files(chosen) == before


def test_of_an_array_the_picture_made_of_it_is_kept(client: Client, chosen: Settings) -> None:
    file = io.BytesIO()
    np.save(file, np.linspace(-1, 1, 192, dtype=np.float32).reshape(8, 8, 3))
    report = client.upload_image(file.getvalue(), (-1.0, 1.0))
    stored = (chosen.store / "files" / report.key.removeprefix("upload/")).read_bytes()
    assert stored.startswith(b"\x89PNG")


def test_a_picture_of_12_bits_is_kept_once_more_where_it_is_scaled_in_another_way(
    client: Client, chosen: Settings
) -> None:
    data = wide_png(np.arange(64).reshape(8, 8) * 65)
    by_itself = client.upload_image(data)
    stated = client.rescale_image(by_itself.key, (0.0, 1023.0))
    assert "Scaled from 10 of its 16 bits" in stated.notes[0]
    stored = (chosen.store / "files" / stated.key.removeprefix("upload/")).read_bytes()
    assert stored.startswith(data)
    assert stated.key == f"upload/{hashlib.sha256(stored).hexdigest()}"
    assert client.rescale_image(stated.key, None) == by_itself
    before = files(chosen)
    with pytest.raises(BadImage, match="is not a valid range"):
        client.rescale_image(stated.key, (1.0, 0.0))
    with pytest.raises(BadImage, match="has 8 bits"):
        client.rescale_image(client.upload_image(picture()).key, None)
    with pytest.raises(UnknownImage, match="has been removed"):
        client.rescale_image(f"upload/{'0' * 64}", None)
    assert len(files(chosen)) <= len(before) + 1, "nothing but the picture of 8 bits"


def test_what_is_no_image_or_no_model_leaves_nothing(client: Client, chosen: Settings) -> None:
    before = files(chosen)
    with pytest.raises(BadImage):
        client.upload_image(b"MZ\x90\x00")
    with pytest.raises(BadImage, match="empty"):
        client.upload_image(b"")
    with pytest.raises(BadImage, match=r"The file is 2.0 MB; the limit is 1 MB. Choose a smaller image"):
        client.upload_image(bytes(2_000_000))
    assert files(chosen) == before


def test_a_recipe_is_kept_and_comes_back(client: Client, chosen: Settings) -> None:
    recipe = Recipe(kept(chosen), "torchvision/resnet18", "Mein Modell \u2603", ("cat", "dog"), STEPS)
    key = client.keep_recipe(recipe)
    assert client.keep_recipe(recipe) == key
    assert client.recipe(key) == recipe


def test_a_recipe_without_its_file_is_refused(client: Client) -> None:
    with pytest.raises(UnknownModel, match=r"has been removed: uploads are kept for 30 days"):
        client.keep_recipe(Recipe("0" * 64, "", "x", (), STEPS))
    with pytest.raises(UnknownModel, match="has been removed"):
        client.recipe(f"upload/{'0' * 64}")
    with pytest.raises(UnknownModel, match="There is no uploaded model 'preset/shapes-cnn'"):
        client.recipe("preset/shapes-cnn")


# ------------------------------------------------------------------------------------------------------------- no room


def test_a_full_store_refuses_before_the_file_is_sent(chosen: Settings, tmp_path: Path) -> None:
    client = Client(chosen.model_copy(update={"store": tmp_path, "store_mb": 0.3}), FAKES)
    try:
        first = client.upload_image(picture(200))
        second = client.upload_image(picture(201))
        with pytest.raises(StoreFull, match=r"no space for another 0.1 MB. Uploads may take up to 0.3 MB here"):
            client.upload_image(picture(202))
        assert worker_of(ask(client, "echo", first.key)) == worker_of(ask(client, "echo", second.key))
        assert client.upload_image(picture(8)).width == 8
    finally:
        client.close()


@contextmanager
def disk_with(size: int, pid: int) -> Iterator[None]:
    """The service can write no file beyond this size: the kernel refuses, as it does when a disk is full."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


def test_a_full_disk_is_told_of_and_nothing_is_lost(client: Client, chosen: Settings) -> None:
    before = files(chosen)
    with disk_with(100_000, client.status().pid):
        with pytest.raises(StoreFull, match="full or not writable"):
            client.upload_image(picture(500))
        assert files(chosen) == before
        ask(client, "echo")
        client.upload_image(picture(9))
    client.upload_image(picture(500))
    assert len(files(chosen)) == len(before) + 2


# ------------------------------------------------------------------------------------- slow clients, and lost clients


def _begin(service: LocalService, size: int, sent: int) -> Connection:
    """A connection on which a part of a file has been sent."""
    connection = sockets.connect(*service.address_and_key())
    protocol.write_message(connection, "arrive", Announcement("image", size).to_json())
    assert protocol.read_message(connection)[0] == "go"
    connection.send_bytes(bytes(sent))
    return connection


def test_a_client_that_stops_half_way_keeps_nobody_waiting(
    client: Client, chosen: Settings, service: LocalService
) -> None:
    stuck = [_begin(service, 900_000, 100_000) for _ in range(20)]
    assert until(lambda: len(files(chosen, "arriving")) == 20)
    ask(client, "echo")
    assert client.upload_image(picture()).width == 8
    for connection in stuck:
        connection.close()
    assert until(lambda: files(chosen, "arriving") == [])


def test_half_a_frame_keeps_nobody_waiting(client: Client, service: LocalService) -> None:
    with sockets.connect(*service.address_and_key()) as connection:
        protocol.write_message(connection, "arrive", Announcement("image", 900_000).to_json())
        assert protocol.read_message(connection)[0] == "go"
        connection._send(struct.pack("!i", 900_000) + bytes(1000))  # type: ignore[attr-defined]
        ask(client, "echo")
        assert client.upload_image(picture()).width == 8


def test_more_than_was_announced_ends_the_connection(client: Client, service: LocalService, chosen: Settings) -> None:
    before = files(chosen)
    with _begin(service, 1000, 999) as connection, pytest.raises((EOFError, OSError)):  # noqa: PT012
        connection.send_bytes(bytes(2))
        protocol.read_message(connection)
    ask(client, "echo")
    assert files(chosen) == before


@contextmanager
def _both_ends(tmp_path: Path) -> Iterator[tuple[Connection, Connection]]:
    key = b"a key of the tests"
    listener, address = sockets.listen(f"unix:{tmp_path / 'door'}")
    with listener, ThreadPoolExecutor(1) as threads:
        welcomed = threads.submit(lambda: sockets.welcome(listener.accept()[0], key))
        with sockets.connect(address, key) as client, welcomed.result() as service:
            yield client, service


def test_a_message_that_stops_half_way_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "SILENCE_S", 1)
    with _both_ends(tmp_path) as (client, service):
        client.send_bytes(b"ask")
        assert service.poll(None)
        start = time.monotonic()
        with pytest.raises(OSError):  # noqa: PT011
            protocol.read_message(service)
        assert time.monotonic() - start < 1 + soon(1.5)


def test_a_file_that_drips_in_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "SILENCE_S", 1)
    with _both_ends(tmp_path) as (client, service):
        client.send_bytes(b"x")
        client.send_bytes(b"x")
        parts = protocol.receive_file(service, 100)
        assert next(parts) == b"x"
        time.sleep(1.1)
        with pytest.raises(TimeoutError, match="2 of 100 bytes"):
            next(parts)


# ---------------------------------------------------------------------------------- what a worker is told, and answers


def _packed(header: bytes, rest: bytes) -> bytes:
    return struct.pack("<I", len(header)) + header + rest


@pytest.fixture
def counter(chosen: Settings, tmp_path: Path) -> Iterator[UploadIntake]:
    """What receives uploads, without a service around it."""
    intake = UploadIntake(chosen.model_copy(update={"store": tmp_path / "store", "upload_mb": 0.001}))
    yield intake
    intake.close()


def received(counter: UploadIntake, tmp_path: Path, says: protocol.Message | None) -> protocol.Message | None:
    """What the counter replies about a file of four bytes of which a worker says this."""
    with _both_ends(tmp_path) as (client, service), ThreadPoolExecutor(1) as threads:
        over = threads.submit(counter.arrive, service, Announcement("image", 4).to_json(), "", lambda job: says)
        assert protocol.read_message(client)[0] == "go"
        protocol.send_file(client, memoryview(b"four"))
        protocol.write_message(client, "look", b"null")
        if says is None:
            over.result()
            return None
        reply = protocol.read_message(client)
        client.close()
        assert isinstance(over.exception(8), EOFError) == (reply[0] == "error")
        return reply


def test_labels_are_read_and_not_kept(counter: UploadIntake, tmp_path: Path) -> None:
    jobs: list[Job] = []

    def work(job: Job) -> protocol.Message:
        jobs.append(job)
        return "ok", b'["cat"]'

    with _both_ends(tmp_path) as (client, service), ThreadPoolExecutor(1) as threads:
        over = threads.submit(counter.arrive, service, Announcement("labels", 3).to_json(), "", work)
        assert protocol.read_message(client)[0] == "go"
        protocol.send_file(client, memoryview(b"cat"))
        protocol.write_message(client, "look", b"null")
        assert protocol.read_message(client) == ("ok", b'["cat"]')
        over.result(8)
    assert [(job.word, job.body) for job in jobs] == [("read-labels", b"cat")]
    assert not list((counter.store.folder / "files").iterdir())


def test_labels_of_more_than_a_megabyte_are_refused_before_they_are_sent(client: Client) -> None:
    with pytest.raises(BadModel, match=r"limit is 1 MB"):
        client.deliver("labels", 1_000_001)


LIE = b'{"key": "upload/other", "width": 1, "height": 1, "format": "PNG", "notes": []}'


@pytest.mark.parametrize(("rest", "kept"), [(b"", b"four"), (b"another", b"another")])
def test_the_service_names_what_it_keeps_whatever_a_worker_says(
    counter: UploadIntake, tmp_path: Path, rest: bytes, kept: bytes
) -> None:
    reply = received(counter, tmp_path, ("ok", _packed(LIE, rest)))
    digest = hashlib.sha256(kept).hexdigest()
    assert reply is not None
    assert json.loads(reply[1])["key"] == f"upload/{digest}"
    assert [path.name for path in (counter.store.folder / "files").iterdir()] == [digest]


@pytest.mark.parametrize("reply", [b"", b"x", b"\xff\xff\xff\xff", _packed(b"{}", b""), _packed(LIE, bytes(2001))])
def test_a_worker_that_talks_nonsense_gets_nothing_kept(counter: UploadIntake, tmp_path: Path, reply: bytes) -> None:
    said = received(counter, tmp_path, ("ok", reply))
    assert said is not None
    assert isinstance(error_from_json(said[1]), ComputeError)
    assert not list((counter.store.folder / "files").iterdir())
    assert not list((counter.store.folder / "arriving").iterdir())


def test_where_nobody_waits_for_the_reply_nothing_is_kept(counter: UploadIntake, tmp_path: Path) -> None:
    assert received(counter, tmp_path, None) is None
    assert not list((counter.store.folder / "files").iterdir())
