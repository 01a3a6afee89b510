"""What a tab's message asks for.

The format of the messages belongs to Streamlit. If its names are gone, the numbers of the kinds are read here, and what
is not plainly a message of a kind that the pages use is dropped; a line in the log says so when the app starts.
"""

from __future__ import annotations

import logging

from pages.streamlit_private.names import found

log = logging.getLogger("gradviz.app")
USED = {7: "stop_script", 11: "rerun_script", 16: "file_urls_request", 17: "app_heartbeat"}
"""The kinds of messages that the pages use, by their numbers in Streamlit 1.67. Others can clear everybody's caches or
start programs."""
FILE_NAMES, FRAGMENT_ID = 2, 5
"""The numbers of ``file_names`` in ``file_urls_request``, and of ``fragment_id`` in ``rerun_script``."""
MOST_FILES = 20
"""Files that one message may ask to upload."""
MOST_FIELDS = 10_000
"""Fields of a message that are read here: more would take this process for too long."""
PART_OF_A_PAGE = 0.05
"""How many pages drawing a fragment of a page counts as."""

_Message = found("streamlit.proto.BackMsg_pb2", "BackMsg")
_NoMessage = found("google.protobuf.message", "DecodeError")
if _Message is None or _NoMessage is None:
    log.warning("Browser messages cannot be read as Streamlit reads them: their kinds are told by the numbers of 1.67.")


def pages_in(data: bytes) -> float | None:
    """How many pages a tab's message draws; None for one that no page sends. Data that is not a message is left to
    Streamlit, which closes the connection; if Streamlit's names are gone, it is dropped."""
    if _Message is None or _NoMessage is None:
        return pages_by_number(data)
    try:
        message = _Message.FromString(data)
    except _NoMessage:
        return 0.0
    kind = message.WhichOneof("type")
    return _pages(kind, len(message.file_urls_request.file_names), bool(message.rerun_script.fragment_id))


def pages_by_number(data: bytes) -> float | None:
    """The same without Streamlit's names. A page's message has one field, whose number is its kind."""
    try:
        ((number, content),) = _fields(data)
        inner = _fields(content)
    except ValueError:
        log.warning("A browser message was dropped: it cannot be read")
        return None
    fragments = [text for field, text in inner if field == FRAGMENT_ID]
    files = sum(field == FILE_NAMES for field, _ in inner)
    kind = USED.get(number)
    return _pages(kind, files if kind == "file_urls_request" else 0, fragments[-1:] not in ([], [b""]))


def _pages(kind: str | None, files: int, is_fragment: bool) -> float | None:
    if kind not in USED.values() or files > MOST_FILES:
        log.warning("A browser message was dropped: no page of this app sends %s", kind)
        return None
    if kind != "rerun_script":
        return 0.0
    return PART_OF_A_PAGE if is_fragment else 1.0


def _fields(data: bytes) -> list[tuple[int, bytes]]:
    """The number and the bytes of each field, in the format of protobuf: a field begins with 8 * number + type, a
    whole number. Type 0 is another whole number, for which no bytes are given here; type 2 is a length and so many
    bytes. Raises ``ValueError`` for what is cut off, is of another type, or has more than ``MOST_FIELDS``."""
    fields, at = list[tuple[int, bytes]](), 0
    while at < len(data):
        tag, at = _whole_number(data, at)
        value, at = _whole_number(data, at)
        end = at + (value if tag % 8 == 2 else 0)
        if tag % 8 not in (0, 2) or end > len(data) or len(fields) == MOST_FIELDS:
            raise ValueError(f"no field of a browser message: type {tag % 8}, up to byte {end} of {len(data)}")
        fields.append((tag // 8, data[at:end]))
        at = end
    return fields


def _whole_number(data: bytes, at: int) -> tuple[int, int]:
    """The whole number that begins at a byte, and where it ends: seven bits a byte, the lowest first, and the last byte
    is less than 128. Raises ``ValueError`` if it does not end within ten bytes."""
    value = 0
    for place, byte in enumerate(data[at : at + 10]):
        value |= (byte & 127) << (7 * place)
        if byte < 128:
            return value, at + place + 1
    raise ValueError(f"no whole number at byte {at}")
