"""What uploaded models raise, in words: they are trusted to fail in no known way."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from gradviz_core.errors import GradVizError, QuestionError, TooCostly
from gradviz_core.types import keys

log = logging.getLogger("gradviz.worker")

MOST_OF_A_MESSAGE = 200
ADVICE_ON_INPUT = "Give it the size and the channels that it was made for, in its preprocessing."
_FILES = re.compile(r"\S*[/\\]\S*|\S+\.(?:py|pyx|cpp|cc|c|h|cu|cuh)\b\S*")
"""Words that name a file or a folder."""


@contextmanager
def in_words(key: str, what: str, advice: str) -> Iterator[None]:
    """Whatever an uploaded model raises becomes a sentence, for it is trusted to fail in no known way. ``what`` says
    what failed; torch's own words follow, without the names of files."""
    try:
        yield
    except (GradVizError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        if not keys.is_upload(key):
            raise
        if ran_out_of_memory(error):
            raise TooCostly(f"{what}: it ran out of memory. Take a smaller input, or a smaller model.") from error
        log.info("an uploaded model failed, or what runs it did: %s", repr(error)[:MOST_OF_A_MESSAGE])
        raise QuestionError(f"{what}: {_own_words(error)}. {advice}") from error


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether this process could get no more memory, an uploaded model's failure for that reason included. On the CPU
    torch says so with a plain ``RuntimeError``."""
    if isinstance(error, TooCostly) and error.__cause__ is not None:
        return ran_out_of_memory(error.__cause__)
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and ("DefaultCPUAllocator" in str(error) or "bad_alloc" in str(error))
    )


def input_in_words(x: Tensor) -> str:
    """``3 channels of 96×96 pixels``, of an input (1, C, H, W)."""
    channels, height, width = x.shape[1:]
    return f"{channels} channel{'s' if channels > 1 else ''} of {height}×{width} pixels"


def _own_words(error: Exception) -> str:
    words = " ".join(_FILES.sub("…", str(error)).split()) or type(error).__name__
    return (words if len(words) <= MOST_OF_A_MESSAGE else words[: MOST_OF_A_MESSAGE - 1] + "…").rstrip(".")
