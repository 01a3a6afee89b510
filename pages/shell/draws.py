"""A model that draws random numbers in evaluation mode: which draw is shown, and another one as a control."""

from __future__ import annotations

from gradviz_core.types import SurveyAnswer
from pages.shell import address
from pages.shell.parameters import Parameter

PARAMETERS = (Parameter("draw", within=("model",)),)
MOST = 1_000
"""How many draws there are to choose from."""


def chosen() -> int:
    """The draw in the address, by which random numbers begin; 0 where there is none."""
    text = address.read("draw")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 and int(text) < MOST else 0


def control(survey: SurveyAnswer) -> None:
    """The field for it, where the model draws any.

    Raises:
        NoSuchChoice: the address names a draw that is not there.
    """
    if survey.random:
        address.counter("Random seed", "draw", MOST, 0)
