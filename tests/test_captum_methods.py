"""DeepLIFT and KernelSHAP through captum: what captum itself gives where it is right, a refusal where it would be
wrong, and its own completeness check in a note."""

from __future__ import annotations

import itertools
import math
import re
import sys
from itertools import combinations
from math import comb, factorial
from types import SimpleNamespace

import captum.attr
import pytest
import torch
import torch.nn.functional as F
from captum.attr import DeepLift, KernelShap
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.answering import Answerer
from gradviz_core.errors import QuestionError
from gradviz_core.methods import deeplift, kernelshap
from gradviz_core.methods.captum_here import running
from gradviz_core.settings import settings
from gradviz_core.tracing.stopping import seconds_left
from gradviz_core.types import ClassScore, Site, Unit
from gradviz_core.uploads import exported
from tests.exported.files import exported_bytes
from tests.own_oracle import attributed, oracle_of
from tests.reference import relative_error
from tests.test_relu_rules import Functional, InPlace, Modules, Reused, built


@pytest.fixture(scope="module")
def x() -> Tensor:
    return torch.randn(1, 3, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(8))


def captums(module: nn.Module, x: Tensor, index: int) -> tuple[Tensor, float]:
    """What captum's own DeepLIFT gives, and its convergence delta."""
    with running(seed=0):
        leaf, zero = x.clone().requires_grad_(), torch.zeros_like(x)
        found, delta = DeepLift(module).attribute(leaf, zero, target=index, return_convergence_delta=True)
    return found.detach(), delta.item()


def pooled(kind: type[nn.Module]) -> nn.Module:
    """With mean pooling, because captum's rule for max pooling does not add up."""
    module = built(kind)
    module.pool = nn.AvgPool2d(2)
    return module


# ------------------------------------------------------------------------------------------------------------ DeepLIFT


def test_deeplift_by_hand() -> None:
    """relu(x - 1) from 0 to 3 rises by 2 in 3: the multiplier is 2/3, where the gradient is 1."""
    first = nn.Linear(1, 1).requires_grad_(False)
    first.weight.fill_(1.0)
    first.bias.fill_(-1.0)
    module = nn.Sequential(nn.Flatten(), first, nn.ReLU())
    found, notes = attributed("deeplift", module, torch.full((1, 1, 1, 1), 3.0), Unit(Site(""), (0,)))
    assert found.item() == pytest.approx(2.0)
    assert attributed("gradient_x_input", module, torch.full((1, 1, 1, 1), 3.0), Unit(Site(""), (0,)))[0].item() == 3.0
    assert re.match(r"captum rewrote 1 × ReLU\. Its convergence delta is \S+: by so much the map misses", notes[0])


def test_deeplift_is_captums_where_each_activation_is_a_layer(x: Tensor) -> None:
    module = built(Modules)
    found, notes = attributed("deeplift", module, x, ClassScore(2))
    true, delta = captums(module, x, 2)
    assert relative_error(found, true) < 1e-12
    assert notes[0].startswith(f"captum rewrote 4 × ReLU, 1 × max pooling. Its convergence delta is {delta:.3g}:")
    assert relative_error(found, attributed("gradient_x_input", module, x, ClassScore(2))[0]) > 0.05


def test_deeplift_sums_to_the_difference_but_for_max_pooling(x: Tensor) -> None:
    for module, gap in ((pooled(Modules), 0.0), (built(Modules), captums(built(Modules), x, 2)[1])):
        found, _ = attributed("deeplift", module, x, ClassScore(2))
        law = deeplift.total(oracle_of(module, x, ClassScore(2)), x, {"baseline": "zero", "seed": 0})
        assert found.sum().item() == pytest.approx(law + gap, abs=1e-12)
    assert abs(gap) > 1e-3


def test_deeplift_runs_in_place_layers_out_of_place(x: Tensor) -> None:
    class Layers(Modules):
        def __init__(self) -> None:
            super().__init__()
            for relu in self.relus:
                relu.inplace = True  # type: ignore[assignment]

    found, _ = attributed("deeplift", built(Layers), x)
    assert relative_error(found, captums(built(Modules), x, 0)[0]) < 1e-12
    assert all(relu.inplace for relu in Layers().relus), "on the twin alone"


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (Functional, "ReLU is a function in this model, which captum does not see"),
        (InPlace, "ReLU is a function in this model"),
        (Reused, "relu is a layer that runs more than once"),
    ],
)
def test_deeplift_is_refused_where_captum_is_wrong(kind: type[nn.Module], why: str, x: Tensor) -> None:
    """The same weights with layers of their own tell what is right, and by how much captum misses it, if it runs."""
    module = pooled(kind)
    with pytest.raises(QuestionError, match=rf"DeepLIFT would be wrong here: {why}"):
        attributed("deeplift", module, x)
    right, delta = captums(pooled(Modules), x, 0)
    assert abs(delta) < 1e-12
    try:
        theirs, their_delta = captums(module, x, 0)
    except RuntimeError:
        assert kind is not Functional
    else:
        assert relative_error(theirs, right) > 0.05
        assert abs(their_delta) > 1e-4


