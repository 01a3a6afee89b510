"""Which pretrained models cannot be used now: their weights are neither on this machine nor to be had."""

from __future__ import annotations

import math
import time

import streamlit as st

from gradviz_core.errors import GradVizError, WeightsMissing
from gradviz_core.models import weight_files
from gradviz_core.settings import settings
from gradviz_core.types import keys

AGAIN_S = 600.0
"""Seconds after a failed download before the network counts as there again."""


def absent() -> frozenset[str]:
    """The keys of these models. Files are looked up, and nothing is sent; where the models run on another machine,
    nothing is known of it."""
    failed = time.monotonic() - _failures()[-1] < AGAIN_S
    if settings().compute_address is not None or not (failed or weight_files.is_cut_off()):
        return frozenset()
    there = weight_files.on_disk()
    return frozenset(keys.torchvision(*name.split("@")) for name in weight_files.files() if name not in there)


def hear(error: GradVizError) -> None:
    """Note it if weights could not be downloaded just now."""
    if isinstance(error, WeightsMissing) and "could not be downloaded" in str(error):
        _failures()[-1] = time.monotonic()


@st.cache_resource(show_spinner=False)
def _failures() -> list[float]:
    return [-math.inf]
