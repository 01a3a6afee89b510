"""Programs for the people whose file was refused: what to run where the model came from, filled in with what the file
says of itself.

A name from a file stands in a program only where it is an identifier of Python, for whoever wrote the file chose it.
"""

from __future__ import annotations

import keyword
import sys
from collections.abc import Sequence
from typing import Final

FILE: Final = "the file"
"""Stands, in quotes, where the program opens the refused file: ``naming`` puts its name there."""
EXPORT: Final = "Export it where you have its code: a .pt2 file brings its own architecture."
_SAVED = 'torch.export.save(torch.export.export(model.float().eval(), (x,)), "model.pt2")\n'
OF_PYTHON: Final = sys.stdlib_module_names | {"__builtin__", "nt", "posix"}
"""Modules that come with Python; no class of a model is in them."""
_RUN_THINGS = frozenset("posix nt os sys subprocess importlib runpy ctypes socket shutil pty code".split())
_BUILT_IN = frozenset("eval exec compile getattr open __import__".split())
_RUNS_CODE = "# This runs the code in the file: only do it if you trust whoever made it.\n"
_MOST_PARTS = 8
_SIDE = 224
_LONGEST_NAME = 60


def naming(code: str, file: str) -> str:
    """The program with the file's own name in it, as a literal of Python."""
    return code.replace(repr(FILE), repr(file))


def export() -> str:
    """The program that exports a model that is there already."""
    return f"import torch\n\nmodel = ...  # your PyTorch model, its weights loaded\n{_image()}{_SAVED}"


def export_pickled(kind: str, path: Sequence[object] = ()) -> str:
    """The program that exports a whole pickled model of the class ``kind``, which lies under these keys of the file. It
    loads the file only where that is a class that a package or a script may define."""
    if not is_class_of_somebody(kind):
        return export()
    keys = "".join(f"[{key!r}]" for key in path if isinstance(key, str | int) and len(str(key)) <= _LONGEST_NAME)
    return (
        f"import torch\n\n{_class_of(kind)}"
        f'{_RUNS_CODE}model = torch.load({FILE!r}, map_location="cpu", weights_only=False){keys}\n{_image()}{_SAVED}'
    )


def export_loaded(imports: str, line: str, side: int) -> str:
    """The program that exports a model which one line of a library builds with its weights."""
    return f"import torch\n{imports}\n{line}\n{_image(3, side)}{_SAVED}"


def export_with_weights(
    path: Sequence[object],
    prefix: str,
    channels: int,
    *,
    safetensors: bool,
    trusted: bool,
    imports: str = "",
    line: str = "model = ...  # your model, as it was made for training",
    side: int = _SIDE,
    convert: str = "",
) -> str:
    """The program that puts the weights of the file into your model, which a line builds, and exports that. Another
    line, ``convert``, gives them the names that they have there."""
    keys = "".join(f"[{key!r}]" for key in path)
    if safetensors:
        first, loaded = "from safetensors.torch import load_file\n", f"load_file({FILE!r})"
    else:
        first = ""
        loaded = f'torch.load({FILE!r}, map_location="cpu"{"" if trusted else ", weights_only=False"}){keys}'
    renamed = (
        f"weights = {{name.removeprefix({prefix!r}): value for name, value in weights.items()}}\n" if prefix else ""
    )
    warning = "" if safetensors or trusted else _RUNS_CODE
    return (
        f"import torch\n{imports}{first}\n{line}\n{warning}weights = {loaded}\n{renamed}{convert}"
        f"model.load_state_dict(weights)\n{_image(channels, side)}{_SAVED}"
    )


def save_script_weights() -> str:
    """The program that takes the weights out of a TorchScript file."""
    return (
        f"import torch\n\n{_RUNS_CODE}"
        f'model = torch.jit.load({FILE!r}, map_location="cpu")\ntorch.save(model.state_dict(), "weights.pt")\n'
    )


def save_arrays() -> str:
    """The program that saves the arrays of a NumPy archive as weights."""
    return (
        f"import numpy\nimport torch\n\narrays = numpy.load({FILE!r})\n"
        'torch.save({name: torch.from_numpy(arrays[name]) for name in arrays.files}, "weights.pt")\n'
    )


def save_pickled() -> str:
    """The program that saves with torch what is in a bare pickle, a state dict alone where it is a model."""
    return (
        f"import pickle\n\nimport torch\n\n{_RUNS_CODE}"
        f'with open({FILE!r}, "rb") as file:\n    saved = pickle.load(file)\n'
        'torch.save(saved.state_dict() if isinstance(saved, torch.nn.Module) else saved, "weights.pt")\n'
    )


def _image(channels: int | None = None, side: int = _SIDE) -> str:
    """The line that makes the image; where nothing says how many channels the model takes, it has three and says so."""
    note = "; 3 channels: change it if your model takes others" if channels is None else ""
    return f"x = torch.zeros(1, {channels or 3}, {side}, {side})  # an image in the size that the model takes{note}\n"


def is_class_of_somebody(kind: str) -> bool:
    """Whether this may be the name of a class in a package or a script: no part of its module is a module of Python
    itself, as in ``posix.system``, which no model is."""
    *modules, _ = parts = kind.split(".")
    if not modules or len(parts) > _MOST_PARTS or not all(map(_is_name, parts)):
        return False
    return not OF_PYTHON.intersection(modules)


def runs_things(name: str) -> bool:
    """Whether no checkpoint of anybody holds this: ``posix.system``, ``builtins.eval``. Where one does, no program
    loads the file."""
    module, _, last = name.rpartition(".")
    built_in = module in ("builtins", "__builtin__") and last in _BUILT_IN
    return built_in or bool(_RUN_THINGS.intersection(module.split(".")))


def _class_of(kind: str) -> str:
    """The line that makes the class known, without which Python cannot load its objects."""
    module, _, name = kind.rpartition(".")
    if module == "__main__":
        return f"# Put the definition of the class {name} here.\n"
    return f"from {module} import {name}  # its code must be installed, or lie in this folder\n"


def _is_name(text: str) -> bool:
    return text.isascii() and text.isidentifier() and not keyword.iskeyword(text) and len(text) <= _LONGEST_NAME
