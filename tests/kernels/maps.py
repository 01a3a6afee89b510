"""Operations on maps: pools, changes of size, sampling, padding, and what moves places about."""

from __future__ import annotations

from itertools import product

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor

from tests.kernels.draw import Case, Draw, Operation

FLIPPED = {1: "linear", 2: "bilinear", 3: "trilinear"}


def max_pool(axes: int) -> Operation:
    run = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[axes - 1]

    def build(d: Draw) -> Case:
        size, stride, dilation = d.one_of(2, 3), d.one_of(1, 2), d.one_of(1, 1, 2)
        least = dilation * (size - 1) + 1
        padding, up = d.one_of(0, 1), d.coin()
        return lambda x: run(x, size, stride, padding, dilation, up), [d.maps(axes, least=least)]

    return build


def average_pool(axes: int) -> Operation:
    run = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[axes - 1]

    def build(d: Draw) -> Case:
        size, stride, padding, up, counted = d.one_of(2, 3), d.one_of(1, 2), d.one_of(0, 1), d.coin(), d.coin()
        return lambda x: run(x, size, stride, padding, up, counted), [d.maps(axes, least=size)]

    return build


def adaptive(axes: int, kind: str) -> Operation:
    run = getattr(F, f"adaptive_{kind}_pool{axes}d")

    def build(d: Draw) -> Case:
        size = tuple(d.one_of(1, 1, 2, 3) for _ in range(axes))
        return lambda x: run(x, size), [d.maps(axes)]

    return build


def unpool(d: Draw) -> Case:
    x = d.maps(least=2)
    values, where = F.max_pool2d(x, 2, 2, return_indices=True)
    size = x.shape[2:]
    return lambda v: F.max_unpool2d(v, where, [2, 2], [2, 2], output_size=size), [values]


def resized(axes: int, mode: str) -> Operation:
    def build(d: Draw) -> Case:
        size = tuple(d.one_of(1, 2, 3, 6) for _ in range(axes))
        corners = d.coin() if mode in ("linear", "bilinear", "bicubic", "trilinear") else None
        smooth = mode in ("bilinear", "bicubic") and d.coin()
        return (
            lambda x: F.interpolate(x, size, mode=mode, align_corners=corners, antialias=smooth),
            [d.maps(axes)],
        )

    return build


def sampled(axes: int, mode: str) -> Operation:
    def build(d: Draw) -> Case:
        padding, corners = d.one_of("zeros", "border", "reflection"), d.coin()
        grid = d.uniform(d.batch, *d.places(axes), axes, low=-1.1, high=1.1)
        return (
            lambda x, g: F.grid_sample(x, g, mode, padding, corners),
            [d.maps(axes), grid],
        )

    return build


def affine_grid(d: Draw) -> Case:
    size = [d.batch, 2, *d.places(2, least=2)]
    return lambda theta: F.affine_grid(theta, size, align_corners=False), [d.normal(d.batch, 2, 3)]


def padded(axes: int, mode: str) -> Operation:
    def build(d: Draw) -> Case:
        by = [d.one_of(0, 1, 2) for _ in range(2 * axes)]
        return lambda x: F.pad(x, by, mode=mode), [d.maps(axes, least=3)]

    return build


def shuffled(d: Draw) -> Case:
    return lambda x: F.pixel_shuffle(x, 2), [d.normal(d.batch, 4 * d.size(), *d.places(2))]


def unshuffled(d: Draw) -> Case:
    height, width = d.places(2)
    return lambda x: F.pixel_unshuffle(x, 2), [d.normal(d.batch, d.size(), 2 * height, 2 * width)]


def channels_shuffled(d: Draw) -> Case:
    return lambda x: F.channel_shuffle(x, 2), [d.maps(channels=2 * d.size())]


def folded(d: Draw) -> Case:
    size = d.one_of(1, 2)
    height, width = d.places(2, least=2)
    places = (height - size + 1) * (width - size + 1)
    return lambda x: F.fold(x, (height, width), size), [d.normal(d.batch, d.size() * size * size, places)]


def unfolded(d: Draw) -> Case:
    size, padding, stride = d.one_of(1, 2), d.one_of(0, 1), d.one_of(1, 2)
    return lambda x: F.unfold(x, size, 1, padding, stride), [d.maps(least=2)]


def rolled(d: Draw) -> Case:
    x = d.any_values()
    by, axis = d.one_of(1, 2, -1), d.axis(x)
    return lambda x: torch.roll(x, by, axis), [x]


def flipped(d: Draw) -> Case:
    x = d.any_values()
    axes = d.random.sample(range(x.dim()), d.random.randint(1, x.dim()))
    return lambda x: torch.flip(x, axes), [x]


def turned(d: Draw) -> Case:
    times = d.one_of(1, 2, 3)
    return lambda x: torch.rot90(x, times, (2, 3)), [d.maps()]


def boxes(d: Draw) -> Tensor:
    corners = d.uniform(3, 4, low=0.0, high=3.0)
    corners[:, 2:] = corners[:, :2] + 1.5
    return torch.cat((d.whole(d.batch, 3, 1).to(corners), corners), 1)


def aligned(d: Draw) -> Case:
    regions = boxes(d)
    return lambda x: torchvision.ops.roi_align(x, regions, 2, sampling_ratio=2, aligned=True), [d.maps(least=5)]


def deformed(d: Draw) -> Case:
    x = d.maps(least=3)
    height, width = x.shape[2:]
    offsets = d.uniform(d.batch, 2 * 9, height, width, low=-0.4, high=0.4)
    mask, weight = d.uniform(d.batch, 9, height, width), d.normal(2, x.shape[1], 3, 3)
    return (
        lambda x, o, w, m: torchvision.ops.deform_conv2d(x, o, w, padding=1, mask=m),
        [x, offsets, weight, mask],
    )


MODES = {1: ("nearest", "linear", "area"), 2: ("nearest", "nearest-exact", "bilinear", "bicubic", "area")}
MODES[3] = ("nearest", "trilinear", "area")
MAPS: dict[str, Operation] = {
    **{f"max_pool{n}d": max_pool(n) for n in (1, 2, 3)},
    **{f"avg_pool{n}d": average_pool(n) for n in (1, 2, 3)},
    **{f"adaptive_{kind}_pool{n}d": adaptive(n, kind) for kind, n in product(("avg", "max"), (1, 2, 3))},
    "lp_pool2d": lambda d: (lambda x: F.lp_pool2d(x, 2, 2), [d.positive(d.batch, 3, 4, 4)]),
    "max_unpool2d": unpool,
    **{f"interpolate {mode}, {n}d": resized(n, mode) for n, modes in MODES.items() for mode in modes},
    **{f"grid_sample {mode}, 2d": sampled(2, mode) for mode in ("bilinear", "nearest", "bicubic")},
    **{f"grid_sample {mode}, 3d": sampled(3, mode) for mode in ("bilinear", "nearest")},
    "affine_grid": affine_grid,
    **{f"pad {mode}, {n}d": padded(n, mode) for mode, n in product(("constant", "reflect", "replicate"), (1, 2, 3))},
    "pad circular, 2d": padded(2, "circular"),
    "pixel_shuffle": shuffled,
    "pixel_unshuffle": unshuffled,
    "channel_shuffle": channels_shuffled,
    "fold": folded,
    "unfold": unfolded,
    "roll": rolled,
    "flip": flipped,
    "rot90": turned,
    "roi_align": aligned,
    "deform_conv2d": deformed,
}
