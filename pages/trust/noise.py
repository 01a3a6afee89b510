"""The test with noise on the image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from streamlit.delta_generator import DeltaGenerator

from gradviz_core.drawing import snippets, trust_words
from gradviz_core.types import AboutAModel, RandomisedQuestion
from pages.layout.code import Rooms
from pages.shell import address, widgets
from pages.shell.parameters import Parameter
from pages.trust import other_map, verdict
from pages.trust.tested import Test, Tested

PARAMETERS = (Parameter("noise"),)
MAP, NUMBERS = "Other map", "Similarity"
_SIZES, _USUAL = range(1, 31), 5
_MEANING = "Standard deviation of the noise on the image, as a share of the range of its values."


def _draw(row: DeltaGenerator, tested: Tested, rooms: Rooms) -> None:
    with row:
        size = widgets.slider("Noise", "noise", _SIZES, _USUAL, _MEANING, unit="%", width=200)
    answer = other_map.asked(tested, _asked(tested, size), "noise")
    verdict.of(trust_words.of_noise(answer), answer)
    other_map.draw(tested, answer)
    rooms.fill(MAP, lambda at: snippets.map_with_noise(at, answer, tested.at))
    rooms.fill(NUMBERS, lambda at: snippets.similarity_with_noise(at, answer, tested.at))


def _asked(tested: Tested, size: int) -> RandomisedQuestion:
    return replace(tested.randomised(), noise=size / 100)


def _arrays(tested: Tested) -> Mapping[str, AboutAModel]:
    text = address.read("noise", str(_USUAL))
    is_one = text.isascii() and text.isdigit() and len(text) < 6 and int(text) in _SIZES
    return {"Other map": _asked(tested, int(text))} if is_one else {}


TEST = Test(_draw, pictures={other_map.KEY: "other map"}, programs=(MAP, NUMBERS), arrays=_arrays)
