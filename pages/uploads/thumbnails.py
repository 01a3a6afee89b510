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
from pages.shell import newest
from pages.shell.clicks import sent

SIDE = 96
"""Longest side of a thumbnail, in pixels."""
QUALITY = 85
"""Of WebP: all of them go to the browser with every page, and are a seventh of what they would be as PNG."""

_JS = """
function labelled(thumbnail, name, choose) {
  const label = document.createElement("label");
  const button = document.createElement("input");
  Object.assign(button, { type: "radio", name, value: thumbnail.key });
  button.onchange = () => choose(thumbnail.key);
  const picture = document.createElement("img");
  Object.assign(picture, { src: thumbnail.address, alt: thumbnail.title, title: thumbnail.title });
  label.append(button, picture);
  return label;
}

function folded(group, name, choose) {
  const details = document.createElement("details");
  details.open = group.open;
  const summary = document.createElement("summary");
  summary.textContent = group.title;
  const pictures = document.createElement("div");
  pictures.append(...group.thumbnails.map((thumbnail) => labelled(thumbnail, name, choose)));
  details.append(summary, pictures);
  return details;
}

function render({ data, parentElement, setTriggerValue }) {
  const field = parentElement.querySelector("fieldset");
  const wanted = JSON.stringify(data.groups);
  field.setAttribute("aria-label", data.title);
  if (field.drawn !== wanted) {
    field.drawn = wanted;
    const choose = (key) => setTriggerValue("chosen", key);
    field.replaceChildren(...data.groups.map((group) => folded(group, data.name, choose)));
  }
  for (const button of field.querySelectorAll("input")) {
    button.checked = button.value === data.chosen;
    if (button.checked && field.dataset.chosen !== data.chosen) button.closest("details").open = true;
  }
  field.dataset.chosen = data.chosen;
}
"""
_CSS = """
fieldset { border: 0; margin: 0; padding: 2px; }
summary { cursor: pointer; font-size: 0.8rem; line-height: 1.6; opacity: 0.8; width: fit-content; }
summary:focus-visible { outline: 2px solid var(--st-text-color); }
details > div { display: grid; gap: 6px; padding: 2px 0 6px;
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
    "gradviz_thumbnails", html="<fieldset aria-label='Image'></fieldset>", js=newest.script(_JS), css=_CSS
)


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """One image to choose."""

    key: str
    title: str
    address: str
    """The picture as a ``data:`` address."""


@dataclass(frozen=True, slots=True)
class Group:
    """Images of one kind, under a small heading that opens and closes."""

    title: str
    thumbnails: tuple[Thumbnail, ...]
    open: bool
    """Whether they are shown at first; the group of the chosen image is in any case."""


def pick(
    groups: Sequence[Group], chosen: str, act: Callable[[str], None], title: str = "Image", mark: str = ""
) -> None:
    """The images side by side under a ``title`` that is heard; ``act`` gets the key of the one that is chosen, before
    the page is drawn again. ``mark`` tells them from others on the page."""
    name = f"thumbnails{mark}"

    def heard() -> None:
        key = sent(name, "chosen")
        if isinstance(key, str) and key in {t.key for group in groups for t in group.thumbnails}:
            act(key)

    data = {  # a list would load pandas
        "groups": tuple(asdict(group) for group in groups),
        "chosen": chosen,
        "name": f"image{mark}",
        "title": title,
    }
    _component(key=name, data=newest.stamped(name, data), on_chosen_change=heard)


def small(pixels: Pixels) -> str:
    """The picture, cut square and shrunk, as a ``data:`` address."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    picture = picture.crop((left, top, left + side, top + side))
    picture.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=QUALITY)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
