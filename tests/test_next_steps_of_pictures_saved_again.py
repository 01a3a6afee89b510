"""A picture or an array that is refused is saved as its refusal says, and what comes is taken."""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from zipfile import ZipFile

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
import tifffile
from PIL import Image

from gradviz_core import images
from gradviz_core.images import uploads
from gradviz_core.uploads import store
from tests.image_files import encoded, noise, npy, refusal, tiff, wide_png
from tests.test_band_tiffs import differences, numbers, written
from tests.test_images_dicom import slice_of
from tests.test_next_steps_of_pictures import followed

PIXELS = noise(16, 20)
PICTURE = Image.fromarray(PIXELS)
RANGE = (0.0, 255.0)


def by_pillow(kind: str, **options: object) -> Callable[[bytes], bytes]:
    """Open it with another program, here Pillow, and save it as this kind."""
    return lambda data: encoded(Image.open(io.BytesIO(data)).convert("RGB"), kind, **options)


def by_tifffile(data: bytes) -> npt.NDArray[Any]:
    """The numbers of a TIFF."""
    numbers: npt.NDArray[Any] = tifffile.imread(io.BytesIO(data))
    return numbers


def loaded(data: bytes) -> Any:
    return np.load(io.BytesIO(data))


PREMULTIPLIED = np.dstack([PIXELS.astype(np.uint16) * 4, np.full((16, 20), 65535, np.uint16)])

SAVED: dict[str, tuple[bytes, str, Callable[[bytes], bytes]]] = {
    "an old picture": (encoded(PICTURE, "PPM"), "Save it as PNG", by_pillow("PNG")),
    "JPEG 2000": (encoded(PICTURE, "JPEG2000"), "Save it as JPEG or PNG", by_pillow("JPEG")),
    "an icon": (encoded(PICTURE, "ICO"), "Save it as PNG", by_pillow("PNG")),
    "BigTIFF": (tiff(PIXELS, bigtiff=True), "an ordinary TIFF", lambda data: tiff(by_tifffile(data))),
    "fax": (
        encoded(PICTURE.convert("1"), "TIFF", compression="group4"),
        "Save it with LZW",
        by_pillow("TIFF", compression="tiff_lzw"),
    ),
    "a preview": (tiff(PIXELS, subfiletype=1), "Export it as JPEG or PNG", by_pillow("PNG")),
    "separate planes": (
        tiff(np.moveaxis(PIXELS, -1, 0).astype(np.uint16), planarconfig="separate"),
        "Save it as PNG",
        lambda data: wide_png(np.moveaxis(by_tifffile(data), 0, -1)),
    ),
    "differences": (
        differences("contig"),
        "Save it with LZW or Deflate",
        lambda _: written(numbers("u2", 5), compression="zlib", predictor=True),
    ),
    "floating-point numbers": (
        tiff(PIXELS[..., 0].astype(np.float32), photometric="minisblack"),
        "or save it with 8 bits",
        lambda data: tiff(by_tifffile(data).astype(np.uint8), photometric="minisblack"),
    ),
    "gzip": (gzip.compress(encoded(PICTURE)), "Unpack it", gzip.decompress),
    "complex numbers": (
        npy(PIXELS * np.complex64(1j)),
        "numpy.abs(array)",
        lambda data: npy(np.abs(loaded(data))),
    ),
    "fields": (
        npy(PIXELS[..., 0].copy().view([("red", "u1")])),
        "one of its fields",
        lambda data: npy(loaded(data)["red"]),
    ),
    "numbers of 128 bits": (
        npy(PIXELS.astype(np.longdouble)),
        "array.astype('float32')",
        lambda data: npy(loaded(data).astype("float32")),
    ),
    "NaN": (
        npy(np.where(PIXELS > 200, np.nan, PIXELS)),
        "numpy.nan_to_num",
        lambda data: npy(np.nan_to_num(loaded(data))),
    ),
    "bands with NaN": (
        npy(np.full((5, 8, 8), np.nan)),
        "numpy.nan_to_num(array, nan=0)",
        lambda data: npy(np.nan_to_num(loaded(data), nan=0)),
    ),
    "other axes": (npy(PIXELS.reshape(-1)), "Reshape it", lambda data: npy(loaded(data).reshape(16, 20, 3))),
}


