"""The mean of one channel of a site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types import layouts
from gradviz_core.types.sites import site_name
from gradviz_core.types.subjects import Site
from gradviz_core.types.target import Block, OfSite, Program


@dataclass(frozen=True, slots=True)
class ChannelMean(OfSite):
    """Mean of one channel of a site over all its positions. ``axis`` is the channel axis, where the batch axis is 0;
    None is the one that the forward pass shows."""

    site: Site
    channel: int
    axis: int | None = None
    kind: Literal["channel"] = field(default="channel", repr=False)

    needs_axes = True

    def words(self, labels: Sequence[str]) -> str:
        """``the mean of channel 3 of layer1``."""
        along = "" if self.axis is None else f" (channels on axis {self.axis})"
        return f"the mean of channel {self.channel} of {site_name(self.site)}{along}"

    def symbol(self, labels: Sequence[str]) -> str:
        r"""``\bar a_{3}``."""
        return f"\\bar a_{{{self.channel}}}"

    def named(self) -> str:
        """``the mean of channel 3 of layer1``."""
        return f"the mean of channel {self.channel} of {site_name(self.site)}"

    def code(self, program: Program) -> Block:
        """The channel on its axis."""
        before = (self.axis or layouts.channel_axis(program.site_info(self.site))) - 1
        return Block((f"score = {program.value(self.site)}[0{', :' * before}, {self.channel}].mean()",))
