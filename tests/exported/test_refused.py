"""Files that are refused: each by a sentence that says what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gradviz_core.errors import BadModel, QuestionError
from gradviz_core.settings import settings
from gradviz_core.uploads import exported
from gradviz_core.uploads.exported import plain_json
from gradviz_core.uploads.exported.operators import _PYTHON
from gradviz_core.uploads.exported.parts import check
from tests.exported.files import Document, bent, exported_bytes, member, nodes, packed, unpacked
from tests.exported.home_made import Reused, WithoutGradient, built, image


@pytest.fixture(scope="module")
def good() -> bytes:
    return exported_bytes(built(Reused), image())


def argument(document: Document, node: int, name: str, value: Document) -> None:
    (found,) = [item for item in nodes(document)[node]["inputs"] if item["name"] == name]
    found["arg"] = value


def set_target(target: str) -> Callable[[Document], None]:
    return lambda document: nodes(document)[0].update(target=target)


def meta(document: Document, name: str = "x") -> Document:
    found: Document = document["graph_module"]["graph"]["tensor_values"][name]
    return found


def with_groups(value: Document) -> Callable[[Document], None]:
    return lambda document: nodes(document)[0]["inputs"].append({"name": "groups", "arg": value, "kind": 1})


GRAPH: dict[str, tuple[Callable[[Document], None], str]] = {
    "future schema": (lambda d: d["schema_version"].update(major=9), r"version 9 of torch's format, newer than"),
    "old schema": (lambda d: d["schema_version"].update(major=7), r"version 7 .* older than"),
    "custom operator": (set_target("torch.ops.mine.evil.default"), r"'mine.evil.default', which is not part of torch"),
    "python function": (set_target("os.system"), r"'os.system', which is not part of torch"),
    "dunder": (set_target("torch.ops.aten.__class__.mro"), r"'aten.__class__.mro', which is not supported"),
    "not listed": (
        set_target("torch.ops.aten.randperm.default"),
        r"'aten.randperm.default', which is not supported here",
    ),
    "from_file": (
        set_target("torch.ops.aten.from_file.default"),
        r"'aten.from_file.default', which is not supported here",
    ),
    "as_strided": (
        set_target("torch.ops.aten.as_strided.default"),
        r"'aten.as_strided.default', which is not supported here",
    ),
    "out overload": (set_target("torch.ops.aten.conv2d.out"), r"'aten.conv2d.out', which is not supported"),
    "no such overload": (set_target("torch.ops.aten.conv2d.__init__"), r"'aten.conv2d.__init__'"),
    "trained": (
        set_target("torch.ops.aten._native_batch_norm_legit_functional.default"),
        r"training mode and decomposed. Call model.eval\(\)",
    ),
    "control flow": (set_target("torch.ops.higher_order.cond"), r"'higher_order.cond', control flow"),
    "unknown argument": (lambda d: nodes(d)[0]["inputs"][0].update(name="xx"), r"aten.conv2d.default .* 'xx', or"),
    "missing argument": (lambda d: nodes(d)[0]["inputs"].pop(1), r"Its argument weight is missing"),
    "unknown value": (
        lambda d: argument(d, 0, "input", {"as_tensor": {"name": "y"}}),
        r"value 'y' before it",
    ),
    "defined twice": (lambda d: nodes(d)[1].update(outputs=[{"as_tensor": {"name": "x"}}]), r"computes 'x' twice"),
    "enum for another": (
        lambda d: argument(d, 0, "stride", {"as_scalar_type": 7}),
        r"argument 'stride' has the wrong type",
    ),
    "text for a number": (
        with_groups({"as_string": "1"}),
        r"argument 'groups' has the wrong type for this operation",
    ),
    "fraction for a size": (lambda d: argument(d, 0, "stride", {"as_floats": [1.0, 1.0]}), r"'stride' has the wrong"),
    "numbers for one": (with_groups({"as_ints": [1]}), r"'groups' has the wrong type"),
    "truth value for a size": (with_groups({"as_bool": True}), r"'groups' has the wrong type"),
    "sizes for a tensor": (lambda d: argument(d, 0, "input", {"as_ints": [1]}), r"'input' has the wrong type"),
    "10,000 huge sizes": (
        lambda d: argument(d, 0, "padding", {"as_ints": [2**62] * 10_000}),
        r"asks for inf numbers",
    ),
    "object argument": (
        lambda d: argument(d, 0, "input", {"as_custom_obj": {"name": "x", "class_fqn": "os.system"}}),
        r"argument of the kind 'as_custom_obj'",
    ),
    "token": (
        lambda d: d["graph_module"]["signature"]["input_specs"].append({"token": {"arg": {"name": "t"}}}),
        r"input of the kind 'token'",
    ),
    "script object": (
        lambda d: d["graph_module"]["signature"]["input_specs"].append({"custom_obj": {}}),
        r"contains an object that is not a tensor",
    ),
    "missing weight": (
        lambda d: d["graph_module"]["signature"]["input_specs"][0]["parameter"].update(parameter_name="nowhere"),
        r"weight 'nowhere' that the file does not hold",
    ),
    "training": (
        lambda d: d["graph_module"]["signature"]["output_specs"].append({"loss_output": {"arg": {"name": "x"}}}),
        r"'loss_output': it trains",
    ),
    "three inputs": (
        lambda d: d["graph_module"]["signature"]["input_specs"].extend(
            {"user_input": {"arg": {"as_tensor": {"name": name}}}} for name in "yz"
        ),
        r"takes 3 inputs \('x', 'y', 'z'\)",
    ),
    "flat input": (lambda d: meta(d).update(sizes=[{"as_int": 5}], strides=[{"as_int": 1}]), r"is 5; GradViz"),
    "too many bands": (lambda d: meta(d)["sizes"].__setitem__(1, {"as_int": 17}), r"1 x 17 x 8 x 8; GradViz supports"),
    "batch of four": (lambda d: meta(d)["sizes"].__setitem__(0, {"as_int": 4}), r"exported for 4 images at a time"),
    "half input": (lambda d: meta(d).update(dtype=6), r"input holds torch.float16"),
    "complex input": (lambda d: meta(d).update(dtype=9), r"number 9, which is not supported"),
    "site in a name": (
        lambda d: nodes(d)[0]["metadata"].update(nn_module_stack="a,,A;b,conv:1[0],B"),
        r"name 'conv:1\[0\]' of a module",
    ),
    "enormous": (lambda d: nodes(d).extend(nodes(d)[:1] * 20_001), r"computes 'conv2d' twice|more than 20,000"),
}


@pytest.mark.parametrize("case", GRAPH)
def test_a_graph_that_is_not_read_is_refused_by_a_sentence(case: str, good: bytes) -> None:
    change, message = GRAPH[case]
    with pytest.raises(BadModel, match=message):
        exported.read(bent(good, change))


def test_all_operations_that_are_missing_are_named_those_of_regions_too() -> None:
    names = ["aten.randperm.default", "higher_order.cond", "mine.blur.default", "aten.as_strided.default", "os.system"]

    def change(document: Document) -> None:
        (inner,) = [node for node in nodes(document) if "set_grad" in node["target"]]
        outer = [node for node in nodes(document) if node is not inner]
        for node, name in zip(outer, [names[0], *names], strict=False):
            node["target"] = name if name == "os.system" else f"torch.ops.{name}"
        inner["inputs"][1]["arg"]["as_graph"]["graph"]["nodes"][0]["target"] = "torch.ops.aten.multinomial.default"

    with pytest.raises(BadModel) as caught:
        exported.read(bent(exported_bytes(built(WithoutGradient), image()), change))
    assert str(caught.value) == (
        "The model uses the operations 'aten.randperm.default', 'aten.multinomial.default' and "
        "'aten.as_strided.default', which are not supported here. docs/export.md lists the supported operations; "
        "rewrite that part of the model. The model uses 'higher_order.cond', control flow or a region that is not "
        "supported here. Export a model without it. The model uses the operations 'mine.blur.default' and "
        "'os.system', which are not part of torch, so they are not run here. Export a model made of torch's operations."
    )


def test_a_graph_of_a_thousand_operations_that_do_not_exist_is_refused_in_a_few_lines(good: bytes) -> None:
    def change(document: Document) -> None:
        one = nodes(document)[0]
        nodes(document).extend({**one, "target": f"torch.ops.aten.none_{number}.default"} for number in range(1000))

    with pytest.raises(BadModel, match=r"'aten.none_39.default' and 960 more, which are not supported") as caught:
        exported.read(bent(good, change))
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"use_pickle": True}, r"stored as a pickle, which can run code"),
        ({"path_name": "../../secret"}, r"bytes of 'conv.weight' are missing"),
        ({"sizes": [{"as_int": 300}, {"as_int": 3}, {"as_int": 3}, {"as_int": 3}]}, r"reaches beyond its bytes"),
        ({"strides": [{"as_int": 0}] * 4}, r"elements share memory"),
        ({"strides": [{"as_int": 1}] * 4}, r"elements share memory"),
        ({"storage_offset": {"as_int": 1}}, r"reaches beyond its bytes"),
        ({"storage_offset": {"as_int": -1}}, r"is not a size"),
        ({"dtype": 2}, r"parameters must not be whole numbers"),
        ({"dtype": 9}, r"number 9, which is not supported"),
        ({"dtype": 10}, r"reaches beyond its bytes"),
        ({"layout": 1}, r"is not a dense tensor"),
        ({"sizes": [{"as_expr": {"expr_str": "__import__('os').abort()"}}] * 4}, r"its size is not fixed"),
        ({"sizes": [{"as_int": 0}, *[{"as_int": 2**62}] * 3]}, r"impossible size"),
    ],
)
def test_weights_that_are_not_as_they_should_be_are_refused(change: Document, message: str, good: bytes) -> None:
    def apply(document: Document) -> None:
        entry = document["config"]["conv.weight"]
        (entry if change.keys() <= entry.keys() else entry["tensor_meta"]).update(change)

    with pytest.raises(BadModel, match=message):
        exported.read(bent(good, apply, "model_weights_config.json"))


def test_more_parameters_than_the_limit_are_refused(good: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    few = settings().model_copy(update={"max_parameters": 80})
    monkeypatch.setattr("gradviz_core.uploads.exported.tensors.settings", lambda: few)
    with pytest.raises(BadModel, match="more than 80 parameters"):
        exported.read(good)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"a": 1, "a": 2}', "defines 'a' twice"),
        (b"[" * 200 + b"]" * 200, "nested more than 100 deep"),
        (b'{"a": NaN}', "the number NaN"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not valid JSON"),
        (b'{"a": "\xff"}', "not valid JSON"),
        (b"{", "not valid JSON"),
    ],
)
def test_json_beyond_the_limits_is_refused(text: bytes, message: str) -> None:
    with pytest.raises(BadModel, match=message):
        plain_json.load(text, "It")


def test_a_name_said_twice_is_found_among_many() -> None:
    names = ",".join(f'"{number}": 0' for number in (*range(200_000), 199_999))
    with pytest.raises(BadModel, match="defines '199999' twice"):
        plain_json.load(f"{{{names}}}".encode(), "It")


def test_brackets_in_strings_are_not_nesting() -> None:
    assert plain_json.load(json.dumps({"a": "[" * 500 + '\\"' + "{" * 500}).encode(), "It")


@pytest.mark.parametrize(
    ("sizes", "asked"), [([10**6, 10**6], r"1e\+12"), ([2**14, 2**14 + 1], r"2.68e\+08"), ([2**28 + 1], r"2.68e\+08")]
)
def test_sizes_that_would_fill_the_memory_are_refused_before_anything_runs(
    good: bytes, sizes: list[int], asked: str
) -> None:
    """The limit is a gigabyte of float32, 2**28 numbers."""

    def fill(document: Document) -> None:
        size: dict[str, Any] = {"name": "size", "arg": {"as_ints": sizes}, "kind": 1}
        output = [{"as_tensor": {"name": "big"}}]
        nodes(document).append(
            {"target": "torch.ops.aten.ones.default", "inputs": [size], "outputs": output, "metadata": {}}
        )

    with pytest.raises(BadModel, match=rf"aten.ones.default .* asks for {asked} numbers"):
        exported.read(bent(good, fill))


def test_an_operation_that_fails_is_named(good: bytes) -> None:
    module = exported.read(bent(good, lambda d: argument(d, 0, "stride", {"as_ints": [0, 0]}))).module
    with pytest.raises(QuestionError, match=r"aten.conv2d.default of this model \(home_made.py:\d+ .* fails: "):
        module(image())


def test_a_model_that_writes_to_its_own_weights_is_refused(good: bytes) -> None:
    def overwrite(document: Document) -> None:
        weight = {"name": "self", "arg": {"as_tensor": {"name": "p_conv_weight"}}, "kind": 1}
        output = [{"as_tensor": {"name": "written"}}]
        nodes(document).append(
            {"target": "torch.ops.aten.relu_.default", "inputs": [weight], "outputs": output, "metadata": {}}
        )

    with pytest.raises(QuestionError, match="changes its own parameters"):
        exported.read(bent(good, overwrite)).module(image())


def computing(document: Document, target: str, *values: Any) -> None:
    """Compute with numbers at the graph's end; nothing uses what comes out."""
    inputs = [{"name": name, "arg": value, "kind": 1} for name, value in zip("ab", values, strict=False)]
    nodes(document).append(
        {
            "target": f"_operator.{target}",
            "inputs": inputs,
            "outputs": [{"as_sym_int": {"as_name": "out"}}],
            "metadata": {},
        }
    )


