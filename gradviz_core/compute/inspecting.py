"""What a confined worker does with an upload: it reads the file that the service has just written, and says what it
found. Bodies of requests and replies are made and read here, for both sides.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

from gradviz_core.errors import ComputeError
from gradviz_core.text.codec import OTHER_VERSION, image_report_to_json, labels_to_json, model_report_to_json
from gradviz_core.uploads.store import here

if TYPE_CHECKING:
    from gradviz_core.uploads.store import Arrival

PICTURES = ("upload-image", "rescale-image", "read-labels")
"""Those that need no model."""
WORDS = ("upload-image", "rescale-image", "upload-model", "read-labels")


def request(arrival: Arrival, value_range: tuple[float, float] | None = None) -> bytes:
    """The body of ``upload-image``, ``rescale-image`` and ``upload-model`` on the way to a worker."""
    return json.dumps({"name": arrival.name, "value_range": value_range}).encode()


def reply(word: str, body: bytes) -> bytes:
    """The body of a worker's reply to one of ``WORDS``.

    Raises:
        BadImage, BadModel: as the readers do.
    """
    if word == "read-labels":
        from gradviz_core.uploads import label_files

        return labels_to_json(label_files.read(body)).encode()
    asked = json.loads(body)
    data = here().arriving(asked["name"]).read_bytes()
    if word in ("upload-image", "rescale-image"):
        return _image(data, asked["value_range"], again=word == "rescale-image")
    from gradviz_core.uploads.model_files import inspect

    return model_report_to_json(inspect(data)).encode()


def _image(data: bytes, value_range: list[float] | None, *, again: bool) -> bytes:
    """Report and bytes to keep; no bytes where they are those that came."""
    from gradviz_core.images import inspect, rescale

    read = rescale if again else inspect
    report, kept = read(data, None if value_range is None else (value_range[0], value_range[1]))
    header = image_report_to_json(report).encode()
    return b"".join((struct.pack("<I", len(header)), header, b"" if kept == data else kept))


def split(reply: bytes) -> tuple[bytes, memoryview]:
    """The reply to ``upload-image`` and ``rescale-image``: the report as JSON, and the bytes to keep, or none
    where they are those that came. Raises ``ComputeError`` for anything else."""
    try:
        (length,) = struct.unpack_from("<I", reply)
    except struct.error as error:
        raise ComputeError(OTHER_VERSION) from error
    return reply[4 : 4 + length], memoryview(reply)[4 + length :]
