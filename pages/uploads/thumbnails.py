"""Choosing an image by its thumbnail: a group of radio buttons that look like pictures, so arrow keys work too."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import streamlit as st
from PIL import Image

from gradviz_core.types import Pixels
from pages.shell.clicks import sent

SIDE = 96
"""Longest side of a thumbnail, in pixels."""

_JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const group = parentElement.querySelector("fieldset");
  const wanted = JSON.stringify(data.thumbnails);
  if (group.dataset.drawn !== wanted) {
    group.dataset.drawn = wanted;
    group.replaceChildren(...data.thumbnails.map((thumbnail) => {
      const label = document.createElement("label");
      const button = document.createElement("input");
      Object.assign(button, { type: "radio", name: "image", value: thumbnail.key });
      button.onchange = () => setTriggerValue("chosen", thumbnail.key);
      const picture = document.createElement("img");
      Object.assign(picture, { src: thumbnail.address, alt: thumbnail.title, title: thumbnail.title });
      label.append(button, picture);
      return label;
    }));
  }
  for (const button of group.querySelectorAll("input")) button.checked = button.value === data.chosen;
}
"""
_CSS = """
fieldset { border: 0; margin: 0; padding: 2px; display: grid; gap: 6px;
  grid-template-columns: repeat(auto-fill, minmax(44px, 1fr)); }
label { cursor: pointer; display: block; aspect-ratio: 1; position: relative; }
input { position: absolute; inset: 0; opacity: 0; margin: 0; cursor: pointer; }
img { width: 100%; height: 100%; object-fit: cover; display: block; border-radius: 3px; image-rendering: auto;
  background: var(--st-secondary-background-color); font-size: 10px; overflow: hidden; }
input:hover + img { outline: 2px solid var(--st-border-color); }
input:checked + img { outline: 3px solid var(--st-primary-color); }
input:focus-visible + img { outline: 3px solid var(--st-text-color); }
"""
_component = st.components.v2.component(
    "gradviz_thumbnails", html="<fieldset aria-label='Image'></fieldset>", js=_JS, css=_CSS
)


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """One image to choose."""

    key: str
    title: str
    address: str
    """The picture as a ``data:`` address."""


def pick(thumbnails: Sequence[Thumbnail], chosen: str, act: Callable[[str], None]) -> None:
    """The images side by side; ``act`` gets the key of the one that is chosen, before the page is drawn again."""

    def heard() -> None:
        key = sent("thumbnails", "chosen")
        if isinstance(key, str) and key in {t.key for t in thumbnails}:
            act(key)

    _component(
        key="thumbnails",
        data={"thumbnails": tuple(asdict(t) for t in thumbnails), "chosen": chosen},  # a list would load pandas
        on_chosen_change=heard,
    )


def small(pixels: Pixels) -> str:
    """The picture, cut square and shrunk, as a ``data:`` address."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    picture = picture.crop((left, top, left + side, top + side))
    picture.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
