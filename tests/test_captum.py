"""Captum's numbers on models as they are used, and on awkward ones, in double precision."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torchvision
from captum.attr import IntegratedGradients, NoiseTunnel, Saliency
from captum.attr._core.gradient_shap import InputBaselineXGradient
from torch import Tensor, nn

from gradviz_core.answers.oracle import SceneOracle
from gradviz_core.methods.draws import generator
from gradviz_core.tracing.nested import tensors
from gradviz_core.types import ClassScore
from tests import zoo
from tests.oracles import attribution, entry, oracle_of, scene_of
from tests.reference import relative_error

TORCHVISION = ("resnet18", "efficientnet_b0", "squeezenet1_1")
AWKWARD = ("in-place", "reused", "functional", "pools")
SIDE, POINTS, LABEL = 64, 5, 1
Case = tuple[nn.Module, Tensor, SceneOracle]


def built(name: str) -> tuple[nn.Module, Tensor]:
    """A model with random weights, and an image."""
    if name in AWKWARD:
        return zoo.build(name), zoo.image()
    torch.manual_seed(2)
    module = torchvision.models.get_model(name, weights=None).double().eval()
    return module, torch.randn(1, 3, SIDE, SIDE, dtype=torch.float64)


@pytest.fixture(scope="module", params=[*TORCHVISION, *AWKWARD])
def case(request: pytest.FixtureRequest) -> Case:
    module, x = built(request.param)
    return module, x, oracle_of(scene_of(module, x), entry(LABEL))


def test_integrated_gradients(case: Case) -> None:
    module, x, oracle = case
    theirs = IntegratedGradients(module).attribute(x.clone(), target=LABEL, n_steps=POINTS, method="gausslegendre")
    ours = attribution("integrated_gradients", oracle, x, steps=POINTS, rule="gauss")
    assert relative_error(ours, theirs) < 1e-5


def noise(x: Tensor) -> Tensor:
    each = [torch.randn(x.shape, generator=generator({"seed": 0}, number)) for number in range(POINTS)]
    return 0.15 * (x.max() - x.min()) * torch.cat(each)


@pytest.mark.parametrize(
    ("method", "kind"),
    [("smoothgrad", "smoothgrad"), ("smoothgrad_squared", "smoothgrad_sq"), ("vargrad", "vargrad")],
)
def test_the_smoothgrad_family(case: Case, method: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, x, oracle = case
    monkeypatch.setattr(torch, "normal", lambda _mean, _std: noise(x))
    captums: Callable[..., Tensor] = NoiseTunnel(Saliency(module)).attribute
    theirs = captums(x.clone(), nt_type=kind, nt_samples=POINTS, stdevs=1.0, target=LABEL, abs=False)
    assert relative_error(attribution(method, oracle, x, draws=POINTS), theirs) < 1e-5


def test_expected_gradients(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    module, x, oracle = case
    assert oracle.black_and_white is not None
    black, white = oracle.black_and_white
    sources = [generator({"seed": 0}, number) for number in range(POINTS)]
    shares = np.array([torch.rand((), generator=source).item() for source in sources])
    starts = torch.cat([black + (white - black) * torch.rand(x.shape, generator=source) for source in sources])
    monkeypatch.setattr(np.random, "uniform", lambda _low, _high, _count: shares)
    theirs = InputBaselineXGradient(module).attribute(x.repeat(POINTS, 1, 1, 1), starts, target=LABEL).mean(0)
    assert relative_error(attribution("expected_gradients", oracle, x, draws=POINTS)[0], theirs) < 1e-5


# ------------------------------------------------------------------------------------- where captum is wrong or refuses


def one_by_one(module: nn.Module, x: Tensor) -> Tensor:
    """Integrated gradients by the midpoint rule and plain autograd, each point in a pass of its own."""
    found = torch.zeros_like(x)
    for step in range(POINTS):
        leaf = ((step + 0.5) / POINTS * x).requires_grad_()
        (scores,) = [one for one in tensors(module(leaf.clone())).values() if one.dim() == 2]
        found += torch.autograd.grad(scores[0, LABEL], leaf)[0] * x / POINTS
    return found


@pytest.mark.parametrize(
    ("name", "fails"),
    [
        ("writes-input", "a leaf Variable that requires grad is being used in an in-place operation"),
        ("tuple", "'Pair' object has no attribute"),
        ("dict", "'dict' object has no attribute"),
        ("train-mode-norm", ""),
    ],
)
def test_where_captum_fails_or_mixes_the_points_each_point_by_itself_is_right(name: str, fails: str) -> None:
    module, x = zoo.build(name), zoo.image()
    scene = scene_of(module, x)
    ours = attribution("integrated_gradients", oracle_of(scene, ClassScore(LABEL)), x, steps=POINTS, rule="midpoint")
    true = one_by_one(module, x)
    assert relative_error(ours, true) < 1e-9
    captums = IntegratedGradients(module)
    if fails:
        with pytest.raises(Exception, match=fails):
            captums.attribute(x.clone(), target=LABEL, n_steps=POINTS, method="riemann_middle")
        return
    theirs = captums.attribute(x.clone(), target=LABEL, n_steps=POINTS, method="riemann_middle")
    assert relative_error(theirs, true) > 0.01
