"""What runs itself instead of a copy is put back as it was: tensors, modules, and generators of random numbers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from gradviz_core.doctor.reach import Generator, Reached
from gradviz_core.tracing.torch_private.versions import preserved

Undo = Callable[[], object]


@contextmanager
def put_back(reached: Reached, about_to_write: Callable[[Tensor], None]) -> Iterator[None]:
    """Of tensors the values, memory, version, flag and ``.grad``; of modules the mode and every attribute, with the
    lists and dictionaries that are attributes; of generators the state.

    ``about_to_write`` is told of each tensor whose values are about to be put back.
    """
    tensors = reached.all_tensors()
    versions = preserved(tensors)
    undo = [_tensor(tensor, about_to_write) for tensor in tensors]
    undo += [_module(part) for part in reached.parts()]
    undo += [_generator(generator) for generator in reached.generators]
    with versions:
        try:
            yield
        finally:
            with torch.no_grad():
                for step in undo:
                    step()


def _tensor(tensor: Tensor, about_to_write: Callable[[Tensor], None]) -> Undo:
    held, trains = tensor.detach(), tensor.requires_grad
    once = held[tuple(slice(0, 1 if stride == 0 else None) for stride in held.stride())] if _is_strided(held) else held
    values = once.clone()
    slope = tensor.grad if tensor.is_leaf else None
    slope_values = None if slope is None else slope.detach().clone()

    def undo() -> None:
        if not _is_strided(held) or not torch.equal(once, values):
            about_to_write(once)
            with torch.inference_mode(held.is_inference()):
                once.copy_(values)
        if _is_strided(held) and (tensor.data_ptr() != held.data_ptr() or tensor.shape != held.shape):
            tensor.data = held
        if tensor.is_leaf:
            tensor.requires_grad_(trains)
            tensor.grad = slope
        if slope is not None and slope_values is not None:
            slope.detach().copy_(slope_values)

    return undo


def _is_strided(tensor: Tensor) -> bool:
    return tensor.layout == torch.strided and not tensor.is_nested


def _module(part: nn.Module) -> Undo:
    attributes = dict(vars(part))
    lists = [(value, list(value)) for value in attributes.values() if isinstance(value, list)]
    named = [(value, dict(value)) for value in attributes.values() if isinstance(value, dict)]

    def undo() -> None:
        for sequence, parts in lists:
            sequence[:] = parts
        for mapping, items in named:
            mapping.clear()
            mapping.update(items)
        vars(part).clear()
        vars(part).update(attributes)

    return undo


def _generator(generator: Generator) -> Undo:
    match generator:
        case torch.Generator():
            drawn = generator.get_state()
            return lambda: generator.set_state(drawn)
        case np.random.Generator():
            bits = generator.bit_generator
            state = bits.state
            return lambda: setattr(bits, "state", state)
        case np.random.RandomState():
            legacy = generator.get_state()
            return lambda: generator.set_state(legacy)
        case random.Random():
            place = generator.getstate()
            return lambda: generator.setstate(place)
