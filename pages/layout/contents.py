"""The pages of the app. Each has a card, ``PAGE``, in a file directly in ``pages/`` that is named as its address."""

from __future__ import annotations

import runpy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from pages.scores import choosing
from pages.shell import draws, present
from pages.shell.parameters import Parameter, Parameters
from pages.uploads import images, models

FOLDER = Path(__file__).parents[1]
_PICKERS = (*models.PARAMETERS, *images.PARAMETERS, *draws.PARAMETERS)


@dataclass(frozen=True, slots=True)
class Page:
    """What is known of a page before it is drawn."""

    title: str
    script: str
    """The file that draws it, such as ``pages/explore/neurons.py``."""
    section: str
    """The heading over it in the list of pages."""
    order: int
    """Its place in that list: pages with smaller numbers come first."""
    parameters: tuple[Parameter, ...] = ()
    """Its choices in the address, besides those of the sidebar."""
    pickers: bool = True
    """Whether a model and an image are chosen for it."""
    score: bool = True
    """Whether a score of that model is chosen for it."""
    pictures: bool = True
    """Whether it shows something of the chosen model."""
    slices: bool = False
    """Whether it shows models that take a volume or a clip, one slice at a time."""
    listed: bool = True
    """Whether it stands in the list of pages."""
    presented: tuple[str, ...] = ()
    """The keys of what its presentation view shows: pictures, a sentence, one control; all of it by default."""

    @property
    def choices(self) -> tuple[Parameter, ...]:
        """All that its address can hold."""
        sidebar = (*_PICKERS, *(choosing.PARAMETERS if self.score else ())) if self.pickers else ()
        return (*sidebar, *self.parameters, *present.PARAMETERS)


@cache
def pages() -> Mapping[str, Page]:
    """The cards by their addresses, in the order of the list.

    Raises:
        AttributeError: a file directly in ``pages/`` has no ``PAGE``.
    """
    cards = {file.stem: _card(file) for file in FOLDER.glob("*.py") if not file.name.startswith("_")}
    return dict(sorted(cards.items(), key=lambda each: each[1].order))


@cache
def parameters() -> Parameters:
    """The choices of all pages."""
    return Parameters((*_PICKERS, *choosing.PARAMETERS, *(each for page in pages().values() for each in page.choices)))


def _card(file: Path) -> Page:
    spec = spec_from_file_location(f"pages.{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(module := module_from_spec(spec))
    card: Page = module.PAGE
    return card


def first_visit() -> None:
    """Run the app. For the very first visitor of a fresh server, who comes by the address of a page, Streamlit runs the
    file of that name in ``pages/`` and not ``navigation.py``."""
    runpy.run_path(str(FOLDER.parent / "navigation.py"))
