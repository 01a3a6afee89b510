"""The kinds of targets, one file each. A file that is added here is found automatically: its target is read from JSON,
captioned, and its program written; the formula on tensors is in the file of the same name in ``tracing/scores/``."""

from __future__ import annotations

import importlib
import pkgutil

from gradviz_core.types.target import OfHead as OfHead
from gradviz_core.types.target import OfSite as OfSite
from gradviz_core.types.target import Target as Target
from gradviz_core.types.targets.box_score import BoxScore as BoxScore
from gradviz_core.types.targets.channel_mean import ChannelMean as ChannelMean
from gradviz_core.types.targets.class_difference import ClassDifference as ClassDifference
from gradviz_core.types.targets.class_score import ClassScore as ClassScore
from gradviz_core.types.targets.combination import Combination as Combination
from gradviz_core.types.targets.combination import Term as Term
from gradviz_core.types.targets.cross_entropy import CrossEntropy as CrossEntropy
from gradviz_core.types.targets.region_score import RegionScore as RegionScore
from gradviz_core.types.targets.site_sum import SiteSum as SiteSum
from gradviz_core.types.targets.unit import Unit as Unit

_FIRST = (
    ClassScore,
    ClassDifference,
    CrossEntropy,
    RegionScore,
    BoxScore,
    Combination,
    Unit,
    ChannelMean,
    SiteSum,
)
"""Where JSON names no kind, the first that it fits is meant; a kind that is added comes after these."""


def _found() -> tuple[type[Target], ...]:
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    kinds = [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Target) and value.__module__ == module.__name__
    ]
    return (*_FIRST, *(kind for kind in kinds if kind not in _FIRST))


KINDS: tuple[type[Target], ...] = _found()
"""Every kind of target."""
