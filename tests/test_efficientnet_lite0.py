"""EfficientNet-Lite0: padding as published, weights that all have a place, gradients that are exact."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

import gradviz_core as gv
from gradviz_core import images
from gradviz_core.answers.load import load
from gradviz_core.models import catalogue, preset_weights
from gradviz_core.models.efficientnet_lite0 import EfficientNetLite0, SameConv2d, own_names

NAME = "efficientnet-lite0"
KEY = f"preset/{NAME}"


# ------------------------------------------------------------------------------------------------------------- padding


@pytest.mark.parametrize(
    ("side", "expected"),
    [(4, [[9, 6], [6, 4]]), (5, [[4, 6, 4], [6, 9, 6], [4, 6, 4]]), (3, [[4, 4], [4, 4]])],
)
def test_what_a_kernel_of_ones_counts(side: int, expected: list[list[int]]) -> None:
    """By hand: 3x3 in steps of two. Of an even side one row and column is missing, on the right and at the bottom; of
    an odd side one all round."""
    conv = SameConv2d(1, 1, 3, stride=2)
    torch.nn.init.ones_(conv.weight)
    assert conv(torch.ones(1, 1, side, side))[0, 0].tolist() == expected


def same_convolution(x: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """TensorFlow's ``SAME`` in one dimension after the other: the window of output i begins at i * stride less the
    smaller half of what is missing; beyond the edge there is nothing to add."""
    rows, columns = (math.ceil(n / stride) for n in x.shape)
    sides = ((rows, x.shape[0]), (columns, x.shape[1]))
    first = [max((count - 1) * stride + len(kernel) - n, 0) // 2 for count, n in sides]
    out = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            for u in range(len(kernel)):
                for v in range(len(kernel)):
                    row, column = i * stride - first[0] + u, j * stride - first[1] + v
                    if 0 <= row < x.shape[0] and 0 <= column < x.shape[1]:
                        out[i, j] += x[row, column] * kernel[u, v]
    return out


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("shape", [(7, 7), (8, 8), (7, 8), (1, 2), (2, 9)])
def test_padding_is_that_of_tensorflow(shape: tuple[int, int], stride: int, kernel: int) -> None:
    draw = np.random.default_rng(0)
    x, weight = draw.normal(size=shape), draw.normal(size=(kernel, kernel))
    conv = SameConv2d(1, 1, kernel, stride).double()
    conv.weight.data = torch.from_numpy(weight)[None, None]
    with torch.no_grad():
        y = conv(torch.from_numpy(x)[None, None])[0, 0].numpy()
    np.testing.assert_allclose(y, same_convolution(x, weight, stride), atol=1e-12)


# ------------------------------------------------------------------------------------------------------------- weights


def test_every_published_tensor_has_its_place_and_every_layer_its_tensor() -> None:
    weights = preset_weights.read(catalogue.preset(NAME))
    model = EfficientNetLite0()
    assert {name: tensor.shape for name, tensor in weights.items()} == {
        name: tensor.shape for name, tensor in model.state_dict().items()
    }
    assert sum(parameter.numel() for parameter in model.parameters()) == 4_652_008


def test_a_layer_of_another_network_is_refused() -> None:
    with pytest.raises(KeyError):
        own_names({"_blocks.0._se_reduce.weight": torch.zeros(1)})


def test_the_classes_are_those_of_imagenet() -> None:
    labels = catalogue.preset(NAME).labels
    assert (len(labels), labels[0], labels[281], labels[999]) == (1000, "tench", "tabby", "toilet tissue")


def test_a_model_of_ones_own_may_have_other_classes() -> None:
    with torch.no_grad():
        assert EfficientNetLite0(classes=7).eval()(torch.zeros(2, 3, 64, 64)).shape == (2, 7)


# ----------------------------------------------------------------------------------------------------------- gradients


def network_input(key: str) -> Tensor:
    steps = load(KEY).card.preprocessing
    return torch.from_numpy(images.normalise(images.as_seen(images.load(key), steps), steps))


def test_every_gradient_is_that_of_plain_autograd() -> None:
    """Nothing in this network writes in place, so that plain hooks keep what each layer really gave."""
    module, x = load(KEY).module, network_input("sample/cat")
    kept: dict[str, Tensor] = {}

    def keep(path: str, y: Tensor) -> None:
        y.requires_grad_().retain_grad()
        kept[path] = y

    hooks = [
        layer.register_forward_hook(lambda *call, path=path: keep(path, call[2]))
        for path, layer in module.named_modules()
        if path
    ]
    plain_x = x.clone().requires_grad_()
    logits = module(plain_x)
    for hook in hooks:
        hook.remove()
    logits.retain_grad()
    logits.max().backward()

    sites = [info.site for info in gv.trace.survey(module, x) if info.differentiable]
    traced = gv.trace.gradients(module, x, target=gv.ClassScore(int(logits.argmax())), wrt=sites)
    assert traced.score == pytest.approx(logits.max().item(), rel=1e-6)
    assert {site.path for site in sites} >= {"blocks.15.project.norm", "head.relu6", "stem.conv"}
    kept |= {gv.INPUT.path: plain_x, "": logits}
    for site in sites:
        expected = kept[site.path].grad
        assert expected is not None
        largest = float(expected.abs().max())
        np.testing.assert_allclose(traced.gradients[site], expected.numpy(), rtol=1e-4, atol=1e-6 * largest)


@pytest.mark.slow
def test_finite_differences_agree() -> None:
    proof = gv.prove(load(KEY).module, network_input("sample/cat"), directions=1, every_step=False)
    assert "agree" in proof.verdict
    assert "disagree" not in proof.verdict
