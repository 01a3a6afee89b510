"""The random seed of a model that draws random numbers in evaluation mode, and the control for it."""

from __future__ import annotations

from gradviz_core.types import SurveyAnswer
from pages.shell import address, widgets
from pages.shell.parameters import Parameter

PARAMETERS = (Parameter("draw", within=("model",)),)
MOST = 1_000
"""How many seeds there are to choose from."""


def chosen() -> int:
    """The seed in the address; 0 if there is none."""
    text = address.read("draw")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 and int(text) < MOST else 0


def control(survey: SurveyAnswer) -> None:
    """The field for the seed, if the model draws random numbers.

    Raises:
        NoSuchChoice: the address names a seed out of range.
    """
    if survey.random:
        widgets.counter("Random seed", "draw", MOST, 0)
