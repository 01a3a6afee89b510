"""The program opens a photo from a phone or a DICOM slice as the app does: run, it gives the very picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

import gradviz_core as gv
from gradviz_core import images
from gradviz_core.drawing import snippets
from gradviz_core.uploads import store
from tests import image_files, snippet_runs

EXAMPLES = Path(pydicom.__file__).parent / "data" / "test_files"
NOISE = image_files.noise(30, 40)
FILES: dict[str, Callable[[], bytes]] = {
    "your-image.avif": lambda: image_files.encoded(Image.fromarray(NOISE), "AVIF", exif=image_files.turned(6)),
    "your-image.heic": lambda: image_files.heic(NOISE),
}
SLICES = ("MR_small", "CT_small", "rtdose", "examples_palette", "SC_rgb_rle_16bit", "examples_rgb_color")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    yield from snippet_runs.own_store(tmp_path, monkeypatch)


def check(data: bytes, name: str, folder: Path) -> None:
    (folder / name).write_bytes(data)
    key = f"upload/{store.here().put(images.inspect(data)[1])}"
    drawn = snippet_runs.ask(gv.SurveyQuestion(model="preset/shapes-cnn", image=key)).pixels
    code = snippets.seen(snippet_runs.setting("preset/shapes-cnn", key))
    np.testing.assert_array_equal(snippet_runs.run(code, folder), drawn, err_msg=code)


@pytest.mark.parametrize("name", FILES)
def test_a_photo_from_a_phone(name: str, folder: Path) -> None:
    check(FILES[name](), name, folder)


@pytest.mark.parametrize("name", SLICES)
def test_a_slice(name: str, folder: Path) -> None:
    check((EXAMPLES / f"{name}.dcm").read_bytes(), "your-slice.dcm", folder)