class OneImage(nn.Module):
    """It takes the batch for part of the image."""

    def __init__(self) -> None:
        super().__init__()
        self.relu, self.last = nn.ReLU(), nn.Linear(108, 3)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.last(self.relu(x.view(1, -1)))
        return scores


def normed() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3)).train()


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (OneImage(), r"this model cannot take two: .*mat1 and mat2 shapes.* Choose another method"),
        (normed(), r"this model mixes them: the scores are \S+ and \S+ together, \S+ and \S+ alone\. Choose"),
    ],
)
def test_deeplift_is_refused_where_image_and_baseline_are_not_two_images_of_one_pass(
    module: nn.Module, why: str, x: Tensor
) -> None:
    with pytest.raises(QuestionError, match=why):
        attributed("deeplift", module.double().requires_grad_(False), x)


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 5), nn.GELU(), nn.Linear(5, 3)), "GELU is none of"),
        (nn.Sequential(nn.Linear(4, 5), nn.ReLU6(), nn.Linear(5, 3)), "ReLU6 is none of the layers"),
        (nn.Sequential(nn.Linear(4, 3)), "no activation between the input and the score"),
    ],
)
def test_deeplift_is_refused_where_captum_has_no_rule(module: nn.Module, why: str) -> None:
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, x: Tensor) -> Tensor:
            scores: Tensor = self.inner(x.flatten(1))
            return scores

    with pytest.raises(QuestionError, match=why):
        attributed("deeplift", Flat().eval().requires_grad_(False), torch.randn(1, 1, 2, 2))


def test_an_exported_program_has_no_layers_of_torch_nn(x: Tensor) -> None:
    read = exported.read(exported_bytes(built(Modules).float(), x.float())).module
    with pytest.raises(QuestionError, match=r"is none of the layers for which captum has a rule"):
        attributed("deeplift", read, x.float())


def test_a_score_inside_is_refused(x: Tensor) -> None:
    with pytest.raises(QuestionError, match=r"takes the network as a whole, and .* is read inside it"):
        attributed("deeplift", built(Modules), x, Unit(Site("conv2"), (0, 1, 1)))


# ---------------------------------------------------------------------------------------------------------- KernelSHAP


class Products(nn.Module):
    """Scores with products of pixels, so that what a pixel adds depends on the others."""

    def forward(self, x: Tensor) -> Tensor:
        a, b, c, d = x.flatten(1).T
        return torch.stack([2 * a + a * b - 3 * b * c + a * c * d, a], dim=1)


def shapley(x: Tensor) -> list[float]:
    """Of the first score, by the definition: over all sets of the other three pixels."""

    def score(there: set[int]) -> float:
        mask = torch.tensor([float(i in there) for i in range(4)]).view(x.shape)
        return Products()(x * mask)[0, 0].item()  # type: ignore[no-any-return]

    found = []
    for pixel in range(4):
        others = [i for i in range(4) if i != pixel]
        sets = [set(some) for size in range(4) for some in combinations(others, size)]
        weights = [factorial(len(some)) * factorial(3 - len(some)) / factorial(4) for some in sets]
        found.append(sum(w * (score(some | {pixel}) - score(some)) for w, some in zip(weights, sets, strict=True)))
    return found


def test_kernelshap_is_the_shapley_value() -> None:
    x = torch.tensor([[[[1.0, 2.0], [-1.0, 0.5]]]])
    true = shapley(x)
    assert sum(true) == pytest.approx(Products()(x)[0, 0].item())
    found, notes = attributed("kernelshap", Products(), x, cells=2, samples=512)
    assert found.flatten().tolist() == pytest.approx(true, abs=0.5)
    assert found.sum().item() == pytest.approx(sum(true), abs=1e-3)
    assert notes == (), "the page says how far the sum is from complete"


