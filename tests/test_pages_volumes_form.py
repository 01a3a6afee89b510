"""The form of a model that takes a volume or a clip: which axis counts channels, and how many slices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from gradviz_core.compute import client
from gradviz_core.drawing import slice_words
from gradviz_core.errors import QuestionError
from gradviz_core.images.depth_words import COPIED
from gradviz_core.types import Answer, Question
from gradviz_core.types.cards import ImageReport, Preprocessing
from gradviz_core.types.input_shapes import proposals
from pages.shell.answer_cache import answer_cache
from pages.uploads import uploaded
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


def test_one_frame_is_not_called_frames() -> None:
    """A volume of 16 grey slices may be read as one frame of 16 channels."""
    assert [slice_words.read_as(way) for way in proposals((1, 1, 16, 96, 96))] == [
        "16 slices, 1 channel (channels first)",
        "1 frame, 16 channels (frames first)",
    ]


def test_a_model_of_one_grey_channel(fake: Fake) -> None:
    """Its numbers are not those of ImageNet, and grey is not copied for it."""
    takes(fake, 1, 1, 32, 100)
    fake.report = replace(fake.report, classes=1)
    app = dialog("text.pt2")
    assert "Mean and standard deviation are both 0.5" in app.info[0].value
    assert any(caption.value.endswith("1 score") for caption in app.caption)


@pytest.mark.parametrize(("channels", "copied"), [(1, False), (3, True)])
def test_grey_is_copied_only_for_a_model_of_colours(
    channels: int, copied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = ImageReport("upload/a", 100, 32, "PNG", (COPIED, "It was turned upright."))
    monkeypatch.setattr(uploaded, "image_reports", lambda: {report.key: report})
    (steps,) = proposals((1, channels, 32, 100))
    middle = f" {COPIED}" if copied else ""
    assert uploaded.image_line(report.key, None, steps) == f"From 100×32 PNG.{middle} It was turned upright."
