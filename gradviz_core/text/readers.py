"""Errors of file readers, turned into a sentence for the person and one line in the log."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gradviz_core.errors import GradVizError

log = logging.getLogger("gradviz.worker")

WENT_WRONG = "Something went wrong"
"""How the sentence begins where a reader fails in a way that nobody has thought of: ``make fuzz`` looks for it."""
_OURS = Path(__file__).parents[1]


@contextmanager
def reading(what: str, refused: type[GradVizError]) -> Iterator[None]:
    """Raise ``refused`` for everything that is not an error of ours. ``what`` is read, as in ``model file``.

    The log gets the type of the error and our innermost line; neither it nor the person gets what the file holds or
    where it lies.
    """
    try:
        yield
    except GradVizError:
        raise
    except Exception as error:
        if isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error):
            raise refused(f"Reading the {what} needs more memory than is available. Choose a smaller one.") from error
        log.error("reading the %s failed: %s at %s", what, type(error).__name__, place(error))
        raise refused(
            f"{WENT_WRONG} while the {what} was read, so it is not used: it is damaged, or in a format variant "
            "that is not supported. Save it again, or choose another; the server's log has the details."
        ) from error


def place(error: BaseException) -> str:
    """``arrays.py:80``: our innermost line on the way to the error."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _OURS in Path(frame.filename).parents]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "a line that is not ours"