@pytest.mark.parametrize("target", sorted(name.removeprefix("_operator.") for name in _PYTHON if "_operator" in name))
@pytest.mark.parametrize(
    "value", [{"as_string": "%2000000000d"}, {"as_ints": [0]}, {"as_none": True}, {"as_tensor": {"name": "x"}}], ids=str
)
def test_what_computes_with_sizes_takes_numbers_only(good: bytes, target: str, value: Any) -> None:
    """A text became two gigabytes of another one: ``'%2000000000d' % 5``; and ``[0] * 10**9`` is as long."""
    for order in ((value, {"as_int": 10**9}), ({"as_int": 10**9}, value)):
        with pytest.raises(BadModel, match=r"argument '[ab]' (has the wrong type|is missing)"):
            exported.read(bent(good, lambda d, order=order: computing(d, target, *order)))  # type: ignore[misc]


def test_what_computes_with_sizes_takes_no_tensor_by_the_name_of_a_size(good: bytes) -> None:
    by_name = {"as_sym_int": {"as_name": "x"}}
    module = exported.read(bent(good, lambda d: computing(d, "mul", by_name, {"as_int": 3}))).module
    with pytest.raises(QuestionError, match=r"_operator.mul of this model computes with something other than numbers"):
        module(image())


def test_a_product_of_sizes_stays_a_number_of_64_bits(good: bytes) -> None:
    large = {"as_int": 2**62}
    module = exported.read(bent(good, lambda d: computing(d, "mul", large, large))).module
    with pytest.raises(QuestionError, match=r"_operator.mul of this model gives a different result"):
        module(image())


