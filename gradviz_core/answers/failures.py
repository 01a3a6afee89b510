"""Errors of uploaded models, turned into sentences: such a model may fail in any way."""

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
ADVICE_ON_INPUT = "Set the size and the channels that it expects in its preprocessing."
_FILES = re.compile(r"\S*[/\\]\S*|\S+\.(?:py|pyx|cpp|cc|c|h|cu|cuh)\b\S*")
"""Words that name a file or a folder."""


@contextmanager
def explaining(key: str, what: str, advice: str) -> Iterator[None]:
    """Turn whatever an uploaded model raises into a ``GradVizError`` with a sentence. ``what`` says what failed;
    torch's own message follows, without file names."""
    try:
        yield
    except (GradVizError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        if not keys.is_upload(key):
            raise
        if ran_out_of_memory(error):
            raise TooCostly(f"{what}: it ran out of memory. Use a smaller input, or a smaller model.") from error
        log.info("an uploaded model failed, or what runs it did: %s", repr(error)[:MOST_OF_A_MESSAGE])
        raise QuestionError(f"{what}: {_own_words(error)}. {advice}") from error


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out in this process, also inside an uploaded model. On the CPU torch raises a plain
    ``RuntimeError`` then."""
    if isinstance(error, TooCostly) and error.__cause__ is not None:
        return ran_out_of_memory(error.__cause__)
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and ("DefaultCPUAllocator" in str(error) or "bad_alloc" in str(error))
    )


def input_text(x: Tensor) -> str:
    """``3 channels of 96×96 pixels``, of an input (1, C, H, W); of a volume or clip ``an input of 1×16×96×96``."""
    if x.dim() > 4:
        return f"an input of {'×'.join(map(str, x.shape[1:]))}"
    channels, height, width = x.shape[1:]
    return f"{channels} channel{'s' if channels > 1 else ''} of {height}×{width} pixels"


def _own_words(error: Exception) -> str:
    words = " ".join(_FILES.sub("…", str(error)).split()) or type(error).__name__
    return (words if len(words) <= MOST_OF_A_MESSAGE else words[: MOST_OF_A_MESSAGE - 1] + "…").rstrip(".")
