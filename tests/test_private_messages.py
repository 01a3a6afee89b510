"""Messages of tabs, read without Streamlit's names: the same as with them, or dropped."""

from __future__ import annotations

from random import Random

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg

from gradviz_core.serving import abandoned_sessions
from pages.streamlit_private import messages, sessions


def asked_for(files: int) -> BackMsg:
    message = BackMsg()
    message.file_urls_request.request_id = "one"
    message.file_urls_request.file_names.extend(["model.pt2"] * files)
    return message


def run(fragment: str = "") -> BackMsg:
    message = BackMsg()
    message.rerun_script.query_string = "view=l2&" * 40
    message.rerun_script.widget_states.widgets.add(id="x", int_value=-1)
    message.rerun_script.fragment_id = fragment
    message.rerun_script.is_auto_rerun = True
    message.rerun_script.cached_message_hashes.extend(["a", "b"])
    return message


SENT = [
    *(run(), run("a fragment"), asked_for(0), asked_for(messages.MOST_FILES)),
    *(BackMsg(stop_script=True), BackMsg(app_heartbeat=True)),
]
DROPPED = [
    *(BackMsg(clear_cache=True), BackMsg(set_run_on_save=True), BackMsg(load_git_info=True), BackMsg()),
    *(BackMsg(debug_disconnect_websocket=True), BackMsg(debug_shutdown_runtime=True)),
    asked_for(messages.MOST_FILES + 1),
]


def test_the_numbers_are_those_of_streamlit() -> None:
    fields = BackMsg.DESCRIPTOR.fields_by_name
    assert {fields[name].number: name for name in messages.USED.values()} == messages.USED
    inner = {name: fields[name].message_type.fields_by_name for name in ("file_urls_request", "rerun_script")}
    assert inner["file_urls_request"]["file_names"].number == messages.FILE_NAMES
    assert inner["rerun_script"]["fragment_id"].number == messages.FRAGMENT_ID


def test_the_same_is_heard_and_dropped_with_and_without_the_names(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = [messages.pages_in(message.SerializeToString()) for message in [*SENT, *DROPPED]]
    assert usual == [1.0, messages.PART_OF_A_PAGE, 0.0, 0.0, 0.0, 0.0, *[None] * len(DROPPED)]
    for gone in ("_Message", "_NoMessage"):
        with monkeypatch.context() as patch:
            patch.setattr(messages, gone, None)
            assert [messages.pages_in(message.SerializeToString()) for message in [*SENT, *DROPPED]] == usual


def test_a_foreign_kind_that_hides_behind_another_is_dropped() -> None:
    """Protobuf takes the last of several fields."""
    hidden = [sent.SerializeToString() + DROPPED[0].SerializeToString() for sent in SENT]
    assert {BackMsg.FromString(data).WhichOneof("type") for data in hidden} == {"clear_cache"}
    assert [messages.pages_by_number(data) for data in hidden] == [None] * len(hidden)


def test_a_page_is_no_fragment_because_it_was_called_one_before() -> None:
    content = run("a fragment").rerun_script.SerializeToString() + bytes([8 * messages.FRAGMENT_ID + 2, 0])
    data = bytes([8 * 11 + 2, len(content) & 127 | 128, len(content) >> 7]) + content
    assert messages.pages_in(data) == messages.pages_by_number(data) == 1.0


def test_nothing_foreign_passes_whatever_a_message_is_spoilt_with() -> None:
    """No random bytes pass as one of the four kinds that Streamlit would read as another, or as less than it is."""
    chance, read = Random(0), 0
    for _ in range(5_000):
        data = bytearray(chance.choice([*SENT, *DROPPED]).SerializeToString())
        for _ in range(chance.randint(1, 2)):
            place = chance.randrange(min(len(data), chance.choice([4, 400])) + 1)
            data[place : place + 1] = chance.randbytes(1)
        plain = messages.pages_by_number(bytes(data))
        if plain is not None and (usual := messages.pages_in(bytes(data))) is not None:
            read += 1
            assert plain >= usual, bytes(data)
        elif plain is not None:
            assert BackMsg.FromString(bytes(data)).WhichOneof("type") is None, bytes(data)
    assert read > 200


@pytest.mark.parametrize("data", [b"", b"?", b"\xff\xff", b"\x08", b"\x5a\x05ab", b"\x5a" + b"\xff" * 11, b"\x0b\x0c"])
def test_what_cannot_be_read_is_dropped(data: bytes) -> None:
    assert messages.pages_by_number(data) is None


def test_a_message_of_too_many_fields_is_dropped() -> None:
    most = BackMsg()
    most.rerun_script.cached_message_hashes.extend(["a"] * messages.MOST_FIELDS)
    assert messages.pages_by_number(most.SerializeToString()) == 1.0
    most.rerun_script.cached_message_hashes.append("a")
    assert messages.pages_by_number(most.SerializeToString()) is None


def test_sessions_that_cannot_be_listed_are_not_none_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_exists", lambda: False)
    assert sessions.held() == []
    monkeypatch.setattr(sessions, "_exists", lambda: True)
    monkeypatch.setattr(sessions, "_instance", object)
    assert sessions.held() is None
    monkeypatch.setattr(sessions, "_instance", None)
    assert sessions.held() is None


class Runtime:
    """Streamlit's runtime, in which the session "a" has a tab."""

    def is_active_session(self, session: str) -> bool:
        return session == "a"


def test_a_session_is_closed_only_where_it_is_known_that_it_has_no_tab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_exists", lambda: True)
    monkeypatch.setattr(sessions, "_instance", Runtime)
    assert [sessions.may_have_tab(name) for name in "ab"] == [sessions.is_connected(name) for name in "ab"]
    monkeypatch.setattr(sessions, "_instance", object)  # without ``is_active_session``
    assert (sessions.is_connected("b"), sessions.may_have_tab("b")) == (False, True)
    closed: list[str] = []
    abandoned_sessions._look(abandoned_sessions.Abandoned(most=0), ["a", "b"], sessions.may_have_tab, closed.append)
    assert closed == []
    monkeypatch.setattr(sessions, "_instance", Runtime)
    abandoned_sessions._look(abandoned_sessions.Abandoned(most=0), ["a", "b"], sessions.may_have_tab, closed.append)
    assert closed == ["b"]
