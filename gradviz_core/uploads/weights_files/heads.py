"""Heads that people put in the place of an architecture's own: ``Sequential(Dropout, Linear)``, or two linear layers.

A file says which layers have weights, and where in a ``Sequential`` they stand. What stands between them has none: it
is assumed to be dropout, and one ReLU between two linear layers. That is said in the report.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from gradviz_core.uploads.weights_files.tensors import Loadable

_NUMBER = re.compile("[0-9]|1[0-5]")
_WORD = re.compile("[a-z][a-z0-9_]{0,40}")
_Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class _Linear:
    name: str
    """Its name inside the head; empty where it is the head itself."""
    features: int
    outputs: int
    bias: bool


@dataclass(frozen=True, slots=True)
class Head:
    """A head of one or two linear layers in the place of ``path``, or of none: then the features come out."""

    path: str
    layers: tuple[_Linear, ...]
    features: int = 0
    """Numbers that come to it."""

    @property
    def classes(self) -> int:
        """Outputs of its last layer."""
        return self.layers[-1].outputs if self.layers else self.features

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Its tensors, by their names in the whole model."""
        found: dict[str, tuple[int, ...]] = {}
        for layer in self.layers:
            place = f"{self.path}.{layer.name}" if layer.name else self.path
            found[f"{place}.weight"] = (layer.outputs, layer.features)
            if layer.bias:
                found[f"{place}.bias"] = (layer.outputs,)
        return found

    @property
    def note(self) -> str:
        """What was assumed of it."""
        if not self.layers:
            return (
                f"The file has no head ({self.path!r} of the architecture), so the model gives the "
                f"{self.features:,} features that would come to it, and no class scores. A feature can be chosen as a "
                "class is, or one unit on Layers; what it stands for is not in the file."
            )
        names = [f"{self.path}.{layer.name}" if layer.name else self.path for layer in self.layers]
        if not self.layers[0].name:
            return f"The head {self.path!r} is one linear layer in the place of the architecture's own."
        if len(names) == 1:
            return (
                f"The head {self.path!r} has one linear layer, {names[0]!r}. What else is in it has no weights in the "
                "file, and was assumed to be dropout, which does nothing here. If it is something else, export the "
                "model instead (torch.export.save)."
            )
        between = "ReLU and dropout" if _gap(self.layers) > 1 else "ReLU"
        return (
            f"The head {self.path!r} has two linear layers, {names[0]!r} and {names[1]!r}. What stands between them "
            f"has no weights in the file, and was assumed to be {between}. If it is another activation, the scores are "
            "wrong: export the model instead (torch.export.save)."
        )

    def module(self) -> nn.Module:
        """The head, to be built on the meta device."""
        if not self.layers:
            return nn.Identity()
        first = _linear(self.layers[0])
        if not self.layers[0].name:
            return first
        if not _NUMBER.fullmatch(self.layers[0].name):
            head = nn.Sequential()
            head.add_module(self.layers[0].name, first)
            return head
        steps: list[nn.Module] = []
        for layer in self.layers:
            while len(steps) < int(layer.name):
                steps.append(nn.ReLU() if steps and isinstance(steps[-1], nn.Linear) else nn.Dropout())
            steps.append(_linear(layer))
        return nn.Sequential(*steps)


def find(needs: _Shapes, classes_at: int, has: Mapping[str, Loadable]) -> Head | None:
    """The head that a file has in the place of the architecture's own; None where it is the own one, or one that is
    not known here.

    ``needs`` are the architecture's shapes, with ``classes_at`` in the place of the number of classes.
    """
    own = next((name for name, shape in needs.items() if len(shape) == 2 and shape[0] == classes_at), "")
    parts = own.split(".")[:-1]
    for path in (".".join(parts[: i + 1]) for i in range(len(parts))):
        replaced = {name: shape for name, shape in needs.items() if name.startswith(f"{path}.")}
        inside = {name: has[name] for name in has if name.startswith(f"{path}.")}
        if replaced.keys() == inside.keys():
            return None
        if not inside and _is_linear(replaced):
            is_alone = len({name.rpartition(".")[0] for name in replaced}) == 1
            inner = ".".join(parts) if is_alone else path  # pooling may stand beside a layer that is alone
            return Head(inner, (), next(iter(replaced.values()))[1])
        if _is_all_but_the_last(replaced, inside, ".".join(parts)):
            continue
        layers = _layers({name[len(path) + 1 :]: tensor for name, tensor in inside.items()})
        if layers and _is_linear(replaced) and layers[0].features == next(iter(replaced.values()))[1]:
            return Head(path, layers)
    return None


def _is_all_but_the_last(needs: _Shapes, inside: Mapping[str, Loadable], last: str) -> bool:
    """Whether only the last layer of a head is not there: then it is no head of one layer less."""
    others = {name: shape for name, shape in needs.items() if not name.startswith(f"{last}.")}
    return bool(others) and others == {name: tensor.shape for name, tensor in inside.items()}


def _is_linear(shapes: _Shapes) -> bool:
    """Whether these are the tensors of linear layers and of nothing else, a weight first."""
    layers = {name.rpartition(".")[0] for name in shapes}
    return len(next(iter(shapes.values()))) == 2 and all(len(shapes.get(f"{name}.weight", ())) == 2 for name in layers)


def _layers(inside: Mapping[str, Loadable]) -> tuple[_Linear, ...]:
    """The linear layers that these tensors are, in order; none where they are anything else."""
    found: list[_Linear] = []
    for name in sorted({name.rpartition(".")[0] for name in inside}, key=lambda name: (len(name), name)):
        dot = f"{name}." if name else ""
        weight, bias = inside.get(f"{dot}weight"), inside.get(f"{dot}bias")
        if weight is None or len(weight.shape) != 2 or not _possible(name):
            return ()
        if bias is not None and bias.shape != weight.shape[:1]:
            return ()
        found.append(_Linear(name, weight.shape[1], weight.shape[0], bias is not None))
    tensors = sum(1 + layer.bias for layer in found)
    if not 1 <= len(found) <= 2 or tensors != len(inside):
        return ()
    return tuple(found) if len(found) == 1 or _follow(*found) else ()


def _follow(first: _Linear, second: _Linear) -> bool:
    """Whether one linear layer can follow the other in a Sequential, with room for one activation between them."""
    numbered = bool(_NUMBER.fullmatch(first.name) and _NUMBER.fullmatch(second.name))
    return numbered and 1 < int(second.name) - int(first.name) <= 5 and first.outputs == second.features


def _possible(name: str) -> bool:
    """Whether a layer in a head can have this name."""
    return (
        not name or bool(_NUMBER.fullmatch(name)) or bool(_WORD.fullmatch(name) and not hasattr(nn.Sequential(), name))
    )


def _gap(layers: tuple[_Linear, ...]) -> int:
    return int(layers[1].name) - int(layers[0].name) - 1


def _linear(layer: _Linear) -> nn.Linear:
    return nn.Linear(layer.features, layer.outputs, bias=layer.bias)
