"""A map with random weights, noise on the input or another draw, and how alike it is to the map itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.answering import Answerer
from gradviz_core.answers.load import Model, RecentModels, load
from gradviz_core.errors import QuestionError
from gradviz_core.tracing.randomised import layers, seeds_of, shuffled
from gradviz_core.tracing.trace import forward
from gradviz_core.types.similarity import spearman
from gradviz_core.uploads import exported
from tests.exported.files import exported_bytes

MODEL, IMAGE = "preset/shapes-cnn", "sample/star"


@pytest.fixture(scope="module")
def answerer() -> Answerer:
    return Answerer("cpu")


def asked(**choices: object) -> gv.RandomisedQuestion:
    return gv.RandomisedQuestion(**{"model": MODEL, "image": IMAGE, **choices})  # type: ignore[arg-type]


class TwoLayers(nn.Module):
    """A linear network."""

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(numbers, 3), nn.Linear(3, 10)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.second(self.first(x.flatten(1)))
        return found


@pytest.fixture
def two_layers(monkeypatch: pytest.MonkeyPatch) -> TwoLayers:
    """In place of a preset."""
    torch.manual_seed(0)
    card = load("preset/digits-cnn").card
    numbers = len(card.preprocessing.mean) * math.prod(card.preprocessing.size)
    module = TwoLayers(numbers)
    module.eval().requires_grad_(False)
    monkeypatch.setattr(RecentModels, "get", lambda _self, _key, _device: Model(module, card))
    return module


def _in_another_order(parameter: Tensor, draw: int, at: int) -> Tensor:
    generator = torch.Generator().manual_seed(100_000 * draw + at)
    return parameter.flatten()[torch.randperm(parameter.numel(), generator=generator)].view(parameter.shape)


def _rank_correlation(one: Tensor, other: Tensor) -> float:
    """Of the sums over three channels."""
    x, y = (each.view(3, -1).sum(0).numpy() for each in (one, other))
    return spearman(x, y)


# --------------------------------------------------------------------------------------------------- what is randomised


def test_two_layers_by_hand(two_layers: TwoLayers) -> None:
    """The gradient of logit 4 is row 4 of W2 W1; a shuffled layer takes its place in that product."""
    answerer, before = Answerer("cpu"), {n: p.clone() for n, p in two_layers.named_parameters()}
    made = {
        (layer, mode): answerer.answer(
            asked(
                model="preset/digits-cnn",
                image="sample/digit-8",
                target=gv.ClassScore(4),
                layer=layer,
                mode=mode,
                draw=7,
            )
        )
        for layer, mode in ((0, "cascade"), (1, "cascade"), (1, "single"), (2, "cascade"), (2, "single"))
    }
    w1, w2 = two_layers.first.weight, two_layers.second.weight
    other1, other2 = _in_another_order(w1, 7, 0), _in_another_order(w2, 7, 2)
    true = {
        (0, "cascade"): w2[4] @ w1,
        (1, "cascade"): other2[4] @ w1,
        (1, "single"): other2[4] @ w1,
        (2, "cascade"): other2[4] @ other1,
        (2, "single"): w2[4] @ other1,
    }
    for which, answer in made.items():
        assert np.allclose(answer.attribution.ravel(), true[which].numpy(), rtol=1e-4, atol=1e-6)
        assert answer.layers == ("second", "first")
    assert [made[which].changed for which in true] == [(), ("second",), ("second",), ("second", "first"), ("first",)]
    same = made[(0, "cascade")]
    assert (same.spearman, same.spearman_absolute, same.ssim) == pytest.approx((1, 1, 1))
    assert same.score == same.score_then
    single = made[(1, "single")]
    assert single.spearman == pytest.approx(_rank_correlation(true[(0, "cascade")], true[(1, "single")]), abs=1e-3)
    assert single.score != single.score_then
    assert all(torch.equal(before[name], now) for name, now in two_layers.named_parameters())


def test_the_ranges_of_the_two_maps_tell_which_is_flat(two_layers: TwoLayers) -> None:
    """Where logit 4 has no weights the gradient is zero; a shuffled layer brings it weights of others."""

    def found(**choices: object) -> gv.RandomisedAnswer:
        fixed = {"model": "preset/digits-cnn", "image": "sample/digit-8", "target": gv.ClassScore(4)}
        return Answerer("cpu").answer(asked(**fixed, **choices))

    summed = np.abs((two_layers.second.weight[4] @ two_layers.first.weight).view(3, -1).sum(0).numpy())
    assert found(layer=0).ranges == pytest.approx((np.ptp(summed),) * 2, rel=1e-4)
    two_layers.second.weight.data[4] = 0
    flat = found(layer=1)
    assert flat.ranges[0] == 0 < flat.ranges[1]
    assert math.isnan(flat.ssim)
    assert not flat.then_is_zero
    assert math.isnan(flat.spearman_absolute)
    two_layers.second.weight.data.fill_(0)
    assert found(layer=1).ranges == (0, 0)
    assert found(layer=1).then_is_zero
    two_layers.first.weight.data.fill_(math.nan)
    assert np.isnan(found(layer=1).ranges).all()


def test_nothing_randomised_is_the_map_itself_and_a_question_leaves_no_trace(answerer: Answerer) -> None:
    plain = gv.GradientQuestion(model=MODEL, image=IMAGE)
    before = answerer.answer(plain)
    same = answerer.answer(asked())
    assert np.array_equal(same.attribution, before.attributions[gv.INPUT])
    other = answerer.answer(asked(layer=5))
    assert not np.array_equal(other.attribution, before.attributions[gv.INPUT])
    again = Answerer("cpu").answer(plain)
    assert np.array_equal(again.attributions[gv.INPUT], answerer.answer(plain).attributions[gv.INPUT])
    assert other.target == before.target, "the class that the model itself predicts"
    repeated = Answerer("cpu", remember=False).answer(asked(layer=5))
    assert np.array_equal(repeated.attribution, other.attribution)
    assert not np.array_equal(answerer.answer(asked(layer=5, draw=1)).attribution, other.attribution)


def test_each_parameter_keeps_its_numbers_and_each_buffer_stays() -> None:
    module = load("preset/shapes-resnet").module
    names = [name for name, _ in module.named_parameters()]
    other = shuffled(module, {name: seeds_of(module, 3)[name] for name in names})
    for (name, before), (_, after) in zip(module.named_parameters(), other.named_parameters(), strict=True):
        assert torch.equal(before.flatten().sort().values, after.flatten().sort().values)
        assert not torch.equal(before, after), name
    for (_, buffer), (_, same) in zip(module.named_buffers(), other.named_buffers(), strict=True):
        assert torch.equal(buffer, same)


class Around(nn.Module):
    """Holds a parameter itself; one part never runs as a module, one runs twice, and one not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Linear(4, 4)
        self.last = nn.Linear(4, 2)
        self.twice = nn.Linear(4, 4)
        self.attention = nn.MultiheadAttention(4, 1, batch_first=True)
        self.start = nn.Parameter(torch.ones(4))

    def forward(self, x: Tensor) -> Tensor:
        x = self.twice(self.twice(x.flatten(2) + self.start).relu())
        found: Tensor = self.last(self.attention(x, x, x, need_weights=False)[0].mean(1))
        return found


