"""The attention layers of a scene, as a method over all of them is handed them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gradviz_core.answers.scene import Scene
from gradviz_core.errors import QuestionError, Unreachable
from gradviz_core.methods.attributions import Attention
from gradviz_core.methods.token_grids import Grid, grid_of
from gradviz_core.tracing.scores import targets
from gradviz_core.tracing.trace import Trace, differentiate, differentiate_weighted
from gradviz_core.types import Site, Target
from gradviz_core.types.attention import blocks
from gradviz_core.types.sites import site_name

At = Callable[[Site, Tensor], Tensor]
"""The gradient of the score at a site that has this value."""
_ADVICE = "Choose the gradient, or a vision transformer whose layers all attend over all patches."


def attentions(scene: Scene, target: Target) -> tuple[Attention, ...]:
    """Weights and gradients of the attention layers, up to the last whose weights the score depends on.

    Raises:
        QuestionError: there is none, or they do not all attend over the same tokens.
        Unreachable: the score depends on the weights of none of them.
    """
    sites, grid = _sites(scene.trace)
    score = targets.select(target, scene.trace)[1]
    found = differentiate(scene.trace, score, sites)
    layers = tuple(_attention(scene.trace, site, found[site], grid) for site in sites)
    return layers[: _count_to_the_score(layers, target)]


def attentions_read_early(scene: Scene, target: Target, at: At) -> tuple[Attention, ...]:
    """The same with the gradients of the scores that the layers after the last block give for the tokens as they leave
    each block.

    Raises:
        QuestionError: as ``attentions`` does, the blocks cannot be told, or the score is read before the end of the
            last one.
        Unreachable: none of these scores depends on the weights.
    """
    trace = scene.trace
    sites, grid = _sites(trace)
    outputs = blocks_of(trace, sites)
    if differentiate(trace, targets.select(target, trace)[1], outputs[-1:])[outputs[-1]] is None:
        raise QuestionError(
            f"This method reads the score from what the last block, {site_name(outputs[-1])}, returns, and no path "
            f"leads from there to {target.named()}. Choose a score after that block, or a method that takes the layers "
            "up to the score, such as attention rollout."
        )
    made = []
    for site, block in zip(sites, outputs, strict=True):
        slope = at(outputs[-1], trace.value(block).detach())
        made.append(_attention(trace, site, differentiate_weighted(trace.value(block), slope, trace.value(site)), grid))
    _count_to_the_score(made, target)
    return tuple(made)


def blocks_of(trace: Trace, sites: Sequence[Site]) -> tuple[Site, ...]:
    """The output of the block that each attention layer stands in: their paths differ in one part, the block's number.

    Raises:
        QuestionError: they do not, or the blocks do not return tokens of one shape.
    """
    found = tuple(map(Site, blocks(sites)))
    shapes = {tuple(trace.values[block].shape) for block in found if block in trace.values}
    if len(shapes) == 1 and all(block in trace.values for block in found):
        return found
    raise QuestionError(
        "The blocks of this model cannot be told from the names of its attention layers, such as "
        f"{sites[0].path or 'the model'}: each must stand in a block of its own that returns the tokens. Choose a "
        "method that needs no blocks, such as attention rollout."
    )


def _count_to_the_score(layers: Sequence[Attention], target: Target) -> int:
    """How many layers there are up to the last whose weights the score depends on."""
    counts = [count for count, layer in enumerate(layers, start=1) if layer.gradient.any()]
    if not counts:
        raise Unreachable(
            f"No gradient of {target.named()} reaches the attention weights of this model. Choose a score that "
            "depends on the picture through attention."
        )
    return counts[-1]


def _sites(trace: Trace) -> tuple[tuple[Site, ...], Grid]:
    """All attention weights, and the grid that they have in common."""
    sites = trace.attention
    if not sites:
        raise QuestionError(f"This model has no attention weights. {_ADVICE}")
    grids = {site: grid_of(trace, site) for site in sites}
    first, common = sites[0], grids[sites[0]]
    for site, grid in grids.items():
        if grid is None or common is None:
            raise QuestionError(
                f"Which token is which patch of the picture is not known at {site_name(site)}. {_ADVICE}"
            )
        if len(grid.keys) > 1:
            raise QuestionError(
                f"This method is defined where all tokens attend to all; {site_name(site)} has {len(grid.keys)} "
                f"windows. {_ADVICE}"
            )
        if not torch.equal(grid.queries, grid.keys) or not torch.equal(grid.keys, common.keys):
            raise QuestionError(
                "This method is defined where all layers attend over the same tokens; those of "
                f"{site_name(site)} are others than those of {site_name(first)}. {_ADVICE}"
            )
    assert common is not None
    return sites, common


def _attention(trace: Trace, site: Site, slope: Tensor | None, grid: Grid) -> Attention:
    weights = trace.value(site).detach()
    slope = torch.zeros_like(weights) if slope is None else slope.detach()
    heads = (-1, *weights.shape[-2:])
    patches = grid.keys[0].to(weights.device)
    size = grid.rows, grid.columns
    return Attention(weights.reshape(heads), slope.reshape(heads), patches, size, grid.guessed, grid.centres)