@pytest.mark.parametrize("kind", SAVED)
def test_it_is_saved_as_it_says(kind: str) -> None:
    data, words, save = SAVED[kind]
    assert words in refusal(lambda: images.inspect(data, RANGE))
    report, kept = images.inspect(save(data), RANGE)
    assert report.width > 0
    assert kept


@pytest.mark.parametrize("last", [False, True], ids=["bands first", "bands last"])
def test_an_array_of_too_many_numbers_loses_rows_and_columns(last: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradviz_core.images.arrays._MOST_IN_BANDS", 60_000)
    array = np.zeros((63, 65, 16) if last else (16, 63, 65), np.uint8)
    sentence = refusal(lambda: images.inspect(npy(array)))
    index = sentence.rpartition("array[")[2].removesuffix("].")
    assert images.inspect(npy(eval(f"array[{index}]")))[0].width == 33


@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_a_tiff_of_too_many_numbers_loses_rows_and_columns(
    planes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradviz_core.images.formats.tiff_bands.MOST_NUMBERS", 60_000)
    array = np.zeros((63, 65, 16) if planes == "contig" else (16, 63, 65), np.uint8)
    data = tiff(array, photometric="minisblack", planarconfig=planes, extrasamples=["unspecified"] * 15)
    followed(data, "land.tif", tmp_path, monkeypatch)
    assert images.inspect((tmp_path / "bands.npy").read_bytes())[0].width == 33


@pytest.fixture
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADVIZ_STORE", str(tmp_path / "uploads"))


def kept(data: bytes, value_range: tuple[float, float] | None = None) -> str:
    """Key of the picture, as a worker keeps it."""
    return f"upload/{store.here().put(images.inspect(data, value_range)[1])}"


@pytest.mark.usefixtures("own_store")
@pytest.mark.parametrize(
    ("data", "name"),
    [(encoded(Image.fromarray(noise(8, 9, 4))), "land.png"), (npy(noise(8, 9, 4)), "land.npy")],
    ids=["PNG", "array"],
)
def test_a_fourth_channel_is_saved_as_a_band(
    data: bytes, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = kept(data)
    error = followed(data, name, tmp_path, monkeypatch, lambda: images.load_bands(key, 4))
    assert "upload bands.npy" in str(error)
    bands = images.load_bands(kept((tmp_path / "bands.npy").read_bytes()), 4)
    np.testing.assert_array_equal(bands, np.moveaxis(noise(8, 9, 4), -1, 0))


@pytest.mark.usefixtures("own_store")
def test_three_bands_are_saved_for_a_model_of_colours() -> None:
    array = np.random.default_rng(0).random((5, 16, 16))
    sentence = refusal(lambda: images.load(kept(npy(array))))
    assert "array[[2, 1, 0]]" in sentence
    assert images.load(kept(npy(array[[2, 1, 0]]), (0, 1))).size == (16, 16)


def test_colours_that_alpha_multiplied_are_saved_with_ordinary_alpha() -> None:
    data = tiff(PREMULTIPLIED, extrasamples=["assocalpha"])
    assert "ordinary alpha" in refusal(lambda: uploads.rescale(data, (0, 1023)))
    assert uploads.rescale(tiff(by_tifffile(data), extrasamples=["unassalpha"]), (0, 1023))[0].width == 20


# ----------------------------------------------------------------------------------------------------- with its program

NUMBERS = np.arange(8, dtype=np.int16).reshape(2, 4)


def group(name: str, **values: Any) -> pydicom.Dataset:
    """A functional group of an enhanced DICOM file with one sequence."""
    inner, outer = pydicom.Dataset(), pydicom.Dataset()
    for each, value in values.items():
        setattr(inner, each, value)
    setattr(outer, name, [inner])
    return outer


def test_slope_and_intercept_of_a_group_are_applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scale = group("PixelValueTransformationSequence", RescaleSlope=2, RescaleIntercept=-3, RescaleType="HU")
    data = slice_of(NUMBERS, SharedFunctionalGroupsSequence=[scale])
    assert "enter its range" in str(followed(data, "IM1", tmp_path, monkeypatch))
    np.testing.assert_array_equal(np.load(tmp_path / "slice.npy"), 2 * NUMBERS - 3)


def test_the_first_page_of_a_tiff_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = np.random.default_rng(0).random((5, 20, 24)).astype(np.float32)
    followed(tiff(pages, photometric="minisblack"), "a.tif", tmp_path, monkeypatch)
    np.testing.assert_array_equal(np.load(tmp_path / "array.npy"), pages[0])


@pytest.mark.usefixtures("own_store")
def test_pages_are_saved_as_bands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = np.moveaxis(noise(8, 9, 4), -1, 0).copy()
    data = tiff(pages, photometric="minisblack")
    error = followed(data, "land.tif", tmp_path, monkeypatch, lambda: images.load_bands(kept(data), 4))
    assert "the TIFF has 4 pages" in str(error)
    bands = images.load_bands(kept((tmp_path / "array.npy").read_bytes()), 4)
    np.testing.assert_array_equal(bands, pages)


def test_one_array_of_an_archive_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    with ZipFile(out, "w") as archive:
        archive.writestr("the name of one.npy", npy(PIXELS))
    followed(out.getvalue(), "scene.npz", tmp_path, monkeypatch)
    assert images.inspect((tmp_path / "array.npy").read_bytes())[0].width == 20


class File(dict[str, Any]):
    """An HDF5 file that is open."""

    def __enter__(self) -> File:
        return self

    def __exit__(self, *_: object) -> None: ...


VOLUME = np.random.default_rng(0).random((6, 5, 9))
PLANE = np.random.default_rng(0).random((6, 5)).astype(">f8")
ABSENT: dict[str, tuple[bytes, str, dict[str, Any], npt.NDArray[Any]]] = {
    "a.nrrd": (b"NRRD0004\n", "slice.npy", {"nrrd": {"read": lambda _: (VOLUME, {})}}, VOLUME[:, :, 4]),
    "a.fits": (
        b"SIMPLE  =",
        "array.npy",
        {"astropy": {}, "astropy.io": {"fits": SimpleNamespace(getdata=lambda _: PLANE)}},
        PLANE,
    ),
    "a.mat": (
        b"MATLAB 5.0",
        "array.npy",
        {"scipy": {}, "scipy.io": {"loadmat": lambda _: {"the name of one": PLANE}}},
        PLANE,
    ),
    "a.h5": (b"\x89HDF\r\n\x1a\n", "array.npy", {"h5py": {"File": lambda _: File({"the name of one": PLANE})}}, PLANE),
}
"""Files whose packages are not installed here, what takes their place, and what is saved."""


@pytest.mark.parametrize("name", ABSENT)
def test_what_another_package_reads_is_saved(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, saved, modules, expected = ABSENT[name]
    for each, contents in modules.items():
        module = ModuleType(each)
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, each, module)
        if "." in each:
            setattr(sys.modules[each.partition(".")[0]], each.partition(".")[2], module)
    followed(data, name, tmp_path, monkeypatch)
    report, kept = images.inspect((tmp_path / saved).read_bytes(), (0, 1))
    assert (report.width, report.height) == (5, 6)
    np.testing.assert_array_equal(np.asarray(images.decode(kept))[..., 0], np.rint(expected * 255))
