"""Class activation maps: worked out by hand, on every layout, and what each falls back to."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.answers.scene import Scene
from gradviz_core.errors import QuestionError
from gradviz_core.methods.class_activation import cam_of
from gradviz_core.types.methods import METHODS, OptionValues, settled
from tests.at_a_layer import Known, mapped, oracle_at, scene_of
from tests.reference import relative_error

KEPT: OptionValues = (("negative", "kept"),)
CAMS = [name for name, card in METHODS.items() if card.one_map]
VALUE = torch.tensor([[[[1.0, 2.0]], [[3.0, -1.0]]]])
SLOPE = torch.tensor([[[[1.0, -1.0]], [[2.0, 4.0]]]])
"""Two channels of one row and two columns."""
BY_HAND = {
    "grad_cam": (0 * 1 + 3 * 3, 0 * 2 - 3 * 1),
    "grad_cam_plus_plus": (1 / 5 * 1 + (2 / 6 + 4 / 10) * 3, 1 / 5 * 2 - (2 / 6 + 4 / 10) * 1),
    "hires_cam": (1 * 1 + 2 * 3, -1 * 2 - 4 * 1),
    "xgrad_cam": (-1 / 3 * 1 + 2 / 2 * 3, -1 / 3 * 2 - 2 / 2 * 1),
    "layer_cam": (1 * 1 + 2 * 3, 0 * 2 - 4 * 1),
    "finer_cam": ((0 - 0.3) * 1 + (3 - 0.3) * 3, (0 - 0.3) * 2 - (3 - 0.3) * 1),
}
"""Of these numbers, with what is below zero; similar classes have the slope 0.5 everywhere."""


def found(method: str, value: Tensor, slope: Tensor, axis: int = 1, options: OptionValues = ()) -> Tensor:
    return cam_of(method)(Known(slope, axis, 0.5), value.clone(), settled(method, options))


@pytest.mark.parametrize(("method", "true"), BY_HAND.items())
def test_a_map_is_what_comes_out_by_hand(method: str, true: Sequence[float]) -> None:
    kept = torch.tensor(true, dtype=torch.float32).reshape(1, 1, 1, 2)
    assert torch.allclose(found(method, VALUE, SLOPE, options=KEPT), kept)
    assert torch.allclose(found(method, VALUE, SLOPE, options=(("negative", "cut"),)), kept.clamp(min=0))
    usual = settled(method, ())["negative"]
    assert torch.allclose(found(method, VALUE, SLOPE), kept if usual == "kept" else kept.clamp(min=0))
    assert usual == ("kept" if method in ("hires_cam", "xgrad_cam") else "cut"), "as the paper has it"


@pytest.mark.parametrize("second", [-3.0, -4.0])
def test_grad_cam_plus_plus_leaves_out_positions_at_and_beyond_its_pole_and_says_so(second: float) -> None:
    """At the first position g Σ a is -2 or -3, at the second -0.2 or -0.3."""
    value, layer = torch.tensor([[[[1.0, second]]]]), Known(torch.tensor([[[[1.0, 0.1]]]]))
    made = cam_of("grad_cam_plus_plus")(layer, value, settled("grad_cam_plus_plus", KEPT))
    assert torch.allclose(made, 0.1 / (2 + 0.1 * (1 + second)) * value)
    assert [note for note in layer.notes if "is made for activations of 0 or more" in note]
    after_relu = Known(SLOPE)
    cam_of("grad_cam_plus_plus")(after_relu, VALUE.relu(), settled("grad_cam_plus_plus", KEPT))
    assert not after_relu.notes


def test_xgrad_cam_leaves_out_a_channel_whose_activations_sum_to_zero() -> None:
    value = torch.tensor([[[[1.0, -1.0]], [[1.0, 2.0]]]])
    made = found("xgrad_cam", value, torch.tensor([[[[1.0, 0.0]], [[1.0, 1.0]]]]))
    assert made.sum().item() == pytest.approx(3), "Σ g · a is 4, of which the first channel has 1"
    assert "where they sum to zero, the channel counts for nothing" in METHODS["xgrad_cam"].limits


def test_the_direction_that_all_channels_share_is_their_common_map_and_its_sign_theirs() -> None:
    shared = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 1, 1, 3)
    for channels in ([3.0, 4.0], [-3.0, 4.0], [-3.0, -4.0]):
        value = shared * torch.tensor(channels).reshape(1, 2, 1, 1)
        sign = 1 if sum(channels) > 0 else -1
        assert torch.allclose(found("eigen_cam", value, value), sign * 5 * shared, rtol=1e-6)
        centred = found("eigen_cam", value, value, options=(("centred", "yes"),))
        assert torch.allclose(centred, sign * 5 * (shared - 2), rtol=1e-6, atol=1e-6)


def test_one_direction_is_the_first_singular_vector_with_more_channels_or_more_positions() -> None:
    generator = torch.Generator().manual_seed(3)
    for channels in (3, 40):
        signed = torch.randn(1, channels, 4, 5, generator=generator)
        for value in (signed, signed.relu(), signed - signed.mean((2, 3), keepdim=True)):
            table = value[0].flatten(1).T.double()
            true = table @ torch.linalg.svd(table).Vh[0]
            one = found("eigen_cam", value, value)[0, 0].flatten()
            assert min(relative_error(one, sign * true) for sign in (1, -1)) < 1e-6
            assert one @ table.sum(1).float() > -1e-5


def test_the_largest_direction_is_found_where_the_sum_of_the_channels_is_another() -> None:
    """Powers of the matrix that begin at that sum come to the smaller direction, and to no other."""
    opposite, alike = torch.tensor([1.0, 0.0, 2.0]), torch.tensor([0.0, 0.1, 0.0])
    value = torch.stack((opposite + alike, alike - opposite)).reshape(1, 2, 1, 3)
    made = found("eigen_cam", value, value).flatten()
    assert torch.allclose(made.abs(), 2**0.5 * opposite, atol=1e-6)


@pytest.mark.parametrize("method", CAMS)
def test_channels_on_another_axis_and_tokens_give_the_same_map(method: str) -> None:
    generator = torch.Generator().manual_seed(1)
    value, slope = torch.randn(2, 1, 6, 3, 4, generator=generator)
    true = found(method, value, slope, options=KEPT)
    assert true.shape == (1, 1, 3, 4)
    last = found(method, value.movedim(1, -1), slope.movedim(1, -1), 3, KEPT)
    assert torch.allclose(last, true.movedim(1, -1), atol=1e-5)
    tokens = found(method, value.flatten(2).mT, slope.flatten(2).mT, 2, KEPT)
    assert tokens.shape == (1, 12, 1)
    assert torch.allclose(tokens[..., 0].reshape(3, 4), true[0, 0], atol=1e-5)
    assert (found(method, value, slope, options=(("negative", "cut"),)) >= 0).all()
    with pytest.raises(QuestionError, match=r"a value of shape \(1, 6\) has none\. Choose a layer output with rows"):
        found(method, value[:, :, 0, 0], slope[:, :, 0, 0])


# --------------------------------------------------------------------------------------------- before a linear head


class Pooled(nn.Module):
    """Two convolutions with biases and a smooth part, global average pooling, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.smooth = nn.Conv2d(3, 6, 3, stride=2), nn.SiLU()
        self.last, self.relu = nn.Conv2d(6, 5, 3), nn.ReLU()
        self.head = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        features = self.relu(self.last(self.smooth(self.first(x))))
        return self.head(features.mean((2, 3)))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def pooled() -> tuple[Pooled, Scene]:
    torch.manual_seed(0)
    module = Pooled()
    return module, scene_of(module, torch.randn(1, 3, 20, 24))


