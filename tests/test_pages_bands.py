"""The form of a model that takes bands: what becomes of their numbers, and which are shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from gradviz_core.types.cards import Preprocessing
from pages.shell.answer_cache import answer_cache
from tests.fake_uploads import EXPORTED, Fake, dialog, field_of, kept_recipe, press, stand_in
from tests.opening import errors

BANDS = Preprocessing((96, 96), 96, (0.0,) * 5, (1.0,) * 5)


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    answer_cache.clear()
    made = stand_in(monkeypatch)
    made.report = replace(EXPORTED, input_shape=(1, 5, 96, 96), preprocessing=BANDS)
    yield made
    answer_cache.clear()


def scale(app: AppTest, words: str) -> None:
    next(group for group in app.button_group if group.label == "Numbers of the bands").set_value(words).run()


def test_bands_are_taken_as_they_are_and_imagenet_is_not_named(fake: Fake) -> None:
    app = dialog("land.pt2")
    (said,) = [info.value for info in app.info]
    assert "taken as they are" in said
    assert "ImageNet" not in said
    assert not [group for group in app.button_group if group.label == "Range of the input"]
    assert any("number in the file" in caption.value for caption in app.caption)
    press(app, "Use this model")
    assert kept_recipe(fake).preprocessing == BANDS


def test_bands_can_be_standardised_and_three_of_them_shown(fake: Fake) -> None:
    app = dialog("land.pt2")
    scale(app, "Mean 0, standard deviation 1")
    assert not any("number in the file" in caption.value for caption in app.caption)
    field_of(app, "Bands shown").set_value("3; 2 1").run()
    press(app, "Use this model")
    assert kept_recipe(fake).preprocessing == replace(BANDS, standardised=True, shown=(3, 2, 1))


def test_numbers_of_ones_own_are_in_the_units_of_the_file(fake: Fake) -> None:
    app = dialog("land.pt2")
    scale(app, "Other")
    field_of(app, "Mean").set_value("1353.2 1117 1042 947.5 -1200").run()
    field_of(app, "Standard deviation").set_value("65.3 154 187 278.5 1e4").run()
    field_of(app, "Bands shown").set_value("4").run()
    press(app, "Use this model")
    made = kept_recipe(fake).preprocessing
    assert (made.mean, made.std) == ((1353.2, 1117.0, 1042.0, 947.5, -1200.0), (65.3, 154.0, 187.0, 278.5, 1e4))
    assert (made.standardised, made.shown) == (False, (4,))


@pytest.mark.parametrize("text", ["", "0 1", "5", "1, 2, 5", "-1, 0, 1", "a", "0 1 2 3", "1.5", "9999", "²"])
def test_bands_that_cannot_be_shown(text: str) -> None:
    app = dialog("land.pt2")
    field_of(app, "Bands shown").set_value(text).run()
    (said,) = errors(app)
    assert "Enter three numbers from 0 to 4" in said
    assert next(b for b in app.button if b.label == "Use this model").disabled
