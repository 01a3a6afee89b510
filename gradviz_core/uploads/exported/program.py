"""An exported model that runs: each operation of the graph in order, by torch itself, under its automatic
differentiation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from gradviz_core.errors import GradVizError, QuestionError
from gradviz_core.tracing.authors import AuthorsModule
from gradviz_core.tracing.running import Running, running
from gradviz_core.tracing.stopping import give_way
from gradviz_core.tracing.torch_private import fake_tensors
from gradviz_core.tracing.torch_private.parts import own_weights, put_module, put_weight
from gradviz_core.tracing.torch_private.parts import weight as weight_of
from gradviz_core.tracing.torch_private.versions import version
from gradviz_core.uploads.exported import parts
from gradviz_core.uploads.exported.arguments import filled
from gradviz_core.uploads.exported.graph import Node, Slots
from gradviz_core.uploads.exported.layers import Call, Calls, plant
from gradviz_core.uploads.exported.outputs import Tree

_LARGEST = 2**63
_HELD = "[held]"
"""The image that is held, among the buffers: no weight of a file has a name with brackets."""
_RAISED = (RuntimeError, ValueError, TypeError, IndexError, KeyError, ArithmeticError, AttributeError, MemoryError)
"""What torch raises where an operation does not suit what it is applied to."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that running takes, apart from weights. It never changes, so copies of the model share it."""

    nodes: Sequence[Node]
    calls: Mapping[int, Sequence[Call]]
    """Calls of modules that end with each node."""
    within: Sequence[str]
    """Path of the innermost module that each node belongs to."""
    done: Mapping[int, Sequence[int]]
    """Values that nothing needs after each node."""
    places: int
    """How many values there are."""
    inputs: tuple[int, ...]
    """Places of the images that go in, one or two."""
    input_shapes: tuple[tuple[int | None, ...], ...]
    weights: Mapping[int, str]
    """Full name of each weight, by its place."""
    read_from: frozenset[int]
    """Places that numbers were taken out of when the file was read: weights, their views and clones."""
    outputs: tuple[object, ...]
    """Place of each output; what is no place is the output itself."""
    tree: Tree

    def __deepcopy__(self, memo: dict[int, object]) -> Plan:
        """Itself."""
        return self


@dataclass(frozen=True, slots=True)
class Place:
    """Where an output lies."""

    slot: int


class Program(AuthorsModule):
    """The module: ``program(x)`` is what the author's model gives in evaluation mode, ``program(x, y)`` that of one
    that takes two images.

    Its submodules have the author's names and hold the weights. They compute nothing; what each of the author's modules
    returned passes through them as soon as it is there, so that whoever watches modules sees the author's.
    """

    def __init__(self, plan: Plan, calls: Calls, weights: Mapping[str, Tensor], kind: str) -> None:
        super().__init__(kind)
        self._plan = plan
        made_by = {slot: node.source for node in plan.nodes for slot in node.makes()}
        self.sources = tuple(made_by.get(place.slot, "") for place in plan.outputs[:1] if isinstance(place, Place))
        plant(self, calls, weights)
        self.eval()

    def forward(self, x: Tensor, *second: Tensor) -> object:
        """What the model returns for ``x``, and for the ``second`` image where it takes two.

        Raises:
            QuestionError: there is an image too many or too few, one has a shape that the model was not exported for,
                or an operation fails.
        """
        plan, images = self._plan, (x, *second)
        if len(images) != len(plan.inputs):
            raise QuestionError(
                f"This model was exported for {_count(len(plan.inputs))}, and it is given {_count(len(images))}. Pass "
                "each as a tensor of its own."
            )
        for image, wanted in zip(images, plan.input_shapes, strict=True):
            _check_shape(image, wanted)
        layers: dict[str, nn.Module] = dict(self.named_modules())
        values: list[Any] = [None] * plan.places
        for slot, image in zip(plan.inputs, images, strict=True):
            values[slot] = image
        versions: list[tuple[Tensor, int]] = []
        for slot, name in plan.weights.items():
            owner, _, leaf = name.rpartition(".")
            values[slot] = weight = weight_of(layers[owner], leaf)
            if slot in plan.read_from or isinstance(weight, nn.Parameter):
                versions.append((weight, version(weight)))
        for (_, mode), stretch in groupby(enumerate(plan.nodes), lambda pair: (pair[1].stretch, pair[1].mode)):
            with mode.entered():
                for at, node in stretch:
                    give_way()
                    running.set(Running(node.source, plan.within[at]))
                    _keep(values, node, _computed(node, values, x.device))
                    versions += _versions(plan.read_from.intersection(node.makes()), values)
                    for call in plan.calls.get(at, ()):
                        _pass_through(layers[call.path], call, values)
                        versions += _versions(plan.read_from.intersection(call.outputs.values()), values)
                    for slot in plan.done.get(at, ()):
                        values[slot] = None
        if any(version(tensor) != before for tensor, before in versions):
            raise QuestionError(
                "This model changes its own parameters, or a constant that it takes a number from, when it runs, so "
                "each run would give a different answer."
            )
        return plan.tree.filled([values[out.slot] if isinstance(out, Place) else out for out in plan.outputs])


