"""Asking the compute service. This is what the app uses; torch is never imported here.

The module's functions share one client, made from the settings at first use. All are safe to call from any thread.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import multiprocessing
import threading
import time
from functools import lru_cache
from multiprocessing.connection import Connection
from typing import overload

from gradviz_core.cards import ImageReport, ModelReport, Recipe
from gradviz_core.codec import (
    answer_from_bytes,
    error_from_json,
    image_report_from_json,
    labels_from_json,
    model_report_from_json,
    question_to_json,
    recipe_from_json,
    recipe_to_json,
)
from gradviz_core.compute import protocol
from gradviz_core.compute.launch import LocalService
from gradviz_core.compute.protocol import Announcement, Message, Status
from gradviz_core.errors import BadImage, BadModel, ComputeError, ServiceStarting
from gradviz_core.settings import Settings, settings
from gradviz_core.types import (
    Answer,
    DiagnosisAnswer,
    DiagnosisQuestion,
    FlowAnswer,
    FlowQuestion,
    GradientAnswer,
    GradientQuestion,
    JacobianAnswer,
    JacobianQuestion,
    LessonAnswer,
    LessonQuestion,
    OutputAnswer,
    OutputQuestion,
    PerturbationAnswer,
    PerturbationQuestion,
    ProofAnswer,
    ProofQuestion,
    Question,
    SpectrumAnswer,
    SpectrumQuestion,
    SurveyAnswer,
    SurveyQuestion,
    UnitsAnswer,
    UnitsQuestion,
)

log = logging.getLogger("gradviz.client")

MOST_IDLE = 8
"""Connections kept open for the next questions."""
RESTART_S = 2.0
"""Seconds within which a service of this client's own that does not answer is tried again."""
GRACE_S = 15.0
"""Seconds beyond the service's own limits after which a silent service is given up. A question may wait and work twice:
once for its weights."""


LOOK_S = 0.1
"""How often somebody who waits for a check looks up, to see whether it is still wanted."""


class _Left(Exception):
    """The answer is not wanted any more."""


@overload
def ask(question: GradientQuestion) -> GradientAnswer: ...
@overload
def ask(question: UnitsQuestion) -> UnitsAnswer: ...
@overload
def ask(question: SurveyQuestion) -> SurveyAnswer: ...
@overload
def ask(question: FlowQuestion) -> FlowAnswer: ...
@overload
def ask(question: PerturbationQuestion) -> PerturbationAnswer: ...
@overload
def ask(question: JacobianQuestion) -> JacobianAnswer: ...
@overload
def ask(question: SpectrumQuestion) -> SpectrumAnswer: ...
@overload
def ask(question: LessonQuestion) -> LessonAnswer: ...
@overload
def ask(question: DiagnosisQuestion) -> DiagnosisAnswer: ...
@overload
def ask(question: ProofQuestion) -> ProofAnswer: ...
@overload
def ask(question: OutputQuestion) -> OutputAnswer: ...
def ask(question: Question) -> Answer:
    """The answer to ``question``, from the compute service. Its arrays are read-only.

    Raises:
        QuestionError: the question cannot be answered as it stands.
        Busy, DeadlineExceeded, WorkerDied, ServiceStarting: the service could not answer it; it may be asked again.
        GradVizError: whatever else the answering code has to say.
    """
    return _client().ask(question)


def check(question: ProofQuestion, left: threading.Event) -> ProofAnswer | None:
    """The answer to a question that gives way to all others, however long that takes; None once ``left`` is set, which
    ends it wherever it is.

    Raises:
        QuestionError: the question cannot be answered as it stands.
        Busy: there was always something else to do. DeadlineExceeded: it takes too long.
        GradVizError: as for ``ask``.
    """
    return _client().check(question, left)


def hush() -> None:
    """Stop the check that is under way, whoever asked for it, and let none begin for half a second: somebody clicked.

    Raises:
        ComputeError: the service cannot be reached.
    """
    _client().hush()


def upload_image(data: bytes, value_range: tuple[float, float] | None = None) -> ImageReport:
    """Keep an image from now on, and say what was found in it; ``data`` is what the file holds. The report's ``key`` is
    what questions name it by.

    ``value_range`` is for ``.npy`` arrays and for pictures of more than 8 bits: the values of black and of full colour.

    Raises:
        BadImage: too large, or no image that can be read.
        StoreFull: there is no room for it.
        ComputeError: as for ``ask``.
    """
    return _client().upload_image(data, value_range)


