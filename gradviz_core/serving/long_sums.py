"""The file of a long sum, which no worker can compute within one deadline: it is added up here, part by part, or the
answer that the page has shown is taken. Everything else is a file of the compute service.

Pictures of long sums are small enough to travel (``screen.takes_parts``), and the file is on the disk before it is
sent.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from gradviz_core.compute import client, downloads, npz
from gradviz_core.compute.askers import Asker
from gradviz_core.compute.connection_pool import Cancelled
from gradviz_core.compute.protocol import PART
from gradviz_core.compute.rows import Row
from gradviz_core.errors import QuestionError
from gradviz_core.serving.downloads import File
from gradviz_core.text.codec import question_from_json
from gradviz_core.types import Answer, GradientAnswer, GradientQuestion
from gradviz_core.types.methods import card_of

Kept = Callable[[str], Answer | None]
"""The answer to a question with this text that the app has, with whole arrays; None where it has none."""


class Made:
    """A file that was made in this process."""

    def __init__(self, answer: Answer, check: str | None) -> None:
        """Write it."""
        self._file = _empty()
        npz.write(downloads.texts(answer, check), answer.arrays, self._file.write)
        self.size = self._file.tell()
        """In bytes."""

    def parts(self) -> Iterator[bytes]:
        """Its bytes."""
        self._file.seek(0)
        while part := self._file.read(PART):
            yield part

    def close(self) -> None:
        """Delete it."""
        self._file.close()


def _empty() -> IO[bytes]:
    return tempfile.TemporaryFile(prefix="gradviz-")


def arrays(kept: Kept, question: str, check: str | None, asker: Asker, left: threading.Event) -> File | None:
    """The file with all arrays of the answer to ``question``, as ``client.arrays`` gives it. None once ``left`` is set.

    Raises:
        GradVizError: as ``client.arrays`` does.
    """
    asked = question_from_json(question)
    if isinstance(asked, GradientQuestion) and card_of(asked.method).counts and asked.part is None:
        found = kept(question)
        try:
            answer = found if found is not None else _added_up(asked, asker, left)
        except Cancelled:
            return None
        if answer is not None:
            return Made(answer, check)
    return client.arrays(question, check, asker, left)


def _added_up(question: GradientQuestion, asker: Asker, left: threading.Event) -> GradientAnswer | None:
    """The answer; None where the sum is short, or its parts are too large to travel: then a worker makes the file."""
    if len(question.wrt) > 1:
        return None

    def send(part: GradientQuestion) -> _Waited:
        return _Waited(client.begin(part, asker=asker), left)

    row = Row(question, send)
    try:
        row.begin(send(row.first).answer())
    except QuestionError:
        return None  # the worker that is asked for the file says what is wrong
    if row.is_short:
        return None
    try:
        while not row.is_whole:
            row.take()
    finally:
        row.pause()
    return row.answer()


@dataclass(frozen=True, slots=True)
class _Waited:
    """A part on its way, for somebody who may leave."""

    sent: client.Asked[GradientAnswer]
    left: threading.Event

    def answer(self) -> GradientAnswer:
        return self.sent.answer(self.left)

    def drop(self) -> None:
        self.sent.drop()
