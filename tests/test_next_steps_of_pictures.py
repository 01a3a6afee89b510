"""What the refusal of a picture tells a person to do is done, with the code that it carries, and what comes of it is
taken."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest

from gradviz_core import images
from gradviz_core.errors import BadImage
from gradviz_core.text.codec import error_from_json, error_to_json
from gradviz_core.uploads import next_steps
from tests.advice import tells_what_to_do
from tests.image_files import decoded, nifti, tiff
from tests.test_images_dicom import EXAMPLES, slice_of


def followed(
    data: bytes,
    name: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[], object] | None = None,
) -> BadImage:
    """The refusal as it comes from a worker, once its code has run beside the file. ``act`` is what is refused where
    that is not the file itself."""
    with pytest.raises(BadImage) as caught:
        act() if act else images.inspect(data)
    assert tells_what_to_do(str(caught.value))
    refused = error_from_json(error_to_json(caught.value))
    assert isinstance(refused, BadImage)
    (folder / name).write_bytes(data)
    monkeypatch.chdir(folder)
    exec(next_steps.naming(refused.code, name), {})
    return refused


@pytest.mark.parametrize("name", ["JPEG2000", "SC_rgb_jpeg_dcmtk", "MR_small_jp2klossless"])
def test_a_dicom_file_is_unpacked(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = followed((EXAMPLES / f"{name}.dcm").read_bytes(), "IM0001", tmp_path, monkeypatch)
    assert "upload plain.dcm" in str(refused)
    assert images.inspect((tmp_path / "plain.dcm").read_bytes())[0].format == "DICOM"


def test_a_table_in_place_of_a_slope_is_applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pydicom.Dataset()
    table.LUTDescriptor, table.ModalityLUTType = [4, 0, 16], "US"
    table.add_new(0x00283006, "US", [0, 10, 20, 40])
    data = slice_of(np.array([[0, 1], [2, 3]], np.uint8), ModalityLUTSequence=[table])
    refused = followed(data, "a b.dcm", tmp_path, monkeypatch)
    assert "upload slice.npy, and enter its range" in str(refused)
    pixels = decoded(images.inspect((tmp_path / "slice.npy").read_bytes(), (0, 40))[1])
    assert pixels[..., 0].tolist() == [[0, 64], [128, 255]]


@pytest.mark.parametrize(
    ("data", "name", "place"),
    [
        (nifti(5, 4, 9), "head.nii", (slice(None), slice(None), 4)),
        (nifti(5, 4, 9, 20, order=">", magic=b"ni1\0"), "head.nii", (slice(None), slice(None), 4, 0)),
        (gzip.compress(nifti(5, 4, 9), mtime=0), "head.nii.gz", (slice(None), slice(None), 4)),
    ],
    ids=["volume", "series of the other order", "compressed"],
)
def test_the_middle_slice_of_a_volume_is_saved(
    data: bytes, name: str, place: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = np.random.default_rng(0).random((5, 4, 9, 20)[: len(place)])
    monkeypatch.setitem(sys.modules, "nibabel", in_place_of_nibabel(name, volume))
    refused = followed(data, name, tmp_path, monkeypatch)
    assert "NIfTI volume of 5 × 4 × 9" in str(refused)
    pixels = decoded(images.inspect((tmp_path / "slice.npy").read_bytes(), (0, 1))[1])[..., 0]
    np.testing.assert_array_equal(pixels, np.rint(np.rot90(volume[place]) * 255))


@pytest.mark.parametrize("kind", ["f4", "i2", "u4"])
def test_the_numbers_of_a_tiff_are_saved(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.arange(64).reshape(8, 8).astype(kind)
    refused = followed(tiff(array, photometric="minisblack"), "ramp.tif", tmp_path, monkeypatch)
    assert "(.npy) and enter the range" in str(refused)
    pixels = decoded(images.inspect((tmp_path / "array.npy").read_bytes(), (0, 63))[1])[..., 0]
    np.testing.assert_array_equal(pixels, np.rint(np.arange(64).reshape(8, 8) / 63 * 255))


def in_place_of_nibabel(name: str, volume: npt.NDArray[np.float64]) -> ModuleType:
    """A module that gives the numbers of the file with this name as nibabel does, which is not installed here."""

    class Loaded:
        def get_fdata(self) -> npt.NDArray[np.float64]:
            return volume

    module = ModuleType("nibabel")
    vars(module)["load"] = {name: Loaded()}.__getitem__
    return module


@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize(
    ("bands", "kind", "words"),
    [(17, "u2", "the limit is 16"), (5, "f8", "not supported"), (4, "f8", "not supported"), (5, "f4", "are NaN")],
)
def test_bands_are_saved_as_an_array(
    bands: int, kind: str, words: str, planes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = np.random.default_rng(0).integers(0, 99, (bands, 20, 24)).astype(kind)
    if kind == "f4":
        array[0, 0, 0] = np.nan
    lying = array if planes == "separate" else np.moveaxis(array, 0, -1).copy()
    data = tiff(lying, photometric="minisblack", planarconfig=planes, extrasamples=["unspecified"] * (bands - 1))
    refused = followed(data, "land.tif", tmp_path, monkeypatch)
    assert words in str(refused)
    assert "upload bands.npy" in str(refused)
    report, _ = images.inspect((tmp_path / "bands.npy").read_bytes())
    assert f"{min(bands, 16)} bands" in " ".join(report.notes)
