"""Choosing an image: a sample by its thumbnail, or an upload."""

from __future__ import annotations

from pathlib import PurePath

import numpy as np
import streamlit as st
from PIL import Image

from gradviz_core.compute import client
from gradviz_core.errors import BadImage, GradVizError
from gradviz_core.models import catalogue
from gradviz_core.types import ImageCard, Pixels
from pages.parts import address, thumbnails
from pages.parts.thumbnails import Thumbnail, small
from pages.parts.words import plain

TYPES = ("png", "jpg", "jpeg", "webp")


def suited(model: str) -> str:
    """Key of the image a model is first shown with: a sample of the kind it was trained on, else a photo."""
    return _in_order(model)[0].key


def _in_order(model: str) -> list[ImageCard]:
    """The samples, those that suit the model first; those for other presets last."""
    return sorted(catalogue.sample_images(), key=lambda card: (model not in card.suits, bool(card.suits)))


def pick(chosen: str, model: str) -> None:
    """Thumbnails of the samples and of this session's uploads, and a way to upload one more."""
    st.markdown("Image")
    kept: dict[str, str] = st.session_state.setdefault("uploads", {})
    uploads = [Thumbnail(key, "Your image", picture) for key, picture in kept.items()]
    samples = [Thumbnail(card.key, card.title, _sample(card.key)) for card in _in_order(model)]
    thumbnails.pick([*uploads, *samples], chosen, lambda key: address.write({"image": key}))
    with st.popover("Upload an image", icon=":material/upload:", width="stretch"):
        st.file_uploader("PNG, JPEG or WebP", type=list(TYPES), key="upload", on_change=_take)
        if sentence := st.session_state.pop("upload_error", ""):
            st.error(plain(sentence))
        st.caption("It is kept under a name made of its contents. Whoever has the address of this page can see it.")


def remember(key: str, pixels: Pixels) -> None:
    """Give an upload its thumbnail: what the network sees of it."""
    if key.startswith("upload/"):
        st.session_state["uploads"].setdefault(key, small(pixels))


@st.cache_data(show_spinner=False, max_entries=200)
def _sample(key: str) -> str:
    file = catalogue.image_file(catalogue.sample_image(key.removeprefix("sample/")))
    with Image.open(file) as picture:
        return small(np.asarray(picture.convert("RGB")))


def _take() -> None:
    """Keep the file that was just chosen and show it; what is wrong with it is said beside the button."""
    file = st.session_state["upload"]
    if file is None:
        return
    try:
        kind = PurePath(file.name).suffix.lower().removeprefix(".")
        if kind not in TYPES:
            raise BadImage(f"{file.name[:80]} is no PNG, JPEG or WebP file. Choose one of these.")
        address.write({"image": client.upload(file.getvalue())})
    except GradVizError as error:
        st.session_state["upload_error"] = str(error)
