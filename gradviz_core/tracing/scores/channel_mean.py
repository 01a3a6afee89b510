"""The mean of one channel of a site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from gradviz_core.errors import BadTarget
from gradviz_core.tracing.scores.at_sites import channel_axis, of_one_image
from gradviz_core.types import ChannelMean, sites

if TYPE_CHECKING:
    from gradviz_core.tracing.watch import Trace


def score(target: ChannelMean, trace: Trace) -> tuple[ChannelMean, Tensor]:
    """Mean of the channel over all its places.

    Raises:
        BadTarget: the channel does not exist, the site has no axis of channels, or the value is not one image's.
        UnknownSite: the site never ran.
    """
    site, channel = target.site, target.channel
    value = of_one_image(trace.value(site), site)
    axis = channel_axis(trace, site, target.axis)
    if not 0 <= channel < value.shape[axis]:
        raise BadTarget(
            f"Channel {channel} does not exist in {sites.site_name(site)}: it has channels 0 to "
            f"{value.shape[axis] - 1}."
        )
    return target, value.select(axis, channel).mean()
