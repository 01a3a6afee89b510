"""Which sample images are offered first, and what is said of the one that is chosen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gradviz_core.models import catalogue
from gradviz_core.types import Question, keys
from pages.shell.answer_cache import answer_cache
from pages.uploads import images
from tests.opening import answer_here, opened, texts

PHOTO_MODEL, RESNET = "preset/efficientnet-lite0", "torchvision/resnet18@random-0"


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    """Questions are answered in this process."""
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (PHOTO_MODEL, ["Photos", "Shapes", "Digits"]),
        ("preset/shapes-vit", ["Shapes", "Photos", "Digits"]),
        ("preset/digits-mlp", ["Digits", "Photos", "Shapes"]),
        (RESNET, ["Photos", "Shapes", "Digits"]),
        (keys.upload("0" * 64), ["Photos", "Shapes", "Digits"]),
    ],
)
def test_the_group_that_suits_the_model_stands_first_and_is_open(model: str, expected: list[str]) -> None:
    groups = images._groups(model)
    assert [group.title for group in groups] == expected
    assert [group.open for group in groups] == [True, False, False]
    shown = [thumbnail.key for group in groups for thumbnail in group.thumbnails]
    assert sorted(shown) == sorted(card.key for card in catalogue.sample_images())


def test_thumbnails_are_small_because_all_go_to_the_browser_with_every_page() -> None:
    thumbnails = [thumbnail for group in images._groups(PHOTO_MODEL) for thumbnail in group.thumbnails]
    assert len(thumbnails) > 20
    assert sum(len(thumbnail.address) for thumbnail in thumbnails) < 4_000 * len(thumbnails)


@pytest.mark.parametrize(
    ("model", "image"),
    [
        (PHOTO_MODEL, "coffee"),
        ("preset/shapes-cnn", "circle"),
        ("preset/shapes-shortcut", "circle"),
        ("preset/digits-cnn", "digit-2"),
        (RESNET, "cat"),
    ],
)
def test_the_image_that_an_address_without_one_means(model: str, image: str) -> None:
    """Links that people keep rest on it."""
    assert images.suited(model) == keys.sample(image)


def test_whoever_hears_the_page_can_tell_uploads_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    uploads = {keys.upload(digit * 64): "data:," for digit in "0123"}
    monkeypatch.setattr(images, "_pictures", lambda: uploads)
    (group,) = images._own()
    assert len({thumbnail.title for thumbnail in group.thumbnails}) == len(uploads)


def captions(**choices: str) -> str:
    return " ".join(caption.value for caption in opened(**choices).sidebar.caption)


def test_a_photo_has_its_credit_and_why_it_is_named_wrongly() -> None:
    said = captions(model=PHOTO_MODEL, image="sample/dahlia")
    assert "A dahlia: vultilion, CC" in said.replace("\\", "")
    assert "ImageNet has no class for a dahlia" in said


def test_nothing_is_said_of_imagenet_where_the_model_knows_none_of_it() -> None:
    said = captions(model="preset/digits-mlp", image="sample/dahlia")
    assert "vultilion" in said
    assert "ImageNet" not in said


def test_a_drawn_scene_has_no_credit() -> None:
    assert "GradViz, Apache" not in captions(model="preset/shapes-cnn", image="sample/star")


def test_how_much_of_a_picture_is_not_seen_stands_below_it() -> None:
    said = " ".join(texts(opened(model="preset/shapes-cnn", image="sample/coffee")))
    assert "before normalisation. Cropped to the middle: 33 % of the width is not seen." in said
    assert "Cropped" not in " ".join(texts(opened(model="preset/shapes-cnn", image="sample/star")))
