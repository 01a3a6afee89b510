"""What a page shows, kept as the front end keeps it: a tree of elements that messages of the server draw."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

Place = tuple[int, ...]
"""Where an element stands: its place in the main part or the sidebar, in the container there, and so on."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One element, the run of the script that drew it last, and the fragment it belongs to, if to one."""

    element: Element
    run: str
    fragment: str


class Screen:
    """All elements that are on the page now."""

    def __init__(self) -> None:
        self._drawn: dict[Place, Drawn] = {}

    def draw(self, message: ForwardMsg, run: str) -> None:
        """Apply one change, which ``run`` of the script made."""
        place, delta = tuple(message.metadata.delta_path), message.delta
        match delta.WhichOneof("type"):
            case "new_element":
                self._clear(place)
                self._drawn[place] = Drawn(delta.new_element, run, delta.fragment_id)
            case "add_block":
                self._drawn.pop(place, None)

    def finish(self, run: str, fragments: frozenset[str]) -> None:
        """A run ended: what it did not draw again is gone, inside the ``fragments`` that ran, or everywhere."""
        stale = [
            place
            for place, drawn in self._drawn.items()
            if drawn.run != run and (not fragments or drawn.fragment in fragments)
        ]
        for place in stale:
            del self._drawn[place]

    def _clear(self, place: Place) -> None:
        for below in [other for other in self._drawn if other[: len(place)] == place]:
            del self._drawn[below]

    def of(self, kind: str) -> Iterator[Any]:
        """All elements of one kind, as their own messages, in the order of the page: ``of("plotly_chart")``."""
        for _, drawn in sorted(self._drawn.items(), key=lambda item: item[0]):
            if drawn.element.WhichOneof("type") == kind:
                yield getattr(drawn.element, kind)

    def drawn(self) -> Iterator[Drawn]:
        """All elements, in the order of the page."""
        for _, drawn in sorted(self._drawn.items(), key=lambda item: item[0]):
            yield drawn

    def fragment(self, identity: str) -> str:
        """The part of the page that is drawn anew by itself when this widget changes; empty for the whole page."""
        for drawn in self._drawn.values():
            kind = drawn.element.WhichOneof("type")
            if kind is not None and getattr(getattr(drawn.element, kind), "id", "") == identity:
                return drawn.fragment
        return ""

    # ----------------------------------------------------------------------------------------------- what is read there

    @property
    def title(self) -> str:
        """The page's title; empty where it has none yet."""
        return next((str(heading.body) for heading in self.of("heading") if heading.tag == "h1"), "")

    @property
    def errors(self) -> list[str]:
        """All sentences that say that something went wrong, and what Streamlit says of an exception."""
        alerts = [str(alert.body) for alert in self.of("alert") if alert.format == alert.ERROR]
        return [plain(text) for text in alerts] + [
            f"exception: {each.type}: {each.message}" for each in self.of("exception")
        ]

    @property
    def texts(self) -> list[str]:
        """All sentences, without the backslashes that keep them plain."""
        return [plain(str(text.body)) for text in self.of("markdown")]

    @property
    def figures(self) -> dict[str, str]:
        """The charts of the page, as JSON, by their key: ``gradient``, ``classes``."""
        return {_key(chart.id).removeprefix("chart_"): str(chart.spec) for chart in self.of("plotly_chart")}

    def packed(self) -> bytes:
        """All that the charts of the page show, numbers and words, in little space: two pages have the same if and only
        if each chart is the same to the last bit."""
        return zlib.compress(json.dumps(self.figures, sort_keys=True).encode(), 1)

    def widget(self, kind: str, key: str) -> Any:
        """The widget of this kind whose key is ``key``, or matches it as a regular expression.

        Raises:
            LookupError: the page does not show one.
        """
        for widget in self.of(kind):
            if re.fullmatch(key, _key(widget.id)):
                return widget
        raise LookupError(
            f"there is no {kind} {key!r} on the page {self.title!r}, which says {self.errors or self.texts[:3]}"
        )

    def button(self, label: str) -> Any:
        """The button with this label.

        Raises:
            LookupError: the page does not show one.
        """
        for button in self.of("button"):
            if plain(button.label) == label:
                return button
        raise LookupError(f"there is no button {label!r} on the page {self.title!r}")


def unpacked(charts: bytes) -> dict[str, str]:
    """The charts that ``Screen.packed`` has packed."""
    return dict(json.loads(zlib.decompress(charts)))


def plain(text: str) -> str:
    """Markdown as a person reads it: without backslashes, every space alike."""
    return re.sub(r"\\(.)", r"\1", text).replace("\N{NO-BREAK SPACE}", " ")


def _key(identity: str) -> str:
    """The key in an element's identity: ``$$ID-<digest>-<key>``."""
    return identity.split("-", 2)[-1]
