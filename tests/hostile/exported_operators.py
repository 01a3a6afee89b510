"""Exported programs whose recurrent layers, transforms, matrices or boxes ask for memory that is not theirs, for all of
it, or for no end."""

# ruff: noqa: E501 - a table has one row in each line

from __future__ import annotations

from typing import Any

from tests.exported.files import exported_bytes
from tests.exported.home_made import image
from tests.exported.sequence_models import OTHERS, RECURRENT, built
from tests.hostile.case import CODE, Case
from tests.hostile.exported_files import (
    _argument,
    _behind_relu,
    _int,
    _ints,
    _new,
    graph,
    instead_of_input,
    instead_of_relu,
)

Json = Any
ATEN, VISION = "torch.ops.aten.", "torch.ops.torchvision."


def tensor(name: str) -> Json:
    return {"as_tensor": {"name": name}}


def named(**values: Json) -> list[Json]:
    """Arguments by name."""
    return [_argument(value, name) for name, value in values.items()]


def after(*nodes: Json) -> bytes:
    """The sound file with these operators behind its ReLU, of which the last is the result."""
    return _behind_relu(list(nodes), nodes[-1]["name"])


def node(name: str, target: str, first: str = "relu", by: str = "self", **values: Json) -> Json:
    return _new(name, target, *named(**{by: tensor(first)}, **values))


def _number(name: str, *shape: int) -> list[Json]:
    """The mean of ReLU's result, expanded to a shape: it takes no memory."""
    return [
        node(f"{name}_mean", f"{ATEN}mean.default"),
        node(name, f"{ATEN}expand.default", f"{name}_mean", size=_ints(*shape)),
    ]


def recurrent(kind: str = "rnn_tanh", steps: int = 2, layers: int = 1, weights: int = 1, text: Json = None) -> bytes:
    """A layer of one unit over so many steps; its weights have so many rows."""
    result = _new(
        "out",
        f"{ATEN}{kind}.input",
        *named(
            input=tensor("x_"),
            hx={"as_tensors": [{"name": "h"}] * 2} if kind == "lstm" else tensor("h"),
            params={"as_tensors": [{"name": "w"}] * 2},
            has_biases={"as_bool": False},
            num_layers=text or _int(layers),
            dropout={"as_float": 0.0},
            train={"as_bool": False},
            bidirectional={"as_bool": False},
            batch_first={"as_bool": True},
        ),
    )
    result["outputs"] += [{"as_tensor": {"name": f"last_{i}"}} for i in range(2 if kind == "lstm" else 1)]
    return after(*_number("x_", 1, steps, 1), *_number("h", 1, 1, 1), *_number("w", weights, 1), result)


def complex_then(target: str, **values: Json) -> bytes:
    """A transform of complex numbers."""
    both = node("both", f"{ATEN}complex.default", by="real", imag=tensor("relu"))
    return after(both, node("out", ATEN + target, "both", **values))


def deformed(offset: tuple[int, ...] = (1, 18, 28, 28), **changes: Json) -> bytes:
    values: dict[str, Json] = {
        "weight": tensor("w"),
        "offset": tensor("o"),
        "mask": tensor("o"),
        "bias": tensor("b"),
        **{name: _int(1) for name in ("stride_h", "stride_w")},
        **{name: _int(0) for name in ("pad_h", "pad_w")},
        **{name: _int(1) for name in ("dilation_h", "dilation_w", "groups", "offset_groups")},
        "use_mask": {"as_bool": False},
        **changes,
    }
    made = [*_number("w", 4, 4, 3, 3), *_number("o", *offset), *_number("b", 4)]
    return after(*made, node("out", f"{VISION}deform_conv2d.default", by="input", **values))


def boxes(name: str, count: int = 3, size: int = 2, **more: Json) -> bytes:
    """Boxes whose numbers are the mean of ReLU's result, which names no picture."""
    values = {
        "rois": tensor("b"),
        "spatial_scale": {"as_float": 1.0},
        "pooled_height": _int(size),
        "pooled_width": _int(size),
    }
    made = node("out", f"{VISION}{name}.default", by="input", **values, **more)
    if name != "roi_align":
        made["outputs"].append({"as_tensor": {"name": "places"}})
    return after(*_number("b", count, 5), made)


