"""The options of a method on the page: a control for each that changes something."""

from __future__ import annotations

import numpy as np
import pytest

from gradviz_core.drawing import method_words
from gradviz_core.models import catalogue
from gradviz_core.types.methods import METHODS
from tests.opening import SALIENCY, answer_here, chart, opened, texts, values

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


def test_the_page_draws_fullgrad_as_its_options_say(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_here(monkeypatch)
    app = opened(SALIENCY, model=MODEL, image=IMAGE, method="fullgrad")
    assert values(chart(app, "gradient")).min() >= 0
    said = " ".join(texts(app))
    assert "much of the score comes from there" in said
    assert "adds to the score" not in said
    app = opened(SALIENCY, model=MODEL, image=IMAGE, method="fullgrad", options="map=signed")
    assert "adds to the score" in " ".join(texts(app))


def test_the_tooltip_of_the_methods_is_about_the_chosen_one(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_here(monkeypatch)
    app = opened(SALIENCY, model=MODEL, image=IMAGE, method="deeplift")
    (control,) = [box for box in app.selectbox if box.label == "Method"]
    assert control.help.startswith("**DeepLIFT**: ")
    assert "It does not show how the score responds to a small change of the image. Models that call" in control.help
    assert [card.name for card in METHODS.values() if f"**{card.name}**" in control.help] == ["DeepLIFT"]


def test_a_layer_is_chosen_from_those_with_rows_and_columns_the_last_first(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_here(monkeypatch)
    asked = {"model": "preset/shapes-cnn", "image": "sample/star", "method": "guided_grad_cam"}
    app = opened(SALIENCY, **asked)
    (control,) = [box for box in app.selectbox if box.label == "Layer"]
    assert control.options[:2] == ["last: features.17", "features.17 · ReLU · 120×12×12"]
    assert not any("flatten" in option or "fc" in option for option in control.options)
    last = values(chart(app, "gradient"))
    assert any("times Grad-CAM of features.17: " in text for text in texts(app)), "the caption names the layer"
    control.select("features.2 · ReLU · 24×48×48").run()
    assert not app.exception
    assert app.query_params["options"] in ("layer=features.2", ["layer=features.2"])
    assert not np.allclose(values(chart(app, "gradient")), last)
    assert any("48×48 positions" in said.value for said in app.info)


def test_another_image_is_chosen_from_samples_and_uploads_and_refused_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer_here(monkeypatch)
    asked = {"model": MODEL, "image": IMAGE, "method": "integrated_gradients"}
    app = opened(SALIENCY, **asked, options="baseline=image,steps=2")
    (control,) = [box for box in app.selectbox if box.label == "Other image"]
    assert control.options[0] == "A tower of the Summer Palace in Beijing"
    assert len(control.options) == len(set(control.options)) == len(catalogue.sample_images())
    there = values(chart(app, "gradient"))
    assert "compared with another image (“A tower of the Summer Palace in Beijing”)" in " ".join(texts(app))
    control.select("A handwritten 8").run()
    assert not np.allclose(values(chart(app, "gradient")), there)
    assert "baseline_image=sample/digit-8" in str(app.query_params["options"])
    for key, why in (("sample/none", "There is no sample image"), ("nothing", "Unknown image")):
        app = opened(SALIENCY, **asked, options=f"baseline=image,baseline_image={key}")
        assert why in app.error[0].value
        assert key in next(box for box in app.selectbox if box.label == "Other image").options