RELU, SMOOTH = gv.Site("relu"), gv.Site("smooth")


def test_before_global_average_pooling_the_gradient_is_constant_in_space(pooled: tuple[Pooled, Scene]) -> None:
    module, scene = pooled
    slope = oracle_at(scene, RELU, gv.ClassScore(1))(scene.trace.value(RELU).detach())
    places = slope[0, 0].numel()
    assert slope.shape == (1, 5, 7, 9)
    assert torch.allclose(slope, (module.head.weight[1] / places).detach()[None, :, None, None].expand_as(slope))
    early = oracle_at(scene, SMOOTH, gv.ClassScore(1))(scene.trace.value(SMOOTH).detach())
    assert (early.std((2, 3)) > 1e-5).all(), "and not earlier"


def test_there_grad_cam_is_the_class_activation_map_and_others_are_too(pooled: tuple[Pooled, Scene]) -> None:
    module, scene = pooled
    value, weights = scene.trace.value(RELU).detach(), module.head.weight[1].detach()
    cam = (weights[None, :, None, None] * value).sum(1, keepdim=True)
    places = cam.numel()
    for method in ("grad_cam", "hires_cam", "xgrad_cam"):
        one = mapped(scene, RELU, method, KEPT)
        assert relative_error(places * one, cam) < 1e-5, method
        logit = scene.select(gv.ClassScore(1))[1].item()
        assert one.sum().item() == pytest.approx(logit - module.head.bias[1].item(), rel=1e-5), "what adds to the logit"
    assert relative_error(mapped(scene, RELU, "grad_cam"), cam.clamp(min=0) / places) < 1e-5
    assert relative_error(mapped(scene, SMOOTH, "grad_cam", KEPT), mapped(scene, SMOOTH, "hires_cam", KEPT)) > 0.05


