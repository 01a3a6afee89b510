"""One unit inside a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from gradviz_core.errors import BadTarget
from gradviz_core.tracing.scores.at_sites import exists, of_one_image
from gradviz_core.types import Unit, sites

if TYPE_CHECKING:
    from gradviz_core.tracing.watch import Trace


def score(target: Unit, trace: Trace) -> tuple[Unit, Tensor]:
    """``value[0][index]``.

    Raises:
        BadTarget: the unit does not exist, or the value is not one image's.
        UnknownSite: the site never ran.
    """
    site, index = target.site, target.index
    value = trace.value(site)
    shape = tuple(of_one_image(value, site).shape[1:])
    if not exists(index, shape):
        size = "x".join(map(str, shape)) or "one value"
        limit = ", ".join(f"0 to {n - 1}" for n in shape)
        raise BadTarget(
            f"Unit {index} does not exist in {sites.site_name(site)}, which has size {size}. "
            f"Choose an index within ({limit})."
        )
    return target, value[0][index]
