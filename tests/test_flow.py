"""Norms along the network against plain autograd on the model itself, and dead units worked out by hand."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.answering import Answerer
from gradviz_core.answers.load import load
from gradviz_core.drawing.snippets import flow as flow_code
from gradviz_core.methods import flow
from gradviz_core.tracing import trace
from gradviz_core.tracing.nested import tensors
from gradviz_core.tracing.scores import targets
from tests import zoo
from tests.reference import reference
from tests.test_trace import fingerprint

IMAGE = "sample/star"
ROUNDING = 1e-14
"""All that is left of a slope of zero, as of a bias before a norm that subtracts the mean."""


def by_backward(module: nn.Module, x: Tensor, index: int) -> dict[str, float]:
    """Norm of each parameter's ``.grad`` after ``backward()``; NaN for None."""
    had = {name: parameter.requires_grad for name, parameter in module.named_parameters()}
    module.requires_grad_(True)
    torch.autograd.backward(module(x)[0, index])
    found = {
        name: math.nan if p.grad is None else p.grad.double().norm().item() for name, p in module.named_parameters()
    }
    module.zero_grad(set_to_none=True)
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(had[name])
    return found


@pytest.mark.parametrize(
    "model",
    [
        "preset/shapes-cnn",
        "preset/shapes-resnet",
        "preset/shapes-vit",
        "preset/digits-mlp",
        "torchvision/resnet18@random-0",
    ],
)
def test_every_norm_is_that_of_plain_autograd(model: str) -> None:
    question = gv.FlowQuestion(model=model, image=IMAGE, target=gv.ClassScore(3), parameters=True)
    answer = gv.answer(question)
    x = gv.answer(gv.GradientQuestion(model=model, image=IMAGE)).activations[gv.INPUT]
    module = load(model).module
    values, slopes = reference(module, torch.from_numpy(x), lambda out: out[0, 3])
    for at, info in enumerate(answer.sites):
        if info.site not in values:
            continue  # attention's weights, which the reference does not keep
        for name, true in (("activation_norm", values[info.site]), ("gradient_norm", slopes[info.site])):
            assert answer.arrays[name][at] == pytest.approx(true.double().norm().item(), rel=1e-5), (name, info.site)

    expected = by_backward(module, torch.from_numpy(x), 3)
    own = dict(module.named_parameters())
    assert {p.name: p.shape for p in answer.parameters} == {name: tuple(own[name].shape) for name in own}
    for at, parameter in enumerate(answer.parameters):
        gradient, norm = answer.arrays["parameter_gradient_norm"][at], answer.arrays["parameter_norm"][at]
        assert gradient == pytest.approx(expected[parameter.name], rel=1e-4, abs=1e-9, nan_ok=True), parameter
        assert norm == pytest.approx(own[parameter.name].detach().double().norm().item(), rel=1e-6), parameter


@pytest.mark.parametrize("name", sorted(zoo.IMAGE_MODELS))
def test_parameters_of_awkward_models(name: str) -> None:
    module, x = zoo.build(name).eval(), zoo.image()
    watched = trace.forward(module, x, parameters=True)
    with trace.recording():
        score = sum_of_output(watched.output)
    _, found = trace.differentiate_all(watched, score)
    before = fingerprint(module)
    expected = gradients_of_parameters(module, x)
    assert found.keys() == expected.keys()
    for parameter, true in expected.items():
        slope = found[parameter]
        assert (slope is None) == (true is None), parameter
        if slope is not None and true is not None:
            assert (slope - true).norm() < 1e-5 * true.norm() + ROUNDING, parameter
    assert fingerprint(module) == before


def test_sites_have_the_same_norms_with_parameters_and_without() -> None:
    for model in ("preset/shapes-resnet", "torchvision/googlenet@random-0"):
        plain = gv.answer(gv.FlowQuestion(model=model, image=IMAGE))
        full = gv.answer(gv.FlowQuestion(model=model, image=IMAGE, parameters=True))
        assert plain.sites == full.sites
        for name in ("activation_norm", "gradient_norm", "dead_share"):
            np.testing.assert_allclose(full.arrays[name], plain.arrays[name], rtol=1e-6)
        assert plain.parameters == ()
        assert "parameter_norm" not in plain.arrays


