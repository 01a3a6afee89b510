"""What Streamlit is handed in place of a file: a short text, which the page reads.

Only what stands between the network and Streamlit writes one. A file that holds such a text is a file like any other,
since Streamlit never sees a file.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Note:
    """Either the name under which the file lies with the compute service, or a sentence that says why it does not."""

    token: str = ""
    refused: str = ""

    def to_bytes(self) -> bytes:
        """The note as JSON."""
        return json.dumps({"token": self.token, "refused": self.refused}).encode()

    @staticmethod
    def from_bytes(text: bytes) -> Note:
        """The note that ``to_bytes`` wrote."""
        return Note(**json.loads(text))


def form(note: Note, name: str) -> tuple[bytes, bytes]:
    """The type and the body of a request that uploads the note in place of a file called ``name``."""
    boundary = secrets.token_hex(16)
    escaped = name.replace("\\", "_").replace('"', "%22")
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{escaped}"\r\n\r\n'
    body = head.encode("utf-8", "replace") + note.to_bytes() + f"\r\n--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}".encode(), body