@pytest.mark.parametrize("as_file", [False, True], ids=["module", "pt2"])
def test_layers_are_counted_from_the_score_down(as_file: bool) -> None:
    module, x = Around().eval().requires_grad_(False), torch.randn(1, 3, 2, 2)
    if as_file:
        module = exported.read(exported_bytes(module, x)).module  # type: ignore[assignment]
    trace = forward(module, x)
    found = layers(module, trace, gv.ClassScore(0))
    assert list(found) == ["last", "attention", "twice", ""]
    assert [name.rpartition(".")[2] for name in found["attention"]][-2:] == ["weight", "bias"], "of out_proj too"
    assert list(layers(module, trace, gv.Unit(gv.Site("twice", 1), (0, 0)))) == ["twice", ""]
    other = shuffled(module, {name: seeds_of(module, 0)[name] for name in found["twice"]})
    assert not torch.equal(forward(other, x).output, trace.output)  # type: ignore[arg-type]
    assert torch.equal(forward(module, x).output, trace.output)  # type: ignore[arg-type]


def test_what_cannot_be_is_refused(answerer: Answerer) -> None:
    with pytest.raises(QuestionError, match=r"run 13 layers with parameters. Choose one from 1 to 13, or 0"):
        answerer.answer(asked(layer=14))
    with pytest.raises(QuestionError, match="gradient draws no random numbers"):
        answerer.answer(asked(other_draw=True))
    with pytest.raises(QuestionError, match="integrated_gradients draws no random numbers here"):
        answerer.answer(asked(method="integrated_gradients", other_draw=True))
    with pytest.raises(QuestionError, match="The noise is -1"):
        answerer.answer(asked(noise=-1.0))


