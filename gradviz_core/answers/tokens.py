"""Which layers attend, and which of their tokens are which patches."""

from __future__ import annotations

import numpy as np

from gradviz_core.answers import one_picture
from gradviz_core.answers.needs import Needs
from gradviz_core.answers.scene import Clock, Scene
from gradviz_core.answers.sizes import Known, Size
from gradviz_core.methods.token_grids import Grid, grid_of
from gradviz_core.tracing.site_grids import grids
from gradviz_core.types import INPUT, Site
from gradviz_core.types.patches import NO_PATCH
from gradviz_core.types.tokens import AttentionLayer, TokensAnswer, TokensQuestion


def needs(question: TokensQuestion) -> Needs:
    """The input, and all attention weights, of a model that was checked, beside what a page is about."""
    return Needs(frozenset({INPUT}), attention=True, checked=True, aside=True)


def size(question: TokensQuestion, known: Known) -> Size:
    """The picture."""
    return Size(known.picture)


def answer(scene: Scene, question: TokensQuestion, notes: tuple[str, ...], clock: Clock) -> TokensAnswer:
    """Every layer that attends, in order of execution."""
    one_picture.check(scene, "The map of a token")
    arrays = {"pixels": scene.pixels.copy()}
    layers = []
    for site in scene.trace.attention:
        grid = grid_of(scene.trace, site)
        layers.append(layer_of(site, tuple(scene.trace.value(site).shape), grid))
        if grid is not None:
            arrays[f"queries/{site}"] = grid.queries.numpy().astype(np.int32)
            arrays[f"keys/{site}"] = grid.keys.numpy().astype(np.int32)
    said = (*notes, *scene.remarks(), *remarks(layers))
    return TokensAnswer(
        question=question,
        layers=tuple(layers),
        grids=tuple(grids(scene.trace).items()),
        notes=said,
        receipt=clock.receipt(),
        arrays=arrays,
    )


def layer_of(site: Site, shape: tuple[int, ...], grid: Grid | None) -> AttentionLayer:
    """What is said of a layer with weights of this shape."""
    if grid is None:
        return AttentionLayer(site, shape)
    nowhere = (grid.keys == NO_PATCH).all(0).nonzero().flatten().tolist()
    return AttentionLayer(
        site, shape, len(grid.keys), grid.rows, grid.columns, tuple(nowhere), grid.guessed, grid.centres
    )


def remarks(layers: list[AttentionLayer]) -> tuple[str, ...]:
    """A sentence about grids that were guessed, and one about those that are not known."""
    guessed = [layer for layer in layers if layer.guessed]
    unknown = [layer for layer in layers if not layer.windows]
    said = []
    if guessed:
        said.append(
            f"The grid of tokens of {len(guessed)} of {len(layers)} attention layers was guessed: {guessed[0].guessed}."
        )
    if unknown:
        said.append(
            f"Which token is which patch is not known for {len(unknown)} of {len(layers)} attention layers: no "
            "operation of the forward pass shows it."
        )
    return tuple(said)
