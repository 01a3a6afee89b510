"""Whole arrays as one file: what is wanted, and how a worker makes it and hands it over.

The worker says ``file`` and how many bytes there will be. The service says ``go``, where it has room for them, else
``stop``. After ``go`` come the bytes, in frames of ``PART`` at most; and either way an ordinary reply follows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from gradviz_core.compute import npz
from gradviz_core.compute.protocol import Message, read_message, send_file, write_message
from gradviz_core.errors import ComputeError, QuestionError
from gradviz_core.text.codec import LONGEST_QUESTION, answer_to_json, question_from_json, question_to_json
from gradviz_core.types import Answer, Question

LARGEST = 500_000_000
"""Bytes of the largest file that is made."""
LONGEST_CHECK = 1_000_000
"""Characters of what a check of the gradient has found."""
LONGEST_WANTED = 2 * (LONGEST_QUESTION + LONGEST_CHECK)
"""Bytes of what is wanted, as JSON."""

HandOver = Callable[[int, Callable[[npz.Write], None]], bool]
"""Hands a file over, of so many bytes and written by that function; False where there is no room for it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The arrays of the answer to a question, whole, and what else is to lie in the file."""

    question: Annotated[str, Field(max_length=LONGEST_QUESTION)]
    """As JSON."""
    check: Annotated[str, Field(max_length=LONGEST_CHECK)] | None = None
    """What finite differences say of the gradient, as JSON; None where nothing is to be said."""

    def to_json(self) -> bytes:
        """As JSON."""
        return json.dumps(asdict(self)).encode()

    @staticmethod
    def from_json(text: bytes) -> Wanted:
        """What ``to_json`` wrote. Raises ``ComputeError`` for anything else."""
        try:
            return _WANTED.validate_json(text, strict=True, extra="forbid")
        except ValidationError as error:
            raise ComputeError(
                "A request for a file does not fit this version of the compute service. Restart both."
            ) from error


_WANTED = TypeAdapter(Wanted)


def reply(answer: Callable[[Question], Answer], wanted: Wanted, hand_over: HandOver) -> Message:
    """What a worker says once the file is handed over. ``answer`` gives whole arrays.

    Raises:
        QuestionError: the file would be too large.
        GradVizError: as answering does.
    """
    found = answer(question_from_json(wanted.question))
    said = texts(found, wanted.check)
    size = npz.size(said, found.arrays)
    if size > LARGEST:
        raise QuestionError(
            f"The file would be {size / 1e6:.0f} MB; the limit is {LARGEST / 1e6:g} MB. Ask for fewer layer "
            "outputs, or run the program of the “PyTorch” panel in a notebook."
        )
    handed_over = hand_over(size, partial(npz.write, said, found.arrays))
    return ("ok", b"") if handed_over else ("stopped", b"")


def texts(found: Answer, check: str | None) -> dict[str, str]:
    """The texts that lie in the file beside the arrays."""
    said = {"question": question_to_json(found.question), "answer": answer_to_json(found)}
    return said if check is None else said | {"check": check}


def hand_over(jobs: Connection, size: int, write: Callable[[npz.Write], None]) -> bool:
    """A ``HandOver`` through a worker's connection to the service. Where it breaks off, the connection is closed, for
    what the service would read next is no message."""
    write_message(jobs, "file", str(size).encode())
    word, _ = read_message(jobs)
    if word != "go":
        return False
    try:
        write(lambda part: send_file(jobs, memoryview(part)))
    except BaseException:
        jobs.close()
        raise
    return True
