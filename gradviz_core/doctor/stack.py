"""Where the author's code stands, read off Python's own stack: no hook, nothing left on the model."""

from __future__ import annotations

import contextlib
import functools
import linecache
import os
import sys
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType

import torch

from gradviz_core.doctor.flow import Place
from gradviz_core.tracing.running import running
from gradviz_core.tracing.torch_private.frames import calls_a_module

_TORCH = str(Path(torch.__file__).parent) + os.sep  # or torchvision's models would be torch's
_DOCTOR = str(Path(__file__).parent)
_EXAMINATION = str(Path(__file__).with_name("examination.py"))
_OWN = str(Path(__file__).parents[1]) + os.sep
_PRESETS = str(Path(_OWN, "models")) + os.sep
_EXPORTED = str(Path(_OWN, "uploads", "exported")) + os.sep
_PLUMBING = frozenset({contextlib.__file__, functools.__file__, "<string>"})
_LAYERS = tuple(
    str(Path(_TORCH, *parts))
    for parts in (
        ("nn", "modules"),
        ("nn", "functional.py"),
        ("_tensor.py",),
        ("overrides.py",),
        ("_ops.py",),
        ("functional.py",),
    )
)
_LONGEST_LINE = 200


@dataclass(frozen=True, slots=True)
class Standpoint:
    """A place, and whether it lies inside the forward pass of a ``torch.autograd.Function``."""

    place: Place
    in_function: bool


def here(paths: Mapping[int, str], functions: Container[CodeType]) -> Standpoint:
    """Where the function of torch that is being called was called from.

    ``paths`` names modules by their ``id``; ``functions`` are the forward passes of ``torch.autograd.Function``.
    """
    author, module, within, innermost = Place(), None, "", ""
    in_function = in_exported = False
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_DOCTOR):
        if frame.f_code.co_filename == _EXAMINATION:  # it is the usual loss that calls, and no one's model
            break
        frame = frame.f_back
    while frame is not None and not frame.f_code.co_filename.startswith(_DOCTOR):
        file = frame.f_code.co_filename
        innermost = innermost or file
        if calls_a_module(frame):
            module = _path(paths.get(id(frame.f_locals["self"])), within) if module is None else module
        in_function = in_function or frame.f_code in functions
        if not (author.line or in_exported) and file.startswith(_EXPORTED):
            in_exported = True
            author, within = _from_file(running.get().source), running.get().module
        elif not author.line and is_authors(file):
            author = Place(file, frame.f_lineno, _text(file, frame.f_lineno, frame.f_globals))
        frame = frame.f_back
    by_torch = innermost.startswith(_TORCH) and not innermost.startswith(_LAYERS)
    return Standpoint(Place(author.file, author.line, author.text, module, by_torch), in_function)


def _path(outer: str | None, within: str) -> str | None:
    """The path of a module ``within`` an exported model whose own path is ``outer``."""
    return None if outer is None else f"{outer}.{within}".strip(".")


def forward_passes(function: type = torch.autograd.Function) -> frozenset[CodeType]:
    """The code of the forward pass of each kind of ``torch.autograd.Function`` there is."""
    code = getattr(getattr(function, "forward", None), "__code__", None)
    return frozenset([code] if code else []).union(*map(forward_passes, function.__subclasses__()))


@lru_cache(maxsize=1000)
def is_authors(file: str) -> bool:
    """Whether a file is neither torch's nor GradViz's own, its presets left aside, nor plumbing of Python."""
    own = file.startswith(_OWN) and not file.startswith(_PRESETS)
    return not own and not file.startswith((_TORCH, "<frozen")) and file not in _PLUMBING


def _text(file: str, line: int, module_globals: dict[str, object]) -> str:
    return linecache.getline(file, line, module_globals).strip()[:_LONGEST_LINE]


def _from_file(source: str) -> Place:
    """The place that ``model.py:41  return self.fc(x)``, out of an exported model, names."""
    at, _, text = source.partition("  ")
    file, _, line = at.rpartition(":")
    return Place(file, int(line), text) if line.isdigit() else Place()


def line_with(word: str, first: Place, last: Place) -> Place:
    """The last line between two places of one file in which ``word`` stands; ``last`` where there is none."""
    if first.file == last.file:
        for number in range(last.line, first.line - 1, -1):
            text = linecache.getline(last.file, number).strip()
            if word in text:
                return replace(last, line=number, text=text[:_LONGEST_LINE])
    return last
