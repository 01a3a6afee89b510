"""Bringing a model on the pages: its form, its labels, its address; and changing it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from gradviz_core.compute import client, inline
from gradviz_core.errors import BadModel
from gradviz_core.text.codec import question_to_json
from gradviz_core.types import Answer, GradientQuestion, Question, SurveyQuestion
from gradviz_core.types.cards import Fit, Recipe
from pages.shell.answer_cache import answer_cache
from pages.shell.words import plain
from pages.uploads import recipe_form
from tests.fake_uploads import (
    EXPORTED,
    FITS,
    IMAGENET,
    LABELS,
    WEIGHTS,
    Fake,
    bring_closed,
    dialog,
    field_of,
    kept_recipe,
    press,
    stand_in,
)
from tests.handing_in import choose
from tests.opening import MAPS, SALIENCY, chart, errors, opened, values


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    answer_cache.clear()
    yield stand_in(monkeypatch)
    answer_cache.clear()


# ------------------------------------------------------------------------------------------------------------ the model


def test_weights_become_a_model_in_the_list_and_in_the_address(fake: Fake) -> None:
    app = dialog()
    assert field_of(app, "Architecture").options == [
        "resnet18, 10 classes, 122 of 122 tensors match",
        "resnet34, 10 classes, 120 of 218 tensors match, 98 differ",
    ]
    assert any("Unwrapped" in c.value for c in app.caption)
    press(app, "Use this model")
    (key,) = fake.recipes
    assert app.query_params["model"] == key
    assert fake.recipes[key] == Recipe("a" * 64, "torchvision/resnet18", "my model", (), IMAGENET)
    assert app.selectbox(key="shown_model").options[0] == f"my model · {key[7:13]}"
    assert not app.error
    assert not [b for b in app.button if b.label == "Use this model"], "the dialog is closed"
    assert chart(app, "gradient")


def test_an_address_with_an_upload_works_in_a_fresh_session(fake: Fake) -> None:
    key = fake.keep_recipe(Recipe("b" * 64, "", "<script>alert(1)</script>", LABELS, IMAGENET))
    app = opened(model=key, target="3")
    assert not app.error
    assert app.selectbox(key="shown_model").value == key
    assert app.selectbox(key="shown_model").options[0].startswith("<script>alert(1)</script> · ")
    assert "name 3 (3)" in app.selectbox(key="shown_target").options
    assert any(plain("<script>alert(1)</script>") in m.value for m in app.markdown)
    assert not any("<script>" in m.value for m in (*app.markdown, *app.caption))


def test_another_architecture_brings_its_own_preprocessing_and_says_that_it_will_not_load(fake: Fake) -> None:
    app = dialog()
    field_of(app, "Architecture").select("torchvision/resnet34").run()
    assert field_of(app, "Input height").value == 64
    assert ["98 tensors differ" in w.value for w in app.warning] == [True]
    fake.error = BadModel("resnet34 needs 98 tensors that are not there.")
    press(app, "Use this model")
    assert errors(app) == [plain("resnet34 needs 98 tensors that are not there.")]
    assert field_of(app, "Architecture").value == "torchvision/resnet34", "nothing that was chosen is lost"
    assert app.query_params["model"] == "preset/shapes-cnn"


def test_networks_with_the_same_tensors_and_another_normalisation_are_a_warning(fake: Fake) -> None:
    halves = replace(IMAGENET, size=(384, 384), resize=384, mean=(0.5,) * 3, std=(0.5,) * 3)
    small = Fit("timm/deit_tiny_patch16_224", 10, 152, 0, replace(IMAGENET, size=(384, 384), resize=384))
    fits = (
        Fit("timm/vit_tiny_patch16_384", 10, 152, 0, halves),
        small,
        Fit("torchvision/vit_b_16", 10, 80, 72, IMAGENET),
    )
    fake.report = replace(WEIGHTS, fits=fits)
    app = dialog()
    assert field_of(app, "Architecture").options == [
        "vit_tiny_patch16_384 (timm), 10 classes, 152 of 152 tensors match",
        "deit_tiny_patch16_224 (timm), 10 classes, with images of 384, 152 of 152 tensors match",
        "vit_b_16, 10 classes, 80 of 152 tensors match, 72 differ",
    ]
    (first,) = (warning.value for warning in app.warning)
    half, other = "mean 0.5, 0.5, 0.5 and standard deviation 0.5, 0.5, 0.5", "mean 0.485, 0.456, 0.406"
    assert first.startswith(plain(f"vit_tiny_patch16_384 (timm) was trained with images normalised with {half}."))
    assert plain(f"deit_tiny_patch16_224 (timm) with {other} and standard deviation 0.229, 0.224, 0.225.") in first
    field_of(app, "Architecture").select("timm/deit_tiny_patch16_224").run()
    (second,) = (warning.value for warning in app.warning)
    assert second.startswith(plain(f"deit_tiny_patch16_224 (timm) was trained with images normalised with {other}"))
    assert plain(f"vit_tiny_patch16_384 (timm) with {half}.") in second
    assert "vit_b_16" not in second, "what does not load is no choice"


def test_networks_with_the_same_tensors_and_the_same_normalisation_are_no_warning(fake: Fake) -> None:
    fake.report = replace(WEIGHTS, fits=(FITS[0], replace(FITS[0], architecture="timm/resnetblur18")))
    assert not dialog().warning


def test_a_model_that_does_not_run_is_said_in_the_dialog(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    app = dialog()

    def refuse(question: Question) -> Answer:
        raise BadModel("It takes an input of 32×32.")

    monkeypatch.setattr(client, "ask", refuse)
    press(app, "Use this model")
    assert plain("It takes an input of 32×32.") in errors(app)
    assert field_of(app, "Title").value == "my model"


def test_the_preprocessing_can_be_changed_by_hand_and_by_button(fake: Fake) -> None:
    app = dialog()
    ranges = next(g for g in app.button_group if g.label == "Range of the input")
    assert ranges.value == "ImageNet"
    ranges.set_value("−1 to 1").run()
    assert any(plain("Mean 0.5, 0.5, 0.5; standard deviation 0.5, 0.5, 0.5") in c.value for c in app.caption)
    own(app)
    field_of(app, "Mean").set_value("1; 2 3").run()
    field_of(app, "Standard deviation").set_value("0.25 .5 2").run()
    field_of(app, "Interpolation").select("bicubic").run()
    field_of(app, "Input width").set_value(80).run()
    next(g for g in app.button_group if g.label == "Order of the colours").set_value("bgr").run()
    press(app, "Use this model")
    made = kept_recipe(fake).preprocessing
    assert (made.size, made.resize, made.mean) == ((96, 80), 110, (1.0, 2.0, 3.0))
    assert (made.channels, made.interpolation) == ("bgr", "bicubic")
    assert made.std == (0.25, 0.5, 2.0)


def own(app: AppTest) -> None:
    """Choose one's own mean and standard deviation."""
    next(g for g in app.button_group if g.label == "Range of the input").set_value("Other").run()


