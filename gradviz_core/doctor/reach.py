"""What a function, a loss or a module reaches: modules, tensors, and generators of random numbers, by name."""

from __future__ import annotations

import dis
import functools
import inspect
import random
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from types import CodeType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gradviz_core.tracing.torch_private.parts import HELD, backward_hooks, parameters

Generator = torch.Generator | np.random.Generator | np.random.RandomState | random.Random

_ATOMS = (str, bytes, int, float, complex, type, ModuleType, torch.dtype, torch.device, np.ndarray)
_FOREIGN = frozenset({"torch", "numpy", "gradviz_core", *sys.stdlib_module_names})
"""Packages whose functions and objects hold nothing of the author's."""


@dataclass(slots=True)
class Reached:
    """What was found, each thing once, under the name by which it is reached first."""

    modules: dict[str, nn.Module] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    """Those that belong to no module as parameter or buffer."""
    generators: list[Generator] = field(default_factory=list)
    functions: list[FunctionType] = field(default_factory=list)
    """Those that were not followed."""

    def all_tensors(self) -> list[Tensor]:
        """Parameters and buffers among them, each once."""
        held = [(*module.parameters(), *module.buffers()) for module in self.modules.values()]
        found = (*(tensor for tensors in held for tensor in tensors), *self.tensors.values())
        return list({id(tensor): tensor for tensor in found}.values())

    def parts(self) -> list[nn.Module]:
        """Every module with all that it is made of, each once."""
        return list({id(part): part for module in self.modules.values() for part in module.modules()}.values())

    def identities(self) -> set[int]:
        """The ``id`` of each module and tensor."""
        return {id(thing) for thing in (*self.parts(), *self.all_tensors())}


def reached(named: dict[str, object], follow_functions: bool = True) -> Reached:
    """All that can be reached from some values: through lists, dictionaries and attributes of the author's objects;
    and, with ``follow_functions``, through what functions are closed over, their globals and default arguments."""
    found = Reached()
    seen: dict[int, object] = {}
    queue = deque(named.items())
    while queue:
        name, value = queue.popleft()
        if value is None or isinstance(value, _ATOMS) or id(value) in seen:
            continue
        seen[id(value)] = value
        if isinstance(value, FunctionType) and not follow_functions:
            found.functions.append(value)
            continue
        _take(found, name, value)
        queue.extend(_from(name, value))
    return found


def _take(found: Reached, name: str, value: object) -> None:
    match value:
        case nn.Module():
            found.modules[name] = value
        case Tensor():
            found.tensors[name] = value
        case random.SystemRandom():
            return
        case torch.Generator() | np.random.Generator() | np.random.RandomState() | random.Random():
            found.generators.append(value)


def _from(name: str, value: object) -> Iterator[tuple[str, object]]:
    """What can be reached from a value in one step."""
    match value:
        case Tensor():
            yield from ((name, hook) for hook in backward_hooks(value))
        case nn.Module():
            for path, part in value.named_modules():
                yield from _of_part(_dotted(name, path), part)
        case list() | tuple() | set() | frozenset() | deque():
            yield from ((f"{name}[{i}]", part) for i, part in enumerate(value))
        case dict():
            yield from ((f"{name}[{key!r}]", part) for key, part in value.items())
        case functools.partial():
            yield name, value.func
            yield from ((f"argument {i}", part) for i, part in enumerate(value.args))
            yield from value.keywords.items()
        case MethodType():
            yield "self", value.__self__
            yield from _methods(type(value.__self__), value.__func__.__name__)
        case FunctionType() if not _foreign(value):
            yield from _of_function(value)
        case _ if not _foreign(type(value)) or isinstance(value, SimpleNamespace):
            yield from ((_dotted(name, attribute), part) for attribute, part in _attributes(value))
            yield from _methods(type(value), "__call__")


def _of_part(name: str, part: nn.Module) -> Iterator[tuple[str, object]]:
    for attribute, held in vars(part).items():
        if attribute not in HELD:
            yield _dotted(name, attribute), held
    for parameter in parameters(part):
        yield from ((name, hook) for hook in backward_hooks(parameter))
    yield from _methods(type(part), "forward")


def _of_function(function: FunctionType) -> Iterator[tuple[str, object]]:
    code = function.__code__
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not bound yet
            continue
    yield from ((name, function.__globals__[name]) for name in _globals(code) if name in function.__globals__)
    defaults = function.__defaults__ or ()
    yield from zip(code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount], defaults, strict=True)
    yield from (function.__kwdefaults__ or {}).items()
    yield from vars(function).items()


@lru_cache(maxsize=10_000)
def _globals(code: CodeType) -> tuple[str, ...]:
    """Names of globals that a function uses, in the functions and comprehensions within it too."""
    own = [step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    inner = [name for const in code.co_consts if isinstance(const, CodeType) for name in _globals(const)]
    return tuple(dict.fromkeys([*own, *inner]))


def _methods(kind: type, start: str) -> Iterator[tuple[str, object]]:
    """A method of the author's class, and those of its other methods that it mentions."""
    queue, seen = [start], {start}
    while queue:
        name = queue.pop()
        held = next((vars(one)[name] for one in kind.__mro__ if name in vars(one)), None)
        method = getattr(held, "__func__", held)  # of a static or class method
        if isinstance(method, FunctionType) and not _foreign(method):
            yield name, method
            new = _mentioned(getattr(inspect.unwrap(method), "__code__", method.__code__)) - seen
            seen |= new
            queue += sorted(new)


@lru_cache(maxsize=10_000)
def _mentioned(code: CodeType) -> frozenset[str]:
    """Names of attributes and globals in a function, and in the functions within it."""
    return frozenset(code.co_names).union(*(_mentioned(one) for one in code.co_consts if isinstance(one, CodeType)))


def _attributes(value: object) -> Iterator[tuple[str, object]]:
    yield from getattr(value, "__dict__", {}).items()
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                yield name, getattr(value, name)


def _foreign(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "")).partition(".")[0] in _FOREIGN


def _dotted(*parts: str) -> str:
    return ".".join(filter(None, parts))
