"""From the given input to the call of a module; and a sentence for why a module could not be called with it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from gradviz_core.errors import GradVizError, ModelFails, QuestionError
from gradviz_core.tracing.nested import map_all, tensors
from gradviz_core.types import INPUT, Site
from gradviz_core.types.calls import Call

Inputs = Tensor | npt.NDArray[Any] | Sequence[object] | Mapping[str, object] | Call
"""The inputs that a module can be called with: ``call_of`` says how each is read."""

_OF_THE_CALL = (TypeError, ValueError, RuntimeError, AttributeError, LookupError, AssertionError)
"""What a module raises that cannot work with its arguments."""
_ABOUT_TYPES = re.compile("type|not implemented for|device")
"""Found in torch's messages about mixed types or devices."""
_LONGEST = 200
IMAGE_AXES = 4
"""Images, channels, height and width."""


Model = Callable[..., object]
"""A module, or a plain function."""


def call_of(module: Model, given: Inputs) -> Call:
    """The call that is meant by what was handed in.

    A tensor or an array is the one argument; a tuple holds the arguments in order; a list or a mapping is one argument
    itself, but a mapping whose keys are all names of arguments of the module's ``forward`` gives these by keyword. A
    ``Call`` says it without any rule. NumPy arrays become tensors on the module's device, wherever they lie; those of
    real numbers take the module's precision, for NumPy computes in float64 unless asked otherwise.

    Raises:
        QuestionError: there is no tensor in it.
    """
    match given:
        case Call():
            call = given
        case tuple():
            call = Call(*given)
        case Mapping():
            call = Call(**given) if given and set(given) <= _names(module) else Call(given)
        case _:
            call = Call(given)
    like = next((tensor for tensor in _state(module) if tensor.is_floating_point()), torch.empty(0))
    found = _mapped(call, np.ndarray, lambda _, array: _tensor(array, like))
    if not isinstance(given, Call) and call.args + tuple(call.kwargs) and not by_site(found):
        raise QuestionError(
            f"x is of type {type(given).__name__} and holds no tensor. Pass what the module itself "
            "takes: a tensor of real numbers, such as an image (1, channels, height, width), a NumPy array, or a "
            "tuple, list or dictionary of these."
        )
    return found


def by_site(call: Call) -> dict[Site, Tensor]:
    """Every tensor of a call, by its site: ``.input`` and ``.input:1`` for the first and the second argument,
    ``.input[image]`` for a tensor in a mapping; keywords count as one mapping that comes after the other arguments."""
    found: dict[Site, Tensor] = {}
    map_inputs(call, found.setdefault)
    return found


def map_inputs(call: Call, function: Callable[[Site, Tensor], Tensor]) -> Call:
    """The call with each tensor in it replaced by ``function(site, tensor)``."""
    return _mapped(call, Tensor, function)


def run(module: Model, call: Call) -> object:
    """What the module returns."""
    return module(*call.args, **call.kwargs)


def _mapped(call: Call, kind: type[Any], function: Callable[[Site, Any], object]) -> Call:
    def at(i: int, value: object, name: str = "") -> object:
        return map_all(value, kind, lambda item, found: function(Site(INPUT.path, i, item), found), name)

    args = [at(i, value) for i, value in enumerate(call.args)]
    return Call(*args, **{name: at(len(args), value, name) for name, value in call.kwargs.items()})


def real_inputs(call: Call) -> tuple[Site, ...]:
    """The inputs that can have a gradient, those of real numbers; the first of all where there is none."""
    given = by_site(call)
    return tuple(site for site, tensor in given.items() if tensor.is_floating_point()) or tuple(given)[:1]


