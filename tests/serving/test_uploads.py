"""What takes files in Streamlit's place, without a server: what is sent on, and what is refused, read or unread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
from starlette.types import Message

from gradviz_core.errors import StoreFull, UploadRefused
from gradviz_core.serving import arrivals, pace
from gradviz_core.serving.notes import Note
from gradviz_core.serving.uploads import PART
from tests import own_loop
from tests.crowding import soon
from tests.handing_in import chunks, form, request, sent
from tests.serving.upload_desk import ME, MODEL, OTHER, Desk, hanging


@pytest.fixture
def desk() -> Desk:
    return Desk()


# ----------------------------------------------------------------------------------------------- what becomes of files


def test_a_file_goes_on_in_parts_and_streamlit_gets_a_note(desk: Desk) -> None:
    data = bytes(range(256)) * 3900
    note = desk.send('a "quoted" name; filename=x.png', data)
    ((name, held),) = desk.streamlit.held.values()
    assert name == "a %22quoted%22 name; filename=x.png"
    assert len(held) < 120
    (delivery,) = desk.deliveries
    assert (delivery.kind, delivery.size, delivery.asker.address) == ("image", len(data), "127.0.0.1")
    assert b"".join(delivery.parts) == data
    assert max(map(len, delivery.parts)) <= PART + 65_536
    assert not delivery.gone()
    found = desk.files.find(ME, note.token)
    assert (found.size, found.delivery) == (len(data), delivery)


def test_nobody_else_gets_a_file_by_its_note(desk: Desk) -> None:
    note = desk.send("a.png", b"mine")
    with pytest.raises(UploadRefused, match=r"has been removed\. Choose it again"):
        desk.files.find(OTHER, note.token)
    forged = desk.send("b.png", note.to_bytes(), f"{OTHER}/1")  # a file that reads like a note is a file
    assert desk.deliveries[-1].parts == [note.to_bytes()]
    assert desk.files.find(OTHER, forged.token).delivery is desk.deliveries[-1]


def test_behind_a_base_path_as_well(desk: Desk) -> None:
    content_type, body = form("a.png", b"four")
    scope = request(
        "PUT", f"/base/_stcore/upload_file/{ME}/1", {"Content-Type": content_type, "Content-Length": str(len(body))}
    )
    assert own_loop.run(sent(desk.app, scope, chunks(body)))[0] == 204
    assert desk.deliveries[0].parts == [b"four"]


def test_other_requests_pass(desk: Desk) -> None:
    assert own_loop.run(sent(desk.app, request("OPTIONS", f"/_stcore/upload_file/{ME}/1", {}), []))[0] == 204
    assert own_loop.run(sent(desk.app, request("GET", "/_stcore/health", {}), []))[0] == 204


def test_the_event_loop_goes_on_while_the_service_is_slow(desk: Desk) -> None:
    async def both() -> float:
        async with hanging(desk, f"{ME}/1", 600_000) as upload:
            desk.deliveries[0].slow_s = 0.3
            upload.messages.put_nowait({"type": "http.request", "body": bytes(400_000), "more_body": True})
            longest, last, end = 0.0, time.monotonic(), time.monotonic() + 0.5
            while time.monotonic() < end:
                await asyncio.sleep(0.01)
                longest, last = max(longest, time.monotonic() - last), time.monotonic()
            return longest

    assert own_loop.run(both()) < soon(0.1)


# ---------------------------------------------------------------------------------------------------- refused unread


def unread() -> Iterator[Message]:
    """A body that nobody may ask for."""
    return map(lambda _: pytest.fail("the body was read"), [None])  # noqa: C417 - a generator would not be one


@pytest.mark.parametrize(
    ("path", "change", "status", "sentence"),
    [
        (f"{ME}/1", {"token": False}, 403, "does not come from a page of this app"),
        ("no session/1", {}, 400, "This session does not exist"),
        (f"{ME}/{'1' * 65}", {}, 400, "This session does not exist"),
        (f"{ME}/1", {"controls": False}, 409, "No control of this session is waiting for a file"),
        (f"{ME}/1", {"length": "2000000"}, 413, "The file has 2.0 MB; the limit is 1 MB."),
        (f"{ME}/1", {"length": ""}, 411, "The length of the file must be stated"),
        (f"{ME}/1", {"length": "-5"}, 411, "The length of the file must be stated"),
        (f"{ME}/1", {"length": "9" * 20}, 411, "The length of the file must be stated"),
        (f"{ME}/1", {"type": "text/plain"}, 400, "not a form with a file"),
        (f"{ME}/1", {"type": "multipart/form-data"}, 400, "not a form with a file"),
        (f"{ME}/1", {"type": f"multipart/form-data; boundary={'b' * 10_000}"}, 400, "not a form with a file"),
    ],
)
def test_what_may_not_be_sent_is_refused_before_it_is_read(
    desk: Desk, path: str, change: dict[str, str | bool], status: int, sentence: str
) -> None:
    desk.token = change.get("token") is not False
    if change.get("controls") is False:
        desk.files.controls.keep_only(ME, ())
    headers = {
        "Content-Type": str(change.get("type", "multipart/form-data; boundary=b")),
        "Content-Length": str(change.get("length", "1000")),
    }
    scope = request("PUT", f"/_stcore/upload_file/{path}", headers)
    got, said = own_loop.run(sent(desk.app, scope, unread()))
    assert (got, sentence in said) == (status, True), said
    assert desk.deliveries == []
    assert desk.streamlit.held == {}


HEAD = b'--b\r\nContent-Disposition: form-data; name="x"; filename="a.png"\r\n\r\n'
TAIL = b"\r\n--b--\r\n"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (HEAD + b"abc\r\n" + HEAD + b"def" + TAIL, "more than one part"),
        (HEAD + b"abc\r\n--b--\r\n" + HEAD + b"def" + TAIL, "does not match its file"),
        (b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\nabc' + TAIL, "contains no file"),
        (b"--b\r\n" + b"A: b\r\n" * 10_000 + b"\r\nabc" + TAIL, "too much data before the file"),
        (b"--b\r\n" + b"A: b\r\n" * 20 + b"\r\nabc" + TAIL, "cannot be read"),
        (HEAD.replace(b"a.png", b"a" * 1_000_000 + b".png") + b"abc" + TAIL, "too much data before the file"),
        (HEAD.replace(b"a.png", b"") + b"abc" + TAIL, "contains no file"),
        (HEAD.replace(b"a.png", b"\x00\x01\x7f") + b"abc" + TAIL, "contains no file"),
        (b"\r\n\r\n" + HEAD + b"abc" + TAIL, "does not begin with its boundary"),
        (HEAD + b"abc" + TAIL + b"more", "does not match its file"),
        (HEAD + b"abc", "does not match its file"),
        (HEAD[:-2] + b"abc" + TAIL, "contains no file"),
        (bytes(300_000), "too much data before the file"),
        (b"", "contains no file"),
    ],
)
def test_what_is_no_form_with_one_file_is_refused_and_leaves_nothing(desk: Desk, body: bytes, sentence: str) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": str(len(body))}
    status, said = own_loop.run(desk.put(chunks(body), headers))
    assert (status, sentence in said) == (400, True), said
    assert all(delivery.gone() for delivery in desk.deliveries)
    assert desk.streamlit.held == {}
    desk.send("a.png", bytes(900_000))  # and its room is free


@pytest.mark.parametrize("off", [-1, 1, 500])
def test_a_length_that_lies_is_refused(desk: Desk, off: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "PATIENCE_S", 0.1)
    body = HEAD + bytes(1000) + TAIL
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": str(len(body) + off)}
    status, _ = own_loop.run(desk.put(chunks(body), headers))
    assert status == 400
    assert all(delivery.gone() for delivery in desk.deliveries)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd.png", "a\u202egnp.png", "a\x00b.png", "x" * 2000 + ".png", "ü☃.png"]
)
def test_names_of_all_kinds_are_taken_as_text(desk: Desk, name: str) -> None:
    desk.send(name, b"four")
    ((held, _),) = desk.streamlit.held.values()
    assert held.endswith(".png")
    assert held.isprintable()
    assert ("⟨U+202E⟩" in held) == ("\u202e" in name)
    assert len(held) <= 255


# ------------------------------------------------------------------------------------------- refused with a sentence


@pytest.mark.parametrize(
    ("name", "size", "sentence"),
    [
        ("notes.txt", 5, "'notes.txt' has an unsupported type. Choose a PNG file."),
        ("a.pt2", 5, "'a.pt2' has an unsupported type. Choose a PNG file."),
        ("a.png", 0, "'a.png' is empty. Choose another file."),
        ("a.png", 1_000_001, "'a.png' has 1.0 MB; the limit is 1 MB. Choose a smaller file."),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_the_note(desk: Desk, name: str, size: int, sentence: str) -> None:
    assert desk.send(name, bytes(size)) == Note(refused=sentence)
    assert desk.deliveries == []


def test_the_control_that_was_drawn_last_says_what_it_takes(desk: Desk) -> None:
    desk.files.controls.draw(ME, "model", MODEL)
    assert "Choose a .pt2 or .pth file." in desk.send("notes.txt", b"text").refused
    assert desk.send("a.pth", bytes(3_000_000), f"{ME}/2").token
    assert desk.send("a.png", b"x", f"{ME}/3").token, "the page behind a dialog still waits"
    assert [delivery.kind for delivery in desk.deliveries] == ["model", "image"]


def test_a_service_that_takes_nothing_is_said_in_the_note(desk: Desk) -> None:
    desk.trouble = StoreFull("There is no room.")
    assert desk.send("a.png", b"x").refused == "There is no room."
    desk.trouble = None
    assert desk.send("a.png", b"x").token


def test_a_service_that_dies_in_the_middle_is_said_in_the_note(desk: Desk) -> None:
    async def broken_off() -> None:
        async with hanging(desk, f"{ME}/1", 600_000) as upload:
            desk.deliveries[0].broken = True
            upload.messages.put_nowait({"type": "http.request", "body": bytes(300_000), "more_body": True})
            upload.messages.put_nowait({"type": "http.request", "body": b"", "more_body": False})
            await asyncio.wait_for(upload.task, 5)

    own_loop.run(broken_off())
    ((_, held),) = desk.streamlit.held.values()
    assert Note.from_bytes(held).refused == "The compute service stopped."
    assert desk.deliveries[0].gone()


def test_notes_that_no_page_takes_up_are_counted(desk: Desk) -> None:
    for number in range(arrivals.MOST_NOTES):
        desk.send("a.txt", b"x", f"{ME}/{number}")
    content_type, body = form("a.txt", b"x")
    headers = {"Content-Type": content_type, "Content-Length": str(len(body))}
    status, said = own_loop.run(desk.put(chunks(body), headers, f"{ME}/more"))
    assert (status, "no page uses" in said) == (429, True)
    assert len(desk.streamlit.held) == arrivals.MOST_NOTES
    assert desk.delete(f"{ME}/0") == 204
    desk.send("a.txt", b"x", f"{ME}/more")