def test_an_axis_that_costs_nothing_is_not_cut_into_a_million_parts(good: bytes) -> None:
    """Run dry, before anything was estimated, a million parts took a minute and 2.3 GB."""

    def cut(document: Document) -> None:
        def node(target: str, first: str, name: str, value: Any, output: Any) -> None:
            inputs = [{"name": "self", "arg": {"as_tensor": {"name": first}}, "kind": 1}]
            inputs.append({"name": name, "arg": value, "kind": 1})
            target = f"torch.ops.aten.{target}"
            nodes(document).append({"target": target, "inputs": inputs, "outputs": [output], "metadata": {}})

        node("expand.default", "x", "size", {"as_ints": [10**6, 3, 8, 8]}, {"as_tensor": {"name": "wide"}})
        node("unbind.int", "wide", "dim", {"as_int": 0}, {"as_tensors": [{"name": "part"}]})

    module = exported.read(bent(good, cut)).module
    with pytest.raises(QuestionError, match=r"aten.unbind.int .* cuts a tensor into 1,000,000 parts; the limit is 10"):
        module(image())


@pytest.mark.parametrize(
    ("target", "given", "parts"),
    [
        ("aten.unbind.int", {"dim": 0}, 20_000),
        ("aten.unbind.int", {"dim": 1}, 0),
        ("aten.split.Tensor", {"split_size": 1, "dim": -2}, 20_000),
        ("aten.split.Tensor", {"split_size": 2}, 0),
        ("aten.chunk.default", {"chunks": 19_000}, 19_000),
        ("aten.chunk.default", {"chunks": 4}, 0),
        ("aten.tensor_split.sections", {"sections": 10_001}, 10_001),
        ("aten.vsplit.int", {"sections": 20_000}, 20_000),
        ("aten.split_with_sizes.default", {"split_sizes": [1] * 20_000}, 0),  # a list of the file, which is short
        ("aten.unbind.int", {"dim": 7}, 0),
    ],
)
def test_parts_are_counted(target: str, given: dict[str, Any], parts: int) -> None:
    arguments = {"self": torch.zeros(1, 1).expand(20_000, 2), **given}
    if not parts:
        check(target, arguments)
        return
    with pytest.raises(ValueError, match=f"into {parts:,} parts"):
        check(target, arguments)


