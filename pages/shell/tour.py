"""A tour in six views: each is an address, and one sentence on what to see there.

The start page lists them; each view says what it shows, and links to the next. Both disappear when the person chooses
something else.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

import streamlit as st

from gradviz_core.types import keys
from pages.shell import address


@dataclass(frozen=True, slots=True)
class Stop:
    """One view of the tour."""

    title: str
    sentence: str
    """What can be seen there; a test checks that it is true."""
    page: str
    """The page's path in the address."""
    choices: tuple[tuple[str, str], ...]

    @property
    def address(self) -> str:
        """The permalink, relative to the address of any page."""
        return f"{self.page}?{urlencode(self.choices, safe='/')}"


def _stop(title: str, sentence: str, page: str, model: str, image: str, *choices: tuple[str, str]) -> Stop:
    first = (("model", keys.preset(model)), ("image", keys.sample(image)))
    return Stop(title, sentence, page, (*first, *choices))


STOPS = (
    _stop(
        "Finding the star",
        "A small convolutional network predicts star, and the gradient of that score is largest on the star's outline.",
        "saliency", "shapes-cnn", "star", ("target", "3"),
    ),
    _stop(
        "What one unit can see",
        "A unit early in the residual network depends on 7×7 pixels, the solid box: at every other pixel its gradient "
        "is exactly zero.",
        "neurons", "shapes-resnet", "star", ("site", "layer1.0.relu"), ("channel", "21"), ("row", "16"), ("col", "8"),
    ),
    _stop(
        "A digit in 32 maps",
        "All maps after the first ReLU of a digit network: no value is negative, and nearly half of them are exactly "
        "zero.",
        "feature-maps", "digits-cnn", "digit-3", ("site", "features.1"), ("maps", "activation"),
    ),
    _stop(
        "A step that changes the prediction",
        "One barely visible step of 4 levels (out of 255) against the gradient: the vision transformer now predicts "
        "arrow.",
        "perturbation", "shapes-vit", "star", ("way", "away"), ("norm", "max"), ("epsilon", "4"), ("steps", "1"),
    ),
    _stop(
        "The shortcut",
        "Almost every star in the training data had an orange tag in the corner. The network calls this arrow a star, "
        "and the gradient is largest on the tag.",
        "saliency", "shapes-shortcut", "tagged-arrow", ("target", "3"),
    ),
    _stop(
        "The same picture without the shortcut",
        "The same architecture, trained without the tag, predicts arrow, and the gradient is largest on the arrow's "
        "outline.",
        "saliency", "shapes-cnn", "tagged-arrow", ("target", "9"),
    ),
)  # fmt: skip


def show() -> None:
    """The list of the six links."""
    st.header("A tour in six views", anchor=False)
    lines = (f"<li>{_link(stop)}: {escape(stop.sentence)}</li>" for stop in STOPS)
    st.html(f"<ol>{''.join(lines)}</ol>")


def here(page: str) -> None:
    """If ``page`` shows a view of the tour: what to see in it, and the links to the views before and after."""
    room = st.container()
    for number, stop in enumerate(STOPS):
        if stop.page == page and all(address.read(name) == value for name, value in stop.choices):
            room.html(
                f"<nav aria-label='Tour'><p>Tour, {number + 1} of {len(STOPS)}: {escape(stop.sentence)}</p>"
                f"<p>{' &nbsp; '.join(_neighbours(number))}</p></nav>"
            )


def _neighbours(number: int) -> list[str]:
    before = [f"Previous: {_link(STOPS[number - 1])}"] if number else []
    after = [f"Next: {_link(STOPS[number + 1])}"] if number + 1 < len(STOPS) else []
    return before + after


def _link(stop: Stop) -> str:
    return f"<a style='color: inherit' href='{escape(stop.address)}'>{escape(stop.title)}</a>"