def test_with_all_sets_of_cells_the_regression_gives_shapley_values_exactly() -> None:
    """Theorem 2 of the paper: weights (K - 1) / (binomial(K, k) · k · (K - k)), and the two ends as they are."""
    x, model = torch.tensor([[[[1.0, 2.0], [-1.0, 0.5]]]]), kernelshap.LeastSquares()
    there = torch.tensor([[n >> i & 1 for i in range(4)] for n in range(16)]).float()
    scores = torch.cat([Products()(x * row.view(x.shape))[:, 0] for row in there])
    weights = torch.tensor(
        [1e8 if k in (0, 4) else 3 / (comb(4, k) * k * (4 - k)) for k in there.sum(1).int().tolist()]
    )
    model.fit([(there[:9], scores[:9], weights[:9]), (there[9:], scores[9:], weights[9:])])
    assert model.representation().tolist() == pytest.approx(shapley(x), abs=1e-5)


def test_kernelshap_is_captums_with_scikit_learn(x: Tensor) -> None:
    module = built(Modules)
    for cells, samples in ((3, 64), (6, 16)):  # the second with fewer samples than cells
        found, notes = attributed("kernelshap", module, x, ClassScore(1), cells=cells, samples=samples, seed=3)
        few = any(note.startswith(f"{samples} samples are fewer than the {cells**2} cells: ") for note in notes)
        assert few == (samples < cells**2)
        mask = kernelshap.grid(x, cells)
        with running(seed=3):
            true = KernelShap(module).attribute(
                x, baselines=0, target=1, feature_mask=mask, n_samples=samples, perturbations_per_eval=8
            )
        assert relative_error(found * (36 / cells**2) * 3, true) < 1e-4


def test_in_a_linear_model_each_cell_has_what_its_pixels_add() -> None:
    weight = torch.randn(2, 16, generator=torch.Generator().manual_seed(0))
    layer = nn.Linear(16, 2).requires_grad_(False)
    layer.weight.copy_(weight)
    x = torch.ones(1, 1, 4, 4)
    found, _ = attributed("kernelshap", nn.Sequential(nn.Flatten(), layer), x, cells=2, samples=64)
    true = F.avg_pool2d(weight[:1].view(1, 1, 4, 4), 2)
    assert torch.allclose(found, true.repeat_interleave(2, 2).repeat_interleave(2, 3), atol=1e-3)


def test_small_differences_of_large_scores_are_not_lost(x: Tensor) -> None:
    class Far(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(1).sum(1, keepdim=True) + 1e8

    found, _ = attributed("kernelshap", Far(), x[:, :1], cells=2, samples=64)
    true = F.avg_pool2d(x[:, :1], 3)
    assert torch.allclose(found, true.repeat_interleave(3, 2).repeat_interleave(3, 3), atol=1e-5)


def test_another_seed_draws_others_and_the_callers_numbers_go_on(x: Tensor) -> None:
    state = torch.get_rng_state()
    first, again, other = (attributed("kernelshap", built(Modules), x, samples=32, seed=seed)[0] for seed in (0, 0, 1))
    built(Modules)  # which seeds, as it did before the first
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.set_rng_state(state)


def test_kernelshap_is_refused_as_soon_as_its_pace_is_too_slow(x: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock finds a second more: about one for each eight samples."""
    module, clock = built(Modules), itertools.count()
    monkeypatch.setattr(kernelshap, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    whole = attributed("kernelshap", module, x, samples=64)[0]
    monkeypatch.setattr(kernelshap, "seconds_left", lambda: 6.0)
    why = r"64 samples would take about \d+ s on this model, and an answer here may take \d+ s\. Choose at most \d\d;"
    with pytest.raises(QuestionError, match=why):
        attributed("kernelshap", module, x, samples=64)
    monkeypatch.setattr(kernelshap, "seconds_left", lambda: 60.0)
    assert torch.equal(attributed("kernelshap", module, x, samples=64)[0], whole)


def test_a_worker_knows_how_long_an_answer_may_take() -> None:
    left: list[float] = []

    def told() -> bool:
        left.append(seconds_left())
        return False

    question = gv.GradientQuestion(model="preset/digits-mlp", image="sample/digit-3", method="occlusion")
    Answerer("cpu").answer(question, told)
    assert left
    assert 0 < left[-1] <= left[0] <= settings().deadline_s
    assert seconds_left() == math.inf


# -------------------------------------------------------------------------------------------------- where it is missing


@pytest.mark.parametrize("method", ["deeplift", "kernelshap"])
def test_without_captum_it_is_said_what_to_install(method: str, x: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert captum.attr
    for name in ("captum.attr", "captum.attr._core.deep_lift"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(QuestionError, match=r"captum, which is not installed\. Install it: pip install 'captum>=0\.9'"):
        attributed(method, built(Modules), x)
