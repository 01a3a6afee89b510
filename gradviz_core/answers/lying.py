"""How the positions of a layer output lie over the picture, in a scene."""

from __future__ import annotations

from collections.abc import Sequence

from gradviz_core.answers.scene import Scene
from gradviz_core.tracing.site_grids import grids
from gradviz_core.tracing.trace import forward
from gradviz_core.types import INPUT, OUTPUT, Site, layouts
from gradviz_core.types.layouts import Grid


def grid_at(scene: Scene, site: Site, shape: Sequence[int], axis: int) -> Grid | None:
    """The grid of a value of this ``shape`` with channels on ``axis``, as ``layouts.grid`` has it; None where its
    positions do not lie over the picture.

    Where channels come last a further pass follows which token is which patch, once for each scene.
    """
    picture = scene.trace.seen[INPUT][1]
    if len(picture) != 4:
        return None
    places = [size for each, size in enumerate(shape) if each not in (0, axis)]
    if len(shape) >= 3 and axis == len(shape) - 1:
        if not scene.grids:
            x, module = scene.trace.values[INPUT].detach(), scene.model.module
            scene.grids.append(grids(forward(module, x, keep=(OUTPUT,), seed=scene.seed, positions=True)))
        if (found := scene.grids[0].get(site)) is not None:
            return found
    return layouts.over_image(places, axis, (picture[2], picture[3]))