def test_nothing_is_left_on_the_model_and_a_remembered_pass_is_not_used() -> None:
    answerer = Answerer("cpu")
    question = gv.FlowQuestion(model="preset/shapes-cnn", image=IMAGE, parameters=True)
    answerer.answer(gv.SurveyQuestion(model="preset/shapes-cnn", image=IMAGE))
    module = answerer._models.get("preset/shapes-cnn", torch.device("cpu")).module
    before = fingerprint(module)
    first, again = answerer.answer(question), answerer.answer(question)
    assert fingerprint(module) == before
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in module.parameters())
    assert isinstance(first, gv.FlowAnswer)
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(array, again.arrays[name])


def test_parameters_stand_in_the_order_in_which_they_are_used() -> None:
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last, self.first = nn.Linear(4, 2), nn.Linear(4, 4)
            self.scale = nn.Parameter(torch.ones(2))
            self.unused = nn.Linear(1, 1)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.last(self.first(x)) * self.scale + self.first(x)[:, :2]
            return out

    watched = trace.forward(Backwards(), torch.randn(1, 4), parameters=True)
    with trace.recording():
        _, score = targets.select(gv.ClassScore(0), watched)
    found = flow.measure(watched, score, keep_graph=False)
    names = [parameter.name for parameter in found.parameters]
    assert names == [
        "first.weight",
        "first.bias",
        "last.weight",
        "last.bias",
        "scale",
        "unused.weight",
        "unused.bias",
    ]
    assert np.isnan(found.arrays["parameter_gradient_norm"]).tolist() == [False] * 5 + [True] * 2


# ---------------------------------------------------------------------------------------------- what has no plain norm


