"""What the service does with uploads: it writes them down, has a confined worker look at them, and keeps them.

It never looks into one itself; a recipe, which is short and strict JSON, is all that it reads. What a worker says of an
upload is not taken on trust either: the digest is the service's own.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection

from gradviz_core.compute import inspecting, protocol
from gradviz_core.compute.protocol import Announcement, Message
from gradviz_core.compute.slot import Job
from gradviz_core.compute.worker import UNEXPECTED
from gradviz_core.errors import BadImage, BadModel, ComputeError, GradVizError, StoreFull, UnknownModel
from gradviz_core.settings import Settings
from gradviz_core.text.codec import (
    error_to_json,
    image_report_from_json,
    image_report_to_json,
    model_report_from_json,
    model_report_to_json,
    recipe_from_json,
    recipe_to_json,
)
from gradviz_core.types import keys
from gradviz_core.types.cards import UploadKind
from gradviz_core.uploads.store import Arrival, Store

log = logging.getLogger("gradviz.service")

Work = Callable[[Job], Message | None]
"""Has a confined worker do a job; None where nobody waits for the reply any more."""
INSPECTION_S = 8.0
"""Seconds a worker may look at a small file; a large one gets more."""
PACE = 20_000_000
"""Bytes of a file for which it gets one second more."""
LONGEST_LOOK = 1000
"""Bytes of the longest body of ``look``."""
SWEEP_S = 3600.0
"""Seconds between two searches for uploads that nobody uses any more."""


@dataclass(frozen=True, slots=True)
class _Received:
    """A file that has arrived and is not stored yet."""

    arrival: Arrival
    kind: UploadKind
    size: int
    holder: str
    """As in ``Store.receive``."""
    trouble: GradVizError | None = None
    """Why it could not be written down."""


class UploadIntake:
    """Takes the uploads of one service."""

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

    def arrive(self, connection: Connection, body: bytes, holder: str, work: Work) -> None:
        """``arrive``: the file comes, and lies here until it is kept or the connection closes. Whatever is to be said
        is written. ``holder`` is as in ``Store.receive``."""
        announced = Announcement.from_json(body)
        self._check_size(announced)
        with self.store.receive(announced.size, holder) as arrival:
            received = _Received(arrival, announced.kind, announced.size, holder, _take(connection, arrival))
            while connection.poll(None):
                reply = self._look(received, *protocol.read_message(connection, LONGEST_LOOK), work)
                if reply is None:
                    return
                protocol.write_message(connection, *reply)
                if reply[0] == "ok":
                    return

    def _look(self, received: _Received, word: str, body: bytes, work: Work) -> Message | None:
        """The reply to ``look``."""
        try:
            if received.trouble is not None:
                raise received.trouble
            if word != "look":
                raise ComputeError(f"The compute service cannot {word!r} with a file that has arrived.")
            value_range = protocol.value_range_from_json(body)
            match received.kind:
                case "image":
                    return self._image("upload-image", received, value_range, work)
                case "model":
                    return self._model(received, work)
                case "labels":
                    return self.labels(self.store.arriving(received.arrival.name).read_bytes(), work)
        except GradVizError as error:
            return "error", error_to_json(error).encode()

    def _check_size(self, announced: Announcement) -> None:
        """Raise ``BadImage`` or ``BadModel`` for a file that is too large."""
        size, chosen = announced.size, self._settings
        match announced.kind:
            case "image" if size > chosen.upload_bytes:
                raise BadImage(protocol.too_large(size, chosen.upload_mb, "image"))
            case "model" if size > chosen.model_bytes:
                raise BadModel(protocol.too_large(size, chosen.model_mb, "model"))
            case "labels" if size > protocol.LABELS_BYTES:
                raise BadModel(protocol.too_large(size, protocol.LABELS_BYTES / 1e6, "file of labels"))

    def rescaled(self, body: bytes, holder: str, work: Work) -> Message | None:
        """The reply to ``rescale-image``: what is here already is looked at once more, scaled in another way."""
        wish = protocol.Rescaling.from_json(body)
        with self.store.opened_image(wish.key) as file:
            size = os.fstat(file.fileno()).st_size
            if size > 2 * self._settings.upload_bytes:  # a model, say
                raise BadImage(protocol.too_large(size, self._settings.upload_mb, "image"))
            with self.store.receive(size, holder) as arrival:
                while part := file.read(protocol.PART):
                    arrival.write(part)
                return self._image("rescale-image", _Received(arrival, "image", size, holder), wish.value_range, work)

    def _image(
        self, word: str, received: _Received, value_range: tuple[float, float] | None, work: Work
    ) -> Message | None:
        """What a worker found in an image, which is kept, or the picture that was made of it."""
        reply = work(
            self._job(word, inspecting.request(received.arrival, value_range), received.size, received.arrival.digest)
        )
        if reply is None or reply[0] != "ok":
            return reply
        header, kept = inspecting.split(reply[1])
        if len(kept) > 2 * self._settings.upload_bytes:  # no sound worker makes a picture so much larger
            raise ComputeError(UNEXPECTED)
        found = image_report_from_json(header)
        digest = self.store.put(kept, received.holder) if kept else received.arrival.keep()
        report = replace(found, key=keys.upload(digest))
        return "ok", image_report_to_json(report).encode()

    def _model(self, received: _Received, work: Work) -> Message | None:
        """What a worker found in a model, which is kept."""
        reply = work(
            self._job("upload-model", inspecting.request(received.arrival), received.size, received.arrival.digest)
        )
        if reply is None or reply[0] != "ok":
            return reply
        found = model_report_from_json(reply[1])
        report = replace(found, file=received.arrival.keep())
        return "ok", model_report_to_json(report).encode()

    def labels(self, body: bytes, work: Work) -> Message | None:
        """The reply to ``read-labels``."""
        if len(body) > protocol.LABELS_BYTES:
            raise BadModel(protocol.too_large(len(body), protocol.LABELS_BYTES / 1e6, "file of labels"))
        return work(self._job("read-labels", body, len(body)))

    def keep_recipe(self, body: bytes, holder: str) -> Message:
        """The reply to ``keep-recipe``."""
        return "ok", keys.upload(self.store.keep_recipe(recipe_from_json(body), holder)).encode()

    def recipe(self, body: bytes) -> Message:
        """The reply to ``recipe``."""
        key = body.decode("ascii", "replace")
        digest = keys.digest(key)
        if digest is None:
            raise UnknownModel(f"There is no uploaded model {key[:80]!r}. Upload it again.")
        recipe = self.store.recipe(digest)
        self.store.touch_model(digest)
        return "ok", recipe_to_json(recipe).encode()

    # ------------------------------------------------------------------------------------------------------- questions

    def touch(self, model: str, image: str) -> str:
        """Note that a question uses these, and return the digest of the model's file; other keys than those of uploads
        are left alone, and have none.

        Raises:
            UnknownModel, UnknownImage: what it names is no longer here.
        """
        file = ""
        if digest := keys.digest(model):
            self.store.touch_model(digest)
            file = self.store.recipe(digest).file
        if digest := keys.digest(image):
            self.store.touch_image(digest)
        return file

    # ------------------------------------------------------------------------------------------------------------------

    def _job(self, word: str, body: bytes, size: int, file: str = "") -> Job:
        deadline_s = min(self._settings.deadline_s, INSPECTION_S + size / PACE)
        return Job(word, body, deadline_s=deadline_s, file=file)

    def _keep_sweeping(self) -> None:
        while not self._closing.wait(SWEEP_S):
            self._sweep()

    def _sweep(self) -> None:
        try:
            self.store.sweep()
        except StoreFull:
            log.exception("the folder for uploads cannot be read or written")


def _take(connection: Connection, arrival: Arrival) -> GradVizError | None:
    """Let the client send the file, and write it down. Where the disk fills up, the rest is let go, so that the client
    hears of it once it asks; that is what is returned."""
    protocol.write_message(connection, "go")
    trouble: GradVizError | None = None
    for part in protocol.receive_file(connection, arrival.left):
        if trouble is None:
            try:
                arrival.write(part)
            except StoreFull as error:
                trouble = error
    return trouble
