"""Names of tensors told by their pattern: ``blocks.3.norm1.weight`` is ``blocks.#.norm#`` with the numbers 3 and 1."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gradviz_core.uploads.weights_files.dialects.derived import JoinedTensor
from gradviz_core.uploads.weights_files.tensors import Loadable

Make = Callable[..., str]
"""The other name for the numbers in a name."""
_NUMBER = re.compile("[0-9]+")
_LEAVES = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
_LONGEST = 200
_MOST_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Naming:
    """How one library names the tensors of a family of networks, and what another one calls them."""

    layers: Mapping[str, Make]
    """By the pattern of a layer, or of a tensor that is no layer's weight or bias."""
    joined: Mapping[str, int] = field(default_factory=dict)
    """Patterns of layers that are one layer there, and the place of each in it, along the first axis."""
    dropped: frozenset[str] = frozenset()
    """Patterns of tensors that evaluation does not need."""
    head: tuple[str, str] = ("", "")
    """What both call the head; what is inside it keeps its name."""

    def knows(self, shape_of_name: str, shape_of_layer: str) -> bool:
        """Whether a tensor with these patterns is one of this family."""
        return any(shape in self.layers or shape in self.dropped for shape in (shape_of_name, shape_of_layer))


def pattern(name: str) -> tuple[str, tuple[int, ...]]:
    """The name with ``#`` in the place of each number, and the numbers; of a name with a number that nobody writes the
    name as it is, so that no two names come to one."""
    found = _NUMBER.findall(name) if len(name) <= _LONGEST else []
    if "#" in name or any(len(text) > _MOST_DIGITS or str(int(text)) != text for text in found):
        return name, ()
    return _NUMBER.sub("#", name), tuple(map(int, found))


def layer_of(name: str) -> tuple[str, str]:
    """A tensor's layer and what follows it, with its dot: ``("blocks.0.norm1", ".weight")``."""
    layer, dot, leaf = name.rpartition(".")
    return (layer, f".{leaf}") if dot and leaf in _LEAVES else (name, "")


def rename(tensors: Mapping[str, Loadable], naming: Naming) -> dict[str, Loadable]:
    """The tensors under their other names. One that has none keeps its own, and so does one whose other name is taken:
    neither fits any layer then, nor does one whose own name another one has now."""
    renamed: dict[str, Loadable] = {}
    kept: dict[str, Loadable] = {}
    pieces: dict[str, dict[int, tuple[str, Loadable]]] = {}
    for name, tensor in tensors.items():
        new, place = _other_name(name, naming)
        if new is None:
            continue
        if place is not None:
            pieces.setdefault(new, {}).setdefault(place, (name, tensor))
        elif new in renamed or new == name:
            kept[name] = tensor
        else:
            renamed[new] = tensor
    for new, found in pieces.items():
        joined = _join(found)
        if joined is None or new in renamed:
            kept |= dict(found.values())
        else:
            renamed[new] = joined
    return renamed | {f"{name} (again)" if name in renamed else name: tensor for name, tensor in kept.items()}


def _other_name(name: str, naming: Naming) -> tuple[str | None, int | None]:
    """The other name, None for a tensor to drop, and the place in a layer that is joined."""
    layer, leaf = layer_of(name)
    for text, rest in ((name, ""), (layer, leaf)):
        shape, numbers = pattern(text)
        if shape in naming.dropped:
            return None, None
        if (make := naming.layers.get(shape)) is not None:
            return make(*numbers) + rest, naming.joined.get(shape)
    theirs, ours = naming.head
    if theirs and name.startswith(f"{theirs}."):
        return ours + name[len(theirs) :], None
    return name, None


def _join(pieces: Mapping[int, tuple[str, Loadable]]) -> JoinedTensor | None:
    """Three tensors as one, if they can be."""
    if sorted(pieces) != [0, 1, 2]:
        return None
    first, *others = (pieces[place][1] for place in range(3))
    if not first.shape or any(one.shape != first.shape or one.dtype != first.dtype for one in others):
        return None
    return JoinedTensor((first, *others))
