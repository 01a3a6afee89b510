"""The form of a model that takes a volume or a clip: which axis counts channels, and how many slices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from gradviz_core.compute import client
from gradviz_core.errors import QuestionError
from gradviz_core.types import Answer, Question
from gradviz_core.types.cards import Preprocessing
from gradviz_core.types.input_shapes import proposals
from pages.shell.answer_cache import answer_cache
from tests.fake_uploads import EXPORTED, Fake, dialog, field_of, kept_recipe, press, stand_in


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    answer_cache.clear()
    yield stand_in(monkeypatch)
    answer_cache.clear()


def takes(fake: Fake, *shape: int | None) -> None:
    fake.report = replace(EXPORTED, input_shape=shape, preprocessing=proposals(shape)[0])


def kept(app: AppTest, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> Preprocessing:
    """What the form makes of it. The fake has no answers about slices, so the model is said not to run."""

    def refuses(question: Question) -> Answer:
        raise QuestionError("It does not run here.")

    monkeypatch.setattr(client, "ask", refuses)
    press(app, "Use this model")
    return kept_recipe(fake).preprocessing


def test_what_was_guessed_is_said_and_can_be_changed(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    takes(fake, 1, 16, 3, 96, 96)
    app = dialog("clip.pt2")
    (said,) = [info.value for info in app.info]
    assert "read as 16 frames of 3 channels" in said
    assert "Kinetics" in said
    axes = next(group for group in app.button_group if group.label == "Axes of the input")
    axes.set_value("3 slices, 16 channels (channels first)").run()
    assert "read as 3 slices of 16 channels" in app.info[0].value
    assert kept(app, fake, monkeypatch) == proposals((1, 16, 3, 96, 96))[1]


def test_a_volume_that_is_read_in_one_way_asks_for_no_axes(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    takes(fake, 1, 1, 40, 96, 96)
    app = dialog("volume.pt2")
    assert not [group for group in app.button_group if group.label == "Axes of the input"]
    assert "leave the numbers as they are" in app.info[0].value
    assert kept(app, fake, monkeypatch) == proposals((1, 1, 40, 96, 96))[0]


def test_a_number_of_slices_that_is_open_is_chosen(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    takes(fake, 1, 1, None, 96, 96)
    app = dialog("volume.pt2")
    field_of(app, "Number of slices").set_value(24).run()
    assert kept(app, fake, monkeypatch) == replace(proposals((1, 1, 40, 96, 96))[0], slices=24)
