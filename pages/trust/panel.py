"""The panel "Can I trust this?" below a map: what becomes of it when one thing is random, whether the pixels that it
ranks first matter to the score, and whether it obeys the law of its method."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import streamlit as st

from gradviz_core.drawing import trust_words
from pages.layout.code import Rooms
from pages.shell import address, asking, panel, widgets
from pages.shell.download_menu import Offered
from pages.shell.parameters import Parameter
from pages.trust import another_draw, insertion, law, noise, weights
from pages.trust.tested import Test, Tested

_CONTROLS = (*weights.PARAMETERS, *noise.PARAMETERS, *insertion.PARAMETERS)
AT_INPUT = (Parameter("trust", while_it_fits=("method", "options")), *_CONTROLS)
"""The choices of a page with a map of the input."""
AT_LAYER = (Parameter("layer_trust", while_it_fits=("layer_method", "layer_options", "site")), *_CONTROLS)
"""The choices of a page with a map of a layer output."""
_TESTS: Mapping[str, Test] = {
    "weights": weights.TEST,
    "noise": noise.TEST,
    "draw": another_draw.TEST,
    "pixels": insertion.TEST,
    "law": law.TEST,
}


def planned(tested: Tested) -> tuple[Offered, tuple[str, ...]]:
    """What the open test offers to download, and the names of its programs."""
    name = address.read(_name(tested))
    if name not in _labels(tested):
        return Offered(), ()
    test = _TESTS[name]
    try:
        return Offered(test.pictures, test.arrays(tested)), test.programs
    except address.NoSuchChoice:  # the test says so where it is drawn
        return Offered(), ()


def draw(tested: Tested, rooms: Rooms) -> None:
    """The panel, folded away until somebody opens it; nothing is computed before."""
    name, labels = _name(tested), _labels(tested)
    key = f"can_i_trust_{name}"
    st.session_state[key] = bool(address.read(name))
    folded = st.expander("Can I trust this?", key=key, on_change=lambda: open_or_close(name, key, labels))
    if not st.session_state[key]:
        return
    with folded, asking.one_sentence():
        row = panel.controls("trust_controls")
        with row:
            test = _TESTS[widgets.option("Test", name, labels)]
        question = tested.question
        said = trust_words.tested_on(question.method, question.options, tested.few) if test.few else ""
        if said:
            st.caption(said)
        test.draw(row, tested, rooms)


def open_or_close(name: str, key: str, tests: Collection[str]) -> None:
    """Where it is opened again, the test is the one that it was closed with, if there still is one of that name."""
    last = f"{key}_last"
    if st.session_state[key]:
        was = st.session_state.get(last)
        address.write({name: was if was in tests else next(iter(tests))})
    else:
        st.session_state[last] = address.read(name)
        address.write({name: ""})


def _name(tested: Tested) -> str:
    """Of the choice in the address."""
    return "trust" if tested.info is None else "layer_trust"


def _labels(tested: Tested) -> dict[str, str]:
    """The tests that there are of this map, and what they are called."""
    labels = {"weights": "Shuffled weights", "noise": "Noise"}
    if another_draw.is_for(tested):
        labels["draw"] = "Another draw"
    if insertion.is_for(tested):
        labels["pixels"] = "Insertion and deletion"
    if said := law.label(tested):
        labels["law"] = said
    return labels