def test_sums_of_two_maps_are_equal_and_positive_gradients_make_them_one(pooled: tuple[Pooled, Scene]) -> None:
    _, scene = pooled
    hires, xgrad = (mapped(scene, SMOOTH, name, KEPT) for name in ("hires_cam", "xgrad_cam"))
    assert xgrad.sum().item() == pytest.approx(hires.sum().item(), rel=1e-4)
    assert relative_error(hires, xgrad) > 0.05
    product = mapped(scene, SMOOTH, "gradient_x_input")
    assert torch.allclose(hires, product.sum(1, keepdim=True), atol=1e-7)
    value, slope = torch.randn(2, 1, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    one, other = (found(name, value, slope.abs(), options=KEPT) for name in ("layer_cam", "hires_cam"))
    assert torch.equal(one, other)


def test_finer_cam_is_grad_cam_of_a_difference_and_without_strength_grad_cam(pooled: tuple[Pooled, Scene]) -> None:
    _, scene = pooled
    logits = scene.trace.value(gv.OUTPUT)[0].tolist()
    near = sorted((i for i in range(4) if i != 1), key=lambda i: abs(logits[i] - logits[1]))
    apart = [mapped(scene, SMOOTH, "grad_cam", KEPT, gv.ClassDifference(1, i)) for i in near]
    nearest = mapped(scene, SMOOTH, "finer_cam", (*KEPT, ("strength", 1.0), ("classes", 1.0)))
    assert relative_error(nearest, apart[0]) < 1e-5
    several = mapped(scene, SMOOTH, "finer_cam", (*KEPT, ("strength", 1.0), ("classes", 2.0)))
    assert relative_error(several, (apart[0] + apart[1]) / 2) < 1e-5
    every = mapped(scene, SMOOTH, "finer_cam", (*KEPT, ("strength", 1.0), ("classes", 10.0)))
    assert relative_error(every, sum(apart, torch.zeros(())) / 3) < 1e-5
    plain = mapped(scene, SMOOTH, "finer_cam", (("strength", 0.0),))
    assert relative_error(plain, mapped(scene, SMOOTH, "grad_cam")) < 1e-6
    with pytest.raises(QuestionError, match=r"the score is the probability of class 1\. Choose the logit of one"):
        mapped(scene, SMOOTH, "finer_cam", (), gv.ClassScore(1, "probability"))


def test_activation_is_the_value_and_no_map_of_the_input() -> None:
    question = gv.GradientQuestion(model="preset/shapes-cnn", image="sample/star", method="activation")
    with pytest.raises(QuestionError, match=r"activation is a map of a layer output\. Name one in wrt, not the input"):
        gv.answer(question)
