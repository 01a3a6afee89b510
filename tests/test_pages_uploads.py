"""What is uploaded on the pages: limits, images, models without classes, and what is said of it all."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

import pytest
from PIL import Image

from gradviz_core.compute import client, inline
from gradviz_core.errors import BadImage, Busy, GradVizError, StoreFull, UploadRefused
from gradviz_core.images.next_steps import slice_of_nifti
from gradviz_core.serving import arrivals
from gradviz_core.serving.arrivals import Incoming
from gradviz_core.settings import settings
from gradviz_core.types import Answer, Question, SurveyAnswer
from pages.shell.answer_cache import answer_cache
from pages.shell.words import plain
from pages.uploads import bring, images, refused_images
from tests.fake_uploads import (
    Fake,
    bring_closed,
    dialog,
    field_of,
    press,
    stand_in,
)
from tests.handing_in import SESSION, choose, hand_in
from tests.opening import STATUS, chart, errors, opened


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    answer_cache.clear()
    yield stand_in(monkeypatch)
    answer_cache.clear()


def test_an_image_that_is_gone_says_so_and_another_can_be_chosen() -> None:
    app = opened(image="upload/" + "0" * 64)
    (said,) = errors(app)
    assert plain("has been removed") in said
    app.session_state["address"].chosen["image"] = "sample/star"
    app.run()
    assert not app.error


# --------------------------------------------------------------------------------------------------------------- limits


@pytest.mark.parametrize(
    ("name", "size", "sentence"),
    [
        ("no*tes.txt", 4, "'no*tes.txt' has an unsupported type."),
        ("net", 4, "'net' has an unsupported type"),
        ("net.pt2", 0, "'net.pt2' is empty"),
        ("net.pt2", 700_000_000, "'net.pt2' has 700.0 MB; the limit is 600 MB."),
        ("<script>.exe", 4, "'<script>.exe' has an unsupported type"),
    ],
)
def test_a_file_is_checked_before_it_is_read(name: str, size: int, sentence: str) -> None:
    with pytest.raises(UploadRefused) as caught:
        bring.control().check(name, size)
    assert sentence in str(caught.value)


def test_a_wrong_file_is_refused_unread_and_the_next_action_forgets_it(fake: Fake) -> None:
    app = dialog("notes.txt", b"text")
    assert "notes.txt" in errors(app)[0].replace("\\", "")
    assert "upload_model" not in fake.words()
    app.run()
    assert not app.error
    choose(app.file_uploader(key="model_file_1"), "net.pt", b"weights")
    assert field_of(app, "Title").value == "net"


def test_a_session_may_upload_so_much_and_no_more(fake: Fake) -> None:
    app = opened()
    before = Incoming(SESSION, "before", "127.0.0.1", int(settings().session_mb * 1e6) - 3)
    arrivals.here().keep(before)
    app.button(key="bring").click().run()
    choose(app.file_uploader(key="model_file_0"), "net.pt", b"weights")
    assert plain("this session has uploaded 2000.0 MB of the 2000 MB allowed") in errors(app)[0]
    assert "upload_model" not in fake.words()


@pytest.mark.parametrize("error", [Busy("32 wait already. Try again."), StoreFull("The store is full. Try later.")])
def test_a_service_that_takes_nothing_is_said_beside_the_uploader(fake: Fake, error: GradVizError) -> None:
    app = opened()
    app.button(key="bring").click().run()
    fake.error = error
    choose(app.file_uploader(key="model_file_0"), "net.pt", b"weights")
    assert errors(app) == [plain(str(error))]
    assert arrivals.here().uploaded(SESSION) == 0
    assert chart(app, "gradient"), "the page behind stays"


def kinds() -> list[str]:
    """For which kinds of files controls wait."""
    return [control.kind for control in arrivals.here().controls.of(SESSION)]


def test_a_control_waits_as_long_as_it_is_on_the_page() -> None:
    app = opened()
    assert kinds() == ["image"]
    app.button(key="bring").click().run()
    assert kinds() == ["model", "image"], "the dialog lies in front"
    choose(app.file_uploader(key="model_file_0"), "net.pt", b"weights")
    assert kinds()[0] == "labels"
    bring_closed(app)
    app.run()
    assert kinds() == ["image"]
    app.switch_page("pages/learn/lessons.py").run()
    assert kinds() == []


def test_closing_the_dialog_loses_nothing() -> None:
    app = dialog()
    bring_closed(app)
    app.run()
    assert not [t for t in app.text_input if t.label == "Title"]
    app.button(key="bring").click().run()
    assert field_of(app, "Title").value == "my model"
    press(app, "Choose another file")
    assert app.file_uploader(key="model_file_1").key == "model_file_1"


# --------------------------------------------------------------------------------------------------------------- images


def picture(colour: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_an_image_is_shown_with_where_it_comes_from(fake: Fake) -> None:
    app = opened()
    choose(app.file_uploader(key="upload_0"), "me.jpeg", picture())
    assert not app.error
    assert str(app.query_params["image"]).startswith("upload/")
    assert any(plain("From 4032×3024 JPEG. It was turned upright.") in m.value for m in app.markdown)
    assert fake.sent[-1][0] == "ask"
    assert app.file_uploader(key="upload_1").key == "upload_1", "the bytes are let go"
    assert arrivals.here().uploaded(SESSION) == len(picture())


def test_several_files_are_taken_at_once_and_what_is_wrong_with_one_is_said(fake: Fake) -> None:
    app = opened()
    colours = {"a.png": "red", "song.mp3": "green", "b.png": "blue"}
    files = [hand_in(name, picture(colour)) for name, colour in colours.items()]
    app.file_uploader(key="upload_0").set_value([(*file, "image/png") for file in files]).run()
    assert not app.exception
    said = errors(app)
    assert said == [plain(f"'song.mp3' has an unsupported type. Choose {images.WHAT}.")]
    assert str(app.query_params["image"]).startswith("upload/")
    assert [*app.session_state["uploads"]] == [*fake.images]
    assert app.query_params["image"] in (next(iter(fake.images)), [next(iter(fake.images))])
    app.run()
    assert errors(app) == said, "a page that is drawn again, for its check, still says it"
    app.session_state["address"].chosen["image"] = "sample/star"
    app.run()
    assert not app.error


def test_a_folder_is_taken_and_of_many_bad_files_most_are_only_named(fake: Fake) -> None:
    app = opened()
    app.toggle(key="take_folder").set_value(True).run()
    names = [f"shots/{i}.mp3" for i in range(6)]
    files = [hand_in("shots/a.png", picture()), *(hand_in(name, b"x") for name in names)]
    app.file_uploader(key="folder_0").set_value([(*file, "image/png") for file in files]).run()
    assert not app.exception
    assert [*app.session_state["uploads"]] == [*fake.images]
    *each, rest = errors(app)
    assert len(each) == refused_images.MOST_SAID
    assert rest == plain("2 more were left out: 'shots/4.mp3', 'shots/5.mp3'.")


def test_of_many_uploads_the_latest_have_thumbnails(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MOST_UPLOADS", 2)
    app = opened()
    app.session_state["uploads"] = {f"upload/{letter * 64}": "data:," for letter in "ab"}
    choose(app.file_uploader(key="upload_0"), "me.jpeg", picture())
    assert not app.error
    assert [*app.session_state["uploads"]] == [f"upload/{'b' * 64}", str(app.query_params["image"])]


def test_an_array_is_read_with_the_range_that_is_stated(fake: Fake) -> None:
    app = opened()
    choose(app.file_uploader(key="upload_0"), "x.npy", b"array")
    assert "upload_image" not in fake.words(), "not before the range is known"
    app.button_group(key="upload_range").set_value("own").run()
    app.number_input(key="upload_low").set_value(5.0).run()
    app.button(key="upload_array").click().run()
    assert errors(app) == [plain("The range cannot be 5 to 1: the first must be below the second.")]
    assert "upload_image" not in fake.words()
    app.number_input(key="upload_high").set_value(7.5).run()
    assert not app.error
    app.button(key="upload_array").click().run()
    assert ("upload_image", (5.0, 7.5)) in fake.sent
    assert not app.error


def test_an_image_that_is_none_is_said_beside_the_upload(fake: Fake) -> None:
    app = opened()
    fake.error = BadImage("The file is no image of a kind that is read here.")
    choose(app.file_uploader(key="upload_0"), "holiday.png", b"no picture")
    assert errors(app) == [plain("The file is no image of a kind that is read here.")]
    assert "image" not in app.query_params
    app.run()
    assert not app.error


def test_the_code_that_saves_what_is_taken_has_the_name_of_the_file(fake: Fake) -> None:
    app = opened()
    before = len(app.code)
    fake.error = BadImage("The file is a NIfTI volume of 5 × 4 × 9.", slice_of_nifti(":, :, 4"))
    choose(app.file_uploader(key="upload_0"), "my head.nii.gz", b"volume")
    assert errors(app) == [plain("The file is a NIfTI volume of 5 × 4 × 9.")]
    (code,) = [c.value for c in app.code if "nibabel" in c.value]
    assert "nibabel.load('my head.nii.gz')" in code
    app.run()
    assert len(app.code) == before


def test_an_image_of_another_kind_is_refused_unread(fake: Fake) -> None:
    app = opened()
    choose(app.file_uploader(key="upload_0"), "song.mp3", b"x")
    assert "song.mp3" in errors(app)[0].replace("\\", "")
    assert "upload_image" not in fake.words()


# --------------------------------------------------------------------------------------------------- no real numbers


def without_numbers(question: Question) -> Answer:
    """The first preset, as if it returned whole numbers alone."""
    found = inline.ask(question)
    return replace(found, heads=(), prediction=()) if isinstance(found, SurveyAnswer) else found


def test_a_model_that_returns_no_real_numbers_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ask", without_numbers)
    app = opened()
    assert plain("returns no real numbers, so there is no score to differentiate. Open Neurons") in errors(app)[0]
    assert not [s for s in app.selectbox if s.label in ("Target", "Score", "Output kind")]


# ----------------------------------------------------------------------------------------------------- about and export


def test_about_says_what_holds_uploads(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened()
    assert any(plain(STATUS.confinement) in c.value for c in app.caption)
    assert any("up to 600 MB" in c.value for c in app.caption)
    words = "Uploads run in processes that are not fully confined. Landlock is missing."
    lacking = replace(STATUS, confined=False, confinement=words)
    monkeypatch.setattr(client, "status", lambda: lacking)
    app.run()
    assert [plain(words)] == [w.value for w in app.warning]


def test_the_export_page_shows_the_lines() -> None:
    app = opened()
    app.switch_page("pages/help/export.py").run()
    assert not app.exception
    assert sum("torch.export.save" in c.value for c in app.code) == 1
    app.button(key="export_bring").click().run()
    assert app.file_uploader(key="model_file_0").key == "model_file_0"
