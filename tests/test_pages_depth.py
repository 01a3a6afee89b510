"""A picture of 12 bits on the page: how it was scaled is said under it, and can be changed there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from gradviz_core import images
from gradviz_core.compute import client
from gradviz_core.errors import UnknownImage
from gradviz_core.serving import arrivals
from gradviz_core.settings import settings
from gradviz_core.types.cards import ImageReport
from gradviz_core.uploads import store
from pages.shell.answer_cache import answer_cache
from pages.shell.words import plain
from tests import handing_in
from tests.fake_uploads import FakeDelivery
from tests.image_files import encoded, wide_png
from tests.opening import answer_here, errors, opened, texts

RAMP = np.tile(np.arange(64, dtype=np.uint16) * 65, (64, 1))
Range = tuple[float, float] | None


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Uploads are read and kept in this process."""

    def keep(found: tuple[ImageReport, bytes]) -> ImageReport:
        assert found[0].key == f"upload/{store.here().put(found[1])}"
        return found[0]

    def rescale(key: str, value_range: Range) -> ImageReport:
        return keep(images.rescale(store.here().image(key.removeprefix("upload/")), value_range))

    monkeypatch.setenv("GRADVIZ_STORE", str(tmp_path))
    for cached in (settings, store.here, arrivals.here):
        cached.cache_clear()
    answer_cache.clear()
    answer_here(monkeypatch)
    reader = SimpleNamespace(upload_image=lambda data, value_range: keep(images.inspect(data, value_range)))
    monkeypatch.setattr(client, "upload_image", reader.upload_image)
    monkeypatch.setattr(client, "deliver", lambda kind, size, asker: FakeDelivery(reader))
    monkeypatch.setattr(client, "rescale_image", rescale)
    yield
    monkeypatch.undo()
    for cached in (settings, store.here):
        cached.cache_clear()
    answer_cache.clear()


def bits(app: AppTest) -> list[str]:
    """What the control for the bits says, where there is one."""
    return [str(box.value) for box in app.selectbox if box.label == "Bits used by the image"]


def choose(app: AppTest, option: str) -> None:
    (box,) = [box for box in app.selectbox if box.label == "Bits used by the image"]
    box.set_value(option).run()
    assert not app.exception


def said(app: AppTest, sentence: str) -> bool:
    return any(sentence in text.replace("\\", "") for text in [*texts(app), *(c.value for c in app.caption)])


def test_how_a_picture_was_scaled_is_said_and_changed() -> None:
    app = opened()
    assert bits(app) == []
    handing_in.choose(app.file_uploader(key="upload_0"), "x-ray.png", wide_png(RAMP))
    assert not app.exception
    first = str(app.query_params["image"])
    by_itself = "Scaled from 12 of its 16 bits (0 to 4095) to 8, inferred from the largest value."
    assert said(app, by_itself)
    assert bits(app) == ["by itself"]

    choose(app, "10")
    second = str(app.query_params["image"])
    assert second != first
    assert said(app, "Scaled from 10 of its 16 bits (0 to 1023) to 8, as chosen here.")
    assert bits(app) == ["10"]

    link = opened(image=second)
    assert said(link, "Scaled from 10 of its 16 bits (0 to 1023) to 8, as chosen here."), "Anyone with the address"
    assert bits(link) == ["10"]
    choose(link, "by itself")
    assert str(link.query_params["image"]) == first
    assert said(link, by_itself)


def test_a_range_that_is_no_number_of_bits_is_one_of_the_choices() -> None:
    report = client.upload_image(wide_png(RAMP), (100, 900))
    app = opened(image=report.key)
    assert bits(app) == ["100 to 900"]
    choose(app, "16")
    assert said(app, "Scaled from 16 of its 16 bits (0 to 65535) to 8, as chosen here.")
    assert said(app, "Only 17 of the 256 levels are left.")


def test_what_goes_wrong_is_said_beside_the_control(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(image=client.upload_image(wide_png(RAMP), None).key)

    def gone(key: str, value_range: Range) -> ImageReport:
        raise UnknownImage("The image is here no longer. Upload it again.")

    monkeypatch.setattr(client, "rescale_image", gone)
    choose(app, "10")
    assert errors(app) == [plain("The image is here no longer. Upload it again.")]
    assert bits(app) == ["10"], "the choice stands, and another can be made"


def test_a_picture_of_8_bits_has_no_such_control() -> None:
    app = opened(image=client.upload_image(encoded(Image.new("RGB", (8, 8), "red")), None).key)
    assert bits(app) == []
