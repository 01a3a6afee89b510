"""How many bits of an image with more than 8 bits per channel are used: stated below it, and changed here."""

from __future__ import annotations

import streamlit as st

from gradviz_core.compute import client
from gradviz_core.errors import GradVizError
from gradviz_core.types import keys
from gradviz_core.types.cards import ImageFile, Scaling
from pages.shell import address
from pages.shell.words import plain
from pages.uploads import uploaded

FEWEST = 8
_BY_ITSELF = "by itself"


def choose(key: str, file: ImageFile | None) -> None:
    """Choose how many bits the uploaded image ``key`` uses; each number of bits gives an image with its own key."""
    if file is None or file.scaling is None:
        return
    image, key, scaling = key, keys.looked_at(key), file.scaling
    now = _chosen(scaling)
    numbers = [str(bits) for bits in range(scaling.bits, FEWEST - 1, -1)]
    options = [_BY_ITSELF, *([] if now in (_BY_ITSELF, *numbers) else [now]), *numbers]
    wanted = st.selectbox(
        "Bits used by the image",
        options,
        options.index(now),
        format_func=lambda option: _words(option, scaling),
        key=f"bits_{image}",
        help="The largest value that fits in this many bits is shown as white. Larger values are clipped.",
    )
    if wanted == now:
        return
    try:
        report = client.rescale_image(key, None if wanted == _BY_ITSELF else Scaling.range_of(int(wanted)))
    except GradVizError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    uploaded.image_reports()[report.key] = report
    address.write({"image": keys.exchanged(image, report.key)})
    st.rerun()


def _chosen(scaling: Scaling) -> str:
    if scaling.chosen != "person":
        return _BY_ITSELF
    return str(scaling.used) if scaling.used else f"{scaling.low:g} to {scaling.high:g}"


def _words(option: str, scaling: Scaling) -> str:
    if option == _BY_ITSELF:
        found = f": {scaling.used}" if scaling.chosen != "person" else ""
        return f"From the file or the largest value{found}"
    return f"{option}: 0 to {Scaling.range_of(int(option))[1]:,.0f}" if option.isdigit() else option
