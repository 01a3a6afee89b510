"""The sum of all entries of a site's value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from gradviz_core.errors import BadTarget
from gradviz_core.tracing.scores.last_operation import sum_is_constant
from gradviz_core.types import SiteSum

if TYPE_CHECKING:
    from gradviz_core.tracing.watch import Trace


def score(target: SiteSum, trace: Trace) -> tuple[SiteSum, Tensor]:
    """Σ value.

    Raises:
        BadTarget: the sum is the same for every image.
        UnknownSite: the site never ran.
    """
    value = trace.value(target.site)
    if not target.site.path and sum_is_constant(value):
        raise BadTarget(
            "This output is the result of a softmax, so its sum is the same for every image. Choose one value "
            "of it, or a part."
        )
    return target, value.sum()
