"""The random numbers that a model draws: a pass starts from a seed, and the caller's generators are restored
afterwards."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, SupportsIndex

import numpy as np
import torch
from torch import Tensor

from gradviz_core.errors import QuestionError

LARGEST_SEED = 2**31 - 1
_alone = threading.RLock()
"""The states belong to the whole process, so one pass at a time may begin at a seed."""


@dataclass(frozen=True, slots=True)
class State:
    """States of the random numbers of Python, NumPy and torch, on the CPU and on the CUDA devices in use."""

    python: tuple[Any, ...]
    numpy: dict[str, Any]
    cpu: Tensor
    cuda: dict[int, Tensor]

    @classmethod
    def now(cls, devices: Iterable[int]) -> State:
        """As they are."""
        cuda = {index: torch.cuda.get_rng_state(index) for index in devices}
        return cls(random.getstate(), np.random.get_state(legacy=False), torch.get_rng_state(), cuda)

    def put_back(self) -> None:
        """Make them what they were."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)
        torch.set_rng_state(self.cpu)
        for index, state in self.cuda.items():
            torch.cuda.set_rng_state(state, index)

    def differs(self, other: State) -> bool:
        """Whether anything was drawn between the two."""
        (mine, numpy), (theirs, others) = ((one.numpy["state"], one.numpy) for one in (self, other))
        return (
            self.python != other.python
            or mine["pos"] != theirs["pos"]
            or numpy["has_gauss"] != others["has_gauss"]
            or not np.array_equal(mine["key"], theirs["key"])
            or not torch.equal(self.cpu, other.cpu)
            or any(not torch.equal(state, other.cuda[index]) for index, state in self.cuda.items())
        )


def devices_of(tensors: Iterable[Tensor]) -> list[int]:
    """The CUDA devices that they lie on."""
    return sorted({tensor.device.index for tensor in tensors if tensor.device.type == "cuda"})


@contextmanager
def drawing_from(begin: int | State, devices: Iterable[int]) -> Iterator[State]:
    """Random numbers begin at a seed or at a state within; afterwards they go on as if nothing had drawn any.

    Raises:
        QuestionError: the seed is negative or too large.
    """
    with _alone:
        before = State.now(devices)
        try:
            if isinstance(begin, State):
                begin.put_back()
            else:
                _seed(begin, before.cuda)
            yield State.now(before.cuda)
        finally:
            before.put_back()


def _seed(seed: int, devices: Iterable[int]) -> None:
    given: object = seed
    if not isinstance(given, SupportsIndex) or not 0 <= seed <= LARGEST_SEED:
        raise QuestionError(
            f"The seed is {seed}; it must be a whole number from 0 to {LARGEST_SEED}. Choose one of them."
        )
    seed = int(seed)
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)
    for index in devices:
        torch.cuda.default_generators[index].manual_seed(seed)