def _names(module: Model) -> set[str]:
    """Names of the arguments of ``forward`` that can be given by keyword."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {one.name for one in _arguments(module) if one.kind in kinds}


def _arguments(module: Model) -> list[inspect.Parameter]:
    try:
        called = module.forward if isinstance(module, nn.Module) else module
        return list(inspect.signature(called).parameters.values())
    except (TypeError, ValueError):  # a forward that is written in C tells nothing
        return []


def _state(module: Model) -> Iterator[Tensor]:
    if isinstance(module, nn.Module):
        yield from module.parameters()
        yield from module.buffers()


def _tensor(array: npt.NDArray[Any], like: Tensor) -> Tensor:
    try:
        found = torch.tensor(np.ascontiguousarray(array))
    except (TypeError, ValueError) as error:
        raise QuestionError(
            f"The NumPy array of {array.dtype} numbers cannot become a tensor: pass array.astype('float32')."
        ) from error
    return found.to(like) if found.is_floating_point() else found.to(like.device)


# ------------------------------------------------------------------------------------------------ where it goes wrong


@contextmanager
def explained(module: nn.Module, call: Call) -> Iterator[None]:
    """What the module raises within, because it cannot be called so, becomes one sentence that says what to pass.

    Raises:
        ModelFails: in place of what the module raised.
    """
    try:
        yield
    except (GradVizError, torch.OutOfMemoryError):
        raise
    except _OF_THE_CALL as error:
        raise ModelFails(_signature(module, call) or _kinds(module, call, error) or _as_it_said(call, error)) from error


def _signature(module: nn.Module, call: Call) -> str:
    arguments = _arguments(module)
    try:
        if arguments:
            inspect.Signature(arguments).bind(*call.args, **call.kwargs)
        return ""
    except TypeError as error:
        needed = [one for one in arguments if one.default is one.empty and one.kind < one.VAR_POSITIONAL]
        by_name = [one for one in arguments if one.default is one.empty and one.kind is one.KEYWORD_ONLY]
        if not (needed or by_name):
            by_name = [one for one in arguments if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)][:1]
        so = ", ".join([*(one.name for one in needed), *(f"{one.name}={one.name}" for one in by_name)])
        return (
            f"{type(module).__name__} cannot be called with {_call_text(call)}: {error}. "
            f"Its forward takes {inspect.Signature(arguments)}: pass gv.Call({so})."
        )


def _kinds(module: nn.Module, call: Call, error: Exception) -> str:
    """What is wrong with the type or the device of an input, where the module complains of one; else empty."""
    weights = [tensor for tensor in _state(module) if tensor.is_floating_point()]
    if not (weights and _ABOUT_TYPES.search(str(error))):
        return ""
    return next(filter(None, (_kind(tensor, weights) for tensor in by_site(call).values())), "")


def _kind(tensor: Tensor, weights: Sequence[Tensor]) -> str:
    kinds, devices = {weight.dtype for weight in weights}, {weight.device for weight in weights}
    weight, given = (str(kind).removeprefix("torch.") for kind in (weights[0].dtype, tensor.dtype))
    if len(devices) == 1 and tensor.device not in devices:
        (device,) = devices
        return f"The input is on {tensor.device} and the model on {device}: pass x.to({str(device)!r})."
    if tensor.is_floating_point() and tensor.dtype not in kinds:
        return (
            f"The input is {given} and the weights of the model are {weight}; both must be the same: pass "
            f"x.to(torch.{weight}), or convert the model to {given}."
        )
    if not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool):
        scale = " / 255" if tensor.dtype == torch.uint8 else ""
        return (
            f"The input holds {given} values and the model computes with {weight}: pass real numbers, "
            f"x.to(torch.{weight}){scale}, preprocessed as in training."
        )
    return ""


def _as_it_said(call: Call, error: Exception) -> str:
    said = str(error).partition("\n")[0][:_LONGEST].rstrip(". ") or type(error).__name__
    advice = "Pass what the module itself takes"
    if len(call.args) == 1 and not call.kwargs and not isinstance(call.args[0], Tensor):
        advice = (
            "x was passed as one argument: pass the tensor itself if the module takes one, a tuple if it takes several "
            "arguments, and gv.Call(name=x) if it takes them by name"
        )
    one_image = [tensor for tensor in call.args if isinstance(tensor, Tensor) and tensor.dim() == IMAGE_AXES - 1]
    hint = " An image needs a first dimension of 1 before its channels: x[None]." if one_image else ""
    return f"The model cannot run on {_call_text(call)}. {advice}.{hint} The error was: {said}."


def _call_text(call: Call) -> str:
    named = [f"{name}={_value_text(value)}" for name, value in call.kwargs.items()]
    return ", ".join([*map(_value_text, call.args), *named]) or "nothing"


def _value_text(value: object) -> str:
    """``a tensor (1, 3, 8, 8)``, ``a dict with image (1, 3, 8, 8)``, ``a list with (1, 3, 8, 8)``."""
    if isinstance(value, Tensor):
        return f"a tensor {tuple(value.shape)}"
    name = type(value).__name__
    kind = f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
    found = list(tensors(value).items())[:4]
    inside = [f"{'' if item.isdecimal() else item} {tuple(tensor.shape)}".lstrip() for item, tensor in found]
    return f"{kind} with {', '.join(inside)}" if inside else kind
