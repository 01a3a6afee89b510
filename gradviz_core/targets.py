"""Target -> the scalar tensor to differentiate. An impossible target is an error, never another target."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from gradviz_core import layouts, sites
from gradviz_core.errors import BadTarget
from gradviz_core.nested import tensors
from gradviz_core.types import (
    INPUT,
    ChannelMean,
    ClassDifference,
    ClassScore,
    CrossEntropy,
    ScoreScale,
    Site,
    SiteSum,
    Target,
    Unit,
)

if TYPE_CHECKING:
    from gradviz_core.trace import Trace


MOST_OUTPUTS, MOST_OF_A_NAME = 6, 80
"""Tensors of an output that an error names, and letters of each name."""


def site_of(target: Target) -> Site | None:
    """The site a target is read from; None for targets that are read from the class scores."""
    match target:
        case Unit(site=site) | ChannelMean(site=site) | SiteSum(site=site):
            return site
        case ClassScore() | ClassDifference() | CrossEntropy():
            return None
        case _:
            assert_never(target)


def may_stop(target: Target) -> bool:
    """Whether the forward pass may end once the target's site has its value.

    It may not where the scores are needed, nor where later layers help to tell which axis counts channels.
    """
    return isinstance(target, Unit | SiteSum) and not target.site.path.startswith(INPUT.path)


def select(target: Target, trace: Trace) -> tuple[Target, Tensor]:
    """The target with the predicted class filled in, and its value as a scalar tensor of the trace's graph.

    Raises:
        BadTarget: the class, channel or unit does not exist, or the model returns no class scores.
        UnknownSite: the target's site never ran.
    """
    resolved, score = _select(target, trace)
    if not score.is_floating_point():
        raise BadTarget(f"{in_words(target)} is {score.dtype}; only a real number has the gradient that is shown here.")
    return resolved, score


def _select(target: Target, trace: Trace) -> tuple[Target, Tensor]:
    match target:
        case ClassScore(index=index, scale=scale):
            row = class_logits(trace.output)[0]
            chosen = _class(index, row)
            return ClassScore(chosen, scale), _scaled(row, scale)[chosen]
        case ClassDifference(index=index, other=other):
            row = class_logits(trace.output)[0]
            chosen, against = _class(index, row), _class(other, row)
            return ClassDifference(chosen, against), row[chosen] - row[against]
        case CrossEntropy(label=label):
            row = class_logits(trace.output)[0]
            return target, -F.log_softmax(row, dim=0)[_class(label, row)]
        case Unit(site=site, index=index):
            return target, _unit(trace.value(site), site, index)
        case ChannelMean(site=site, channel=channel):
            return target, _channel(trace, site, channel).mean()
        case SiteSum(site=site):
            return target, trace.value(site).sum()
        case _:
            assert_never(target)


def _scaled(row: Tensor, scale: ScoreScale) -> Tensor:
    match scale:
        case "logit":
            return row
        case "log_probability":
            return F.log_softmax(row, dim=0)
        case "probability":
            return F.softmax(row, dim=0)
        case _:
            assert_never(scale)


def class_logits(output: object) -> Float[Tensor, "1 classes"]:
    """The (1, K) class scores in what a model returned.

    They are the output itself, or the only (N, K) tensor in a tuple or dictionary.

    Raises:
        BadTarget: there is none, there are several, or they belong to more than one image.
    """
    found = tensors(output)
    rows = {item: tensor for item, tensor in found.items() if tensor.dim() == 2 and tensor.is_floating_point()}
    if len(rows) != 1:
        raise BadTarget(
            f"This model returns {_output_in_words(output)}: no single (1, classes) tensor to take a class score from. "
            f"{_instead(found)}"
        )
    (logits,) = rows.values()
    if logits.shape[0] != 1:
        raise BadTarget(
            f"The output holds {logits.shape[0]} rows of class scores; a class target explains one image at a time. "
            "Pass one image: x[i:i+1]."
        )
    return logits


def _output_in_words(output: object) -> str:
    """``a dictionary with 'out' (1, 21, 64, 64) and 'aux' (1, 21, 64, 64)``."""
    found = tensors(output)
    if not found:
        return "no tensor"
    if isinstance(output, Tensor):
        return f"the output {tuple(output.shape)}"
    named = [f"{item[:MOST_OF_A_NAME]!r} {tuple(tensor.shape)}" for item, tensor in found.items()]
    if len(named) > MOST_OUTPUTS:
        named[MOST_OUTPUTS:] = [f"{len(named) - MOST_OUTPUTS} more"]
    kind = {"dict": "dictionary", "OrderedDict": "dictionary"}.get(type(output).__name__, type(output).__name__)
    return f"a {kind} with {' and '.join(filter(None, [', '.join(named[:-1]), named[-1]]))}"


def _instead(found: dict[str, Tensor]) -> str:
    """What to ask for where there is no class score: one unit of the first map, where there is one."""
    for item, tensor in found.items():
        if tensor.dim() == 4 and tensor.is_floating_point():
            site = Site("", 0, item[:MOST_OF_A_NAME])
            return f"Choose one unit of it on the Neurons page: site {site}, then channel (the class), row and column."
    return "Choose a unit, a channel or the sum of a site as the target."


def ranked(row: Float[Tensor, " classes"]) -> list[int]:
    """Classes from the highest score to the lowest; of equal ones the first comes first."""
    order: list[int] = row.detach().sort(descending=True, stable=True).indices.tolist()
    return order


def _class(index: int | None, row: Tensor) -> int:
    if index is None:
        return ranked(row)[0]
    if not 0 <= index < row.numel():
        raise BadTarget(
            f"Class {index} does not exist: the model has classes 0 to {row.numel() - 1}. Choose one of them."
        )
    return index


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


def _channel(trace: Trace, site: Site, channel: int) -> Tensor:
    value = of_one_image(trace.value(site), site)
    axis = layouts.channel_axis(layouts.guess(trace.seen)[site], value.dim())
    if not 0 <= channel < value.shape[axis]:
        raise BadTarget(
            f"Channel {channel} does not exist at {sites.in_words(site)}: it has channels 0 to {value.shape[axis] - 1}."
        )
    return value.select(axis, channel)


def in_words(target: Target) -> str:
    """The target as it is named in an error or a note."""
    match target:
        case ClassScore(index=index, scale=scale):
            name = "the predicted class" if index is None else f"class {index}"
            return f"the {scale.replace('_', '-')} of {name}"
        case ClassDifference(index=index, other=other):
            first = "the predicted class" if index is None else f"class {index}"
            return f"the logit of {first} minus that of class {other}"
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