@pytest.mark.parametrize(("words", "black", "white"), [("0 to 1", 0, 1), ("−1 to 1", -1, 1), ("0 to 255", 0, 255)])
def test_a_usual_range_is_what_it_says(fake: Fake, words: str, black: float, white: float) -> None:
    app = dialog()
    next(g for g in app.button_group if g.label == "Range of the input").set_value(words).run()
    press(app, "Use this model")
    made = kept_recipe(fake).preprocessing
    np.testing.assert_allclose([(0 - made.mean[0]) / made.std[0], (1 - made.mean[2]) / made.std[2]], [black, white])


def test_all_of_an_image_is_used_where_it_is_squeezed(fake: Fake) -> None:
    app = dialog()
    next(g for g in app.button_group if g.label == "Fit").set_value("squeeze").run()
    assert field_of(app, "Shorter side resized to").disabled
    press(app, "Use this model")
    assert kept_recipe(fake).preprocessing.resize is None


@pytest.mark.parametrize(
    ("label", "value", "sentence"),
    [
        ("Mean", "0.5, x, 0.5", "is not a list of numbers"),
        ("Mean", "0.5, 0.5", "The mean has 2 numbers; this model's input has 3 channels"),
        ("Mean", "inf 0 0", "not finite"),
        ("Standard deviation", "1 0 1", "not above 0"),
        ("Standard deviation", "1 -1 1", "not above 0"),
        ("Standard deviation", "nan 1 1", "not finite"),
        ("Shorter side resized to", 50, "the edges would be black"),
    ],
)
def test_a_preprocessing_that_is_none_is_said_and_cannot_be_used(label: str, value: object, sentence: str) -> None:
    app = dialog()
    own(app)
    field_of(app, label).set_value(value).run()
    (said,) = errors(app)
    assert plain(sentence) in said
    assert next(b for b in app.button if b.label == "Use this model").disabled


