"""Receptive fields, against an observer that knows nothing of graphs: NaN spreads to whatever depends on it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.methods import receptive_field
from gradviz_core.tracing import trace
from gradviz_core.tracing.torch_private import saved
from gradviz_core.types import INPUT, Site, Unit
from tests import zoo

Edges = tuple[int, int, int, int]


def _field(module: nn.Module, x: Tensor, site: Site, index: tuple[int, ...]) -> Edges:
    seen = trace.forward(module, x)
    box = receptive_field.box_of(seen.value(site), (0, *index), seen.value(INPUT))
    assert box is not None
    return (*box[2], *box[3])


def _depends(module: nn.Module, x: Tensor, site: Site, index: tuple[int, ...], rows: slice, columns: slice) -> bool:
    """Whether the unit turns into NaN when a part of the input does."""
    poisoned = x.clone()
    poisoned[:, :, rows, columns] = torch.nan
    value = trace.forward(module, poisoned, keep={site}, until={site}).value(site)
    return bool(value[0][index].isnan())


def _is_observed(module: nn.Module, x: Tensor, site: Site, index: tuple[int, ...], edges: Edges) -> bool:
    """The unit notices the loss of the first and of the last row and column of its field, and of none beyond them."""
    everything = slice(None)
    top, bottom, left, right = edges
    noticed = [
        _depends(module, x, site, index, rows, columns)
        for rows, columns in (
            (slice(top, top + 1), everything),
            (slice(bottom, bottom + 1), everything),
            (everything, slice(left, left + 1)),
            (everything, slice(right, right + 1)),
            (slice(0, top), everything),
            (slice(bottom + 1, None), everything),
            (everything, slice(0, left)),
            (everything, slice(right + 1, None)),
        )
    ]
    return noticed == [True] * 4 + [False] * 4


def test_one_chain_by_hand() -> None:
    """Three 3x3 convolutions of stride 2, 1, 2: jumps 1, 2, 2, so 1 + 2*(1 + 2 + 2) = 11 pixels."""
    module = nn.Sequential(nn.Conv2d(1, 1, 3, 2, 1), nn.Conv2d(1, 1, 3, 1, 1), nn.Conv2d(1, 1, 3, 2, 1))
    top, bottom, left, right = _field(module, torch.zeros(1, 1, 40, 40), Site("2"), (0, 5, 4))
    assert (bottom - top + 1, right - left + 1) == (11, 11)
    assert (top + bottom, left + right) == (2 * 20, 2 * 16)


@pytest.mark.parametrize("unit", [(0, 0, 0), (0, 2, 1), (1, 3, 3)], ids=str)
@pytest.mark.parametrize(
    ("name", "sites"),
    [
        ("in-place", ["conv1", "relu", "relu:1", "bn2"]),
        ("writes-input", ["conv", "act"]),
        ("attention", ["patches"]),
        ("train-mode-norm", ["conv"]),
    ],
)
def test_exactly_what_is_observed(name: str, sites: list[str], unit: tuple[int, int, int]) -> None:
    module, x = zoo.build(name), zoo.image()
    for text in sites:
        site = Site.parse(text)
        index = unit if name != "attention" else (unit[0], unit[1] // 2, unit[2] // 2)
        assert _is_observed(module, x, site, index, _field(module, x, site, index)), text


@pytest.mark.parametrize("place", [(0, 0), (1, 1)], ids=str)
@pytest.mark.parametrize("site", ["conv", "depthwise", "silu", "maxpool"])
def test_dilation_groups_and_pools(site: str, place: tuple[int, int]) -> None:
    """A dilated convolution leaves gaps inside the box; its edges are still the edges."""
    module, x = zoo.build("pools"), zoo.image()
    assert _is_observed(module, x, Site(site), (1, *place), _field(module, x, Site(site), (1, *place)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "sites"),
    [
        ("resnet18", ["layer1.0.relu:1", "layer2.0.downsample.0", "layer2.1.relu:1"]),
        ("mobilenet_v2", ["features.3", "features.6.conv.2"]),
        ("densenet121", ["features.denseblock1.denselayer3"]),
        ("googlenet", ["inception3a.branch3.1.conv", "inception3b.branch4.1.conv"]),
    ],
)
def test_branches_of_known_architectures(name: str, sites: list[str]) -> None:
    torch.manual_seed(0)
    options = {"init_weights": False} if name == "googlenet" else {}
    module = torchvision.models.get_model(name, weights=None, **options).eval()
    x = torch.rand(1, 3, 64, 64)
    for text in sites:
        site = Site.parse(text)
        size = trace.forward(module, x, keep={site}).value(site).shape[-1]
        for index in [(0, 0, 0), (1, size // 2, size - 1)]:
            assert _is_observed(module, x, site, index, _field(module, x, site, index)), (text, index)


@pytest.mark.parametrize(("text", "index"), [("attention[0]", (1, 3)), ("mlp.2", (1, 3)), ("head", (1,))])
def test_attention_reads_the_whole_image(text: str, index: tuple[int, ...]) -> None:
    module, x = zoo.build("attention"), zoo.image()
    assert _field(module, x, Site.parse(text), index) == (0, 7, 0, 7)
    assert _is_observed(module, x, Site.parse(text), index, (0, 7, 0, 7))


def test_a_layer_norm_after_patches_reads_its_patch() -> None:
    module, x = zoo.build("attention"), zoo.image()
    assert _field(module, x, Site("norm"), (2, 0)) == (4, 7, 0, 3)
    assert _is_observed(module, x, Site("norm"), (2, 0), (4, 7, 0, 3))


def test_no_path_no_field() -> None:
    seen = trace.forward(zoo.build("detached"), zoo.image())
    assert receptive_field.box_of(seen.value(Site("after")), (0, 0, 1, 1), seen.value(INPUT)) is None


def test_outside_the_field_the_gradient_is_zero() -> None:
    module, x = zoo.build("in-place"), zoo.image()
    seen = trace.forward(module, x)
    value = seen.value(Site("conv1"))
    slope = trace.differentiate(seen, value[0, 2, 0, 0], [INPUT])[INPUT]
    top, bottom, left, right = _field(module, x, Site("conv1"), (2, 0, 0))
    assert slope is not None
    inside = torch.zeros(8, 8, dtype=torch.bool)
    inside[top : bottom + 1, left : right + 1] = True
    assert slope[0, :, ~inside].abs().max() == 0
    assert slope[0, :, inside].abs().min() > 0


# ---------------------------------------------------------------------------- operations with a rule, and without one


class Relu(torch.autograd.Function):
    """Named like an elementwise operation, but it turns the image upside down."""

    @staticmethod
    def forward(_ctx: Any, x: Tensor) -> Tensor:
        return x.flip(2)

    @staticmethod
    def backward(_ctx: Any, slope: Tensor) -> Tensor:
        return slope.flip(2)


OPERATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "slice": lambda x: x[:, :, 2:7:2, 1:],
    "slice from the end": lambda x: x[:, :, -5:, :-2],
    "chunk and shuffle": lambda x: torch.cat([x[:, :2].chunk(2, 1)[1], x.chunk(3, 1)[2]], 1),
    "split rows": lambda x: torch.split(x, 3, dim=2)[1],
    "constant pad": lambda x: F.pad(x, (1, 0, 2, 3)),
    "crop by negative pad": lambda x: F.pad(x, (-1, -2, -2, 0)),
    "circular pad": lambda x: F.pad(x, (1, 1, 1, 1), mode="circular"),
    "reflect pad": lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"),
    "flip": lambda x: x.flip(2),
    "roll": lambda x: x.roll(2, dims=2),
    "upsample": lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
    "nearest": lambda x: F.interpolate(x, scale_factor=2),
    "nearest, to an odd size": lambda x: F.interpolate(x, size=(11, 5)),
    "upsample to the corners": lambda x: F.interpolate(x, size=(13, 12), mode="bilinear", align_corners=True),
    "bicubic": lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"),
    "adaptive max pool": lambda x: F.adaptive_max_pool2d(x[:, :, :7, :7], 3),
    "pixel shuffle": lambda x: F.pixel_shuffle(x.repeat(1, 4, 1, 1), 2),
    "unfold": lambda x: F.unfold(x, 3).view(1, 3, 9, 36),
    "group norm": lambda x: F.group_norm(x, 1),
    "instance norm": lambda x: F.instance_norm(x),
    "batch norm by its own statistics": lambda x: F.batch_norm(x, None, None, training=True),
    "batch norm with weights from the image": lambda x: F.batch_norm(
        x, torch.zeros(3).double(), torch.ones(3).double(), weight=x[0, :, 0, 0]
    ),
    "square average pool": lambda x: F.avg_pool2d(x, [2], [1]),
    "square max pool": lambda x: F.max_pool2d(x, [3], [2], [1]),
    "average pool beyond the edge": lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True),
    "transposed with room": lambda x: F.conv_transpose2d(
        x, torch.ones(3, 2, 2, 2).double(), stride=3, output_padding=2
    ),
    "transposed convolution with gaps": lambda x: F.conv_transpose2d(
        x, torch.ones(3, 2, 2, 3).double(), stride=(1, 2), dilation=(3, 1)
    ),
    "side by side": lambda x: torch.cat([x[:, :, :3], x[:, :, 4:]], 2),
    "a matrix times rows": lambda x: torch.ones(8, 8).double() @ x[0, 0].unsqueeze(0).unsqueeze(0),
    "einsum over rows": lambda x: torch.einsum("nchw,hk->nckw", x, torch.ones(8, 8).double()),
    "index": lambda x: x[:, :, [5, 1, 1]],
    "cumulative": lambda x: x.cumsum(2),
    "softmax over channels": lambda x: x.softmax(1),
    "softmax over columns": lambda x: x.softmax(3),
    "mean of rows": lambda x: x.mean(2, keepdim=True),
    "a function of the author's": Relu.apply,
}


def _dependence(operation: Callable[[Tensor], Tensor]) -> dict[tuple[int, int], Tensor]:
    """For each axis of places and each line along it, which units turn into NaN when that line does."""
    lines = {(axis, line): torch.tensor([line]) for axis in (2, 3) for line in range(8)}
    return {at: operation(zoo.image().index_fill(at[0], line, torch.nan)).isnan()[0] for at, line in lines.items()}


def _lines_and_box(
    name: str, value: Tensor, leaf: Tensor, dependence: dict[tuple[int, int], Tensor], index: tuple[int, ...]
) -> list[tuple[set[int], set[int]]]:
    """For rows and for columns: the lines that the unit depends on, and those of its box."""
    box = receptive_field.box_of(value, (0, *index), leaf)
    assert box is not None
    assert all(0 <= first <= last < n for (first, last), n in zip(box, leaf.shape, strict=True)), (name, index, box)
    return [
        ({line for line in range(8) if dependence[axis, line][index]}, set(range(box[axis][0], box[axis][1] + 1)))
        for axis in (2, 3)
    ]


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_never_too_small(name: str) -> None:
    """NaN in any one row or column outside the box changes nothing at the unit."""
    leaf = zoo.image().requires_grad_()
    value, dependence = OPERATIONS[name](leaf), _dependence(OPERATIONS[name])
    for index in itertools.product(*map(_ends_and_middle, value.shape[1:])):
        for seen, box in _lines_and_box(name, value, leaf, dependence, index):
            assert seen <= box, (index, seen, box)


def _ends_and_middle(size: int) -> list[int]:
    return sorted({0, 1 % size, size // 2, size - 1})


EXACT: dict[str, Callable[[Tensor], Tensor]] = {
    "average pool": lambda x: F.avg_pool2d(x, 2),
    "average pool of one size and another": lambda x: F.avg_pool2d(x, (3, 2), (2, 1), (1, 0)),
    "max pool with gaps": lambda x: F.max_pool2d(x, 2, 1, dilation=3),
    "adaptive pool, 7 to 3": lambda x: F.adaptive_avg_pool2d(x[:, :, :7, :7], 3),
    "adaptive pool, 8 to 5 and 3": lambda x: F.adaptive_avg_pool2d(x, (5, 3)),
    "transposed convolution": lambda x: F.conv_transpose2d(x, torch.ones(3, 2, 3, 3).double(), stride=2, padding=1),
    "every third row": lambda x: x[:, :, 1::3],
    "rows and columns changed": lambda x: x.transpose(2, 3),
    "one row": lambda x: x.select(2, -2)[:, :, None],
    "rows in pairs": lambda x: x.reshape(1, 3, 4, 2, 8)[:, :, :, 0],
    "places in a row": lambda x: x.reshape(1, 3, 64)[:, :, 5:40].unsqueeze(3),
    "places in a column, and back": lambda x: x.reshape(1, 3, 64, 1).reshape(1, 3, 64).reshape(1, 3, 4, 16),
    "a matrix on its side": lambda x: x[0, 0].t()[None, None],
    "axes moved": lambda x: x.movedim(2, 3),
    "one row, often": lambda x: x[:, :, :1].expand(-1, -1, 4, -1),
    "an image of zeros before": lambda x: F.pad(x, (0, 0, 0, 0, 0, 0, 1, 0))[1:],
    **{
        name: OPERATIONS[name]
        for name in (
            *("slice", "slice from the end", "chunk and shuffle", "split rows", "crop by negative pad"),
            *("group norm", "instance norm", "batch norm by its own statistics", "square average pool"),
            *("square max pool", "average pool beyond the edge", "a matrix times rows", "einsum over rows"),
            *("softmax over channels", "softmax over columns"),
        )
    },
}
"""Operations for which the box is the smallest one."""


def test_pieces_side_by_side_reach_to_the_nearest_row_of_the_others() -> None:
    leaf = zoo.image().requires_grad_()
    value = torch.cat([leaf[:, :, :3], leaf[:, :, 3:5], leaf[:, :, 5:]], 2)
    for row, rows in enumerate([(0, 5), (1, 5), (2, 5), (2, 5), (2, 5), (2, 5), (2, 6), (2, 7)]):
        box = receptive_field.box_of(value, (0, 1, row, 4), leaf)
        assert box is not None
        assert box[2:] == (rows, (4, 4))


@pytest.mark.parametrize("name", sorted(EXACT))
def test_as_small_as_can_be(name: str) -> None:
    """The first and the last row and column of the box, and none outside it, turn the unit into NaN."""
    leaf = zoo.image().requires_grad_()
    value, dependence = EXACT[name](leaf), _dependence(EXACT[name])
    for index in itertools.product([0], *map(range, value.shape[2:])):
        for seen, box in _lines_and_box(name, value, leaf, dependence, index):
            assert seen <= box, (index, seen, box)
            assert (min(seen), max(seen)) == (min(box), max(box)), (index, seen, box)


def test_a_shuffle_net_unit_sees_less_than_the_image() -> None:
    torch.manual_seed(0)
    module = torchvision.models.shufflenet_v2_x0_5(weights=None).eval()
    x = torch.rand(1, 3, 96, 96)
    site = Site("stage2.1")
    edges = _field(module, x, site, (1, 5, 5))
    assert edges != (0, 95, 0, 95)
    assert _is_observed(module, x, site, (1, 5, 5), edges)


# -------------------------------------------------------------------------------------------- names that PyTorch keeps


class EveryRule(nn.Module):
    """Every operation that something is read of."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.back = nn.Conv2d(3, 4, 3, padding=1), nn.ConvTranspose2d(4, 4, 2, stride=2)
        self.norm, self.last = nn.BatchNorm2d(4), nn.LayerNorm(4)
        self.most, self.mean, self.few = nn.MaxPool2d(2), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(4)
        self.end = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = self.few(self.mean(self.back(self.most(self.norm(self.conv(x))))))
        x = torch.cat(torch.split(x, 2, dim=1), dim=2).unsqueeze(1).select(1, 0)  # (1, 2, 8, 4)
        x = torch.constant_pad_nd(x, (0, 1))[..., :4].transpose(1, 3).permute(0, 2, 1, 3)  # (1, 8, 4, 2)
        return self.end(self.last(x.reshape(1, 16, 4)).softmax(2))  # type: ignore[no-any-return]


