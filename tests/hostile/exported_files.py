"""Exported programs (``.pt2``) that were sound until a line of their JSON, or a member of their archive, was changed."""

# ruff: noqa: E501 - a table has one row in each line

from __future__ import annotations

import io
import json
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from tests.hostile.archives import archive, members
from tests.hostile.case import CODE, COMMAND, Case
from tests.hostile.pickles import Call, torchscript
from tests.hostile.weights import saved

Json = Any
MODEL, WEIGHTS = "models/model.json", "data/weights/model_weights_config.json"
CONSTANTS = "data/constants/model_constants_config.json"


class Net(nn.Module):
    """Convolution, ReLU, pooling, linear: five operators."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.relu = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.flatten(self.pool(self.relu(self.conv(x))), 1))
        return logits


def exported(module: nn.Module, *inputs: Tensor) -> bytes:
    """The four lines that the documentation gives."""
    out = io.BytesIO()
    torch.export.save(torch.export.export(module.eval(), inputs), out)
    return out.getvalue()


@cache
def sound() -> bytes:
    """A file that is accepted."""
    torch.manual_seed(0)
    return exported(Net(), torch.zeros(1, 3, 32, 32))


def member(suffix: str, data: bytes) -> bytes:
    """The sound file with other bytes in one member."""
    return archive([replace(m, data=data) if m.name.decode().endswith(suffix) else m for m in members(sound())])


def edited(suffix: str, edit: Callable[[Json], object]) -> bytes:
    """The sound file with one of its JSON members edited in place."""
    (found,) = [m for m in members(sound()) if m.name.decode().endswith(suffix)]
    value = json.loads(found.data)
    edit(value)
    return member(suffix, json.dumps(value).encode())


def graph(edit: Callable[[Json], object]) -> bytes:
    """The sound file with its graph edited."""
    return edited(MODEL, lambda program: edit(program["graph_module"]["graph"]))


def _node(found: Json, name: str) -> Json:
    return next(n for n in found["nodes"] if name in n["target"])


def _argument(value: Json, name: str = "self") -> Json:
    return {"name": name, "arg": value, "kind": 1}


def instead_of_relu(target: str, *arguments: Json, first: str = "self") -> bytes:
    """The sound file with another operator, and other arguments behind the first, in the place of ReLU."""

    def edit(found: Json) -> None:
        relu = _node(found, "relu")
        relu["target"] = target
        relu["inputs"] = [relu["inputs"][0] | {"name": first}, *arguments]

    return graph(edit)


def instead_of_input(target: str, *arguments: Json) -> bytes:
    """The same, and without the value that ReLU would get."""

    def edit(found: Json) -> None:
        relu = _node(found, "relu")
        relu["target"], relu["inputs"] = target, list(arguments)

    return graph(edit)


def convolution(name: str, value: Json) -> bytes:
    """The sound file whose convolution has one more argument."""
    return graph(lambda found: _node(found, "conv2d")["inputs"].append(_argument(value, name)))


def _ints(*values: int) -> Json:
    return {"as_ints": list(values)}


def _int(value: int) -> Json:
    return {"as_int": value}


def _pickled_weight() -> bytes:
    def edit(config: Json) -> None:
        config["config"]["conv.weight"]["use_pickle"] = True

    with_flag = edited(WEIGHTS, edit)
    hostile = saved(Call(os.system, COMMAND))
    return archive([replace(m, data=hostile) if m.name.endswith(b"weight_0") else m for m in members(with_flag)])


def _opaque_constant() -> bytes:
    def edit(config: Json) -> None:
        config["config"]["custom"] = {
            "path_name": "opaque_obj_0",
            "is_param": False,
            "use_pickle": True,
            "tensor_meta": None,
        }

    file = edited(CONSTANTS, edit)
    more = replace(
        members(sound())[0], name=b"archive/data/constants/opaque_obj_0", data=pickle.dumps(Call(os.system, COMMAND))
    )
    return archive([*members(file), more])


def _custom_object() -> bytes:
    def edit(program: Json) -> None:
        inside, name = program["graph_module"], {"name": "custom", "class_fqn": "os.system"}
        inside["graph"]["inputs"].append({"as_custom_obj": name})
        inside["graph"]["custom_obj_values"]["custom"] = name
        program["graph_module"]["signature"]["input_specs"].append(
            {"custom_obj": {"arg": name, "custom_obj_name": "custom"}}
        )

    return edited(MODEL, edit)


def _code_in_shapes() -> bytes:
    size = {"as_expr": {"expr_str": CODE, "hint": {"as_int": 1}}}

    def edit(found: Json) -> None:
        for value in found["tensor_values"].values():
            value["sizes"][0] = size
        found["sym_int_values"]["s0"] = size

    return graph(edit)


def _symbolic(smallest: Json, largest: Json) -> bytes:
    def edit(program: Json) -> None:
        size = {"as_expr": {"expr_str": "s0", "hint": {"as_int": 32}}}
        program["graph_module"]["graph"]["tensor_values"]["x"]["sizes"][2:] = [size, size]
        program["range_constraints"] = {"s0": {"min_val": smallest, "max_val": largest}}

    return edited(MODEL, edit)


def _parameters(millions: int) -> bytes:
    """So many parameters of a million numbers each, all of them views of the same four megabytes, and no two alike."""

    def edit(config: Json) -> None:
        one = dict(config["config"]["conv.weight"], path_name="weight_9")
        meta = dict(one["tensor_meta"], sizes=[_int(10**6)], strides=[_int(1)])
        for i in range(millions):
            view = dict(one, tensor_meta=dict(meta, storage_offset=_int(i)))
            config["config"][f"more{i}"] = view

    more = replace(members(sound())[0], name=b"archive/data/weights/weight_9", data=bytes(4_000_000 + 4 * millions))
    return archive([*members(edited(WEIGHTS, edit)), more])


def _weight(**changes: Json) -> bytes:
    """The sound file whose first weight is described otherwise."""

    def edit(config: Json) -> None:
        found = config["config"]["conv.weight"]
        found |= {key: value for key, value in changes.items() if key in found}
        found["tensor_meta"] |= {key: value for key, value in changes.items() if key in found["tensor_meta"]}

    return edited(WEIGHTS, edit)


def _behind_relu(nodes: list[Json], last: str) -> bytes:
    """The sound file with more operators between ReLU and pooling, all said to have ReLU's shape."""

    def edit(found: Json) -> None:
        place = next(i for i, node in enumerate(found["nodes"]) if "relu" in node["target"])
        found["nodes"][place + 1 : place + 1] = nodes
        found["tensor_values"] |= dict.fromkeys((n["name"] for n in nodes), found["tensor_values"]["relu"])
        _node(found, "adaptive_avg_pool2d")["inputs"][0]["arg"]["as_tensor"]["name"] = last

    return graph(edit)


