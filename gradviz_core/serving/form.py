"""A file in the body of a request, as browsers send it (multipart/form-data), read as it comes.

The length of the body, less what stands before and after the file, is the length of the file: it is known before the
file is there, and one that turns out otherwise is refused.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from gradviz_core.text.shown_text import visible

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of each form that it cannot read

HEAD_BYTES = 8192
"""Bytes that may stand before the file: a line, and two headers with the file's name."""
LONGEST_BOUNDARY = 70
"""As RFC 2046 has it."""
LONGEST_NAME = 255
"""Characters of a file's name, as file systems have it."""


class Malformed(Exception):
    """The body does not hold one file, as browsers send it; the text says why."""


class Form:
    """A body with one file in it. After ``feed`` was called often enough, ``name`` and ``size`` are those of the
    file."""

    def __init__(self, content_type: bytes, length: int) -> None:
        """``length`` is that of the whole body. Raises ``Malformed`` for another kind of body."""
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not 0 < len(boundary) <= LONGEST_BOUNDARY:
            raise Malformed("The request is not a form with a file.")
        self._length, self._boundary = length, boundary
        self._head: bytearray | None = bytearray()
        self._found: list[bytes] = []
        self._field = b""
        self._disposition = b""
        self._parts = 0
        self._came = 0
        self.name = ""
        """Empty as long as it is not known."""
        self.size = 0
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._on_part,
            "on_header_field": self._on_field,
            "on_header_value": self._on_value,
            "on_part_data": self._on_data,
        }
        self._parser = MultipartParser(boundary, callbacks)

    def feed(self, chunk: bytes) -> list[bytes]:
        """Read on; returns what the chunk holds of the file. Raises ``Malformed``."""
        if self._head is not None:
            self._head += chunk
            end = self._head.find(b"\r\n\r\n", 0, HEAD_BYTES)
            if end < 0:
                if len(self._head) >= HEAD_BYTES:
                    raise Malformed("There is too much data before the file.")
                return []
            chunk, self._head = bytes(self._head), None
            if not chunk.startswith(b"--" + self._boundary + b"\r\n"):
                raise Malformed("The form does not begin with its boundary.")
            tail = len(b"\r\n--" + self._boundary + b"--\r\n")
            self.size = self._length - (end + 4) - tail
        self._found = []
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise Malformed("The form cannot be read.") from None
        if not self.name:
            self.name = self._named()
        self._came += sum(map(len, self._found))
        if self.size < 0 or self._came > self.size:
            raise Malformed("The length of the request does not match its file.")
        return self._found

    def finish(self) -> None:
        """The body is over. Raises ``Malformed`` where the file is not."""
        if not self.name or self._came != self.size:
            raise Malformed("The length of the request does not match its file.")

    def _named(self) -> str:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"filename", b"").decode("utf-8", "replace")
        if not "".join(filter(str.isprintable, name)).strip():
            raise Malformed("The form contains no file.")
        return visible(name)[-LONGEST_NAME:].strip()

    def _on_part(self) -> None:
        self._parts += 1
        if self._parts > 1:
            raise Malformed("The form contains more than one part.")

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field = data[start:end].lower()

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        if self._field == b"content-disposition":
            self._disposition = data[start:end]

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self._found.append(data[start:end])
