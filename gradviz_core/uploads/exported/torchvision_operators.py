"""The operations of torchvision: deformable convolutions, regions of interest, and boxes that overlap.

Their kernels trust what they are given, so that a box of another picture or a group of no channels would read beyond a
tensor, or end the process. Here all of it is compared first.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from gradviz_core.tracing.torch_private import fake_tensors

MOST_BOXES = 20_000
"""Each is compared with each."""
MOST_SAMPLED = 2**27
"""Numbers that a deformable convolution takes from its input at once: half a gigabyte."""
_AT_ONCE = 32
"""Images that it convolves together."""


def operator(name: str) -> Any:
    """The operation of that name, as it is in torchvision itself."""
    importlib.import_module("torchvision")
    return getattr(torch.ops.torchvision, name).default


def _deform_conv2d(
    input: Tensor,  # noqa: A002 (the operation's own name)
    weight: Tensor,
    offset: Tensor,
    mask: Tensor,
    bias: Tensor,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    groups: int,
    offset_groups: int,
    use_mask: bool,
) -> Tensor:
    """Deformable convolution."""
    _check_numbers(input, weight, offset, mask, bias)
    steps = (stride_h, stride_w, dilation_h, dilation_w, groups, offset_groups)
    if min(steps) < 1 or min(pad_h, pad_w) < 0 or input.dim() != 4 or weight.dim() != 4:
        raise ValueError("its strides, dilations and groups must be at least 1, and its padding at least 0")
    out_channels, group_channels, *kernel = weight.shape
    if group_channels * groups != input.shape[1] or out_channels % groups or input.shape[1] % offset_groups:
        raise ValueError(f"{input.shape[1]} channels and {out_channels} filters do not suit {groups} groups")
    sides = [
        (side + 2 * pad - dilation * (length - 1) - 1) // stride + 1
        for side, pad, dilation, length, stride in zip(
            input.shape[2:], (pad_h, pad_w), (dilation_h, dilation_w), kernel, (stride_h, stride_w), strict=True
        )
    ]
    points = offset_groups * kernel[0] * kernel[1]
    if min(*sides, *input.shape, *weight.shape) < 1:
        raise ValueError(f"its output would be {' x '.join(map(str, sides))}")
    sampled = prod((min(len(input), _AT_ONCE), input.shape[1], *kernel, *sides))
    if sampled > MOST_SAMPLED:
        raise ValueError(f"it takes {sampled:,} numbers from its input at once; the limit is {MOST_SAMPLED:,}")
    _check_shape("offset", offset, (input.shape[0], 2 * points, *sides))
    if use_mask:
        _check_shape("mask", mask, (input.shape[0], points, *sides))
    _check_shape("bias", bias, (out_channels,))
    convolve = operator("deform_conv2d")
    strides = (stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w)
    return convolve(input, weight, offset, mask, bias, *strides, groups, offset_groups, use_mask)  # type: ignore[no-any-return]


def _roi_align(
    input: Tensor,  # noqa: A002 (the operation's own name)
    rois: Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    """Means of points in each box."""
    _check_boxes(input, rois, spatial_scale, (pooled_height, pooled_width))
    align = operator("roi_align")
    return align(input, rois, spatial_scale, pooled_height, pooled_width, sampling_ratio, aligned)  # type: ignore[no-any-return]


def _ps_roi_align(
    input: Tensor,  # noqa: A002 (the operation's own name)
    rois: Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
) -> tuple[Tensor, Tensor]:
    """The same, of other channels in each part of a box."""
    _check_boxes(input, rois, spatial_scale, (pooled_height, pooled_width), own_channels=True)
    align = operator("ps_roi_align")
    return align(input, rois, spatial_scale, pooled_height, pooled_width, sampling_ratio)  # type: ignore[no-any-return]


def _pool(name: str) -> Callable[..., Any]:
    def run(
        input: Tensor,  # noqa: A002 (the operation's own name)
        rois: Tensor,
        spatial_scale: float,
        pooled_height: int,
        pooled_width: int,
    ) -> tuple[Tensor, Tensor]:
        """The largest of each part of a box, or the mean."""
        sides = (pooled_height, pooled_width)
        _check_boxes(input, rois, spatial_scale, sides, own_channels=name.startswith("ps"))
        return operator(name)(input, rois, spatial_scale, *sides)  # type: ignore[no-any-return]

    return run


def _nms(dets: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Which boxes stay. Where there are no values, as many as there may be."""
    _check_numbers(dets, scores)
    if dets.dim() != 2 or dets.shape[1] != 4 or scores.shape != dets.shape[:1] or len(dets) > MOST_BOXES:
        raise ValueError(f"it takes at most {MOST_BOXES:,} boxes of four numbers, each with a score")
    if fake_tensors.is_fake(dets):
        scores[:, None].expand(len(dets), len(dets)).amax(0)  # as many comparisons
        return scores.argsort()
    return operator("nms")(dets, scores, iou_threshold)  # type: ignore[no-any-return]


def _check_boxes(x: Tensor, boxes: Tensor, scale: float, sides: tuple[int, int], own_channels: bool = False) -> None:
    _check_numbers(x, boxes)
    if x.dim() != 4 or boxes.dim() != 2 or boxes.shape[1] != 5 or min(*sides, *x.shape) < 1 or not 0 < scale <= 1:
        raise ValueError("it takes boxes of five numbers, a scale from 0 to 1 and parts of at least 1")
    if own_channels and x.shape[1] % (sides[0] * sides[1]):
        raise ValueError(f"{x.shape[1]} channels are not a multiple of {sides[0]} x {sides[1]}")
    if fake_tensors.is_fake(boxes) or not len(boxes):
        return
    first, last = boxes[:, 0].detach(), scale * boxes[:, 1:].detach()
    height, width = x.shape[2:]
    inside = torch.tensor([width, height, width, height], dtype=last.dtype)
    if not bool(((first >= 0) & (first < x.shape[0]) & (first == first.floor())).all()):
        raise ValueError(f"a box lies in none of the {x.shape[0]} images")
    if not bool(((last >= -inside / 2) & (last <= 1.5 * inside)).all()):
        raise ValueError("a box reaches more than half of the picture's size beyond it")


def _check_numbers(*tensors: Tensor) -> None:
    if len({tensor.dtype for tensor in tensors}) > 1 or not tensors[0].is_floating_point():
        raise ValueError("all its tensors must hold real numbers of one type")


def _check_shape(what: str, tensor: Tensor, wanted: Sequence[int]) -> None:
    if tuple(tensor.shape) != tuple(wanted):
        raise ValueError(f"its {what} has the shape {tuple(tensor.shape)}; it must be {tuple(wanted)}")


TORCHVISION: dict[str, Callable[..., Any]] = {
    "deform_conv2d": _deform_conv2d,
    "roi_align": _roi_align,
    "ps_roi_align": _ps_roi_align,
    "roi_pool": _pool("roi_pool"),
    "ps_roi_pool": _pool("ps_roi_pool"),
    "nms": _nms,
}