def overlapping(count: int) -> bytes:
    kept = node("out", f"{VISION}nms.default", "b", "dets", scores=tensor("s"), iou_threshold={"as_float": 0.5})
    return after(*_number("b", count, 4), *_number("s", count), kept)


def large_matrices(name: str) -> bytes:
    """Four of 990 rows."""
    return after(node("wide", f"{ATEN}repeat.default", repeats=_ints(1, 1, 33, 33)), node("out", ATEN + name, "wide"))


def _within(times: int) -> bytes:
    """Regions within each other around ReLU."""

    def edit(found: Json) -> None:
        (relu,) = [each for each in found["nodes"] if "relu" in each["target"]]
        inner = dict(relu, inputs=[_argument(tensor("x_"))], outputs=[tensor("y")])
        for _ in range(times):
            inside = {"inputs": [tensor("x_")], "outputs": [tensor("y")], "nodes": [inner], "tensor_values": {}}
            kinds = ({"as_string": "cpu"}, {"as_scalar_type": 13}, {"as_bool": True}, {"as_bool": False})
            arguments = [*kinds, {"as_graph": {"name": "g", "graph": inside}}, tensor("x_")]
            inner = dict(relu, target="torch.ops.higher_order.wrap_with_autocast", outputs=[tensor("y")])
            inner["inputs"] = [_argument(value, "") for value in arguments]
        inner["inputs"][-1], inner["outputs"] = _argument(relu["inputs"][0]["arg"], ""), relu["outputs"]
        relu |= inner

    return graph(edit)


BILLIONS = r"billion operations|MB( or more)? in one pass"


def _sound(name: str) -> bytes:
    """A model that does nothing wrong: the confined worker must still run it, there and back again."""
    return exported_bytes(built({**RECURRENT, **OTHERS}[name]), image())


