"""The graph of a ``.pt2`` file with its signature: which values are weights, which is the image, which come out."""

from __future__ import annotations

from typing import Any

import torch

from gradviz_core.errors import BadModel
from gradviz_core.types.cards import MOST_BANDS, MOST_SLICES
from gradviz_core.types.input_shapes import proposals
from gradviz_core.uploads.exported import known_numbers
from gradviz_core.uploads.exported.graph import GraphReader, check_targets
from gradviz_core.uploads.exported.layers import CallFinder
from gradviz_core.uploads.exported.outputs import Tree, read_tree
from gradviz_core.uploads.exported.plain_json import only, shown, take
from gradviz_core.uploads.exported.program import Place, Plan, Program, values_done
from gradviz_core.uploads.exported.sentences import AGAIN, REWRITE
from gradviz_core.uploads.exported.tensors import TensorMeta, Weights, read_meta

_MOST_OUTPUTS = 1_000
MOST_IMAGES, IMAGE_AXES = 2, 4
"""Inputs of a model, each an image."""


class GraphModule:
    """A graph, what goes in and what comes out; read as soon as it is made.

    Raises:
        BadModel: the model takes or returns something that is not supported here.
    """

    def __init__(self, graph_module: dict[str, Any], weights: Weights) -> None:
        self._graph = take(graph_module, "graph", dict)
        self._signature = take(graph_module, "signature", dict)
        self._call_graph = take(graph_module, "module_call_graph", list)
        self._metas = take(self._graph, "tensor_values", dict)
        self._weights = weights
        self._reader = GraphReader()
        self._bound: dict[int, str] = {}
        self._inputs: dict[str, int] = {}
        for spec in take(self._signature, "input_specs", list):
            self._read_input(*only(spec, "an input"))
        self._images, self.input_shapes = self._read_images()
        nodes = take(self._graph, "nodes", list)
        check_targets(nodes)
        self._reader.read(nodes, self._reader.scope)
        self._outputs, self._metas_out = self._read_outputs()

    def rested(self) -> list[str]:
        """Operations that the file has in training mode, once for each."""
        return self._reader.rested

    def classes(self) -> int | None:
        """Length of the output, where it is one vector of scores; 1 where it is a single number, or a map of such."""
        outputs = [meta.sizes for meta in self._metas_out if meta.dtype.is_floating_point]
        rows = [sizes for sizes in outputs if len(sizes) == 2]
        if len(rows) == 1:
            return rows[0][1]
        alone = len(outputs) == 1 and len(outputs[0]) in (0, 1, 4) and all(n == 1 for n in outputs[0][:2])
        return 1 if alone else None

    def _read_input(self, kind: str, spec: object) -> None:
        match kind:
            case "user_input":
                argument, value = only(take(spec, "arg", dict), "an input")
                if argument == "as_tensor":
                    name = take(value, "name", str)
                    self._inputs[name] = self._reader.define(name)
                elif argument not in ("as_none", "as_bool", "as_int", "as_float", "as_string"):
                    raise BadModel(
                        "The model's input is not a tensor. Export it with one image tensor or two as input."
                    )
            case "parameter" | "buffer" | "tensor_constant":
                name = take(spec, f"{kind}_name", str)
                if name not in self._weights.tensors:
                    raise BadModel(f"The graph uses a weight {shown(name)} that the file does not hold. {AGAIN}")
                self._bound[self._reader.define(take(take(spec, "arg", dict), "name", str))] = name
            case "constant_input":
                pass
            case "custom_obj":
                raise BadModel(
                    "The model contains an object that is not a tensor, which is not supported here. Export it "
                    "without this object."
                )
            case _:
                raise BadModel(
                    f"The model has an input of the kind {shown(kind)}, which is not supported here. {REWRITE}"
                )

    def input_names(self) -> tuple[str, ...]:
        """What the author calls each image that goes in."""
        return tuple(self._inputs)

    def _read_images(self) -> tuple[tuple[int, ...], tuple[tuple[int | None, ...], ...]]:
        """Places and shapes of the image, or of both, that go in."""
        if not 1 <= len(self._inputs) <= MOST_IMAGES:
            names = ", ".join(shown(name) for name in list(self._inputs)[:5]) or "none"
            raise BadModel(
                f"The model takes {len(self._inputs)} inputs ({names}); GradViz supports models with one image or two "
                "images as input. Export a wrapper that takes only the image, or both."
            )
        self._reader.tensor_places.update(self._inputs.values())
        alone = len(self._inputs) == 1
        return tuple(self._inputs.values()), tuple(
            _checked_shape(read_meta(self._metas.get(name), "The input"), "" if alone else f" {shown(name)}")
            for name in self._inputs
        )

    def _read_outputs(self) -> tuple[tuple[object, ...], list[TensorMeta]]:
        outputs: list[object] = []
        metas: list[TensorMeta] = []
        for spec in take(self._signature, "output_specs", list):
            kind, value = only(spec, "an output")
            if kind in ("buffer_mutation", "user_input_mutation"):
                continue
            if kind != "user_output":
                raise BadModel(
                    f"The graph has an output of the kind {shown(kind)}: it trains or changes state. Export "
                    "model.eval() for prediction."
                )
            kind, value = only(take(value, "arg", dict), "an output")
            if kind == "as_tensor":
                name = take(value, "name", str)
                outputs.append(Place(self._reader.scope.find(name).slot))
                metas.append(read_meta(self._metas.get(name), "An output"))
            elif kind in ("as_sym_int", "as_none", "as_int", "as_bool", "as_float", "as_string"):
                outputs.append(None)
            else:
                raise BadModel(
                    f"The model returns something of the kind {shown(kind)}, which is not supported here. {REWRITE}"
                )
        if not metas or len(outputs) > _MOST_OUTPUTS:
            raise BadModel(
                f"The model returns {len(metas)} tensors; it must return one or more, up to {_MOST_OUTPUTS}. "
                "Export a wrapper that returns fewer."
            )
        return tuple(outputs), metas

    def program(self) -> Program:
        """The module that runs it."""
        tensors = {slot: self._weights.tensors[name] for slot, name in self._bound.items()}
        known = known_numbers.put_in(self._reader.nodes, tensors, self._reader.tensor_places)
        nodes = known.nodes
        results = frozenset(out.slot for out in self._outputs if isinstance(out, Place))
        calls = CallFinder(nodes, frozenset(self._reader.tensor_places), results, self._bound).find()
        plan = Plan(
            nodes=nodes,
            calls=calls.after,
            within=calls.within,
            done=values_done(nodes, calls.after, results | self._bound.keys()),
            places=self._reader.places,
            inputs=self._images,
            input_shapes=self.input_shapes,
            weights=self._bound,
            read_from=known.read_from,
            outputs=self._outputs,
            tree=self._tree(len(self._outputs)),
        )
        used = {name: self._weights.tensors[name] for name in self._bound.values()}
        return Program(plan, calls, used, self._kind())

    def _kind(self) -> str:
        """Name of the author's class."""
        stacks = (node.stack for node in self._reader.nodes if node.stack)
        return next((stack[0].kind for stack in stacks if not stack[0].path), "Module")

    def _tree(self, leaves: int) -> Tree:
        for entry in self._call_graph:
            if isinstance(entry, dict) and entry.get("fqn") == "":
                signature = entry.get("signature")
                spec = signature.get("out_spec") if isinstance(signature, dict) else None
                return read_tree(spec if isinstance(spec, str) else None, leaves)
        return read_tree(None, leaves)


