"""What a tab's message asks for.

The format of the messages belongs to Streamlit. If it cannot be read, no message is dropped and none is counted as a
page; a line in the log says so when the app starts.
"""

from __future__ import annotations

import logging

from pages.streamlit_private.names import found

log = logging.getLogger("gradviz.app")
USED = frozenset({"rerun_script", "stop_script", "file_urls_request", "app_heartbeat"})
"""The kinds of messages that the pages use. Others can clear everybody's caches or start programs."""
MOST_FILES = 20
"""Files that one message may ask to upload."""
PART_OF_A_PAGE = 0.05
"""How many pages drawing a fragment of a page counts as."""

_Message = found("streamlit.proto.BackMsg_pb2", "BackMsg")
_NoMessage = found("google.protobuf.message", "DecodeError")
if _Message is None or _NoMessage is None:
    log.warning("Browser messages cannot be read with this version of Streamlit, so none of them is blocked.")


def pages_in(data: bytes) -> float | None:
    """How many pages a tab's message draws; None for one that no page sends. Data that is not a message is left to
    Streamlit, which closes the connection."""
    if _Message is None or _NoMessage is None:
        return 0.0
    try:
        message = _Message.FromString(data)
    except _NoMessage:
        return 0.0
    kind = message.WhichOneof("type")
    if kind not in USED or len(message.file_urls_request.file_names) > MOST_FILES:
        log.warning("A browser message was dropped: no page of this app sends %s", kind)
        return None
    if kind != "rerun_script":
        return 0.0
    return PART_OF_A_PAGE if message.rerun_script.fragment_id else 1.0
