"""Uploads that are slow, that stop, that are too many, or whose session has ended: they are let go of, and hold up
nobody else."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest

from gradviz_core.errors import UploadRefused
from gradviz_core.serving import arrivals, pace
from gradviz_core.serving.notes import Note
from tests import own_loop
from tests.crowding import soon
from tests.handing_in import chunks, form
from tests.serving.upload_desk import ME, MODEL, OTHER, Desk, hanging


@pytest.fixture
def desk() -> Desk:
    return Desk()


class Clock:
    """What the app goes by, as the test has it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(arrivals, "time", SimpleNamespace(monotonic=lambda: self.now))


# ------------------------------------------------------------------------------------------------- slow, and gone


def test_a_drip_is_given_up_and_its_room_is_free(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte at a time comes steadily, and far too slowly."""
    monkeypatch.setattr(pace, "PATIENCE_S", 0.3)

    async def drip() -> None:
        async with hanging(desk, f"{ME}/1", 900_000) as upload:
            begun = time.monotonic()
            while not upload.task.done() and time.monotonic() - begun < 30:
                upload.messages.put_nowait({"type": "http.request", "body": b"x", "more_body": True})
                await asyncio.sleep(0.02)
            assert 0.2 < time.monotonic() - begun < soon(1)
            assert upload.status == 408

    own_loop.run(drip())
    assert desk.deliveries[0].gone()
    assert desk.send("a.png", bytes(900_000)).token


def test_what_is_refused_holds_no_file_while_the_rest_of_it_comes(desk: Desk) -> None:
    """A browser hears why only once it has sent all."""

    async def rest() -> None:
        async with hanging(desk, f"{ME}/1", 900_000, name="notes.txt") as upload:
            for _ in range(3):
                await asyncio.sleep(0.05)
                assert not upload.task.done()
                upload.messages.put_nowait({"type": "http.request", "body": bytes(300_000), "more_body": True})
            upload.messages.put_nowait({"type": "http.request", "body": b"", "more_body": False})
            await asyncio.wait_for(upload.task, 1)
            assert upload.status == 204

    own_loop.run(rest())
    assert desk.deliveries == []


def test_the_rest_of_what_is_refused_is_waited_for_no_longer_than_a_file(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "PATIENCE_S", 0.2)

    async def rest() -> None:
        async with hanging(desk, f"{ME}/1", 900_000, name="notes.txt") as upload:
            await asyncio.wait_for(upload.task, 2)
            assert upload.status == 408

    own_loop.run(rest())
    assert desk.streamlit.held == {}


def test_whoever_hangs_up_in_the_middle_leaves_nothing(desk: Desk) -> None:
    async def vanish() -> None:
        async with hanging(desk, f"{ME}/1", 900_000) as upload:
            upload.messages.put_nowait({"type": "http.disconnect"})
            await asyncio.wait_for(upload.task, 1)
            assert upload.said == []

    own_loop.run(vanish())
    assert desk.deliveries[0].gone()
    assert desk.streamlit.held == {}


# ------------------------------------------------------------------------------------------------------ how many


def test_two_uploads_that_hang_keep_nobody_else_waiting(desk: Desk) -> None:
    desk.files.controls.draw(ME, "model", MODEL)

    async def both() -> Note:
        first, second = (hanging(desk, f"{ME}/{number}", 3_400_000, name="a.pt2") for number in (1, 2))
        async with first, second:
            content_type, body = form("a.png", b"small")
            headers = {"Content-Type": content_type, "Content-Length": str(len(body))}
            status, _ = await asyncio.wait_for(desk.put(chunks(body), headers, f"{OTHER}/1"), 1)
            assert status == 204
            return Note.from_bytes(desk.streamlit.held[f"/_stcore/upload_file/{OTHER}/1"][1])

    assert own_loop.run(both()).token


@pytest.mark.parametrize(
    ("before", "size", "path", "sentence"),
    [
        ([(ME, 1)] * 12, 1, ME, "12 files of this page are being uploaded"),
        ([(ME, 3_500_000), (ME, 3_200_000)], 600_000, ME, "this session has uploaded 6.7 MB of the 7 MB"),
        ([(f"{ME} {n}", 1) for n in range(12)], 1, ME, "Files of 1 kB are already being uploaded from your address"),
        ([(f"{ME} 1", 4_000_000), (f"{ME} 2", 3_500_000)], 600_000, ME, "being uploaded from your address"),
        ([(f"{n}", 1) for n in range(24)], 1, ME, "being uploaded at the moment"),
        ([(f"{n}", 4_010_000) for n in range(6)], 1, ME, "being uploaded at the moment"),
    ],
)
def test_so_many_files_may_be_on_their_way(
    desk: Desk, before: list[tuple[str, int]], size: int, path: str, sentence: str
) -> None:
    for number, (session, held) in enumerate(before):
        mine = session.startswith(ME)
        desk.files.begin(session, str(number), "127.0.0.1" if mine else f"10.0.0.{number}", held)
    assert sentence in desk.send("a.png", bytes(size), f"{path}/x").refused
    assert desk.deliveries == []


def test_what_was_kept_counts_for_its_session_and_once(desk: Desk) -> None:
    desk.files.controls.draw(ME, "model", MODEL)
    for number in (1, 2):
        note = desk.send("a.pt2", bytes(3_000_000), f"{ME}/{number}")
        found = desk.files.find(ME, note.token)
        desk.files.keep(found)
        desk.files.keep(found)
        assert desk.files.uploaded(ME) == number * 3_000_000
        desk.files.let_go(found)
    assert "has uploaded 6.0 MB of the 7 MB" in desk.send("a.pt2", bytes(2_000_000), f"{ME}/4").refused


# ------------------------------------------------------------------------------------------------- what lets go of them


def test_a_file_that_the_browser_takes_back_is_gone_and_nobody_elses(desk: Desk) -> None:
    note = desk.send("a.png", b"four")
    assert desk.delete(f"{OTHER}/1") == 204
    assert not desk.deliveries[0].gone()
    assert desk.files.find(ME, note.token).size == 4
    assert desk.delete(f"{ME}/1") == 204
    assert desk.deliveries[0].gone()
    with pytest.raises(UploadRefused):
        desk.files.find(ME, note.token)


def test_a_file_sent_to_the_same_place_takes_the_place_of_the_first(desk: Desk) -> None:
    desk.send("a.png", b"four")
    desk.send("b.png", b"five!")
    assert [delivery.gone() for delivery in desk.deliveries] == [True, False]


def test_with_its_session_a_file_is_gone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    desk.send("a.png", b"four")
    theirs = desk.send("b.png", b"five!", f"{OTHER}/1")
    gone: set[str] = set()

    def look() -> None:
        desk.files.look(lambda session: session not in gone)

    look()
    gone.add(ME)
    look()
    assert not desk.deliveries[0].gone(), "a browser may be connecting again"
    clock.now += 3 * arrivals.GONE_S
    gone.clear()
    look()
    gone.add(ME)
    clock.now += arrivals.GONE_S - 0.1
    look()
    assert not desk.deliveries[0].gone()
    clock.now += 0.2
    look()
    assert desk.deliveries[0].gone()
    assert desk.files.controls.of(ME), "it may come back, and its page is not drawn anew then"
    clock.now += arrivals.ENDED_S
    look()
    assert desk.deliveries[0].gone()
    assert desk.files.controls.of(ME) == ()
    assert desk.files.find(OTHER, theirs.token).size == 5


def test_with_its_session_a_file_on_its_way_is_gone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "GONE_S", 0.0)

    async def closing() -> None:
        async with hanging(desk, f"{ME}/1", 900_000) as upload:
            for _ in range(2):
                desk.files.look(lambda session: session != ME)
            assert desk.deliveries[0].gone()
            upload.messages.put_nowait({"type": "http.request", "body": bytes(500_000), "more_body": True})
            await asyncio.wait_for(upload.task, 2)
            assert upload.status == 400

    own_loop.run(closing())
    assert desk.streamlit.held == {}


def test_what_no_page_takes_up_is_gone_after_a_while(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    desk.send("a.png", b"four")
    clock.now += arrivals.HELD_S - 1
    desk.files.look(lambda _: True)
    assert not desk.deliveries[0].gone()
    clock.now += 2
    desk.files.look(lambda _: True)
    assert desk.deliveries[0].gone()