def rescale_image(key: str, value_range: tuple[float, float] | None) -> ImageReport:
    """Keep an uploaded picture of more than 8 bits once more, scaled from these values of black and of full colour, or
    from what its file or its largest number says. The report has another key; the picture at the old one stays.

    Raises:
        UnknownImage: it is here no longer.
        BadImage: it has 8 bits or fewer, or the range is none.
        StoreFull, ComputeError: as for ``upload_image``.
    """
    return _client().rescale_image(key, value_range)


def upload_model(data: bytes) -> ModelReport:
    """Keep a model file from now on, and say what was found in it. A ``Recipe`` that names its ``file`` makes it a
    model that questions can name.

    Raises:
        BadModel: too large, or no model that can be read.
        StoreFull: there is no room for it.
        ComputeError: as for ``ask``.
    """
    return _client().upload_model(data)


def read_labels(data: bytes) -> tuple[str, ...]:
    """The labels in a text or JSON file, which is not kept.

    Raises:
        BadModel: too large, or no list of labels.
        ComputeError: as for ``ask``.
    """
    return _client().read_labels(data)


def keep_recipe(recipe: Recipe) -> str:
    """Keep a recipe from now on; returns the key ``upload/<sha256>`` of the model that it makes.

    Whether its file, its architecture and its labels go together is told by the first question about the model.

    Raises:
        UnknownModel: its file is not here, or no longer.
        BadModel: a label, or a number of its preprocessing, breaks a limit.
        StoreFull: there is no room for it.
    """
    return _client().keep_recipe(recipe)


def recipe(key: str) -> Recipe:
    """The recipe behind the key of an uploaded model.

    Raises:
        UnknownModel: it is not here, or no longer.
    """
    return _client().recipe(key)


def status() -> Status:
    """What the service is doing. Raises ``ServiceStarting`` where it cannot be reached."""
    return _client().status()


def start() -> None:
    """Start the service, if it does not run, without waiting for it. A failure is logged."""
    _client().start()


@lru_cache(maxsize=1)
def _client() -> Client:
    client = Client(settings())
    atexit.register(client.close)
    return client


