"""The client of the compute service, used by the app; torch is never imported here.

The module's functions share one client, made from the settings at first use. All are safe to call from any thread.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic

from gradviz_core.compute import protocol
from gradviz_core.compute.askers import ANYONE, Asker
from gradviz_core.compute.connection_pool import Cancelled, ConnectionPool, Incoming, Sent
from gradviz_core.compute.delivery import Delivery
from gradviz_core.compute.downloads import Wanted
from gradviz_core.compute.protocol import Status
from gradviz_core.errors import BadModel
from gradviz_core.settings import Settings, settings
from gradviz_core.text.codec import (
    answer_from_bytes,
    image_report_from_json,
    labels_from_json,
    question_to_json,
    recipe_from_json,
    recipe_to_json,
    shown_to_json,
)
from gradviz_core.types import ProofAnswer, ProofQuestion, Question
from gradviz_core.types.cards import ImageReport, ModelReport, Recipe, UploadKind
from gradviz_core.types.kinds import answer_to
from gradviz_core.types.looks import Look
from gradviz_core.types.questions import A

_asked_for: list[Callable[[], Asker]] = []


def ask_for(whose: Callable[[], Asker]) -> None:
    """From now on the functions below ask on behalf of the session that ``whose()`` names; it is called on the thread
    that asks. Until then all questions count as asked by one session."""
    _asked_for[:] = [whose]


def before_large(act: Callable[[int], None]) -> None:
    """From now on call ``act`` with the size in bytes before a large answer is read, on the thread that asks. What it
    raises, asking raises, and the answer is dropped."""
    _client().before_large(act)


def while_waiting(act: Callable[[], None]) -> None:
    """From now on call ``act`` a few times a second on each thread that waits for a reply. What it raises, asking
    raises, and the service stops the work."""
    _client().while_waiting(act)


def _whose() -> Asker:
    return _asked_for[0]() if _asked_for else ANYONE


def ask(question: Question[A]) -> A:
    """The answer to ``question``, from the compute service. Its arrays are read-only. If it holds more numbers than a
    screen can show, it is reduced to fit one (``screen.is_coarse``); ``arrays`` returns all of them.

    Raises:
        QuestionError: the question cannot be answered as it stands.
        Busy, DeadlineExceeded, WorkerDied, ServiceStarting: the service could not answer it; it may be asked again.
        GradVizError: any other error of the code that answers.
    """
    return _client().ask(question, _whose())


def show(question: Question[A], look: Look) -> A:
    """The same, reduced to what a screen can show when it is drawn as ``look`` says.

    Raises:
        GradVizError: as ``ask``.
    """
    return _client().show(question, look, _whose())


def begin(question: Question[A], look: Look | None = None, asker: Asker | None = None) -> Asked[A]:
    """Ask now and read the answer later, which is the one that ``ask`` gives, or ``show`` with a ``look``. Where no
    page is drawn, ``asker`` says for whom.

    Raises:
        ServiceStarting: the service cannot be reached.
    """
    return _client().begin(question, look, asker or _whose())


def check(question: ProofQuestion, left: threading.Event, asker: Asker = ANYONE) -> ProofAnswer | None:
    """The answer to a check, which waits for all other work, however long that takes. Setting ``left`` stops it at any
    time; then the result is None. A background thread waits for it, so ``asker`` says for whom.

    Raises:
        QuestionError: the question cannot be answered as it stands.
        Busy: the service was never idle. DeadlineExceeded: the check takes too long.
        GradVizError: as ``ask``.
    """
    return _client().check(question, left, asker)


def arrays(question: str, check: str | None, asker: Asker, left: threading.Event) -> Incoming | None:
    """An ``.npz`` file with all arrays of the answer to ``question``, the question and the answer as JSON, and
    ``check``. A worker makes it. None once ``left`` is set. The caller must close it.

    Raises:
        QuestionError: the question cannot be answered, or the file would be too large.
        Busy: this asker is already downloading a file, or files of others take all the space.
        GradVizError: as ``ask``.
    """
    return _client().arrays(Wanted(question, check), asker, left)


def stop_check() -> None:
    """Stop the check that is running, whoever asked for it, and start none for half a second, because somebody clicked.

    Raises:
        ComputeError: the service cannot be reached.
    """
    _client().stop_check()


def deliver(kind: UploadKind, size: int, asker: Asker) -> Delivery:
    """Announce a file of ``size`` bytes, which is then written in parts. It stays with the service until it is kept or
    the delivery is closed.

    Raises:
        BadImage, BadModel: it is too large.
        StoreFull: there is not enough space left.
        ComputeError: as ``ask``.
    """
    return _client().deliver(kind, size, asker)


def upload_image(data: bytes, value_range: tuple[float, float] | None = None) -> ImageReport:
    """Store an image and return a report on it; ``data`` is the content of the file. Questions name the image by the
    report's ``key``.

    ``value_range`` is for ``.npy`` arrays and for pictures of more than 8 bits: the values of black and of full colour.

    Raises:
        BadImage: too large, or not an image that can be read.
        StoreFull: there is not enough space left.
        ComputeError: as ``ask``.
    """
    return _client().upload_image(data, value_range, _whose())


def rescale_image(key: str, value_range: tuple[float, float] | None) -> ImageReport:
    """Store an uploaded image of more than 8 bits again, scaled from these values of black and of full colour; without
    them, from what the file or its largest number says. The report has a new key; the old image stays.

    Raises:
        UnknownImage: it has been removed.
        BadImage: it has 8 bits or fewer, or the range is not valid.
        StoreFull, ComputeError: as ``upload_image``.
    """
    return _client().rescale_image(key, value_range, _whose())


def upload_model(data: bytes) -> ModelReport:
    """Store a model file and return a report on it. Questions can name the model once a ``Recipe`` with this ``file``
    is kept.

    Raises:
        BadModel: too large, or not a model that can be read.
        StoreFull: there is not enough space left.
        ComputeError: as ``ask``.
    """
    return _client().upload_model(data, _whose())


def read_labels(data: bytes) -> tuple[str, ...]:
    """The labels in a text or JSON file, which is not kept.

    Raises:
        BadModel: too large, or not a list of labels.
        ComputeError: as ``ask``.
    """
    return _client().read_labels(data, _whose())


def keep_recipe(recipe: Recipe) -> str:
    """Store a recipe and return the key of its model, ``upload/<sha256>``.

    The first question about the model checks whether its file, architecture and labels fit together.

    Raises:
        UnknownModel: its file is not in the store.
        BadModel: a label, or a number of its preprocessing, breaks a limit.
        StoreFull: there is not enough space left.
    """
    return _client().keep_recipe(recipe, _whose())


def recipe(key: str) -> Recipe:
    """The recipe behind the key of an uploaded model.

    Raises:
        UnknownModel: it is not in the store.
    """
    return _client().recipe(key)


def status() -> Status:
    """The state of the service. Raises ``ServiceStarting`` if it cannot be reached."""
    return _client().status()


def start() -> None:
    """Start the service if it is not running, without waiting for it. A failure is logged."""
    _client().start()


def stop() -> None:
    """Stop the service if this process has started one. Later questions are refused."""
    if _client.cache_info().currsize:
        _client().close()


@lru_cache(maxsize=1)
def _client() -> Client:
    client = Client(settings())
    atexit.register(client.close)
    return client


@dataclass(frozen=True, slots=True)
class Asked(Generic[A]):
    """A question that was sent, and whose answer is read later."""

    question: Question[A]
    sent: Sent

    def answer(self, left: threading.Event | None = None) -> A:
        """Wait for the answer, which can be read once. Raises ``GradVizError`` as ``ask`` does, and ``Cancelled`` once
        ``left`` is set."""
        return answer_to(self.question, answer_from_bytes(self.sent.reply(left)))

    def drop(self) -> None:
        """The answer is not wanted any more. Does nothing once it was read."""
        self.sent.drop()


class Client:
    """A client of one compute service: the one at the address in the settings, or a local one that it starts. Questions
    without an asker count as those of a single one."""

    def __init__(self, settings: Settings, answerer: str | None = None) -> None:
        """Nothing is started yet. ``answerer`` is as in ``worker.Plan``, for a local service."""
        self._settings = settings
        self._pool = ConnectionPool(settings, answerer)

    def ask(self, question: Question[A], asker: Asker = ANYONE) -> A:
        """See the function of this name."""
        return self.begin(question, asker=asker).answer()

    def show(self, question: Question[A], look: Look, asker: Asker = ANYONE) -> A:
        """See the function of this name."""
        return self.begin(question, look, asker).answer()

    def begin(self, question: Question[A], look: Look | None = None, asker: Asker = ANYONE) -> Asked[A]:
        """See the function of this name."""
        word, text = ("ask", question_to_json(question)) if look is None else ("show", shown_to_json(question, look))
        return Asked(question, self._pool.begin(word, text.encode(), asker))

    def check(self, question: ProofQuestion, left: threading.Event, asker: Asker = ANYONE) -> ProofAnswer | None:
        """See the function of this name."""
        try:
            body = self._pool.request("check", question_to_json(question).encode(), asker, left=left)
        except Cancelled:
            return None
        return answer_to(question, answer_from_bytes(body))

    def arrays(self, wanted: Wanted, asker: Asker, left: threading.Event) -> Incoming | None:
        """See the function of this name."""
        try:
            return self._pool.request_file("arrays", wanted.to_json(), asker, left)
        except Cancelled:
            return None

    def stop_check(self) -> None:
        """See the function of this name."""
        self._pool.request("stop-check")

    def deliver(self, kind: UploadKind, size: int, asker: Asker = ANYONE) -> Delivery:
        """See the function of this name."""
        return Delivery(self._pool, kind, size, asker)

    def upload_image(
        self, data: bytes, value_range: tuple[float, float] | None = None, asker: Asker = ANYONE
    ) -> ImageReport:
        """See the function of this name."""
        with closing(self.deliver("image", len(data), asker)) as delivery:
            delivery.write(data)
            return delivery.image(value_range)

    def rescale_image(self, key: str, value_range: tuple[float, float] | None, asker: Asker = ANYONE) -> ImageReport:
        """See the function of this name."""
        wish = protocol.Rescaling(key, value_range)
        return image_report_from_json(self._pool.request("rescale-image", wish.to_json(), asker))

    def upload_model(self, data: bytes, asker: Asker = ANYONE) -> ModelReport:
        """See the function of this name."""
        with closing(self.deliver("model", len(data), asker)) as delivery:
            delivery.write(data)
            return delivery.model()

    def read_labels(self, data: bytes, asker: Asker = ANYONE) -> tuple[str, ...]:
        """See the function of this name."""
        if len(data) > protocol.LABELS_BYTES:
            raise BadModel(protocol.too_large(len(data), protocol.LABELS_BYTES / 1e6, "file of labels"))
        return labels_from_json(self._pool.request("read-labels", data, asker))

    def keep_recipe(self, recipe: Recipe, asker: Asker = ANYONE) -> str:
        """See the function of this name."""
        return self._pool.request("keep-recipe", recipe_to_json(recipe).encode(), asker).decode()

    def recipe(self, key: str) -> Recipe:
        """See the function of this name."""
        return recipe_from_json(self._pool.request("recipe", key.encode()))

    def status(self) -> Status:
        """See the function of this name."""
        return Status.from_json(self._pool.request("status"))

    def before_large(self, act: Callable[[int], None]) -> None:
        """See the function of this name."""
        self._pool.before_large = act

    def while_waiting(self, act: Callable[[], None]) -> None:
        """See the function of this name."""
        self._pool.while_waiting = act

    def start(self) -> None:
        """See the function of this name."""
        self._pool.start()

    def close(self) -> None:
        """Close the connections and stop the local service."""
        self._pool.close()

    @property
    def service_pid(self) -> int | None:
        """Process id of the local service; None if it is not running."""
        return self._pool.service_pid