class Mixed(nn.Module):
    """Values that are whole numbers, complex, or not finite, and gradients that are."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.whole, self.turned, self.table = nn.Linear(4, 4), nn.Identity(), nn.Identity(), nn.Identity()
        self.root, self.cut, self.last = nn.Identity(), nn.Identity(), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        self.whole(h.argmax(1))
        turned = self.turned(h.to(torch.complex64) * 2j)
        root = torch.sqrt(self.root(x * 0))  # its slope at zero is infinite
        cut = self.cut(h.detach())
        out: Tensor = self.last(turned.abs() + root + 0 * cut.detach())
        return out


def test_whole_numbers_complex_ones_and_what_is_not_finite() -> None:
    watched = trace.forward(Mixed(), torch.randn(1, 4), parameters=True)
    with trace.recording():
        _, score = targets.select(gv.ClassScore(0), watched)
    found = flow.measure(watched, score, keep_graph=False).arrays
    activation, gradient = (
        dict(zip(map(str, watched.values), found[name].tolist(), strict=True))
        for name in ("activation_norm", "gradient_norm")
    )
    assert math.isnan(activation["whole"])
    first = watched.values[gv.Site("first")].detach().double()
    assert activation["turned"] == pytest.approx(2 * first.norm().item(), rel=1e-6)
    assert gradient["turned"] > 0
    assert (activation["root"], gradient["root"]) == (0.0, math.inf)
    assert gradient[".input"] == math.inf
    assert math.isnan(gradient["cut"])


@pytest.mark.parametrize(
    "tensor",
    [
        torch.tensor([3.0, -4.0]),
        torch.tensor([3j, 4]),
        torch.tensor([1, 2]),
        torch.tensor([True]),
        torch.tensor([math.nan, 1.0]),
        torch.tensor([math.inf]),
        torch.tensor([3e38, 3e38]),
        torch.zeros(3),
        torch.eye(3).to_sparse(),
    ],
)
def test_the_norm_is_that_of_the_code_beside_the_picture(tensor: Tensor) -> None:
    names: dict[str, Any] = {"np": np}
    exec(flow_code._NORM, names)
    dense = tensor.to_dense() if tensor.is_sparse else tensor
    np.testing.assert_allclose(flow._norm(tensor), names["norm"](dense), rtol=1e-12)


def test_a_sparse_gradient_of_an_embedding() -> None:
    module = nn.Sequential(nn.Embedding(10, 8, sparse=True), nn.Flatten(), nn.Linear(24, 3))
    watched = trace.forward(module, torch.tensor([[1, 2, 1]]), parameters=True)
    with trace.recording():
        _, score = targets.select(gv.ClassScore(0), watched)
    found = flow.measure(watched, score, keep_graph=False)
    weight = module.get_parameter("2.weight").detach()[0].view(3, 8).double()
    true = torch.stack([weight[0] + weight[2], weight[1]]).norm().item()
    assert found.arrays["parameter_gradient_norm"][0] == pytest.approx(true, rel=1e-6)
    assert math.isnan(found.arrays["activation_norm"][0])


# ----------------------------------------------------------------------------------------------------------- dead units


def test_a_channel_is_dead_where_it_is_zero_at_every_place() -> None:
    maps = torch.zeros(1, 4, 2, 2)
    maps[0, 1, 1, 0] = 0.5
    maps[0, 2] = 1.0
    assert flow.dead_share(maps, 1) == 0.5
    assert flow.dead_share(maps.permute(0, 2, 3, 1), 3) == 0.5
    assert flow.dead_share(maps.flatten(2).transpose(1, 2), 2) == 0.5
    assert flow.dead_share(torch.tensor([[0.0, 1.0, 0.0, 2.0, 3.0]]), 1) == pytest.approx(0.4)


@pytest.mark.parametrize(
    "value",
    [
        torch.tensor([[0.0, -1.0]]),
        torch.tensor([[0.0, math.nan]]),
        torch.zeros(1, 0),
        torch.tensor([[0, 1]]),
        torch.ones(1),
    ],
)
def test_only_what_nowhere_is_negative_can_be_dead(value: Tensor) -> None:
    assert math.isnan(flow.dead_share(value, 1))


def test_dead_units_of_a_network_made_to_have_them() -> None:
    """Two of eight filters are pushed below zero for any image by their biases; the others let everything through."""
    convolution = nn.Conv2d(3, 8, 3)
    with torch.no_grad():
        convolution.weight.clamp_(-0.01, 0.01)
    convolution.bias = nn.Parameter(torch.tensor([-10.0, -10, 10, 10, 10, 10, 10, 10]))
    module = nn.Sequential(convolution, nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(288, 5))
    watched = trace.forward(module, torch.rand(1, 3, 8, 8), parameters=True)
    with trace.recording():
        _, score = targets.select(gv.ClassScore(0), watched)
    found = flow.measure(watched, score, keep_graph=False)
    shares = dict(zip(map(str, watched.values), found.arrays["dead_share"].tolist(), strict=True))
    assert shares["1"] == 0.25
    assert math.isnan(shares["0"])
    assert math.isnan(shares[".input"])
    weight = next(at for at, p in enumerate(found.parameters) if p.name == "0.weight")
    assert found.arrays["parameter_gradient_norm"][weight] > 0


# --------------------------------------------------------------------------------------------------------------- pieces


def sum_of_output(output: object) -> Tensor:
    return torch.stack([F.softplus(t.double()).sum() for t in tensors(output).values() if t.requires_grad]).sum()


def gradients_of_parameters(module: nn.Module, x: Tensor) -> dict[str, Tensor | None]:
    """What ``backward`` leaves on a copy whose parameters all train: half of it for the image twice in a batch, because
    the kernels for a batch of one may be wrong."""
    own = copy.deepcopy(module).requires_grad_(True)
    pair = x.detach().repeat(2, *[1] * (x.dim() - 1)).requires_grad_(x.is_floating_point())
    torch.autograd.backward(sum_of_output(own(pair.clone())) / 2)
    return {name: parameter.grad for name, parameter in own.named_parameters()}
