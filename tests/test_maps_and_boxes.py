"""Scores over a region of a map and at the boxes of a detector, held against plain autograd; exported programs too."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor, nn

from gradviz_core.errors import BadTarget
from gradviz_core.tracing import trace
from gradviz_core.types import INPUT, BoxScore, ClassScore, RegionScore, Target
from gradviz_core.types.heads import Head, Position, PredictedMask, Rectangle, WholeMap
from gradviz_core.uploads import exported
from tests.dense_nets import IMAGE, Detector, Segmentation, slope
from tests.exported.files import exported_bytes

Score = Callable[[Tensor], Tensor]
MANY, ONE = Head(reading="softmax_logits"), Head(reading="sigmoid_logits")


class Lowered(nn.Module):
    """Takes so much off class 2 that it is predicted nowhere."""

    def forward(self, x: Tensor) -> Tensor:
        return x - 100 * torch.eye(4)[2][:, None, None]


@cache
def net(kind: str, as_file: bool) -> nn.Module:
    made: dict[str, Callable[[], nn.Module]] = {
        "four classes": lambda: Segmentation(4),
        "lowered": lambda: Segmentation(4, Lowered()),
        "one label": lambda: Segmentation(1),
        "softmax": lambda: Segmentation(4, nn.Softmax(1)),
        "sigmoid": lambda: Segmentation(3, nn.Sigmoid()),
        "boxes last": lambda: Detector(3, last=True, squashed=False),
        "boxes first": lambda: Detector(3, last=False, squashed=False),
        "squashed": lambda: Detector(3, last=True, squashed=True),
        "squashed, first": lambda: Detector(3, last=False, squashed=True),
        "one class of boxes": lambda: Detector(1, last=True, squashed=False, skip=5),
    }
    module = made[kind]().eval().requires_grad_(False)
    return exported.read(exported_bytes(module, IMAGE)).module if as_file else module


def most(maps: Tensor, where: tuple[slice, slice] = (slice(None), slice(None))) -> int:
    return int(maps[0].argmax(0)[where].flatten().mode().values)


REGIONS: list[tuple[str, RegionScore, Score]] = [
    ("four classes", RegionScore(2, Position(3, 7)), lambda m: m[0, 2, 3, 7]),
    ("four classes", RegionScore(1), lambda m: m[0, 1].mean()),
    ("four classes", RegionScore(1, reduce="sum"), lambda m: m[0, 1].sum()),
    ("four classes", RegionScore(0, Rectangle((2, 5), (1, 1))), lambda m: m[0, 0, 2:6, 1].mean()),
    ("four classes", RegionScore(0, Rectangle((0, 7), (0, 9)), "sum"), lambda m: m[0, 0].sum()),
    (
        "four classes",
        RegionScore(None, Rectangle((0, 3), (2, 8))),
        lambda m: m[0, most(m, (slice(0, 4), slice(2, 9))), 0:4, 2:9].mean(),
    ),
    ("four classes", RegionScore(None, PredictedMask()), lambda m: m[0, most(m)][m[0].argmax(0) == most(m)].mean()),
    (
        "four classes",
        RegionScore(0, PredictedMask(), "sum", "probability"),
        lambda m: m.softmax(1)[0, 0][m[0].argmax(0) == 0].sum(),
    ),
    ("four classes", RegionScore(2, scale="log_probability"), lambda m: m.log_softmax(1)[0, 2].mean()),
    ("four classes", RegionScore(2, Position(0, 9), scale="probability", head=ONE), lambda m: m.sigmoid()[0, 2, 0, 9]),
    ("one label", RegionScore(None, Rectangle((1, 4), (3, 6))), lambda m: m[0, 0, 1:5, 3:7].mean()),
    ("one label", RegionScore(0, PredictedMask()), lambda m: m[0, 0][m[0, 0] > 0].mean()),
    ("one label", RegionScore(0, scale="probability"), lambda m: m.sigmoid().mean()),
    ("softmax", RegionScore(1, Position(6, 2), scale="log_probability"), lambda m: m[0, 1, 6, 2].log()),
    ("softmax", RegionScore(1, scale="probability"), lambda m: m[0, 1].mean()),
    ("sigmoid", RegionScore(2, WholeMap(), "sum", "probability"), lambda m: m[0, 2].sum()),
]
BOXES: list[tuple[str, BoxScore, Score]] = [
    ("boxes last", BoxScore(1, 5), lambda b: b[0, 5, 5]),
    ("boxes last", BoxScore(2), lambda b: b[0, 6].mean()),
    ("boxes last", BoxScore(0, reduce="sum", scale="probability"), lambda b: b[0, 4].sigmoid().sum()),
    ("boxes last", BoxScore(None, 11), lambda b: b[0, 4:, 11].max()),
    (
        "boxes last",
        BoxScore(None, scale="log_probability", reduce="sum"),
        lambda b: nn.functional.logsigmoid(b[0, 4 + int(b[0, 4:].amax(1).argmax())]).sum(),
    ),
    ("boxes last", BoxScore(1, 3, scale="probability", head=MANY), lambda b: b[0, 4:, 3].softmax(0)[1]),
    ("boxes last", BoxScore(0, 2, skip=6), lambda b: b[0, 6, 2]),
    ("boxes last", BoxScore(0, 6, boxes_last=False, skip=20), lambda b: b[0, 6, 20]),
    ("boxes first", BoxScore(1, 5), lambda b: b[0, 5, 5]),
    ("boxes first", BoxScore(2, 4), lambda b: b[0, 4, 6]),
    ("boxes first", BoxScore(2, reduce="sum"), lambda b: b[0, :, 6].sum()),
    ("squashed", BoxScore(2, 9, scale="probability"), lambda b: b[0, 6, 9]),
    ("squashed", BoxScore(2, 9, scale="log_probability"), lambda b: b[0, 6, 9].log()),
    ("squashed, first", BoxScore(2, 9, scale="probability"), lambda b: b[0, 9, 6]),
    ("one class of boxes", BoxScore(None, 7, skip=5, scale="probability"), lambda b: b[0, 5, 7].sigmoid()),
]


@pytest.mark.parametrize("as_file", [False, True], ids=["module", "pt2"])
@pytest.mark.parametrize(("kind", "target", "score"), [*REGIONS, *BOXES])
def test_a_score_is_what_plain_autograd_gives(
    kind: str, target: RegionScore | BoxScore, score: Score, as_file: bool
) -> None:
    found = trace.gradients(net(kind, as_file), IMAGE, target=target)
    true, true_slope = slope(net(kind, False), score)
    assert found.score == pytest.approx(true, rel=1e-5)
    assert true_slope.abs().max() > 0
    torch.testing.assert_close(found.gradients[INPUT], true_slope, rtol=1e-4, atol=1e-6)
    assert isinstance(found.target, RegionScore | BoxScore)
    assert found.target.index is not None
    assert found.target.head.item == ""
    again = trace.gradients(net(kind, as_file), IMAGE, target=found.target)
    assert torch.equal(again.gradients[INPUT], found.gradients[INPUT])


def test_the_masks_above_are_parts_of_the_map() -> None:
    counts = net("four classes", False)(IMAGE)[0].argmax(0).flatten().bincount(minlength=4)
    assert counts.tolist() == [18, 19, 9, 34]
    assert 5 < int((net("one label", False)(IMAGE) > 0).sum()) < 60


class AsItIs(nn.Module):
    """Returns what it is given."""

    def forward(self, x: Tensor) -> Tensor:
        return x


def test_a_probability_of_just_a_half_predicts_no_label() -> None:
    x = torch.zeros(1, 1, 2, 3)
    x[0, 0, 0, :2] = torch.tensor([0.5, -0.5])
    found = trace.gradients(AsItIs(), x, target=RegionScore(0, PredictedMask(), "sum", head=ONE))
    assert found.gradients[INPUT][0, 0].tolist() == [[1, 0, 0], [0, 0, 0]]


def test_the_predicted_class_of_a_region_is_that_of_its_own_positions() -> None:
    x = torch.zeros(1, 3, 4, 4)
    x[0, 1] = 1
    x[0, 2, 0, :2] = 2
    target = trace.gradients(AsItIs(), x, target=RegionScore(None, Rectangle((0, 0), (0, 2)), head=MANY)).target
    assert isinstance(target, RegionScore)
    assert target.index == 2
    whole = trace.gradients(AsItIs(), x, target=RegionScore(None, head=MANY)).target
    assert isinstance(whole, RegionScore)
    assert whole.index == 1


def test_the_predicted_class_of_all_boxes_is_that_of_the_strongest_box() -> None:
    """And not the one whose numbers add up to the most."""
    x = torch.zeros(1, 6, 9)
    x[0, 4], x[0, 5, 7] = 0.5, 0.75
    target = trace.gradients(AsItIs(), x, target=BoxScore(None, boxes_last=True)).target
    assert isinstance(target, BoxScore)
    assert target.index == 1


def test_what_the_numbers_of_maps_and_boxes_are_is_told() -> None:
    read = {
        kind: trace.gradients(net(kind, True), IMAGE, target=target).target.head.reading  # type: ignore[union-attr]
        for kind, target in (
            ("four classes", RegionScore()),
            ("one label", RegionScore()),
            ("softmax", RegionScore()),
            ("sigmoid", RegionScore()),
            ("boxes last", BoxScore()),
            ("squashed", BoxScore()),
            ("squashed, first", BoxScore()),
        )
    }
    assert list(read.values()) == [
        *("softmax_logits", "numbers", "probabilities", "probabilities"),
        *("sigmoid_logits", "probabilities", "probabilities"),
    ]


@pytest.mark.parametrize(
    ("kind", "target", "sentence"),
    [
        ("four classes", RegionScore(4), "Class 4 does not exist: the map has classes 0 to 3"),
        ("four classes", RegionScore(0, Position(8, 0)), "Row 8 does not exist: the map has rows 0 to 7"),
        ("four classes", RegionScore(0, Position(0, -1)), "Column -1 does not exist: the map has columns 0 to 9"),
        ("four classes", RegionScore(0, Rectangle((2, 3), (4, 10))), "Column 10 does not exist"),
        ("four classes", RegionScore(0, Rectangle((5, 3), (0, 1))), "Rows 5 to 3 are empty: the first is after"),
        ("four classes", RegionScore(0, head=Head("out")), "no real numbers under 'out'; there are ''"),
        ("four classes", BoxScore(), r"no \(1, numbers, boxes\)"),
        ("four classes", ClassScore(), r"gv\.RegionScore.* Neurons page"),
        ("boxes last", ClassScore(), r"one of them \(gv\.BoxScore\).*gv\.Combination"),
        (
            "lowered",
            RegionScore(2, PredictedMask()),
            "mask is empty: class 2 has the largest score at no position",
        ),
        ("one label", RegionScore(0, PredictedMask(), head=Head(reading="numbers")), "plain numbers, which predict no"),
        ("one label", RegionScore(0, scale="probability", head=MANY), "softmax over one class"),
        ("one label", RegionScore(0, scale="probability", head=Head(reading="numbers")), "have no probability"),
        ("boxes last", BoxScore(3), "Class 3 does not exist: each box has classes 0 to 2"),
        ("boxes last", BoxScore(0, 26), "Box 26 does not exist: there are boxes 0 to 25"),
        ("boxes last", BoxScore(0, 0, skip=7), "7 numbers, and 7 of them are skipped before the class scores"),
        ("boxes last", RegionScore(), r"no \(1, classes, height, width\)"),
    ],
)
def test_what_is_not_there_is_refused(kind: str, target: Target, sentence: str) -> None:
    with pytest.raises(BadTarget, match=sentence):
        trace.gradients(net(kind, False), IMAGE, target=target)


def test_of_several_tables_the_one_with_classes_holds_the_boxes() -> None:
    class Apart(nn.Module):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            flat = x.flatten()
            return {"places": flat[:40].reshape(1, 10, 4), "both": flat[:60].reshape(1, 10, 6)}

    found = trace.gradients(Apart(), IMAGE, target=BoxScore(1, 2))
    assert found.gradients[INPUT].flatten().nonzero().item() == 2 * 6 + 5


def test_boxes_whose_only_class_is_a_softmax_of_one_are_refused() -> None:
    class Sure(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            table = x.flatten()[:60].reshape(1, 5, 12)
            return torch.cat([table[:, :4], table[:, 4:].softmax(1)], 1)

    with pytest.raises(BadTarget, match="same for every image"):
        trace.gradients(Sure(), IMAGE, target=BoxScore(0, 1))


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        (RegionScore(1), False),
        (RegionScore(1, Rectangle((0, 7), (0, 9)), "sum"), False),
        (RegionScore(1, Rectangle((0, 7), (0, 8))), True),
        (RegionScore(1, Position(2, 3)), True),
        (RegionScore(1, scale="probability", head=Head(reading="probabilities")), False),
        (RegionScore(1, scale="log_probability", head=Head(reading="probabilities")), True),
        (RegionScore(1, scale="probability", head=Head(reading="softmax_logits")), True),
    ],
)
def test_a_softmax_over_the_places_has_no_score_over_all_of_them(target: Target, shown: bool) -> None:
    """All numbers of a class together are 1 whatever the image is; a part of them is not."""
    net = Segmentation(4, nn.Sequential(nn.Flatten(2), nn.Softmax(2), nn.Unflatten(2, (8, 10)))).eval()
    if shown:
        assert trace.gradients(net, IMAGE, target=target).gradients[INPUT].abs().max() > 1e-6
    else:
        with pytest.raises(BadTarget, match="softmax over its positions"):
            trace.gradients(net, IMAGE, target=target)


def test_a_softmax_over_the_boxes_has_no_score_over_all_of_them() -> None:
    class Shares(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.flatten()[:72].reshape(1, 6, 12).softmax(2)

    for target in (BoxScore(0), BoxScore(0, reduce="sum")):
        with pytest.raises(BadTarget, match="softmax over its positions"):
            trace.gradients(Shares(), IMAGE, target=target)
    assert trace.gradients(Shares(), IMAGE, target=BoxScore(0, 3)).gradients[INPUT].abs().max() > 0


def test_a_square_table_does_not_tell_its_boxes() -> None:
    class Square(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.reshape(1, 240)[:, :36].reshape(1, 6, 6)

    with pytest.raises(BadTarget, match="two equally long axes"):
        trace.gradients(Square(), IMAGE, target=BoxScore(0, 1))
    for last, place in ((True, 25), (False, 10)):
        found = trace.gradients(Square(), IMAGE, target=BoxScore(0, 1, boxes_last=last))
        assert found.gradients[INPUT].flatten().nonzero().item() == place
