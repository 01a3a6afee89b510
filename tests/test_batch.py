"""Several images at once: each gets what it gets alone, or the question is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import Tensor, nn

from gradviz_core.answers.load import load
from gradviz_core.errors import BadTarget, QuestionError
from gradviz_core.tracing import trace
from gradviz_core.types import (
    INPUT,
    OUTPUT,
    ChannelMean,
    ClassDifference,
    ClassScore,
    Combination,
    Head,
    Site,
    SiteSum,
    Target,
    Term,
    Unit,
)
from gradviz_core.types.calls import Call
from tests import zoo
from tests.reference import relative_error


def _resnet() -> nn.Module:
    torch.manual_seed(0)
    module: nn.Module = torchvision.models.resnet18(num_classes=10)
    return module.eval()


def _images(many: int, size: int) -> Tensor:
    return torch.randn(many, 3, size, size, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(
    ("build", "site", "size"),
    [
        (_resnet, Site("layer2.0.relu", 1), 64),
        (lambda: load("preset/shapes-cnn").module, Site("stem.0"), 96),
        (lambda: load("preset/shapes-vit").module, Site("norm"), 96),
    ],
)
def test_each_image_gets_what_it_gets_alone(build: Callable[[], nn.Module], site: Site, size: int) -> None:
    module, x = build(), _images(3, size)
    first = next(info.site for info in trace.survey(module, x[:1]) if info.kind in ("Conv2d", "LayerNorm"))
    targets: list[Target] = [ClassScore(2), ClassDifference(None, 1), ClassScore(None, "probability")]
    found = trace.gradients(module, x, target=targets, wrt=[INPUT, first])
    assert isinstance(found.score, tuple)
    assert isinstance(found.target, tuple)
    for i, target in enumerate(targets):
        one = trace.gradients(module, x[i : i + 1], target=target, wrt=[INPUT, first])
        assert found.score[i] == pytest.approx(one.score, rel=1e-5)
        assert found.target[i] == one.target
        for at in (INPUT, first):
            assert relative_error(found.gradients[at][i : i + 1], one.gradients[at]) < 1e-6, (i, at)


@pytest.mark.parametrize(
    "target",
    [
        ClassScore(),
        Unit(OUTPUT, (2,)),
        Unit(Site("act"), (1, 2, 3)),
        ChannelMean(Site("act"), 4),
        SiteSum(Site("act")),
        Combination((Term((0, 1)), Term((0, 2), -2.0)), OUTPUT),
    ],
)
def test_one_target_stands_for_all(target: Target) -> None:
    """In float64, and with the kinds of target that are read from inside."""
    torch.manual_seed(0)
    module = zoo.WritesInput().double().eval()
    x = _images(30, 8).double()
    found = trace.gradients(module, x, target=target)
    assert isinstance(found.score, tuple)
    for i in (0, 1, 29):
        one = trace.gradients(module, x[i : i + 1], target=target)
        assert found.score[i] == pytest.approx(one.score, rel=1e-12)
        assert relative_error(found.gradients[INPUT][i : i + 1], one.gradients[INPUT]) < 1e-12


def test_one_image_keeps_a_plain_number() -> None:
    module, x = zoo.build("pools"), zoo.image()
    alone = trace.gradients(module, x, target=ClassScore(1))
    listed = trace.gradients(module, x, target=[ClassScore(1)])
    assert isinstance(alone.score, float)
    assert listed.score == alone.score
    assert listed.target == alone.target
    assert alone.target == ClassScore(1, head=Head("", reading="softmax_logits"))


def test_windows_that_lie_in_the_axis_of_images_keep_their_gradient() -> None:
    class Windows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.head = nn.Linear(12, 5), nn.Linear(5, 4)

        def forward(self, x: Tensor) -> Tensor:
            parts = x.flatten(1).view(-1, 12)
            return self.head(torch.tanh(self.inner(parts)).view(len(x), -1, 5).mean(1))  # type: ignore[no-any-return]

    module, x = Windows().double(), _images(2, 4).double()
    found = trace.gradients(module, x, target=[ClassScore(0), ClassScore(3)], wrt=[Site("inner")])
    alone = [trace.gradients(module, x[i : i + 1], target=ClassScore(3 * i), wrt=[Site("inner")]) for i in (0, 1)]
    expected = torch.cat([one.gradients[Site("inner")] for one in alone])
    assert expected.shape == (8, 5)
    assert torch.allclose(found.gradients[Site("inner")], expected, rtol=1e-12)
    with pytest.raises(BadTarget, match=r"The value of inner, \(8, 5\), has no axis for the 2 images"):
        trace.gradients(module, x, target=SiteSum(Site("inner")))


class Mixes(nn.Module):
    """Something of each image goes into the others."""

    def __init__(self, mix: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.mix, self.head = nn.Conv2d(3, 4, 3), mix, nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.mix(self.conv(x)).mean((2, 3))))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "mix",
    [
        lambda v: v - v.mean(0, keepdim=True),
        lambda v: v - 1e-3 * v.flip(0),
        lambda v: v.roll(1, 0),
        lambda v: torch.cat([v[:-1], v[-1:] + 0.01 * v[:1]]),
    ],
)
@pytest.mark.parametrize("many", [2, 3, 26, 49])
def test_images_that_change_one_anothers_scores_are_refused(mix: Callable[[Tensor], Tensor], many: int) -> None:
    with pytest.raises(QuestionError, match=r"The images of this batch change one another's scores.*one at a time"):
        trace.gradients(Mixes(mix).eval(), _images(many, 5), target=ClassScore(1))


def test_late_images_of_a_batch_in_half_precision_are_told_apart_too() -> None:
    """2^16 is infinite in float16, so images from the 17th on need weights that begin anew."""

    class Late(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            y = x.flatten(1)[:, :4]
            late = torch.zeros(len(y), 1, dtype=y.dtype)
            late[17:] = 1
            before = y.roll(1, 0)
            return y + late * (before - before.detach())

    with pytest.raises(QuestionError, match="The images of this batch change one another's scores"):
        trace.gradients(Late(), _images(20, 5).half(), target=ClassScore(1))
    found = trace.gradients(nn.Flatten(), _images(20, 5).half(), target=ClassScore(1)).gradients[INPUT]
    assert torch.equal(found.flatten(1)[:, :3], torch.tensor([[0.0, 1.0, 0.0]]).half().expand(20, 3))


def test_a_list_of_images_is_one_input_and_no_batch() -> None:
    class Sums(nn.Module):
        def forward(self, images: list[Tensor]) -> Tensor:
            return torch.stack([image.mean((1, 2)) for image in images], 1)

    found = trace.gradients(Sums(), Call([torch.ones(3, 4, 4)] * 2), target=SiteSum(Site("")))
    assert found.score == 6.0, "and not one score for each of three colours"


def test_batch_norm_in_training_mode_is_refused_and_in_evaluation_mode_not() -> None:
    module, x = zoo.build("in-place").float(), _images(4, 8)
    assert len(trace.gradients(module, x, target=ClassScore(1)).gradients[INPUT]) == 4
    with pytest.raises(QuestionError, match="batch norm in training mode"):
        trace.gradients(module.train(), x, target=ClassScore(1))


def test_values_that_mix_without_a_gradient_are_refused_too() -> None:
    with pytest.raises(QuestionError, match="The first image gives a different output alone than in the batch"):
        trace.gradients(Mixes(lambda v: v - v.mean(0).detach()).eval(), _images(3, 5), target=ClassScore(1))
    with pytest.raises(QuestionError, match="The second image gives a different output alone than in the batch"):
        trace.gradients(Mixes(lambda v: v - v[:1].detach()).eval(), _images(3, 5), target=ClassScore(1))


def test_the_place_of_an_image_among_the_others_must_not_count() -> None:
    def by_place(v: Tensor) -> Tensor:
        return v * torch.arange(1.0, len(v) + 1).view(-1, 1, 1, 1)

    with pytest.raises(QuestionError, match="The second image gives a different output alone than in the batch"):
        trace.gradients(Mixes(by_place).eval(), _images(3, 5), target=ClassScore(1))


@pytest.mark.parametrize("squeeze", [lambda y: y[:, 0], lambda y: y.squeeze(1), lambda y: y.squeeze()])
def test_one_number_for_each_image_without_an_axis_for_it(squeeze: Callable[[Tensor], Tensor]) -> None:
    """(N,) numbers of N images; one image alone may lose its axis, too."""

    class Squeezed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(75, 1)

        def forward(self, x: Tensor) -> Tensor:
            return squeeze(self.last(torch.tanh(x).flatten(1)))

    module, x = Squeezed().eval(), _images(3, 5)
    found = trace.gradients(module, x, target=ClassScore(), wrt=[INPUT, Site("last"), Site("")])
    expected = module.last.weight.view(1, 3, 5, 5) * (1 - torch.tanh(x) ** 2)
    assert relative_error(found.gradients[INPUT], expected) < 1e-6
    assert torch.equal(found.gradients[Site("last")], torch.ones(3, 1))
    assert torch.equal(found.gradients[Site("")], torch.ones(3))


def test_random_numbers_are_others_in_a_batch() -> None:
    with pytest.raises(QuestionError, match="draws random numbers, so an image in a batch gets different ones"):
        trace.gradients(zoo.build("vae").float(), _images(3, 8), target=ClassScore(1))


def test_as_many_targets_as_images() -> None:
    with pytest.raises(QuestionError, match="2 targets for 3 images: give one target for each image, or one for all"):
        trace.gradients(zoo.build("pools").float(), _images(3, 8), target=[ClassScore(1), ClassScore(2)])
    with pytest.raises(QuestionError, match="2 targets for 1 image"):
        trace.gradients(zoo.build("pools").float(), _images(1, 8), target=[ClassScore(1), ClassScore(2)])


def test_one_target_that_names_a_row_is_one_question_about_all_that_is_handed_in() -> None:
    """Of a sequence whose steps come first, no step is an image of its own; and of a batch a row can be meant."""
    torch.manual_seed(0)
    module, x = nn.LSTM(6, 5).double().eval(), torch.randn(4, 1, 6, dtype=torch.float64)
    target = Combination((Term((2, 0, 3)), Term((3, 0, 1), -0.5)), Site("", 0, "0"))
    found = trace.gradients(module, x, target=target)
    leaf = x.clone().requires_grad_()
    value = module(leaf)[0]
    score = value[2, 0, 3] - value[3, 0, 1] / 2
    assert found.score == pytest.approx(float(score.detach()), rel=1e-12)
    assert relative_error(found.gradients[INPUT], torch.autograd.grad(score, leaf)[0]) < 1e-12
    with pytest.raises(QuestionError, match=r"the steps of a sequence, name the row: Head\(row=1\)"):
        trace.gradients(module, x, target=SiteSum(Site("", 0, "0")))

    pools, images = zoo.build("pools").float(), _images(3, 8)
    second = trace.gradients(pools, images, target=ClassScore(1, head=Head(row=1)))
    alone = trace.gradients(pools, images[1:2], target=ClassScore(1))
    assert second.score == pytest.approx(alone.score, rel=1e-5)
    assert relative_error(second.gradients[INPUT][1:2], alone.gradients[INPUT]) < 1e-5
    assert not second.gradients[INPUT][[0, 2]].any()