class OfOneImage(Program):
    """A program of two images with one of them held, so that it is a function of the other. Its parts are those of the
    program, under the same paths.

    It takes one image at a time: the graph may say that the held one is compared with each of several, or with all.
    """

    def __init__(self, program: Program, looked_at: int, held: Tensor) -> None:
        """``looked_at`` is 0 for a function of the first image, 1 for one of the second."""
        AuthorsModule.__init__(self, program.kind)
        self._plan, self.sources, self._looked_at = program._plan, program.sources, looked_at
        for name, part in program.named_children():
            put_module(self, name, part)
        for name, tensor in own_weights(program):
            put_weight(self, name, tensor)
        put_weight(self, _HELD, held)
        self.eval()

    def forward(self, x: Tensor, *second: Tensor) -> object:
        """What the model returns for ``x`` beside the image that is held.

        Raises:
            QuestionError: ``x`` has several images, or as ``Program.forward`` does.
        """
        if second or x.shape[0] != 1:
            raise QuestionError("A model of two images takes one pair at a time. Pass one image beside the one held.")
        held = weight_of(self, _HELD)
        return super().forward(x, held) if self._looked_at == 0 else super().forward(held, x)


def _count(images: int) -> str:
    return "one image" if images == 1 else f"{images} images"


def _versions(slots: Iterable[int], values: list[Any]) -> list[tuple[Tensor, int]]:
    """The tensors at these places, and how often each was written to."""
    return [(values[slot], version(values[slot])) for slot in slots if isinstance(values[slot], Tensor)]


def _check_shape(x: Tensor, wanted: tuple[int | None, ...]) -> None:
    if x.dim() != len(wanted) or any(size not in (None, had) for size, had in zip(wanted, x.shape, strict=True)):
        sizes = " x ".join("any" if size is None else str(size) for size in wanted)
        raise QuestionError(
            f"This model was exported for an input of {sizes}, not {' x '.join(map(str, x.shape))}. Change the "
            "preprocessing to that size, or export the model with dynamic_shapes."
        )


def _computed(node: Node, values: list[Any], device: torch.device) -> Any:
    """The result of one operation.

    Raises:
        QuestionError: it fails.
    """
    arguments = {name: filled(value, values, device) for name, value in node.arguments.items()}
    if not node.by_name and not all(isinstance(value, int | float) for value in arguments.values()):
        raise QuestionError(f"The operation {node.target} of this model computes with something other than numbers.")
    try:
        parts.check(node.target, arguments)
        return node.operation(**arguments) if node.by_name else node.operation(*arguments.values())
    except GradVizError:
        raise
    except _RAISED as error:
        if fake_tensors.is_told_by(error):  # told to those who run without values
            raise
        why = str(error).partition("\n")[0][:200] or type(error).__name__
        where = f" ({node.source})" if node.source else ""
        raise QuestionError(f"The operation {node.target} of this model{where} fails: {why}") from error


def _keep(values: list[Any], node: Node, result: Any) -> None:
    """Put what an operation gave where the graph says.

    Raises:
        QuestionError: it gave something else than the graph says.
    """
    results = result if isinstance(result, tuple) and len(node.outputs) > 1 else (result,)
    if node.outputs and len(results) != len(node.outputs):
        raise _other_result(node)
    for slots, value in zip(node.outputs, results, strict=False):
        _put(values, slots, value, node)


def _put(values: list[Any], slots: Slots, value: Any, node: Node) -> None:
    if isinstance(slots, tuple):
        if not isinstance(value, list | tuple) or len(value) != len(slots):
            raise _other_result(node)
        for slot, item in zip(slots, value, strict=True):
            _put(values, slot, item, node)
    elif slots is not None:
        if not isinstance(value, Tensor | int | float) or (type(value) is int and abs(value) >= _LARGEST):
            raise _other_result(node)
        if isinstance(value, Tensor) and min(value.shape, default=0) < 0:
            raise QuestionError(f"The operation {node.target} of this model gives a tensor of a negative size.")
        values[slots] = value


def _other_result(node: Node) -> QuestionError:
    return QuestionError(
        f"The operation {node.target} of this model gives a different result from the one in its file."
    )


def _pass_through(layer: nn.Module, call: Call, values: list[Any]) -> None:
    """Let the outputs of one call of a module pass through the layer that stands for it."""
    inputs = [values[slot] for slot in call.inputs if isinstance(values[slot], Tensor)]
    passed = layer(*inputs, output=call.filled(values))
    for item, slot in call.outputs.items():
        values[slot] = passed[item] if item else passed


def values_done(
    nodes: Sequence[Node], calls: Mapping[int, Sequence[Call]], kept: frozenset[int]
) -> dict[int, list[int]]:
    """Values that nothing needs after each node; those in ``kept`` are needed to the end."""
    last: dict[int, int] = {}
    for at, node in enumerate(nodes):
        last.update(dict.fromkeys((*node.makes(), *node.uses()), at))
        for call in calls.get(at, ()):
            last.update(dict.fromkeys((*call.inputs, *call.outputs.values()), at))
    found: dict[int, list[int]] = {}
    for slot, at in last.items():
        if slot not in kept:
            found.setdefault(at, []).append(slot)
    return found
