"""What the service does with uploads: it writes them down, has a confined worker look at them, and keeps them.

It never looks into one itself; a recipe, which is short and strict JSON, is all that it reads. What a worker says of an
upload is not taken on trust either: the digest is the service's own.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection

from gradviz_core import store
from gradviz_core.codec import (
    image_report_from_json,
    image_report_to_json,
    model_report_from_json,
    model_report_to_json,
    recipe_from_json,
    recipe_to_json,
)
from gradviz_core.compute import inspecting, protocol
from gradviz_core.compute.protocol import Announcement, Message
from gradviz_core.compute.seat import Job
from gradviz_core.compute.worker import UNEXPECTED
from gradviz_core.errors import BadImage, BadModel, ComputeError, GradVizError, StoreFull, UnknownModel
from gradviz_core.settings import Settings
from gradviz_core.store import Arrival, Store

log = logging.getLogger("gradviz.service")

Work = Callable[[Job], Message | None]
"""Has a confined worker do a job; None where nobody waits for the reply any more."""
INSPECTION_S = 8.0
"""Seconds a worker may look at a small file; a large one gets more."""
PACE = 20_000_000
"""Bytes of a file for which it gets one second more."""
SWEEP_S = 3600.0
"""Seconds between two searches for uploads that nobody uses any more."""


class Reception:
    """The service's counter for uploads."""

    def __init__(self, settings: Settings) -> None:
        """Sweep the store now, and every hour from now on."""
        self._settings = settings
        self.store = Store(settings.store, int(settings.store_mb * 1_000_000), settings.store_days)
        self._closing = threading.Event()
        self._sweep()
        threading.Thread(target=self._keep_sweeping, daemon=True, name="sweep").start()

    def close(self) -> None:
        """Sweep no more."""
        self._closing.set()

    # ------------------------------------------------------------------------------------------------------- the words

    def image(self, connection: Connection, body: bytes, work: Work) -> Message | None:
        """The reply to ``upload-image``."""
        announced = Announcement.from_json(body)
        if announced.size > self._settings.upload_bytes:
            raise BadImage(protocol.too_large(announced.size, self._settings.upload_mb, "image"))
        with self.store.receive(announced.size) as arrival:
            _take(connection, arrival)
            return self._looked_at("upload-image", arrival, announced.value_range, announced.size, work)

    def rescaled(self, body: bytes, work: Work) -> Message | None:
        """The reply to ``rescale-image``: what is here already is looked at once more, scaled in another way."""
        wish = protocol.Rescaling.from_json(body)
        with self.store.opened_image(wish.key) as file:
            size = os.fstat(file.fileno()).st_size
            if size > 2 * self._settings.upload_bytes:  # a model, say
                raise BadImage(protocol.too_large(size, self._settings.upload_mb, "image"))
            with self.store.receive(size) as arrival:
                while part := file.read(protocol.PART):
                    arrival.write(part)
                return self._looked_at("rescale-image", arrival, wish.value_range, size, work)

    def _looked_at(
        self, word: str, arrival: Arrival, value_range: tuple[float, float] | None, size: int, work: Work
    ) -> Message | None:
        """What a worker found in an image, which is kept, or the picture that was made of it."""
        reply = work(self._job(word, inspecting.request(arrival, value_range), size))
        if reply is None or reply[0] != "ok":
            return reply
        header, kept = inspecting.split(reply[1])
        if len(kept) > 2 * self._settings.upload_bytes:  # no sound worker makes a picture so much larger
            raise ComputeError(UNEXPECTED)
        found = image_report_from_json(header)
        digest = self.store.put(kept) if kept else arrival.keep()
        report = replace(found, key=f"upload/{digest}")
        return "ok", image_report_to_json(report).encode()

    def model(self, connection: Connection, body: bytes, work: Work) -> Message | None:
        """The reply to ``upload-model``."""
        announced = Announcement.from_json(body)
        if announced.size > self._settings.model_bytes:
            raise BadModel(protocol.too_large(announced.size, self._settings.model_mb, "model"))
        with self.store.receive(announced.size) as arrival:
            _take(connection, arrival)
            reply = work(self._job("upload-model", inspecting.request(arrival), announced.size))
            if reply is None or reply[0] != "ok":
                return reply
            found = model_report_from_json(reply[1])
            report = replace(found, file=arrival.keep())
            return "ok", model_report_to_json(report).encode()

    def labels(self, body: bytes, work: Work) -> Message | None:
        """The reply to ``read-labels``."""
        if len(body) > protocol.LABELS_BYTES:
            raise BadModel(protocol.too_large(len(body), protocol.LABELS_BYTES / 1e6, "file of labels"))
        return work(self._job("read-labels", body, len(body)))

    def keep_recipe(self, body: bytes) -> Message:
        """The reply to ``keep-recipe``."""
        return "ok", f"upload/{self.store.keep_recipe(recipe_from_json(body))}".encode()

    def recipe(self, body: bytes) -> Message:
        """The reply to ``recipe``."""
        key = body.decode("ascii", "replace")
        digest = store.digest(key)
        if digest is None:
            raise UnknownModel(f"There is no uploaded model {key[:80]!r}. Upload it again.")
        recipe = self.store.recipe(digest)
        self.store.touch_model(digest)
        return "ok", recipe_to_json(recipe).encode()

    # ------------------------------------------------------------------------------------------------------- questions

    def touch(self, model: str, image: str) -> None:
        """Note that a question uses these; other keys than those of uploads are left alone.

        Raises:
            UnknownModel, UnknownImage: what it names is no longer here.
        """
        if digest := store.digest(model):
            self.store.touch_model(digest)
        if digest := store.digest(image):
            self.store.touch_image(digest)

    # ------------------------------------------------------------------------------------------------------------------

    def _job(self, word: str, body: bytes, size: int) -> Job:
        return Job(word, body, deadline_s=min(self._settings.deadline_s, INSPECTION_S + size / PACE))

    def _keep_sweeping(self) -> None:
        while not self._closing.wait(SWEEP_S):
            self._sweep()

    def _sweep(self) -> None:
        try:
            self.store.sweep()
        except StoreFull:
            log.exception("the folder for uploads cannot be read or written")


def _take(connection: Connection, arrival: Arrival) -> None:
    """Let the client send the file, and write it down. Where the disk fills up, the rest is let go, so that the client
    hears of it."""
    protocol.write_message(connection, "go")
    trouble: GradVizError | None = None
    for part in protocol.receive_file(connection, arrival.left):
        if trouble is None:
            try:
                arrival.write(part)
            except StoreFull as error:
                trouble = error
    if trouble is not None:
        raise trouble
