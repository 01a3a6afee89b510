"""The test with another draw of the random numbers of the method itself."""

from __future__ import annotations

from collections.abc import Mapping

from streamlit.delta_generator import DeltaGenerator

from gradviz_core.drawing import snippets, trust_words
from gradviz_core.types import AboutAModel
from gradviz_core.types.controls import applies
from gradviz_core.types.methods import card_of, settled
from pages.layout.code import Rooms
from pages.trust import other_map, verdict
from pages.trust.tested import Test, Tested

MAP, NUMBERS = "Other map", "Similarity"


def is_for(tested: Tested) -> bool:
    """Whether the method draws random numbers, given its options."""
    method = tested.question.method
    values = settled(method, tested.question.options)
    return any(control.name == "seed" and applies(control, values) for control in card_of(method).options)


def _draw(row: DeltaGenerator, tested: Tested, rooms: Rooms) -> None:
    answer = other_map.asked(tested, tested.another_draw(), "trust")
    verdict.of(trust_words.of_draw(answer), answer)
    other_map.draw(tested, answer)
    rooms.fill(MAP, lambda at: snippets.map_of_another_draw(at, answer, tested.at))
    rooms.fill(NUMBERS, lambda at: snippets.similarity_of_another_draw(at, answer, tested.at))


def _arrays(tested: Tested) -> Mapping[str, AboutAModel]:
    return {"Other map": tested.another_draw()}


TEST = Test(_draw, few=False, pictures={other_map.KEY: "other map"}, programs=(MAP, NUMBERS), arrays=_arrays)
