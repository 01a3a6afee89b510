"""A file that is sent to the compute service in parts, and stays there until it is kept or dropped.

It has a connection of its own. The service deletes the file as soon as that closes, so nothing is left of it when the
session or the app ends, however it ends.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator

from gradviz_core.compute import protocol, sockets
from gradviz_core.compute.askers import Asker
from gradviz_core.compute.connection_pool import ConnectionPool
from gradviz_core.compute.protocol import Announcement
from gradviz_core.errors import ComputeError, ServiceStarting
from gradviz_core.text.codec import error_from_json, image_report_from_json, labels_from_json, model_report_from_json
from gradviz_core.types.cards import ImageReport, ModelReport, UploadKind


class Delivery:
    """One file. The report on its contents may be asked for more than once.

    ``close`` may be called from any thread at any time; the rest from one thread at a time."""

    def __init__(self, pool: ConnectionPool, kind: UploadKind, size: int, asker: Asker) -> None:
        """Announce the file. Raises ``BadImage`` or ``BadModel`` where it is too large, ``StoreFull`` where there is no
        room for it, and ``ComputeError`` as ``ask`` does."""
        self._pool = pool
        self._using, self._state, self._closed = threading.Lock(), threading.Lock(), False
        self._found: bytes | None = None
        """The report, once the service has kept the file."""
        self._connection = pool.connection()
        with self._talking():
            protocol.write_request(self._connection, asker, "arrive", Announcement(kind, size).to_json())
            word, body = pool.reply(self._connection)
        if word != "go":
            self.close()
            raise error_from_json(body)

    def write(self, part: bytes | memoryview) -> None:
        """Send the next bytes. Raises ``ServiceStarting`` if the service has stopped."""
        with self._talking():
            protocol.send_file(self._connection, memoryview(part))

    def image(self, value_range: tuple[float, float] | None = None) -> ImageReport:
        """Keep the file as an image and return the report. Raises what ``upload_image`` raises."""
        return image_report_from_json(self._look(value_range))

    def model(self) -> ModelReport:
        """Keep the file as a model and return the report. Raises what ``upload_model`` raises."""
        return model_report_from_json(self._look())

    def labels(self) -> tuple[str, ...]:
        """The labels in the file, which is not kept. Raises what ``read_labels`` raises."""
        return labels_from_json(self._look())

    def close(self) -> None:
        """Drop the file unless it is kept. A call that is using it gets a ``ComputeError``."""
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
                word, body = self._pool.reply(self._connection)
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
            with self._pool.explained():
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
