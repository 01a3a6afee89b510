"""What is examined: a copy of a module, or the things themselves where no copy would do; those are put back."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gradviz_core.doctor.putting_back import put_back
from gradviz_core.doctor.reach import Reached, reached
from gradviz_core.errors import QuestionError
from gradviz_core.tracing.torch_private.parts import backward_hooks
from gradviz_core.tracing.twin import twin

Model = Callable[..., Any]
Loss = Callable[[Any], Tensor]


@dataclass(slots=True)
class Subject:
    """Something to call, and the names of what it is made of."""

    call: Model
    loss: Loss
    parameters: dict[str, Tensor] = field(default_factory=dict)
    """Those that require a gradient, and those that are frozen."""
    others: dict[str, Tensor] = field(default_factory=dict)
    """Buffers."""
    loose: tuple[str, ...] = ()
    """Parameters that a module holds and does not list."""
    given: dict[str, Tensor] = field(default_factory=dict)
    """Tensors that a plain function, or a loss, reaches beside modules."""
    constants: frozenset[str] = frozenset()
    """Those that a plain function reaches which is the model."""
    paths: dict[int, str] = field(default_factory=dict)
    """Path of each module, by its ``id``."""
    still: Callable[[], AbstractContextManager[None]] = nullcontext
    """Puts back what is written to after the run: by hooks, on the way back."""


class _Both(nn.Module):
    """A model and a loss, copied together because they may share parts."""

    def __init__(self, model: nn.Module, loss: nn.Module) -> None:
        super().__init__()
        self.model, self.loss = model, loss


@contextmanager
def examined(model: Model, loss: Loss, about_to_write: Callable[[Tensor], None]) -> Iterator[Subject]:
    """Something that may be run once, and whose parameters require gradients where the model's do.

    A module is copied, weights and all, and so is a loss that is a module. A plain function cannot be copied, and a
    module not where a function (the loss, a hook, a ``forward`` set on it) leads back to the module itself: these run
    themselves, and what they reach is put back. ``about_to_write`` is told of each tensor that is.

    Raises:
        QuestionError: the module cannot be copied; the message says which part stands in the way. Or parameters are
            lazy, and have no shape yet.
    """
    modules = _modules(model, loss)
    own = reached(dict(modules), follow_functions=False)
    functions = {name: value for name, value in (("model", model), ("loss", loss)) if not isinstance(value, nn.Module)}
    hooks = [hook for module in modules.values() for parameter in module.parameters() for hook in _hooks(parameter)]
    outside = reached({**functions, **{f"function {i}": held for i, held in enumerate([*own.functions, *hooks])}})
    if not own.identities().isdisjoint(outside.identities()):
        modules, outside = {}, reached({"": model, "loss": loss})
    if any(nn.parameter.is_lazy(tensor) for tensor in outside.all_tensors()):
        raise QuestionError("A module in it has lazy parameters without a shape. Run the model once, then try again.")
    copies = _copies(modules)
    subject = Subject(copies.get("", model), copies.get("loss", loss))
    _add(subject, reached(dict(copies), follow_functions=False))
    subject.loose = _loose(subject, [copies.get(name, part) for name, part in _modules(model, loss).items()])
    _add(subject, outside)
    subject.given = _beside_modules(outside)
    subject.constants = frozenset() if isinstance(model, nn.Module) else frozenset(reached({"": model}).tensors)
    subject.still = partial(put_back, outside, lambda _: None)
    with put_back(outside, about_to_write):
        yield subject


def _modules(model: Model, loss: Loss) -> dict[str, nn.Module]:
    return {name: value for name, value in (("", model), ("loss", loss)) if isinstance(value, nn.Module)}


def _loose(subject: Subject, modules: list[nn.Module]) -> tuple[str, ...]:
    """Parameters so far that no module lists."""
    listed = {id(tensor) for module in modules for tensor in module.parameters()}
    return tuple(name for name, tensor in subject.parameters.items() if modules and id(tensor) not in listed)


def _beside_modules(found: Reached) -> dict[str, Tensor]:
    starts = tuple(f"{name}." for name in found.modules)
    return {name: tensor for name, tensor in found.tensors.items() if not name.startswith(starts)}


def _copies(modules: dict[str, nn.Module]) -> dict[str, nn.Module]:
    if len(modules) > 1:
        both = _copied(_Both(*modules.values()))
        return dict(zip(modules, both.children(), strict=True))
    return {name: _copied(module) for name, module in modules.items()}


def _copied(module: nn.Module) -> nn.Module:
    shared = twin(module, backward_hooks=True)
    copied = copy.deepcopy(shared)  # a twin shares the memory of the weights, which this model may write to
    for original, own in zip(module.parameters(), copied.parameters(), strict=True):
        own.requires_grad_(original.requires_grad)
        for hook in _hooks(original):
            own.register_hook(hook)  # type: ignore[no-untyped-call]
    return copied


def _hooks(parameter: Tensor) -> list[Callable[[Tensor], Tensor | None]]:
    return list(backward_hooks(parameter)) if parameter.requires_grad else []


def _add(subject: Subject, found: Reached) -> None:
    """Take in modules with all their tensors, and tensors; each under its first name."""
    known = {id(tensor) for tensor in (*subject.parameters.values(), *subject.others.values())}

    def add(to: dict[str, Tensor], name: str, tensor: Tensor) -> None:
        if id(tensor) not in known:
            known.add(id(tensor))
            to[name] = tensor

    for name, module in found.modules.items():
        start = f"{name}." if name else ""
        for path, parameter in module.named_parameters():
            add(subject.parameters, start + path, parameter)
        for path, buffer in module.named_buffers():
            add(subject.others, start + path, buffer)
        for path, part in module.named_modules():
            subject.paths.setdefault(id(part), (start + path).removesuffix("."))
    for name, tensor in found.tensors.items():
        add(subject.parameters if tensor.is_leaf and tensor.requires_grad else subject.others, name, tensor)


@contextmanager
def same_random_numbers() -> Iterator[None]:
    """Random numbers of Python, numpy and torch, on every CUDA device, go on afterwards as if nothing had drawn any."""
    python, numpy = random.getstate(), np.random.get_state()
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()  # type: ignore[no-untyped-call]
    try:
        with torch.random.fork_rng(devices=[torch.device("cuda", index) for index in devices]):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