def test_layers_that_no_order_changes_are_named(
    two_layers: TwoLayers,
) -> None:
    nn.init.ones_(two_layers.second.weight)
    nn.init.zeros_(two_layers.second.bias)
    answer = Answerer("cpu").answer(asked(model="preset/digits-cnn", image="sample/digit-8", layer=1))
    assert "All numbers of each parameter are equal in second, so shuffling changes nothing there." in answer.notes
    assert answer.spearman == pytest.approx(1)


# ------------------------------------------------------------------------------------------------------ noise and draws


def test_noise_is_on_the_input_alone(answerer: Answerer) -> None:
    little, much = (answerer.answer(asked(noise=size)) for size in (0.001, 0.3))
    assert little.changed == much.changed == ()
    assert 1 > little.spearman_absolute > much.spearman_absolute > 0
    assert little.score_then == pytest.approx(little.score, abs=0.5)


def test_another_draw_of_a_method_is_that_of_the_next_seed(answerer: Answerer) -> None:
    options = (("draws", 4.0), ("seed", 1000.0))
    found = answerer.answer(asked(method="smoothgrad", options=options, other_draw=True))
    following = gv.GradientQuestion(model=MODEL, image=IMAGE, method="smoothgrad", options=(("draws", 4.0),))
    assert np.array_equal(found.attribution, answerer.answer(following).attributions[gv.INPUT])
    assert 0.5 < found.spearman < 1


# ----------------------------------------------------------------------------------------------- the published verdicts


@pytest.mark.parametrize("model", [MODEL, "preset/shapes-resnet"])
def test_random_weights_change_the_gradient_and_hardly_guided_backprop(model: str, answerer: Answerer) -> None:
    """Adebayo et al. 2018, figure 2. Measured with the upper half of the layers random: gradient 0.24 to 0.27 in
    Spearman of the magnitudes, guided backprop 0.85. That the last layer alone is random: 0.40 to 0.59, and 0.97 to
    0.98."""
    count = len(answerer.answer(asked(model=model)).layers)
    for layer, changes, stays in ((1, 0.7, 0.9), (count // 2, 0.45, 0.75)):
        gradient, guided = (
            answerer.answer(asked(model=model, method=method, layer=layer))
            for method in ("gradient", "guided_backprop")
        )
        assert gradient.spearman_absolute < changes
        assert gradient.ssim < changes
        assert guided.spearman_absolute > stays
        assert abs(gradient.spearman) < 0.55
        assert guided.spearman > stays


@pytest.mark.parametrize("photo", ["cat", "dahlia"])
def test_random_weights_leave_guided_grad_cam_its_signs_on_photos(photo: str, answerer: Answerer) -> None:
    """Adebayo et al. 2018, figures 2 and 4, on a network for photos. Measured with the upper half of the layers random:
    0.82 and 0.87 in Spearman with sign, where the gradient has -0.01 and Grad-CAM 0.07 and -0.04."""
    about = {"model": "preset/efficientnet-lite0", "image": f"sample/{photo}", "layer": 50}
    guided, gradient = (answerer.answer(asked(**about, method=name)) for name in ("guided_grad_cam", "gradient"))
    assert len(guided.changed) == 50
    assert guided.spearman > 0.7
    assert abs(gradient.spearman) < 0.15
    cam = answerer.answer(asked(**about, method="grad_cam", wrt=gv.Site("head.relu6")))
    assert abs(cam.spearman) < 0.3


@pytest.mark.parametrize(
    ("model", "site"), [(MODEL, gv.Site("features.13")), ("preset/shapes-resnet", gv.Site("layer2.1.relu", 1))]
)
def test_random_weights_change_grad_cam(model: str, site: gv.Site, answerer: Answerer) -> None:
    """The same figure. Measured with the upper half of the layers random: -0.16 and 0.02 in Spearman."""
    count = len(answerer.answer(asked(model=model)).layers)
    found = answerer.answer(asked(model=model, method="grad_cam", wrt=site, layer=count // 2))
    assert found.attribution.shape[1] == 1
    assert found.spearman_absolute < 0.45
    assert -1 < found.ssim < 0.7, "of the maps enlarged to the picture"
    assert answerer.answer(asked(model=model, method="grad_cam", wrt=site)).spearman == pytest.approx(1)


def test_the_program_can_know_which_parameter_got_which_order(answerer: Answerer) -> None:
    found = answerer.answer(asked(layer=2, draw=3))
    module = load(MODEL).module
    seeds = dict(pair for layer in found.seeds[:2] for pair in layer)
    other = shuffled(module, seeds)
    names = {name for name, _ in module.named_parameters()}
    assert {name for layer in found.seeds for name, _ in layer} == names
    moved = {n for n, p in other.named_parameters() if not torch.equal(p, dict(module.named_parameters())[n])}
    assert moved == set(seeds)
