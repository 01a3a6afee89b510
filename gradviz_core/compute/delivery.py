"""A file that is handed to the compute service in parts, and lies there until it is kept or let go of.

A connection of its own carries it. The service throws the file away as soon as that closes, so nothing is left of it
when the session ends, or the app, in whatever way.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator

from gradviz_core.compute import protocol, sockets
from gradviz_core.compute.askers import Asker
from gradviz_core.compute.line import Line
from gradviz_core.compute.protocol import Announcement
from gradviz_core.errors import ComputeError, ServiceStarting
from gradviz_core.text.codec import error_from_json, image_report_from_json, labels_from_json, model_report_from_json
from gradviz_core.types.cards import ImageReport, ModelReport, UploadKind


class Delivery:
    """One file. What was found in it may be asked for again.

    ``close`` may be called from any thread at any time; the rest from one thread at a time."""

    def __init__(self, line: Line, kind: UploadKind, size: int, asker: Asker) -> None:
        """Announce the file. Raises ``BadImage`` or ``BadModel`` where it is too large, ``StoreFull`` where there is no
        room for it, and ``ComputeError`` as ``ask`` does."""
        self._line = line
        self._using, self._state, self._closed = threading.Lock(), threading.Lock(), False
        self._found: bytes | None = None
        """What was found, once the service has kept the file and let go of it here."""
        self._connection = line.connection()
        with self._talking():
            protocol.write_request(self._connection, asker, "arrive", Announcement(kind, size).to_json())
            word, body = line.reply(self._connection)
        if word != "go":
            self.close()
            raise error_from_json(body)

    def write(self, part: bytes | memoryview) -> None:
        """Send the next bytes. Raises ``ServiceStarting`` where the service is gone."""
        with self._talking():
            protocol.send_file(self._connection, memoryview(part))

    def image(self, value_range: tuple[float, float] | None = None) -> ImageReport:
        """Keep the file as an image, and say what was found in it. Raises as ``upload_image`` does."""
        return image_report_from_json(self._look(value_range))

    def model(self) -> ModelReport:
        """Keep the file as a model, and say what was found in it. Raises as ``upload_model`` does."""
        return model_report_from_json(self._look())

    def labels(self) -> tuple[str, ...]:
        """The labels in the file, which is not kept. Raises as ``read_labels`` does."""
        return labels_from_json(self._look())

    def close(self) -> None:
        """Let go of the file, if it is not kept. Whoever is at it just now gets a ``ComputeError``."""
        with self._state:
            self._closed = True
            if self._using.locked():
                sockets.hang_up(self._connection)  # whoever uses it closes it
            else:
                self._connection.close()

    def _look(self, value_range: tuple[float, float] | None = None) -> bytes:
        if self._found is None:
            with self._talking():
                protocol.write_message(self._connection, "look", json.dumps(value_range).encode())
                word, body = self._line.reply(self._connection)
            if word != "ok":
                raise error_from_json(body)
            self._found = body
        return self._found

    @contextlib.contextmanager
    def _talking(self) -> Iterator[None]:
        with self._state:
            if self._closed:
                raise ComputeError("The file is no longer on the server. Choose it again.")
            if not self._using.acquire(blocking=False):
                raise ComputeError("The file is being read already. Wait a moment.")
        whole = False
        try:
            with self._line.explained():
                yield
            whole = True
        except ServiceStarting as error:
            raise ServiceStarting(
                "The compute service stopped while it had the file and is restarting. Choose the file again."
            ) from error
        finally:
            with self._state:
                self._closed |= not whole
                if self._closed:
                    self._connection.close()
                self._using.release()
