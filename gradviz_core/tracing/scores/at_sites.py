"""Values of sites: which part of one is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from gradviz_core.errors import BadTarget
from gradviz_core.types import Site, sites

if TYPE_CHECKING:
    from gradviz_core.tracing.watch import Trace


def of_one_image(value: Tensor, site: Site) -> Tensor:
    """The value, where it has a batch axis that holds one image.

    Raises:
        BadTarget: it has not.
    """
    if value.dim() < 2 or value.shape[0] != 1:
        raise BadTarget(
            f"{sites.site_name(site)} has shape {tuple(value.shape)}: units and channels are read from the values of "
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
            f"{sites.site_name(site)} cannot have its channels on axis {chosen}: its axes are 0 to {axes - 1}, and "
            f"axis 0 counts images. Choose one from 1 to {axes - 1}."
        )
    return chosen


def exists(index: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether a value of this shape has a number there."""
    return len(index) == len(shape) and all(0 <= i < n for i, n in zip(index, shape, strict=True))
