"""The client of the compute service, used by the app; torch is never imported here.

The module's functions share one client, made from the settings at first use. All are safe to call from any thread.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from contextlib import closing
from functools import lru_cache

from gradviz_core.compute import protocol
from gradviz_core.compute.askers import ANYONE, Asker
from gradviz_core.compute.delivery import Delivery
from gradviz_core.compute.downloads import Wanted
from gradviz_core.compute.line import Incoming, Left, Line
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
    """From now on call ``act`` before an answer of so many bytes is read that is large, on the thread that asks. What
    it raises, asking raises, and the answer is let go of."""
    _client().before_large(act)


def while_waiting(act: Callable[[], None]) -> None:
    """From now on call ``act`` a few times a second on each thread that waits for a reply. What it raises, asking
    raises, and the service stops the work."""
    _client().while_waiting(act)


def _whose() -> Asker:
    return _asked_for[0]() if _asked_for else ANYONE


def ask(question: Question[A]) -> A:
    """The answer to ``question``, from the compute service. Its arrays are read-only. Where it holds more numbers than
    a screen can show it was made to fit one (``screen.is_coarse``); ``arrays`` has all of them.

    Raises:
        QuestionError: the question cannot be answered as it stands.
        Busy, DeadlineExceeded, WorkerDied, ServiceStarting: the service could not answer it; it may be asked again.
        GradVizError: whatever else the answering code has to say.
    """
    return _client().ask(question, _whose())


def show(question: Question[A], look: Look) -> A:
    """The same, made to fit a screen for one way to draw it.

    Raises:
        GradVizError: as ``ask``.
    """
    return _client().show(question, look, _whose())


def check(question: ProofQuestion, left: threading.Event, asker: Asker = ANYONE) -> ProofAnswer | None:
    """The answer to a question that gives way to all others, however long that takes; None once ``left`` is set, which
    ends it wherever it is. It is waited for on a thread of its own, so ``asker`` says for whom.

    Raises:
        QuestionError: the question cannot be answered as it stands.
        Busy: there was always something else to do. DeadlineExceeded: it takes too long.
        GradVizError: as for ``ask``.
    """
    return _client().check(question, left, asker)


def arrays(question: str, check: str | None, asker: Asker, left: threading.Event) -> Incoming | None:
    """One file, ``.npz``, with the whole arrays of the answer to ``question``, the question and the answer as JSON, and
    ``check``; a worker makes it. None once ``left`` is set. Whoever gets it closes it.

    Raises:
        QuestionError: the question cannot be answered, or the file would be too large.
        Busy: this asker has a file on its way, or files of others take the room there is.
        GradVizError: as for ``ask``.
    """
    return _client().arrays(Wanted(question, check), asker, left)


def hush() -> None:
    """Stop the check that is under way, whoever asked for it, and let none begin for half a second: somebody clicked.

    Raises:
        ComputeError: the service cannot be reached.
    """
    _client().hush()


def deliver(kind: UploadKind, size: int, asker: Asker) -> Delivery:
    """Announce a file of ``size`` bytes, which is then written in parts. It lies with the service until it is kept or
    the delivery is closed.

    Raises:
        BadImage, BadModel: it is too large.
        StoreFull: there is no room for it.
        ComputeError: as for ``ask``.
    """
    return _client().deliver(kind, size, asker)


def upload_image(data: bytes, value_range: tuple[float, float] | None = None) -> ImageReport:
    """Keep an image from now on, and say what was found in it; ``data`` is what the file holds. The report's ``key`` is
    what questions name it by.

    ``value_range`` is for ``.npy`` arrays and for pictures of more than 8 bits: the values of black and of full colour.

    Raises:
        BadImage: too large, or no image that can be read.
        StoreFull: there is no room for it.
        ComputeError: as for ``ask``.
    """
    return _client().upload_image(data, value_range, _whose())


def rescale_image(key: str, value_range: tuple[float, float] | None) -> ImageReport:
    """Keep an uploaded picture of more than 8 bits once more, scaled from these values of black and of full colour, or
    from what its file or its largest number says. The report has another key; the picture at the old one stays.

    Raises:
        UnknownImage: it is here no longer.
        BadImage: it has 8 bits or fewer, or the range is none.
        StoreFull, ComputeError: as for ``upload_image``.
    """
    return _client().rescale_image(key, value_range, _whose())


def upload_model(data: bytes) -> ModelReport:
    """Keep a model file from now on, and say what was found in it. A ``Recipe`` that names its ``file`` makes it a
    model that questions can name.

    Raises:
        BadModel: too large, or no model that can be read.
        StoreFull: there is no room for it.
        ComputeError: as for ``ask``.
    """
    return _client().upload_model(data, _whose())


def read_labels(data: bytes) -> tuple[str, ...]:
    """The labels in a text or JSON file, which is not kept.

    Raises:
        BadModel: too large, or no list of labels.
        ComputeError: as for ``ask``.
    """
    return _client().read_labels(data, _whose())


def keep_recipe(recipe: Recipe) -> str:
    """Keep a recipe from now on; returns the key ``upload/<sha256>`` of the model that it makes.

    Whether its file, its architecture and its labels go together is told by the first question about the model.

    Raises:
        UnknownModel: its file is not here, or no longer.
        BadModel: a label, or a number of its preprocessing, breaks a limit.
        StoreFull: there is no room for it.
    """
    return _client().keep_recipe(recipe, _whose())


def recipe(key: str) -> Recipe:
    """The recipe behind the key of an uploaded model.

    Raises:
        UnknownModel: it is not here, or no longer.
    """
    return _client().recipe(key)


def status() -> Status:
    """The state of the service. Raises ``ServiceStarting`` where it cannot be reached."""
    return _client().status()


def start() -> None:
    """Start the service, if it does not run, without waiting for it. A failure is logged."""
    _client().start()


def stop() -> None:
    """End the service if this process has started one. Whoever asks later is told that it is closed."""
    if _client.cache_info().currsize:
        _client().close()


@lru_cache(maxsize=1)
def _client() -> Client:
    client = Client(settings())
    atexit.register(client.close)
    return client


class Client:
    """A way to one compute service: the one at the address in the settings, else one of its own. What is asked for
    nobody in particular counts as asked by one."""

    def __init__(self, settings: Settings, answerer: str | None = None) -> None:
        """Nothing is started yet. ``answerer`` is as in ``worker.Plan``, for a service of its own."""
        self._settings = settings
        self._line = Line(settings, answerer)

    def ask(self, question: Question[A], asker: Asker = ANYONE) -> A:
        """As the function of this name."""
        body = self._line.request("ask", question_to_json(question).encode(), asker)
        return answer_to(question, answer_from_bytes(body))

    def show(self, question: Question[A], look: Look, asker: Asker = ANYONE) -> A:
        """As the function of this name."""
        body = self._line.request("show", shown_to_json(question, look).encode(), asker)
        return answer_to(question, answer_from_bytes(body))

    def check(self, question: ProofQuestion, left: threading.Event, asker: Asker = ANYONE) -> ProofAnswer | None:
        """As the function of this name."""
        try:
            body = self._line.request("check", question_to_json(question).encode(), asker, left=left)
        except Left:
            return None
        return answer_to(question, answer_from_bytes(body))

    def arrays(self, wanted: Wanted, asker: Asker, left: threading.Event) -> Incoming | None:
        """As the function of this name."""
        try:
            return self._line.request_file("arrays", wanted.to_json(), asker, left)
        except Left:
            return None

    def hush(self) -> None:
        """As the function of this name."""
        self._line.request("hush")

    def deliver(self, kind: UploadKind, size: int, asker: Asker = ANYONE) -> Delivery:
        """As the function of this name."""
        return Delivery(self._line, kind, size, asker)

    def upload_image(
        self, data: bytes, value_range: tuple[float, float] | None = None, asker: Asker = ANYONE
    ) -> ImageReport:
        """As the function of this name."""
        with closing(self.deliver("image", len(data), asker)) as delivery:
            delivery.write(data)
            return delivery.image(value_range)

    def rescale_image(self, key: str, value_range: tuple[float, float] | None, asker: Asker = ANYONE) -> ImageReport:
        """As the function of this name."""
        wish = protocol.Rescaling(key, value_range)
        return image_report_from_json(self._line.request("rescale-image", wish.to_json(), asker))

    def upload_model(self, data: bytes, asker: Asker = ANYONE) -> ModelReport:
        """As the function of this name."""
        with closing(self.deliver("model", len(data), asker)) as delivery:
            delivery.write(data)
            return delivery.model()

    def read_labels(self, data: bytes, asker: Asker = ANYONE) -> tuple[str, ...]:
        """As the function of this name."""
        if len(data) > protocol.LABELS_BYTES:
            raise BadModel(protocol.too_large(len(data), protocol.LABELS_BYTES / 1e6, "file of labels"))
        return labels_from_json(self._line.request("read-labels", data, asker))

    def keep_recipe(self, recipe: Recipe, asker: Asker = ANYONE) -> str:
        """As the function of this name."""
        return self._line.request("keep-recipe", recipe_to_json(recipe).encode(), asker).decode()

    def recipe(self, key: str) -> Recipe:
        """As the function of this name."""
        return recipe_from_json(self._line.request("recipe", key.encode()))

    def status(self) -> Status:
        """As the function of this name."""
        return Status.from_json(self._line.request("status"))

    def before_large(self, act: Callable[[int], None]) -> None:
        """As the function of this name."""
        self._line.before_large = act

    def while_waiting(self, act: Callable[[], None]) -> None:
        """As the function of this name."""
        self._line.while_waiting = act

    def start(self) -> None:
        """As the function of this name."""
        self._line.start()

    def close(self) -> None:
        """Close the connections, and end the service if it is this client's own."""
        self._line.close()

    @property
    def service_pid(self) -> int | None:
        """Process number of this client's own service; None where it does not run."""
        return self._line.service_pid
