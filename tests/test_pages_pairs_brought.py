"""The form of a model that takes two images: a preprocessing for each, under its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from gradviz_core.types.cards import Preprocessing
from pages.shell.answer_cache import answer_cache
from tests.fake_uploads import EXPORTED, IMAGENET, Fake, dialog, kept_recipe, press, stand_in

SECOND = Preprocessing((48, 64), None, (0.5,), (0.5,))


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    answer_cache.clear()
    made = stand_in(monkeypatch)
    made.report = replace(EXPORTED, inputs=("before", "after"), second_shape=(1, 1, 48, 64), other=SECOND)
    yield made
    answer_cache.clear()


def test_each_image_has_a_preprocessing_of_its_own(fake: Fake) -> None:
    app = dialog("change.pt2")
    assert any("inputs 1×3×96×96 and 1×1×48×64" in caption.value for caption in app.caption)
    forms = [each.label for each in app.expander if each.label.startswith("Change the preprocessing")]
    assert forms == ["Change the preprocessing of before", "Change the preprocessing of after"]
    first, second = [group for group in app.button_group if group.label == "Range of the input"]
    assert (first.value, second.value) == ("ImageNet", "−1 to 1")
    second.set_value("0 to 1").run()
    press(app, "Use this model")
    made = kept_recipe(fake)
    assert made.preprocessing == IMAGENET
    assert made.other == replace(SECOND, mean=(0.0,), std=(1.0,))
    assert made.inputs == ("before", "after")