def _new(name: str, target: str, *arguments: Json) -> Json:
    outputs = [{"as_tensor": {"name": name}}]
    return {"name": name, "target": target, "inputs": list(arguments), "outputs": outputs, "metadata": {}}


def _repeated(count: int) -> bytes:
    """So many ReLUs in a row."""
    names = ["relu", *(f"relu_x{i}" for i in range(count))]
    relu = "torch.ops.aten.relu.default"
    nodes = [_new(new, relu, _argument({"as_tensor": {"name": old}})) for old, new in pairwise(names)]
    return _behind_relu(nodes, names[-1])


def _doubling() -> bytes:
    """Forty concatenations of a value with itself: 2^40 times the memory."""
    names = ["relu", *(f"cat_{i}" for i in range(40))]
    nodes = []
    for old, new in pairwise(names):
        twice = _argument({"as_tensors": [{"name": old}] * 2}, "tensors")
        nodes.append(_new(new, "torch.ops.aten.cat.default", twice, _argument(_int(2), "dim")))
    return _behind_relu(nodes, names[-1])


def _unknown_value(found: Json) -> None:
    _node(found, "relu")["inputs"][0]["arg"]["as_tensor"]["name"] = "nowhere"


def _its_own_input(found: Json) -> None:
    _node(found, "relu")["inputs"][0]["arg"]["as_tensor"]["name"] = "relu"


