"""What is examined: a twin of a module, or a plain function and the tensors it reaches; what it changes is put back."""

from __future__ import annotations

import copy
import functools
import inspect
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FunctionType, MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gradviz_core.twin import twin

Model = Callable[..., Any]


@dataclass(slots=True)
class Subject:
    """Something to call, and the names of what it is made of."""

    call: Model
    parameters: dict[str, Tensor] = field(default_factory=dict)
    """Those that require a gradient, and those that are frozen."""
    others: dict[str, Tensor] = field(default_factory=dict)
    """Buffers."""
    paths: dict[int, str] = field(default_factory=dict)
    """Path of each module, by its ``id``."""


@contextmanager
def examined(model: Model) -> Iterator[Subject]:
    """Something that may be run once, and whose parameters require gradients where the model's do.

    A module is copied, weights and all. A plain function cannot be: it runs itself, and what it wrote to parameters and
    buffers of the modules that it reaches is put back.

    Raises:
        QuestionError: the module cannot be copied; the message says which part stands in the way.
    """
    if isinstance(model, nn.Module):
        yield _of_module(model)
        return
    subject = Subject(model)
    for name, value in _reached(model, set()):
        _add(subject, name, value)
    state = [(tensor, tensor.detach().clone()) for tensor in (*subject.parameters.values(), *subject.others.values())]
    try:
        yield subject
    finally:
        with torch.no_grad():
            for tensor, values in state:
                if not torch.equal(tensor, values):
                    tensor.copy_(values)


def _of_module(model: nn.Module) -> Subject:
    copied = copy.deepcopy(twin(model))  # a twin shares the memory of the weights, which this model may write to
    for original, own in zip(model.parameters(), copied.parameters(), strict=True):
        own.requires_grad_(original.requires_grad)
    subject = Subject(copied)
    _add(subject, "", copied)
    return subject


def _add(subject: Subject, name: str, value: object) -> None:
    """Take in a module with all its tensors, or a tensor."""
    if isinstance(value, Tensor):
        (subject.parameters if value.is_leaf and value.requires_grad else subject.others)[name] = value
        return
    assert isinstance(value, nn.Module)
    start = f"{name}." if name else ""
    subject.parameters.update({start + path: parameter for path, parameter in value.named_parameters()})
    subject.others.update({start + path: buffer for path, buffer in value.named_buffers()})
    for path, part in value.named_modules():
        subject.paths.setdefault(id(part), (start + path).removesuffix("."))
        for attribute, held in vars(part).items():
            if isinstance(held, Tensor):
                _add(subject, f"{start}{path}.{attribute}".lstrip("."), held)


def _reached(value: object, seen: set[int]) -> Iterator[tuple[str, object]]:
    """Modules and tensors that a function reaches through its closure, its globals, or what it is bound to."""
    if id(value) in seen:
        return
    seen.add(id(value))
    match value:
        case functools.partial():
            yield from _reached(value.func, seen)
            yield from _among({f"argument {i}": v for i, v in enumerate(value.args)} | value.keywords, seen)
        case MethodType():
            yield from _among({"self": value.__self__}, seen)
            yield from _reached(value.__func__, seen)
        case FunctionType():
            found = inspect.getclosurevars(value)
            yield from _among({**found.globals, **found.nonlocals}, seen)


def _among(named: dict[str, Any], seen: set[int]) -> Iterator[tuple[str, object]]:
    for name, value in named.items():
        if isinstance(value, nn.Module | Tensor):
            if id(value) not in seen:
                seen.add(id(value))
                yield name, value
        elif isinstance(value, list | tuple):
            yield from _among({f"{name}[{i}]": part for i, part in enumerate(value)}, seen)
        elif isinstance(value, dict):
            yield from _among({f"{name}[{key!r}]": part for key, part in value.items()}, seen)
        else:
            yield from _reached(value, seen)


@contextmanager
def same_random_numbers(device: torch.device) -> Iterator[None]:
    """Random numbers of Python, numpy and torch go on afterwards as if nothing had drawn any."""
    python, numpy = random.getstate(), np.random.get_state()
    devices = [device] if device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
