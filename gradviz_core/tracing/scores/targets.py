"""Target -> the scalar tensor to differentiate. An impossible target is an error, never another target."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

import torch
from torch import Tensor

from gradviz_core.errors import BadTarget
from gradviz_core.tracing.scores import box_scores, class_scores, heads, region_scores
from gradviz_core.tracing.scores.class_scores import ranked as ranked
from gradviz_core.tracing.scores.last_operation import sum_is_constant
from gradviz_core.types import (
    INPUT,
    BoxScore,
    ChannelMean,
    ClassDifference,
    ClassScore,
    Combination,
    CrossEntropy,
    OutputKind,
    RegionScore,
    Site,
    SiteSum,
    Target,
    Unit,
    sites,
)
from gradviz_core.types.well_formed import check as check

if TYPE_CHECKING:
    from gradviz_core.tracing.watch import Trace

OfHead = ClassScore | ClassDifference | CrossEntropy | RegionScore | BoxScore
"""Targets that are read from one head of what the model returns."""


def site_of(target: Target) -> Site | None:
    """The site a target is read from; None for targets that are read from a head of what the model returns."""
    match target:
        case Unit(site=site) | ChannelMean(site=site) | SiteSum(site=site) | Combination(site=site):
            return site
        case ClassScore() | ClassDifference() | CrossEntropy() | RegionScore() | BoxScore():
            return None
        case _:
            assert_never(target)


def may_stop(target: Target) -> bool:
    """Whether the forward pass may end once the target's site has its value.

    It may not where the scores are needed, nor where later layers help to tell which axis counts channels.
    """
    return isinstance(target, Unit | SiteSum | Combination) and not target.site.path.startswith(INPUT.path)


def needs_axes(target: Target) -> bool:
    """Whether it can only be read where it is known which axis counts channels."""
    return isinstance(target, ChannelMean)


def read_as(target: Target, reading: OutputKind | None) -> Target:
    """The target, with what is known of the model's numbers filled in, where nobody has said what they are."""
    if reading is None or not isinstance(target, OfHead) or target.head.reading is not None:
        return target
    return replace(target, head=replace(target.head, reading=reading))


def select(target: Target, trace: Trace) -> tuple[Target, Tensor]:
    """The target with the predicted class filled in, and where it was read and as what; and its value as a scalar
    tensor of the trace's graph.

    Raises:
        BadTarget: the class, channel or unit does not exist, the model returns no such scores, or the score would be
            the same for all inputs.
        UnknownSite: the target's site never ran.
    """
    check(target)
    resolved, score = _select(target, trace)
    if not score.is_floating_point():
        raise BadTarget(f"{in_words(target)} is {score.dtype}; only a real number has the gradient that is shown here.")
    return resolved, score


def _select(target: Target, trace: Trace) -> tuple[Target, Tensor]:
    match target:
        case ClassScore():
            return class_scores.score(target, trace)
        case ClassDifference():
            return class_scores.difference(target, trace)
        case CrossEntropy():
            return class_scores.cross_entropy(target, trace)
        case RegionScore():
            return region_scores.score(target, trace)
        case BoxScore():
            return box_scores.score(target, trace)
        case Combination(site=site):
            return target, _combined(target, trace.value(site))
        case Unit(site=site, index=index):
            return target, _unit(trace.value(site), site, index)
        case ChannelMean(site=site, channel=channel, axis=axis):
            return target, _channel(trace, site, channel, axis).mean()
        case SiteSum(site=site):
            return target, _sum(trace.value(site), site)
        case _:
            assert_never(target)


def read_from(target: Target, trace: Trace) -> Tensor:
    """The numbers that a target's value is computed from.

    Raises:
        BadTarget, UnknownSite: as ``select`` does.
    """
    match target:
        case ClassScore(head=head) | ClassDifference(head=head) | CrossEntropy(head=head):
            return heads.row(trace, head).values
        case RegionScore(head=head):
            return heads.score_map(trace, head).values
        case BoxScore(head=head):
            return heads.boxes(trace, head, target.skip, target.boxes_last)[0].values
        case Combination(site=site) | Unit(site=site) | ChannelMean(site=site) | SiteSum(site=site):
            return trace.value(site)
        case _:
            assert_never(target)


