"""What a tab's message asks for.

The form of the messages is Streamlit's own. Where it cannot be read, none is dropped, and none is counted as a page; a
line in the log says so when the app starts.
"""

from __future__ import annotations

import logging

from pages.streamlit_private.names import found

log = logging.getLogger("gradviz.app")
USED = frozenset({"rerun_script", "stop_script", "file_urls_request", "app_heartbeat"})
"""The kinds of messages that the pages make use of. Others have the caches of everybody cleared, or start programs."""
MOST_FILES = 20
"""Files that one message may ask to upload."""
PART_OF_A_PAGE = 0.05
"""What drawing a part of a page by itself counts for."""

_Message = found("streamlit.proto.BackMsg_pb2", "BackMsg")
_NoMessage = found("google.protobuf.message", "DecodeError")
if _Message is None or _NoMessage is None:
    log.warning("Messages of tabs cannot be read with this Streamlit: whatever a tab asks of it is let through.")


def pages_in(data: bytes) -> float | None:
    """How many pages a tab's message has drawn; None for one that no page sends. What is no message at all is left to
    Streamlit, which ends the connection."""
    if _Message is None or _NoMessage is None:
        return 0.0
    try:
        message = _Message.FromString(data)
    except _NoMessage:
        return 0.0
    kind = message.WhichOneof("type")
    if kind not in USED or len(message.file_urls_request.file_names) > MOST_FILES:
        log.warning("A message of a tab was dropped: no page of this app sends %s", kind)
        return None
    if kind != "rerun_script":
        return 0.0
    return PART_OF_A_PAGE if message.rerun_script.fragment_id else 1.0