def _renamed(path: str) -> bytes:
    """The convolution under another layer name."""

    def edit(found: Json) -> None:
        for node in found["nodes"]:
            stack = node["metadata"].get("nn_module_stack", "")
            node["metadata"]["nn_module_stack"] = stack.replace("L__self__conv,conv,", f"L__self__conv,{path},")

    return graph(edit)


def _traced(line: str) -> bytes:
    def edit(found: Json) -> None:
        for node in found["nodes"]:
            node["metadata"]["stack_trace"] = line

    return graph(edit)


def _text_in_arithmetic() -> bytes:
    """``'%2000000000d' % 5``, computed before ReLU and used by nobody: a text of 2 GB."""

    def edit(found: Json) -> None:
        text, number = _argument({"as_string": "%2000000000d"}, "a"), _argument(_int(5), "b")
        node = _new("size", "_operator.mod", text, number) | {"outputs": [{"as_sym_int": {"as_name": "size"}}]}
        found["nodes"].insert(0, node)

    return graph(edit)


def _so_many_parts() -> bytes:
    """ReLU's result expanded, which takes no memory, and cut into parts."""
    wide = _new(
        "wide",
        "torch.ops.aten.expand.default",
        _argument({"as_tensor": {"name": "relu"}}),
        _argument(_ints(70_000, 4, 30, 30), "size"),
    )
    cut = _new(
        "cut", "torch.ops.aten.unbind.int", _argument({"as_tensor": {"name": "wide"}}), _argument(_int(0), "dim")
    )
    cut["outputs"] = [{"as_tensors": [{"name": "part"}]}]
    return _behind_relu([wide, cut], "part")


def _sorting(times: int) -> bytes:
    """ReLU's result repeated to four million numbers, which are sorted again and again: 500 bytes for each time."""
    four_million = 4 * 990 * 1020
    nodes = [
        _new("wide", "torch.ops.aten.repeat.default", _argument({"as_tensor": {"name": "relu"}}), _argument(_ints(1, 1, 33, 34), "repeats")),
        _new("sorted_0", "torch.ops.aten.view.default", _argument({"as_tensor": {"name": "wide"}}), _argument(_ints(four_million), "size")),
    ]  # fmt: skip
    for i in range(times):
        node = _new(f"sorted_{i + 1}", "torch.ops.aten.sort.default", _argument({"as_tensor": {"name": f"sorted_{i}"}}))
        nodes.append(node | {"outputs": [*node["outputs"], {"as_tensor": {"name": f"places_{i}"}}]})
    last = _argument({"as_tensor": {"name": f"sorted_{times}"}})
    nodes.append(_new("back", "torch.ops.aten.view.default", last, _argument(_ints(1, 4, 990, 1020), "size")))
    return _behind_relu(nodes, "back")


class _Two(Net):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x + y)


class _Values(Net):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x * torch.linalg.eigvals(x).abs()[..., None])


def _two_inputs() -> bytes:
    return exported(_Two(), torch.zeros(1, 3, 32, 32), torch.zeros(1, 3, 32, 32))


def _schema(major: Json) -> bytes:
    return edited(MODEL, lambda program: program["schema_version"].update(major=major))


