"""The field that is drawn of a map, and the same over the pixels of the picture."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import interpolate

from gradviz_core.answers.lying import grid_at
from gradviz_core.answers.scene import Scene
from gradviz_core.tracing.scores import targets
from gradviz_core.types import INPUT, FloatArray, Site
from gradviz_core.types.views import view


def field(scene: Scene, found: FloatArray, site: Site, axis: int | None, name: str) -> FloatArray:
    """What is drawn of the map ``found`` at a site: at the input what the view of this ``name`` makes of its channels,
    all slices of a volume in one row; elsewhere their sum, as rows and columns where the positions lie over the picture
    and nowhere else. ``axis`` counts the channels, or what the trace knows of them where it is None."""
    reduce = view(name).reduce
    if site == INPUT and found.ndim == 5 and reduce is not None:
        return reduce(np.moveaxis(found[0], scene.model.card.preprocessing.channel_axis - 1, 0)).ravel()
    if site == INPUT and found.ndim == 4 and reduce is not None:
        return reduce(found[0])
    if found.ndim == 1:
        return found
    axis = targets.channel_axis(scene.trace, site, axis)
    summed: FloatArray = found.sum(axis=axis)
    grid = grid_at(scene, site, found.shape, axis)
    over: FloatArray = summed[0]
    if grid is not None:
        over = summed.ravel()[grid.positions].reshape(grid.rows, grid.columns)
    elif over.ndim == 2:
        over = over.ravel()
    return over


def over_pixels(scene: Scene, drawn: FloatArray) -> FloatArray | None:
    """The field with a number for each pixel of the picture: as it is, or enlarged bilinearly. None where it has no
    rows and columns, or the input is no picture."""
    size = _size(scene)
    if drawn.ndim != 2 or size is None:
        return None
    if drawn.shape == size:
        return drawn
    small = torch.from_numpy(drawn)[None, None].float()
    large: FloatArray = interpolate(small, size, mode="bilinear", align_corners=False)[0, 0].numpy()
    return large


def _size(scene: Scene) -> tuple[int, int] | None:
    """Rows and columns of the picture."""
    shape = scene.trace.values[INPUT].shape
    return (shape[2], shape[3]) if len(shape) == 4 else None
