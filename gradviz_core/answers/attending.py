"""Which tokens one token attends to, in every head of every layer, and how the score changes with these weights."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from gradviz_core.answers import gradient, one_picture, sizes, tokens
from gradviz_core.answers.needs import Needs
from gradviz_core.answers.scene import Clock, Scene, as_numpy
from gradviz_core.answers.sizes import Known, Size
from gradviz_core.errors import QuestionError
from gradviz_core.methods.token_grids import Grid, grid_of
from gradviz_core.tracing.trace import Trace, differentiate
from gradviz_core.types import Site
from gradviz_core.types.attending import MEAN, AttendingAnswer, AttendingQuestion
from gradviz_core.types.patches import NO_PATCH, PADDING
from gradviz_core.types.sites import site_name


def needs(question: AttendingQuestion) -> Needs:
    """All attention weights, and all values: the target may be read from any."""
    return Needs(None, attention=True)


def size(question: AttendingQuestion, known: Known) -> Size:
    """The picture; too many rows are refused once the weights are known."""
    return Size(known.picture)


def answer(scene: Scene, question: AttendingQuestion, notes: tuple[str, ...], clock: Clock) -> AttendingAnswer:
    """One row of weights for each head of each layer, and its products with the gradient: one pass each way.

    Raises:
        BadTarget, UnknownSite: as ``trace.gradients`` does.
        QuestionError: the model does not attend, or has no such layer or token.
        TooCostly: the rows would take too much memory.
    """
    one_picture.check(scene, "The map of a token")
    trace = scene.trace
    sites = trace.attention
    layer = _layer(sites, question.layer)
    grids = {site: grid_of(trace, site) for site in sites}
    _check_token(trace, layer, grids[layer], question.token)
    target, score = scene.select(question.target)
    counted = sum(8 * _tokens(trace, site, grids[site]) * _heads(trace, site, grids[site]) for site in sites)
    sizes.check(Size(counted, "Export the model for a smaller input."))
    slopes = differentiate(trace, score, sites, keep_graph=scene.remembered)
    arrays, queries = {"pixels": scene.pixels.copy()}, []
    for site in sites:
        number = _query(question.token, grids[layer], grids[site], _tokens(trace, site, grids[site]))
        arrays |= _rows(trace, site, grids[site], slopes[site], number)
        queries.append(number)
    layers = tuple(tokens.layer_of(site, tuple(trace.value(site).shape), grids[site]) for site in sites)
    unreached = tuple(site for site in sites if slopes[site] is None)
    said = (*notes, *scene.remarks(), *tokens.remarks(list(layers)), *gradient.of_unreached(unreached))
    return AttendingAnswer(
        question=question,
        target=target,
        score=score.item(),
        layers=layers,
        queries=tuple(queries),
        notes=said,
        receipt=clock.receipt(),
        arrays=arrays,
    )


def _layer(sites: tuple[Site, ...], wanted: Site | None) -> Site:
    if not sites:
        raise QuestionError("This model has no attention weights. Choose a transformer.")
    if wanted is None:
        return sites[-1]
    if wanted not in sites:
        known = ", ".join(site.path or "the model" for site in sites[:8]) + (" and others" if len(sites) > 8 else "")
        raise QuestionError(f"There are no attention weights at {site_name(wanted)}. This model attends at {known}.")
    return wanted


def _tokens(trace: Trace, site: Site, grid: Grid | None) -> int:
    """How many tokens ask at a layer, in all windows together."""
    return trace.value(site).shape[-2] * (len(grid.queries) if grid else 1)


def _heads(trace: Trace, site: Site, grid: Grid | None) -> int:
    return math.prod(trace.value(site).shape[:-2]) // (len(grid.queries) if grid else 1)


def _check_token(trace: Trace, layer: Site, grid: Grid | None, token: int | None) -> None:
    count = _tokens(trace, layer, grid)
    if token is not None and not 0 <= token < count:
        raise QuestionError(
            f"Token {token} does not exist: at {site_name(layer)} there are tokens 0 to {count - 1}. Choose one of "
            "them."
        )


def _query(token: int | None, chosen: Grid | None, here: Grid | None, count: int) -> int:
    """Which token of a layer asks, where ``token`` was named at the ``chosen`` one."""
    there = torch.full((count,), NO_PATCH) if here is None else here.queries.flatten()
    if token is None:
        apart = (there == NO_PATCH).nonzero().flatten()
        return int(apart[0]) if here is not None and len(here.queries) == 1 and len(apart) else MEAN
    patch = NO_PATCH if chosen is None else int(chosen.queries.flatten()[token])
    if chosen is not None and here is not None and patch >= 0:
        row, column = divmod(patch, chosen.columns)
        row, column = (
            (2 * row + 1) * here.rows // (2 * chosen.rows),
            (2 * column + 1) * here.columns // (2 * chosen.columns),
        )
        found = (there == row * here.columns + column).nonzero().flatten()
        return int(found[0]) if len(found) else MEAN
    return token if token < count and there[token] == patch else MEAN


def _rows(trace: Trace, site: Site, grid: Grid | None, slope: Tensor | None, number: int) -> Mapping[str, np.ndarray]:
    weights = trace.value(site).detach()
    products = torch.zeros_like(weights) if slope is None else weights * slope.detach()
    keys = torch.full((1, weights.shape[-1]), NO_PATCH) if grid is None else grid.keys
    asking = torch.full((weights.shape[-2],), NO_PATCH) if grid is None else grid.queries
    where = keys.flatten() if number == MEAN else keys[number // weights.shape[-2]]
    return {
        f"weights/{site}": as_numpy(_row(weights, grid, number)),
        f"products/{site}": as_numpy(_row(products, grid, number)),
        f"keys/{site}": where.numpy().astype(np.int32),
        f"queries/{site}": asking.flatten().numpy().astype(np.int32),
    }


def _row(matrices: Tensor, grid: Grid | None, number: int) -> Tensor:
    """(heads, keys): the row of a token, or the mean of all rows but padding, with the keys of all windows."""
    flat = matrices.flatten(0, -3)
    windows = 1 if grid is None else len(grid.keys)
    window = None if grid is None else grid.window
    if window is not None and len(window) == len(flat) and len(set(torch.bincount(window).tolist())) == 1:
        flat = flat[window.argsort(stable=True).to(flat.device)]
    by_window = flat.reshape(windows, -1, *flat.shape[1:])
    if number == MEAN:
        asks = torch.ones(by_window.shape[::2]) if grid is None else grid.queries != PADDING
        shares = (asks / asks.sum()).to(by_window)[:, None, :, None]
        return (by_window * shares).sum(2).transpose(0, 1).flatten(1)
    return by_window[number // flat.shape[1], :, number % flat.shape[1]]
