"""The options of a method on the page: a control for each that changes something."""

from __future__ import annotations

import pytest

from gradviz_core.drawing import method_words
from gradviz_core.types.methods import METHODS
from tests.opening import SALIENCY, answer_here, opened

MODEL, IMAGE = "preset/digits-mlp", "sample/digit-3"


@pytest.mark.parametrize(
    ("options", "sliders"),
    [("steps=3", {"Steps", "Opacity"}), ("steps=3,baseline=noise,seed=2", {"Steps", "Seed", "Opacity"})],
)
def test_an_option_is_drawn_where_it_changes_something(
    options: str, sliders: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_here(monkeypatch)
    app = opened(SALIENCY, model=MODEL, image=IMAGE, method="integrated_gradients", options=options)
    assert {slider.label for slider in app.slider} == sliders
    (control,) = [box for box in app.selectbox if box.label == "Baseline"]
    assert control.options[0] == "the mean colour"


def test_the_facts_name_an_option_where_it_changes_something() -> None:
    plain = method_words.facts("integrated_gradients", (("seed", 3.0),))
    assert plain == ("baseline the mean colour", "steps 64", "rule Gauss–Legendre")
    noisy = method_words.facts("integrated_gradients", (("seed", 3.0), ("baseline", "noise")))
    assert noisy == ("baseline noise", "steps 64", "rule Gauss–Legendre", "seed 3")


def test_an_option_that_needs_a_choice_names_one_that_stands_before_it() -> None:
    for card in METHODS.values():
        names = [control.name for control in card.options]
        for control in card.options:
            only = getattr(control, "only", None)
            if only is not None:
                (choice,) = [one for one in card.options if one.name == only[0]]
                assert names.index(choice.name) < names.index(control.name)
                assert only[1] in {option.value for option in getattr(choice, "options", ())}
