"""The law that a map obeys, where its method has one: a gradient agrees with finite differences, a complete attribution
sums to what it explains."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core.drawing import trust_words
from gradviz_core.types.methods import card_of
from pages.layout.code import Rooms
from pages.shell import check
from pages.shell.words import explained
from pages.trust import verdict
from pages.trust.tested import Test, Tested


def label(tested: Tested) -> str:
    """What the test is called; empty where the method has no such law."""
    if tested.sums is not None or (card_of(tested.question.method).complete and not tested.whole):
        return "Completeness"
    return "Finite differences" if tested.checked is not None else ""


def _draw(row: DeltaGenerator, tested: Tested, rooms: Rooms) -> None:
    if tested.sums is not None:
        card = card_of(tested.question.method)
        verdict.say(trust_words.of_sums(tested.sums, card.complete, can_be_finer=bool(card.counts)))
    elif tested.checked is not None:
        check.line(tested.checked, "trust")
        st.markdown(explained(trust_words.FINITE_DIFFERENCES))
    else:
        st.caption("Terms of the sum are missing: whether it adds up is known when all are there.")


TEST = Test(_draw, few=False)
