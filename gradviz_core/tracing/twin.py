"""A copy of a module that may be hooked and run freely, so that the module itself is never touched."""

from __future__ import annotations

import copy
from collections import OrderedDict

import torch
from torch import Tensor, nn

from gradviz_core.errors import QuestionError
from gradviz_core.tracing.torch_private.parts import drop_backward_hooks, parameters
from gradviz_core.tracing.torch_private.subclass import same_memory


def twin(module: nn.Module, *, trainable: bool | None = False, backward_hooks: bool = False) -> nn.Module:
    """A copy of the module tree that shares the memory of every parameter.

    Parameters are frozen (``trainable`` makes them leaves of the graph instead, whatever they are on the module, and
    None leaves them as they are there), and keep their class and their Python attributes; buffers are copied, because a
    module in training mode writes to them. Forward hooks come along, for they may be part of the function (weight norm
    is); backward hooks do not, for they could only falsify its derivative; ``backward_hooks`` brings those of modules
    along, for whoever asks what the author's own backward pass gives.

    Raises:
        QuestionError: a part cannot be copied; the message says which.
    """
    memo: dict[int, object] = {}
    for path, part in module.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            raise QuestionError(f"{path or 'The model'} is TorchScript, which cannot be traced. Use the eager module.")
        for parameter in parameters(part):
            memo[id(parameter)] = _sharing(parameter, trainable)
        for value in vars(part).values():
            if type(value) is OrderedDict and not value:  # a dozen of hooks that are not there, slow to copy one by one
                memo[id(value)] = OrderedDict()
            else:
                _remember_copies(value, memo, set())
    copied = _copied(module, memo)
    originals = {id(part) for part in module.modules()}
    for path, part in copied.named_modules():
        if not backward_hooks:
            drop_backward_hooks(part)
        if id(part) in originals:
            raise QuestionError(
                f"{path or 'The model'} returns itself when it is copied, so it cannot be traced safely."
            )
    return copied


def _sharing(parameter: nn.Parameter, trainable: bool | None) -> Tensor:
    """A parameter over the same storage."""
    if nn.parameter.is_lazy(parameter):
        raise QuestionError("The module has lazy parameters without a shape. Run it once on an input, then try again.")
    values = parameter.clone() if parameter.is_inference() else parameter.detach()
    leaf = (parameter.requires_grad if trainable is None else trainable) and (
        values.is_floating_point() or values.is_complex()
    )
    shared = same_memory(type(parameter), values, leaf)
    shared.__dict__.update(vars(parameter))
    return shared


def _remember_copies(value: object, memo: dict[int, object], visited: set[int]) -> None:
    """Copy every tensor that is no parameter: ``deepcopy`` refuses those that a forward pass left behind."""
    if id(value) in visited:
        return
    visited.add(id(value))
    match value:
        case nn.Parameter():
            return
        case Tensor():
            if id(value) not in memo:
                memo[id(value)] = value.detach().clone().requires_grad_(value.is_leaf and value.requires_grad)
        case dict():
            for item in value.values():
                _remember_copies(item, memo, visited)
        case list() | tuple():
            for item in value:
                _remember_copies(item, memo, visited)


def _copied(module: nn.Module, memo: dict[int, object]) -> nn.Module:
    """The copy; where that fails, the first part with an attribute that cannot be copied is named."""
    try:
        return copy.deepcopy(module, dict(memo))
    except (TypeError, RuntimeError, AttributeError, NotImplementedError) as error:
        culprit = _culprit(module, memo)
        raise QuestionError(
            f"The model cannot be copied for tracing{culprit}: {error}. Remove that attribute first."
        ) from error


def _culprit(module: nn.Module, memo: dict[int, object]) -> str:
    for path, part in module.named_modules():
        for name, value in vars(part).items():
            if name == "_modules":
                continue
            try:
                copy.deepcopy(value, dict(memo))
            except (TypeError, RuntimeError, AttributeError, NotImplementedError):
                return f", because of {path + '.' if path else ''}{name} ({type(value).__name__})"
    return ""