KEPT = set(re.findall(r'saved\.kept\(node, "(\w+)"\)', Path(receptive_field.__file__).read_text()))
NAMES = ["_input_metadata", *sorted(f"_saved_{name}" for name in KEPT)]


def test_every_name_that_pytorch_keeps_for_itself_is_read_in_one_place() -> None:
    source = Path(receptive_field.__file__).read_text()
    assert len(NAMES) == 19
    assert not re.search(r"_saved_\w+|_input_metadata", source)
    assert "getattr(" not in source
    assert source.count("saved.kept(") == len(re.findall(r'saved\.kept\(node, "', source))


@pytest.mark.parametrize("name", NAMES)
def test_a_private_name_that_vanishes_costs_the_box_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, x = EveryRule().eval(), torch.rand(1, 3, 16, 16)
    kept = trace.forward(module, x)
    value, leaf = kept.value(Site("end")), kept.value(INPUT)
    assert receptive_field.box_of(value, (0, 3, 1), leaf) is not None

    def without(node: object, asked: str, *default: object) -> object:
        if asked == name:
            raise AttributeError(f"{node!r} has no attribute {name!r}")
        return getattr(node, asked, *default)

    monkeypatch.setattr(saved, "getattr", without, raising=False)
    assert receptive_field.box_of(value, (0, 3, 1), leaf) is None


def test_an_answer_without_its_box_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    unit = Unit(Site("features.0"), (1, 2, 3))
    question = gv.GradientQuestion(model="preset/shapes-cnn", image="sample/star", target=unit)
    true = gv.answer(question)

    def without(node: object, asked: str, *default: object) -> object:
        if asked.startswith("_saved_"):
            raise AttributeError(asked)
        return getattr(node, asked, *default)

    monkeypatch.setattr(saved, "getattr", without, raising=False)
    found = gv.answer(question)
    assert isinstance(true, gv.GradientAnswer)
    assert isinstance(found, gv.GradientAnswer)
    assert (true.receptive_field is None, found.receptive_field) == (False, None)
    assert found.score == true.score
    assert all((found.arrays[key] == true.arrays[key]).all() for key in true.arrays)
