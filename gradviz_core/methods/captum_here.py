"""The library captum, which two methods go through as it stands. It need not be installed for any other."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

import torch

from gradviz_core.errors import QuestionError
from gradviz_core.tracing.trace import recording

INSTALL = "pip install 'captum>=0.9'"


def captums(module: str) -> ModuleType:
    """A module of captum, such as ``captum.attr``.

    Raises:
        QuestionError: captum is not installed, or cannot be loaded here.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise QuestionError(
            f"This method goes through the library captum, which is not installed. Install it: {INSTALL}."
        ) from error
    except OSError as error:
        raise QuestionError(
            "This method goes through the library captum, which cannot be loaded where uploaded models run: it writes "
            "files as it is loaded. Use it in Python, with gv.answer."
        ) from error


@contextmanager
def running(seed: int) -> Iterator[None]:
    """While captum runs: with gradients recorded, without its warning that it sets hooks, which it takes off again, and
    with random numbers from a seed; the caller's go on afterwards as if nothing had been drawn."""
    with recording(), torch.random.fork_rng(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Setting forward, backward hooks")
        torch.manual_seed(seed)
        yield