def _checked_shape(meta: TensorMeta, name: str) -> tuple[int | None, ...]:
    """The shape of an input, where it is one of an image; ``name`` tells it from another.

    Raises:
        BadModel: it is not, or the model takes several images at once only.
    """
    shape = meta.sizes
    in_words = " x ".join("any" if size is None else str(size) for size in shape) or "a single number"
    if not proposals(shape) or 0 in shape:
        raise BadModel(
            f"The model's input{name} is {in_words}; GradViz supports batch x channels x height x width with 1 to "
            f"{MOST_BANDS} channels, and volumes and clips with one axis more, of up to {MOST_SLICES} slices, beside "
            "the channels. Export a wrapper that takes such an input."
        )
    if name and len(shape) != IMAGE_AXES:
        raise BadModel(
            f"The model's input{name} is {in_words}; of a model that takes two inputs each must be batch x channels x "
            "height x width. Export a wrapper that takes one volume or clip, or two images."
        )
    if shape[0] not in (None, 1):
        raise BadModel(
            f"The model was exported for {shape[0]} images at a time. Export it with one image, or with the "
            "first size "
            'dynamic: dynamic_shapes={"x": {0: torch.export.Dim("batch")}}.'
        )
    if meta.dtype != torch.float32:
        raise BadModel(
            f"The model's input{name} holds {meta.dtype}; export model.float() with an input of torch.float32."
        )
    return shape