OPERATOR = "(?i)operator|operation"
CASES = (
    Case("pt2-pickled-samples", "m.pt2", lambda: member("sample_inputs/model.pt", saved(Call(os.system, COMMAND))), "127 parameters", "kept"),
    Case("pt2-samples-are-torchscript", "m.pt2", lambda: member("sample_inputs/model.pt", torchscript()), "127 parameters", "kept"),
    Case("pt2-pickled-weights", "m.pt2", _pickled_weight, "pickle"),
    Case("pt2-opaque-constant", "m.pt2", _opaque_constant, "pickle|constant|custom"),
    Case("pt2-custom-object", "m.pt2", _custom_object, "object that is not a tensor"),
    Case("pt2-code-in-shapes", "m.pt2", _code_in_shapes, "any×3×32×32", "kept"),
    Case("pt2-code-in-guards", "m.pt2", lambda: edited(MODEL, lambda p: p.update(guards_code=[CODE])), "127 parameters", "kept"),
    Case("pt2-code-in-ranges", "m.pt2", lambda: edited(MODEL, lambda p: p.update(range_constraints={CODE: {"min_val": 0, "max_val": 1}})), "127 parameters", "kept"),
    Case("pt2-from-file", "m.pt2", lambda: instead_of_input("torch.ops.aten.from_file.default", _argument({"as_string": "/etc/passwd"}, "filename")), r"from_file"),
    Case("pt2-os-system", "m.pt2", lambda: instead_of_input("os.system", _argument({"as_string": COMMAND}, "command")), r"os\.system"),
    Case("pt2-eval", "m.pt2", lambda: instead_of_input("builtins.eval", _argument({"as_string": CODE}, "source")), r"builtins\.eval"),
    Case("pt2-operator-module", "m.pt2", lambda: instead_of_input("_operator.methodcaller", _argument({"as_string": "x"}, "a")), "methodcaller"),
    Case("pt2-dunder-target", "m.pt2", lambda: instead_of_input("torch.ops.aten.__class__.__init__.__globals__"), "__class__"),
    Case("pt2-custom-operator", "m.pt2", lambda: instead_of_relu("torch.ops.mylib.blur.default"), r"mylib"),
    Case("pt2-loads-a-library", "m.pt2", lambda: instead_of_input("torch.ops.load_library", _argument({"as_string": "/tmp/x.so"}, "path")), "load_library"),
    Case("pt2-uninitialised-memory", "m.pt2", lambda: instead_of_input("torch.ops.aten.empty_strided.default", _argument(_ints(1, 4, 30, 30), "size"), _argument(_ints(1, 1, 1, 1), "stride")), "empty_strided"),
    Case("pt2-as-strided-outside", "m.pt2", lambda: instead_of_relu("torch.ops.aten.as_strided.default", _argument(_ints(1, 4, 30, 30), "size"), _argument(_ints(10**6, 10**6, 10**6, 10**6), "stride")), "as_strided"),
    Case("pt2-resize", "m.pt2", lambda: instead_of_relu("torch.ops.aten.resize_.default", _argument(_ints(1, 4, 10**5, 10**5), "size")), "resize_"),
    Case("pt2-subgraph", "m.pt2", lambda: instead_of_relu("torch.ops.higher_order.cond", _argument({"as_graph": {"name": "g", "graph": {}}}, "true")), "cond|graph"),
    Case("pt2-future-schema", "m.pt2", lambda: _schema(9), "9"),
    Case("pt2-schema-is-text", "m.pt2", lambda: _schema("8; import os"), "major"),
    Case("pt2-260-million-parameters", "m.pt2", lambda: _parameters(260), "250,000,000 parameters"),
    Case("pt2-300-million-claimed", "m.pt2", lambda: _weight(sizes=[{"as_int": 300_000_000}], strides=[{"as_int": 1}]), "conv.weight|weight_0"),
    Case("pt2-weight-out-of-bounds", "m.pt2", lambda: _weight(storage_offset={"as_int": 10**6}), "conv.weight|weight_0"),
    Case("pt2-weight-stride-0", "m.pt2", lambda: _weight(strides=[{"as_int": 0}] * 4), "conv.weight|weight_0"),
    Case("pt2-weight-on-a-gpu", "m.pt2", lambda: _weight(device={"type": "cuda", "index": 99}), "127 parameters", "kept"),
    Case("pt2-weight-of-unknown-type", "m.pt2", lambda: _weight(dtype=99), "conv.weight|99|type"),
    Case("pt2-weight-with-a-path", "m.pt2", lambda: _weight(path_name="../../../../etc/passwd"), "conv.weight|passwd"),
    Case("pt2-weight-of-expressions", "m.pt2", lambda: _weight(sizes=[{"as_expr": {"expr_str": CODE, "hint": None}}] * 4), "conv.weight|size"),
    Case("pt2-no-weights", "m.pt2", lambda: edited(WEIGHTS, lambda c: c["config"].clear()), "conv.weight|weight"),
    Case("pt2-100000-operators", "m.pt2", lambda: _repeated(100_000), "limit is 48,000,000"),
    Case("pt2-2^40-times-the-memory", "m.pt2", _doubling, "takes [\\d,]+ billion operations or more|MB or more"),
    Case("pt2-enlarged-to-a-million-squared", "m.pt2", lambda: instead_of_relu("torch.ops.aten.upsample_nearest2d.vec", _argument(_ints(10**6, 10**6), "output_size"), _argument({"as_none": True}, "scale_factors"), first="input"), "billion operations|MB or more|numbers; the limit"),
    Case("pt2-full-of-10^12", "m.pt2", lambda: instead_of_input("torch.ops.aten.full.default", _argument(_ints(1, 4, 10**6, 10**6), "size"), _argument({"as_float": 1.0}, "fill_value")), "MB|GB|memory|operator|full"),
    Case("pt2-arange-to-10^15", "m.pt2", lambda: instead_of_input("torch.ops.aten.arange.default", _argument(_int(10**15), "end")), "billion operations|MB or more|numbers; the limit"),
    Case("pt2-padded-by-10^9", "m.pt2", lambda: instead_of_relu("torch.ops.aten.constant_pad_nd.default", _argument(_ints(10**9, 10**9), "pad")), "pad asks for 1e.18 numbers; the limit"),
    Case("pt2-convolution-padded-by-10^6", "m.pt2", lambda: convolution("padding", _ints(10**6, 10**6)), "padding asks for 1e.12 numbers; the limit"),
    Case("pt2-convolution-of-stride-0", "m.pt2", lambda: convolution("stride", _ints(0, 0)), "conv2d|stride|zero"),
    Case("pt2-convolution-of-no-groups", "m.pt2", lambda: convolution("groups", _int(0)), "conv2d|groups|zero"),
    Case("pt2-convolution-of-negative-dilation", "m.pt2", lambda: convolution("dilation", _ints(-1, -1)), "conv2d|dilation|zero"),
    Case("pt2-argument-of-another-type", "m.pt2", lambda: convolution("stride", {"as_string": CODE}), "conv2d|stride"),
    Case("pt2-pooling-of-nothing", "m.pt2", lambda: instead_of_relu("torch.ops.aten.max_pool2d.default", _argument(_ints(0, 0), "kernel_size")), "max_pool2d|kernel|zero"),
    Case("pt2-index-out-of-range", "m.pt2", lambda: instead_of_relu("torch.ops.aten.select.int", _argument(_int(1), "dim"), _argument(_int(2**62), "index")), "select|range|index"),
    Case("pt2-float-16-of-everything", "m.pt2", lambda: instead_of_relu("torch.ops.aten.to.dtype", _argument({"as_scalar_type": 99}, "dtype")), "type|to.dtype|99"),
    Case("pt2-norms-for-30-weights-of-which-there-are-4", "m.pt2", lambda: instead_of_relu("torch.ops.aten._weight_norm.default", _argument({"as_tensor": {"name": "p_conv_bias"}}, "g"), _argument(_int(3), "dim"), first="v"), "_weight_norm|norms"),
    Case("pt2-number-divided-by-zero", "m.pt2", lambda: instead_of_input("torch.ops.aten.remainder.int", _argument(_int(1), "a"), _argument(_int(0), "b")), "remainder.int"),
    Case("pt2-text-in-arithmetic", "m.pt2", _text_in_arithmetic, r"_operator\.mod cannot be read.*'a' has the wrong type"),
    Case("pt2-70000-parts", "m.pt2", _so_many_parts, "into 70,000 parts; the limit is 10,000"),
    Case("pt2-text-for-a-tensor", "m.pt2", lambda: instead_of_input("torch.ops.aten.mul.Tensor", _argument({"as_string": "x" * 400}), _argument(_int(2**40), "other")), "'self' has the wrong type"),
    Case("pt2-four-million-sorted-300-times", "m.pt2", lambda: _sorting(300), r"takes [\d,]+ billion operations( or more)?; the limit"),
    Case("pt2-verifiers-are-a-number", "m.pt2", lambda: edited(MODEL, lambda p: p.update(verifiers=7)), "verifiers is missing or of the wrong type"),
    Case("pt2-infinite-sizes", "m.pt2", lambda: _symbolic(0, None), "3×any×any", "kept"),
    Case("pt2-sizes-to-2^62", "m.pt2", lambda: _symbolic(2**61, 2**62), "3×any×any", "kept"),
    Case("pt2-input-of-10^6-pixels-a-side", "m.pt2", lambda: graph(lambda g: g["tensor_values"]["x"].update(sizes=[{"as_int": n} for n in (1, 3, 10**6, 10**6)])), "1000000"),
    Case("pt2-input-of-40-channels", "m.pt2", lambda: graph(lambda g: g["tensor_values"]["x"].update(sizes=[{"as_int": n} for n in (1, 40, 32, 32)])), "40|channels"),
    Case("pt2-two-inputs", "m.pt2", _two_inputs, "takes two images"),
    Case("pt2-value-from-nowhere", "m.pt2", lambda: graph(_unknown_value), "nowhere"),
    Case("pt2-value-of-itself", "m.pt2", lambda: graph(_its_own_input), "relu"),
    Case("pt2-no-output", "m.pt2", lambda: graph(lambda g: g["outputs"].clear()), "127 parameters", "kept"),
    Case("pt2-unsupported-operator", "m.pt2", lambda: exported(_Values(), torch.zeros(1, 3, 32, 32)), "eigvals"),
    Case("pt2-script-as-a-layer", "m.pt2", lambda: _renamed("<script>alert(1)</script>"), "127 parameters", "kept"),
    Case("pt2-layer-called-__class__", "m.pt2", lambda: _renamed("__class__.__init__"), "127 parameters", "kept"),
    Case("pt2-layer-called-forward", "m.pt2", lambda: _renamed("forward"), "127 parameters", "kept"),
    Case("pt2-layer-of-100000-characters", "m.pt2", lambda: _renamed("a" * 100_000), "at most 500 characters"),
    Case("pt2-the-author's-folders", "m.pt2", lambda: _traced('File "/home/secret/thesis/net.py", line 3, in forward\n    y = x'), "127 parameters", "kept"),
    Case("pt2-graph-is-a-list", "m.pt2", lambda: member(MODEL, b"[1]"), "JSON|graph|broken"),
    Case("pt2-graph-is-no-json", "m.pt2", lambda: member(MODEL, CODE.encode()), "JSON|broken"),
    Case("pt2-graph-nested-100000-deep", "m.pt2", lambda: member(MODEL, b"[" * 100_000 + b"]" * 100_000), "JSON|broken|deep|nest"),
    Case("pt2-graph-of-15-million-objects", "m.pt2", lambda: member(MODEL, b"[" + b"{}," * 15_000_000 + b"1]"), "30,000,002 brackets"),
    Case("pt2-graph-of-one-text-of-brackets", "m.pt2", lambda: member(MODEL, b'["' + b"[" * 40_000_000 + b'"]'), "graph"),
    Case("pt2-graph-of-quotes", "m.pt2", lambda: member(MODEL, b'["' + b'\\"' * 20_000_000), "JSON"),
    Case("pt2-key-twice", "m.pt2", lambda: member(MODEL, b'{"graph_module": 1, "graph_module": {}}'), "twice"),
    Case("pt2-without-a-graph", "m.pt2", lambda: archive([m for m in members(sound()) if not m.name.endswith(b".json")]), "0 exported models"),
    Case("pt2-is-torchscript", "m.pt2", torchscript, "TorchScript"),
)  # fmt: skip