class Client:
    """A way to one compute service: the one at the address in the settings, else one of its own."""

    def __init__(self, settings: Settings, answerer: str | None = None) -> None:
        """Nothing is started yet. ``answerer`` is as in ``worker.Plan``, for a service of its own."""
        self._settings = settings
        self._local = None if settings.compute_address else LocalService(settings, answerer)
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._patience_s = 2 * (settings.queue_wait_s + settings.deadline_s) + GRACE_S

    def ask(self, question: Question) -> Answer:
        """As the function of this name."""
        return answer_from_bytes(self._request("ask", question_to_json(question).encode()))

    def check(self, question: ProofQuestion, left: threading.Event) -> ProofAnswer | None:
        """As the function of this name."""
        try:
            body = self._request("check", question_to_json(question).encode(), left=left)
        except _Left:
            return None
        answer = answer_from_bytes(body)
        if not isinstance(answer, ProofAnswer):
            raise ComputeError(f"The compute service answered a check with an answer of kind {answer.kind}.")
        return answer

    def hush(self) -> None:
        """As the function of this name."""
        self._request("hush")

    def upload_image(self, data: bytes, value_range: tuple[float, float] | None = None) -> ImageReport:
        """As the function of this name."""
        if len(data) > self._settings.upload_bytes:
            raise BadImage(protocol.too_large(len(data), self._settings.upload_mb, "image"))
        announcement = Announcement(len(data), value_range)
        return image_report_from_json(self._request("upload-image", announcement.to_json(), memoryview(data)))

    def rescale_image(self, key: str, value_range: tuple[float, float] | None) -> ImageReport:
        """As the function of this name."""
        wish = protocol.Rescaling(key, value_range)
        return image_report_from_json(self._request("rescale-image", wish.to_json()))

    def upload_model(self, data: bytes) -> ModelReport:
        """As the function of this name."""
        if len(data) > self._settings.model_bytes:
            raise BadModel(protocol.too_large(len(data), self._settings.model_mb, "model"))
        announcement = Announcement(len(data))
        return model_report_from_json(self._request("upload-model", announcement.to_json(), memoryview(data)))

    def read_labels(self, data: bytes) -> tuple[str, ...]:
        """As the function of this name."""
        if len(data) > protocol.LABELS_BYTES:
            raise BadModel(protocol.too_large(len(data), protocol.LABELS_BYTES / 1e6, "file of labels"))
        return labels_from_json(self._request("read-labels", data))

    def keep_recipe(self, recipe: Recipe) -> str:
        """As the function of this name."""
        return self._request("keep-recipe", recipe_to_json(recipe).encode()).decode()

    def recipe(self, key: str) -> Recipe:
        """As the function of this name."""
        return recipe_from_json(self._request("recipe", key.encode()))

    def status(self) -> Status:
        """As the function of this name."""
        return Status.from_json(self._request("status"))

    def start(self) -> None:
        """As the function of this name."""
        threading.Thread(target=self._warm_up, daemon=True, name="compute-start").start()

    def close(self) -> None:
        """Close the connections, and end the service if it is this client's own."""
        self._drop_idle()
        if self._local is not None:
            self._local.close()

    @property
    def service_pid(self) -> int | None:
        """Process number of this client's own service; None where it does not run."""
        return self._local.pid if self._local is not None else None

    def _warm_up(self) -> None:
        try:
            self._keep(self._connection())
        except ComputeError as error:
            log.warning("%s", error)

    def _request(
        self, word: str, body: bytes = b"", file: memoryview | None = None, left: threading.Event | None = None
    ) -> bytes:
        """The body of the reply; ``file`` is what ``body`` announces. Raises what the reply says, and ``_Left`` once
        ``left`` is set."""
        connection = self._connection()
        try:
            protocol.write_message(connection, word, body)
            kind, reply = self._reply(connection, left)
            if kind == "go" and file is not None:
                protocol.send_file(connection, file)
                kind, reply = self._reply(connection)
        except BaseException as error:
            connection.close()  # a reply may still come: nobody else must read it
            if isinstance(error, EOFError | OSError):
                self._drop_idle()  # they lead to the same service
                self.start()
                raise ServiceStarting(
                    "The compute service stopped in the middle of the question and is being started again. "
                    "Ask again in a moment."
                ) from error
            raise
        self._keep(connection)
        if kind != "ok":
            raise error_from_json(reply)
        return reply

    def _reply(self, connection: Connection, left: threading.Event | None = None) -> Message:
        end = time.monotonic() + self._patience_s
        while not connection.poll(self._patience_s if left is None else LOOK_S):
            if left is not None and left.is_set():
                raise _Left
            if time.monotonic() >= end:
                raise ComputeError(f"The compute service has been silent for {self._patience_s:g} s. Restart it.")
        return protocol.read_message(connection)

    def _connection(self) -> Connection:
        """A connection that is open, as far as one can know, and that nobody else uses."""
        while (connection := self._take_idle()) is not None:
            with contextlib.suppress(OSError):
                if not connection.poll():
                    return connection
            connection.close()  # the service hung up
        end = time.monotonic() + RESTART_S
        while True:
            address, key = self._door()
            try:
                return protocol.connect(address, key)
            except multiprocessing.AuthenticationError as error:
                raise ComputeError(
                    f"The compute service at {address} has another key. "
                    "Set GRADVIZ_COMPUTE_KEY to the same value for both."
                ) from error
            except (OSError, EOFError) as error:
                if self._local is None or time.monotonic() > end:
                    message = f"No compute service answers {self._where(address)}. Try again in a moment."
                    raise ServiceStarting(message) from error
                time.sleep(0.02)  # one that was killed stops answering a moment before it counts as dead

    def _where(self, address: str) -> str:
        return "yet" if self._local is not None else f"at {address}"

    def _door(self) -> tuple[str, bytes]:
        if self._local is not None:
            return self._local.door()
        assert self._settings.compute_address is not None
        assert self._settings.compute_key is not None
        return self._settings.compute_address, self._settings.compute_key.get_secret_value().encode()

    def _drop_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take_idle(self) -> Connection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _keep(self, connection: Connection) -> None:
        with self._lock:
            if len(self._idle) < MOST_IDLE:
                self._idle.append(connection)
                return
        connection.close()