CASES = (
    Case("pt2-sound-with-lstm", "m.pt2", lambda: _sound("lstm of two layers both ways"), r"3×8×8", "kept"),
    Case("pt2-sound-deformed", "m.pt2", lambda: _sound("deformed"), r"3×8×8", "kept"),
    Case("pt2-rnn-of-ten-million-steps", "m.pt2", lambda: recurrent(steps=10**7), r"makes 10,000,000 steps; the limit is 10,000"),
    Case("pt2-gru-of-2^62-layers", "m.pt2", lambda: recurrent("gru", layers=2**62), r"2 weights do not suit 4611686018427387904 layers"),
    Case("pt2-gru-of-no-layers", "m.pt2", lambda: recurrent("gru", layers=0), r"2 weights do not suit 0 layers"),
    Case("pt2-lstm-with-fewer-weights-than-it-reads", "m.pt2", lambda: recurrent("lstm"), r"weights of the shapes .* are not \[\(4, 1\)"),
    Case("pt2-lstm-whose-layers-are-code", "m.pt2", lambda: recurrent("lstm", text={"as_string": CODE}), "'num_layers' has the wrong type"),
    Case("pt2-rnn-of-packed-sequences", "m.pt2", lambda: instead_of_relu("torch.ops.aten.lstm.data"), "lstm.data"),
    Case("pt2-fourier-of-2^40-numbers", "m.pt2", lambda: instead_of_relu(f"{ATEN}fft_fft.default", *named(n=_int(2**40))), "n asks for 1.1e.12 numbers"),
    Case("pt2-fourier-of-2^20-squared", "m.pt2", lambda: instead_of_relu(f"{ATEN}fft_rfft2.default", *named(s=_ints(2**20, 2**20))), "s asks for 1.1e.12 numbers"),
    Case("pt2-fourier-of-8000-squared-four-times", "m.pt2", lambda: instead_of_relu(f"{ATEN}fft_fft2.default", *named(s=_ints(8000, 8000))), BILLIONS),
    Case("pt2-fourier-beyond-the-end-of-its-input", "m.pt2", lambda: complex_then("_fft_c2r.default", dim=_ints(3), normalization=_int(0), last_dim_size=_int(10**6)), "30 numbers are not half of the spectrum of 1000000"),
    Case("pt2-fourier-along-one-axis-twice", "m.pt2", lambda: instead_of_relu(f"{ATEN}_fft_r2c.default", *named(dim=_ints(3, -1), normalization=_int(0), onesided={"as_bool": True})), r"axes \[3, -1\] with normalization 0 do not exist"),
    Case("pt2-fourier-with-normalization-99", "m.pt2", lambda: complex_then("_fft_c2c.default", dim=_ints(3), normalization=_int(99), forward={"as_bool": True}), "with normalization 99 do not exist"),
    Case("pt2-complex-of-30-numbers", "m.pt2", lambda: instead_of_relu(f"{ATEN}view_as_complex.default"), "view_as_complex"),
    Case("pt2-complex-number-of-text", "m.pt2", lambda: instead_of_relu(f"{ATEN}mul.Tensor", *named(other={"as_complex": {"real": CODE, "imag": 0.0}})), "floating-point number is invalid"),
    Case("pt2-window-of-10^12", "m.pt2", lambda: instead_of_input(f"{ATEN}hann_window.default", *named(window_length=_int(10**12))), "window_length asks for 1e.12 numbers"),
    Case("pt2-empty-of-10^12", "m.pt2", lambda: instead_of_input(f"{ATEN}empty.memory_format", *named(size=_ints(1, 4, 10**6, 10**6))), "size asks for 4e.12 numbers"),
    Case("pt2-empty-with-an-axis-twice", "m.pt2", lambda: instead_of_input(f"{ATEN}empty_permuted.default", *named(size=_ints(1, 4, 30, 30), physical_layout=_ints(0, 1, 2, 2))), "is no order of 4 axes"),
    Case("pt2-exponential-of-large-matrices", "m.pt2", lambda: large_matrices("linalg_matrix_exp.default"), BILLIONS),
    Case("pt2-matrix-to-the-power-of-minus-2^63", "m.pt2", lambda: instead_of_relu(f"{ATEN}matrix_power.default", *named(n=_int(-(2**63)))), "the power -9223372036854775808 is beyond 1000"),
    Case("pt2-bins-narrower-than-numbers", "m.pt2", lambda: instead_of_relu(f"{ATEN}histc.default", *named(bins=_int(4), min={"as_float": 1.0}, max={"as_float": 1.000000001})), "its 4 bins from 1.0 to 1.000000001 are no range"),
    Case("pt2-bins-of-complex-numbers", "m.pt2", lambda: instead_of_relu(f"{ATEN}histc.default", *named(min={"as_complex": {"real": 0.0, "imag": 1.0}})), "histc"),
    Case("pt2-10^12-bins", "m.pt2", lambda: instead_of_relu(f"{ATEN}histc.default", *named(bins=_int(10**12), max=_int(1))), "at most 100,000 bins"),
    Case("pt2-deformed-in-no-groups", "m.pt2", lambda: deformed(groups=_int(0)), "strides, dilations and groups must be at least 1"),
    Case("pt2-deformed-with-no-offsets", "m.pt2", lambda: deformed(offset_groups=_int(0)), "strides, dilations and groups must be at least 1"),
    Case("pt2-deformed-beyond-its-offsets", "m.pt2", lambda: deformed((1, 18, 2, 2)), r"its offset has the shape \(1, 18, 2, 2\); it must be \(1, 18, 28, 28\)"),
    Case("pt2-deformed-of-stride-0", "m.pt2", lambda: deformed(stride_h=_int(0)), "strides, dilations and groups must be at least 1"),
    Case("pt2-deformed-padded-by-2^40", "m.pt2", lambda: deformed(pad_h=_int(2**40)), "takes [0-9,]+ numbers from its input at once; the limit"),
    Case("pt2-boxes-of-another-picture", "m.pt2", lambda: boxes("roi_pool"), "a box lies in none of the 1 images"),
    Case("pt2-boxes-of-2^40-points", "m.pt2", lambda: boxes("roi_align", sampling_ratio=_int(2**40), aligned={"as_bool": True}), BILLIONS),
    Case("pt2-boxes-of-20000-parts", "m.pt2", lambda: boxes("roi_pool", size=20_000), BILLIONS),
    Case("pt2-boxes-of-channels-that-are-not-there", "m.pt2", lambda: boxes("ps_roi_pool", size=3), "4 channels are not a multiple of 3 x 3"),
    Case("pt2-a-million-boxes-that-overlap", "m.pt2", lambda: overlapping(10**6), "at most 20,000 boxes"),
    Case("pt2-regions-within-each-other", "m.pt2", lambda: _within(11), "more than 10 regions within each other|nested more than 100 deep"),
)  # fmt: skip