def _combined(target: Combination, value: Tensor) -> Tensor:
    """Σ weight · value[index]."""
    weights: dict[tuple[int, ...], float] = {}
    for term in target.terms:
        weights[term.index] = weights.get(term.index, 0.0) + term.weight
    wrong = [index for index in weights if not _exists(index, tuple(value.shape))]
    if wrong:
        limit = ", ".join(f"0 to {n - 1}" for n in value.shape)
        raise BadTarget(
            f"There is no number {wrong[0]} at {sites.in_words(target.site)}, whose shape is {tuple(value.shape)}. "
            f"Choose an index within ({limit}), the batch axis among them."
        )
    if not all(map(math.isfinite, weights.values())):
        raise BadTarget("A weight of the combination is infinite or not a number. Give each number a finite weight.")
    if not any(weights.values()):
        raise BadTarget(
            "All weights of the combination are zero, so it is 0 whatever the image is. Name at least one number, with "
            "a weight that is not zero."
        )
    if not value.is_floating_point():
        return value
    at = [torch.tensor(axis, device=value.device) for axis in zip(*weights, strict=True)]
    picked = value[tuple(at)] if at else value.reshape(1)
    return (picked * torch.tensor(list(weights.values()), dtype=value.dtype, device=value.device)).sum()


def _sum(value: Tensor, site: Site) -> Tensor:
    if not site.path and sum_is_constant(value):
        raise BadTarget(
            "This output is the result of a softmax, so its sum is the same whatever the image is. Choose one number "
            "of it, or a part."
        )
    return value.sum()


def _exists(index: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    return len(index) == len(shape) and all(0 <= i < n for i, n in zip(index, shape, strict=True))


def _unit(value: Tensor, site: Site, index: tuple[int, ...]) -> Tensor:
    shape = tuple(of_one_image(value, site).shape[1:])
    if len(index) != len(shape) or not all(0 <= i < n for i, n in zip(index, shape, strict=True)):
        size = "x".join(map(str, shape)) or "one number"
        limit = ", ".join(f"0 to {n - 1}" for n in shape)
        raise BadTarget(
            f"Unit {index} does not exist at {sites.in_words(site)}, which holds {size}. "
            f"Choose an index within ({limit})."
        )
    return value[0][index]


def of_one_image(value: Tensor, site: Site) -> Tensor:
    """The value, where it has a batch axis that holds one image.

    Raises:
        BadTarget: it has not.
    """
    if value.dim() < 2 or value.shape[0] != 1:
        raise BadTarget(
            f"{sites.in_words(site)} has shape {tuple(value.shape)}: units and channels are read from the values of "
            "one image. Pass one image: x[i:i+1]."
        )
    return value


def channel_axis(trace: Trace, site: Site, chosen: int | None) -> int:
    """The axis of a site's value that counts channels: the one that was chosen, else the one that the pass tells.

    Raises:
        BadTarget: the site has no such axis.
    """
    axes = trace.value(site).dim()
    if chosen is None:
        return trace.readings[site].axis
    if not 1 <= chosen < axes:
        raise BadTarget(
            f"{sites.in_words(site)} cannot have its channels on axis {chosen}: its axes are 0 to {axes - 1}, and axis "
            f"0 counts images. Choose one from 1 to {axes - 1}."
        )
    return chosen


def _channel(trace: Trace, site: Site, channel: int, chosen: int | None) -> Tensor:
    value = of_one_image(trace.value(site), site)
    axis = channel_axis(trace, site, chosen)
    if not 0 <= channel < value.shape[axis]:
        raise BadTarget(
            f"Channel {channel} does not exist at {sites.in_words(site)}: it has channels 0 to {value.shape[axis] - 1}."
        )
    return value.select(axis, channel)


def in_words(target: Target) -> str:
    """The target as it is named in an error or a note."""
    match target:
        case ClassScore(index=index, scale=scale, against=against):
            return f"the {scale.replace('_', '-')} {'against' if against else 'of'} {_class_in_words(index)}"
        case ClassDifference(index=index, other=other):
            return f"the logit of {_class_in_words(index)} minus that of class {other}"
        case RegionScore(index=index, scale=scale, reduce=reduce):
            return f"the {reduce} of the {scale.replace('_', '-')} of {_class_in_words(index)} over a region"
        case BoxScore(index=index, scale=scale, box=box):
            where = "over all boxes" if box is None else f"at box {box}"
            return f"the {scale.replace('_', '-')} of {_class_in_words(index)} {where}"
        case Combination(site=site, terms=terms):
            return f"the combination of {len(terms)} numbers of {sites.in_words(site)}"
        case CrossEntropy(label=label):
            return f"the cross-entropy for label {label}"
        case Unit(site=site, index=index):
            return f"unit {index} of {sites.in_words(site)}"
        case ChannelMean(site=site, channel=channel):
            return f"the mean of channel {channel} of {sites.in_words(site)}"
        case SiteSum(site=site):
            return f"the sum of {sites.in_words(site)}"
        case _:
            assert_never(target)


def _class_in_words(index: int | None) -> str:
    return "the predicted class" if index is None else f"class {index}"