def test_what_is_no_pt2_is_refused(good: bytes) -> None:
    files = unpacked(good)
    without = {name: data for name, data in files.items() if not name.endswith("archive_format")}
    old = {"old/serialized_exported_program.json": b"{}", "old/version": b"1"}
    two = {**files, member(files, "models/model.json").replace("model.json", "other.json"): b"{}"}
    for wrong, message in (
        (without, "no archive_format member"),
        (old, "weights are pickled"),
        (two, "2 exported models"),
    ):
        with pytest.raises(BadModel, match=message):
            exported.read(packed(wrong))


def test_of_what_it_was_exported_with_the_sample_inputs_alone_hold_the_numbers() -> None:
    """docs/export.md says that random numbers do as well as a picture."""
    model, x = built(Reused), image()
    own, other = (unpacked(exported_bytes(model, each)) for each in (x, torch.zeros_like(x)))
    differ = [name for name in own if own[name] != other[name] and not name.endswith("serialization_id")]
    assert [name.partition("/")[2] for name in differ] == ["data/sample_inputs/model.pt"]
    assert x.numpy().tobytes() in own[differ[0]]


def test_sample_inputs_are_never_opened(good: bytes) -> None:
    files = unpacked(good)
    files[member(files, "sample_inputs/model.pt")] = b"cos\nsystem\n(S'exit 1'\ntR."
    assert exported.read(packed(files)).classes == 5


def test_code_where_sizes_stand_is_never_looked_at() -> None:
    def plant(document: Document) -> None:
        code = "__import__('os').abort()"
        meta(document)["sizes"][0] = {"as_expr": {"expr_str": code, "hint": {"as_int": 1}}}
        document["guards_code"] = [code]
        document["range_constraints"] = {code: {"min_val": 0, "max_val": 9}}

    file = bent(exported_bytes(built(WithoutGradient), image()), plant)
    assert exported.read(file).input_shape == (None, 3, 8, 8)


class TwoImages(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def test_a_fixed_batch_of_two_is_refused_with_the_way_out() -> None:
    with pytest.raises(BadModel, match=r"2 images at a time.*dynamic_shapes"):
        exported.read(exported_bytes(TwoImages(), torch.zeros(2, 3, 8, 8)))