def test_an_exported_model_fixes_its_size(fake: Fake) -> None:
    fake.report = EXPORTED
    app = dialog("net.pt2")
    assert [field_of(app, f"Input {side}").disabled for side in ("height", "width")] == [True, True]
    assert not [s for s in app.selectbox if s.label == "Architecture"]
    press(app, "Use this model")
    assert kept_recipe(fake).architecture == ""


def test_a_dynamic_size_can_be_chosen(fake: Fake) -> None:
    fake.report = replace(EXPORTED, input_shape=(1, 3, None, None))
    app = dialog("net.pt2")
    assert not field_of(app, "Input height").disabled


def test_weights_that_fit_nothing_are_said(fake: Fake) -> None:
    fake.report = replace(WEIGHTS, fits=())
    app = dialog()
    (said,) = errors(app)
    assert "do not fit any architecture" in said
    assert app.file_uploader(key="model_file_1").key == "model_file_1", "another file can be chosen"


# --------------------------------------------------------------------------------------------------------------- labels


def test_labels_come_from_a_file_or_are_pasted(fake: Fake) -> None:
    app = dialog()
    file = next(f for f in app.file_uploader if "labels_file" in str(f.key))
    choose(file, "labels.txt", "\n".join(LABELS).encode())
    assert app.text_area[0].value == "\n".join(LABELS)
    press(app, "Use this model")
    assert kept_recipe(fake).labels == LABELS
    assert fake.words().count("read_labels") == 1, "what a file held is not read as text again"


def test_labels_must_be_one_for_each_class(fake: Fake) -> None:
    app = dialog()
    app.text_area[0].set_value("a\nb").run()
    press(app, "Use this model")
    assert errors(app) == [plain("There are 2 names for 10 classes. Enter one per class in order, or none.")]
    assert app.text_area[0].value == "a\nb"
    fake.error = BadModel("Line 2 is longer than 100 characters.")
    press(app, "Use this model")
    assert errors(app) == [plain("Line 2 is longer than 100 characters.")]


def test_of_several_sets_of_weights_one_is_chosen_and_kept_in_the_recipe(fake: Fake) -> None:
    fits = tuple(replace(FITS[0], part=part) for part in ("state_dict", "state_dict_ema"))
    fake.report = replace(WEIGHTS, fits=fits)
    app = dialog()
    (box,) = [box for box in app.selectbox if box.label == "Architecture"]
    assert [option.rpartition(", under ")[2] for option in box.options] == ["state_dict", "state_dict_ema"]
    box.select("torchvision/resnet18 state_dict_ema").run()
    press(app, "Use this model")
    assert fake.recipes[str(app.query_params["model"])].part == "state_dict_ema"


def test_a_labels_file_of_another_kind_is_refused_unread(fake: Fake) -> None:
    app = dialog()
    file = next(f for f in app.file_uploader if "labels_file" in str(f.key))
    choose(file, "labels.pkl", b"x")
    assert "labels.pkl" in errors(app)[0].replace("\\", "")
    assert "read_labels" not in fake.words()


# --------------------------------------------------------------------------------------------------------------- change


def test_changing_labels_keeps_image_target_and_site_and_gives_a_new_key(fake: Fake) -> None:
    old = fake.keep_recipe(Recipe("b" * 64, "torchvision/resnet18", "mine", (), IMAGENET))
    app = opened(MAPS, model=old, image="sample/star", target="4", site="features.6", row="2")
    app.button(key="bring_change").click().run()
    assert field_of(app, "Title").value == "mine"
    app.text_area[0].set_value("\n".join(LABELS)).run()
    press(app, "Use this model")
    new = app.query_params["model"]
    assert new != old
    assert fake.recipes[str(new)] == replace(fake.recipes[old], labels=LABELS)
    assert [app.query_params[n] for n in ("image", "target", "site", "row")] == ["sample/star", "4", "features.6", "2"]
    assert app.selectbox(key="shown_target").value == "4"
    assert "name 4 (4)" in app.selectbox(key="shown_target").options
    assert not app.error


