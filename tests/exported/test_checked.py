"""Arguments for which torch itself gives memory as it lies there, or a tensor that cannot be: a sentence."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gradviz_core.errors import QuestionError
from gradviz_core.uploads import exported
from gradviz_core.uploads.exported.checked import CHECKED
from tests.exported.files import Document, bent, exported_bytes, nodes
from tests.exported.home_made import image


class Computes(nn.Module):
    """One function of the image."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x).mean((2, 3))


def on_a_plane(x: Tensor) -> Tensor:
    grid = torch.linspace(-1.2, 1.2, 32).reshape(1, 4, 4, 2)
    return F.grid_sample(x, grid, align_corners=False)


def in_space(x: Tensor) -> Tensor:
    grid = torch.linspace(-1.2, 1.2, 48).reshape(1, 1, 4, 4, 3)
    return F.grid_sample(x[:, :, None], grid, align_corners=False)[:, :, 0]


def padded(x: Tensor) -> Tensor:
    return F.pad(x, (1, 2, 1, 1), mode="circular")


def pooled(x: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(x, (2, 2))


def normed(x: Tensor) -> Tensor:
    normal: Tensor = torch.ops.aten.native_group_norm.default(x, None, None, 1, 3, 64, 3, 1e-5)[0]
    return normal


def with_argument(name: str, value: Document) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        (found,) = [item for node in nodes(document) for item in node["inputs"] if item["name"] == name]
        found["arg"] = value

    return change


@pytest.mark.parametrize("function", [on_a_plane, in_space, padded, pooled, normed])
def test_what_is_checked_gives_what_torch_gives(function: Callable[[Tensor], Tensor]) -> None:
    module = Computes(function)
    assert torch.equal(exported.read(exported_bytes(module, image())).module(image()), module(image()))


@pytest.mark.parametrize(
    ("function", "name", "value", "sentence"),
    [
        (on_a_plane, "interpolation_mode", {"as_int": 99}, "interpolation 99 with padding 0 does not exist"),
        (on_a_plane, "interpolation_mode", {"as_int": -1}, "interpolation -1 with padding 0 does not exist"),
        (on_a_plane, "padding_mode", {"as_int": 3}, "interpolation 0 with padding 3 does not exist"),
        (in_space, "interpolation_mode", {"as_int": 99}, "interpolation 99 with padding 0 does not exist"),
        (in_space, "interpolation_mode", {"as_int": 2}, "interpolation 2 with padding 0 does not exist"),
        (in_space, "padding_mode", {"as_int": -1}, "interpolation 0 with padding -1 does not exist"),
        (padded, "pad", {"as_ints": [3, -4, 1, 1]}, r"circular padding by \[3, -4, 1, 1\] contains a negative number"),
        (normed, "N", {"as_int": 0}, r"the sizes 0, 3 and 64 are not the \(1, 3, 64\) of the input"),
    ],
)
def test_an_argument_that_torch_does_not_check_is_named(
    function: Callable[[Tensor], Tensor], name: str, value: Document, sentence: str
) -> None:
    file = bent(exported_bytes(Computes(function), image()), with_argument(name, value))
    with pytest.raises(QuestionError, match=f"fails: {sentence}"):
        exported.read(file).module(image())


@pytest.mark.parametrize(("shape", "dim"), [((5, 3), 0), ((5, 3), 1), ((2, 3, 4), 0), ((2, 3, 4), 2)])
def test_norms_of_weights_are_as_many_as_there_are_weights(shape: tuple[int, ...], dim: int) -> None:
    """With fewer torch's own reads beyond the last of them."""
    check = CHECKED["_weight_norm.default"]
    v = torch.arange(1.0, 1 + torch.Size(shape).numel()).reshape(shape)
    sizes = [size if axis == dim else 1 for axis, size in enumerate(shape)]
    g = torch.full(sizes, 2.0)
    others = [axis for axis in range(len(shape)) if axis != dim]
    assert torch.allclose(check(v, g, dim), 2 * v / v.norm(dim=others, keepdim=True))
    too_few = g.narrow(dim, 0, shape[dim] - 1)
    for wrong in (too_few, g.flatten(), g.double()):
        with pytest.raises(ValueError, match="the norms have shape"):
            check(v, wrong, dim)


def test_attention_has_as_many_values_as_keys() -> None:
    query, key, value = (torch.ones(1, 1, count, 4) for count in (3, 5, 4))
    with pytest.raises(ValueError, match=r"keys have shape \(1, 1, 5, 4\) and values \(1, 1, 4, 4\)"):
        CHECKED["scaled_dot_product_attention.default"](query, key, value)


def test_a_tensor_of_a_negative_size_ends_in_a_sentence() -> None:
    def change(document: Document) -> None:
        with_argument("output_size", {"as_ints": [0, -1]})(document)
        (node,) = [node for node in nodes(document) if node["target"].endswith("adaptive_avg_pool2d.default")]
        node["target"] = "torch.ops.aten._adaptive_avg_pool2d.default"

    file = bent(exported_bytes(Computes(pooled), image()), change)
    with pytest.raises(
        QuestionError, match=r"_adaptive_avg_pool2d\.default of this model gives a tensor of a negative"
    ):
        exported.read(file).module(image())