def test_the_labels_of_one_form_are_held_and_no_more(fake: Fake) -> None:
    key = fake.keep_recipe(Recipe("b" * 64, "torchvision/resnet18", "mine", LABELS, IMAGENET))
    app = opened(MAPS, model=key)

    def held() -> list[int]:
        return [number for number in range(9) if f"draft_{number}_labels_read" in app.session_state]

    for number in (1, 2):
        app.button(key="bring_change").click().run()
        assert held() == [number]
    press(app, "Use this model")
    assert not app.error
    assert held() == []


def test_the_kind_of_output_is_said_when_a_model_is_brought_and_can_be_changed(fake: Fake) -> None:
    app = dialog()
    kind = kinds_in_the_dialog(app)
    assert kind.value == ""
    assert kind.options[0] == "Detect from the model"
    kind.set_value("sigmoid").run()
    press(app, "Use this model")
    assert kept_recipe(fake).reading == "sigmoid_logits"
    app.selectbox(key="shown_reads").select("numbers").run()
    app.button(key="bring_change").click().run()
    assert kinds_in_the_dialog(app).value == "sigmoid"
    press(app, "Use this model")
    assert kept_recipe(fake).reading == "sigmoid_logits"
    assert app.query_params["reads"] == "numbers", "nothing was said of it anew"
    app.button(key="bring_change").click().run()
    kinds_in_the_dialog(app).set_value("").run()
    press(app, "Use this model")
    assert kept_recipe(fake).reading is None
    assert "reads" not in app.query_params


def kinds_in_the_dialog(app: AppTest) -> Any:
    (found,) = [box for box in app.selectbox if str(box.key).endswith("_reading")]
    return found


def test_a_model_that_is_gone_says_so_and_another_can_be_chosen(fake: Fake) -> None:
    app = opened(model="upload/" + "0" * 64)
    (said,) = errors(app)
    assert plain("has been removed") in said
    app.button(key="bring_change").click().run()
    assert len(errors(app)) == 2, "the dialog says so too"
    bring_closed(app)
    app.selectbox(key="shown_model").select("preset/shapes-cnn").run()
    assert not app.error
    assert chart(app, "gradient")


def test_classes_are_counted_where_they_have_no_names(fake: Fake) -> None:
    key = fake.keep_recipe(Recipe("b" * 64, "", "mine", (), IMAGENET))
    app = opened(model=key)
    assert len(app.selectbox(key="shown_target").options) == 11
    app.selectbox(key="shown_target").select("9").run()
    assert not app.error
    question = cast(GradientQuestion, next(what for word, what in reversed(fake.sent) if word == "ask"))
    assert '"index":9' in question_to_json(question)


def test_a_fit_is_said_with_what_differs() -> None:
    assert recipe_form.fit_text(FITS[0]) == "resnet18, 10 classes, 122 of 122 tensors match"
    assert recipe_form.fit_text(FITS[1]).endswith("120 of 218 tensors match, 98 differ")


def test_features_are_not_called_classes_and_are_proposed_as_plain_numbers() -> None:
    features = replace(FITS[0], classes=384, features=True)
    assert recipe_form.fit_text(features) == "resnet18, 384 features, 122 of 122 tensors match"
    for fit, reading in ((features, "numbers"), (FITS[0], None)):
        assert recipe_form.proposal(replace(WEIGHTS, fits=(fit,)), "mine").reading == reading


def test_the_map_of_an_upload_is_the_answer(fake: Fake) -> None:
    key = fake.keep_recipe(Recipe("b" * 64, "", "mine", (), IMAGENET))
    app = opened(SALIENCY, model=key, image="sample/star")
    expected = inline.ask(GradientQuestion(model="preset/shapes-cnn", image="sample/star"))
    np.testing.assert_array_equal(values(chart(app, "gradient")), expected.arrays["gradient/.input"][0].sum(axis=0))
    assert SurveyQuestion(model=key, image="sample/star") in [what for word, what in fake.sent if word == "ask"]
