"""TIFFs of many bands: the numbers that tifffile wrote, however they lie; and what is not read."""

from __future__ import annotations

import random
import struct
import tracemalloc
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from gradviz_core import images
from gradviz_core.errors import BadImage
from gradviz_core.images import band_words
from gradviz_core.images.formats import tiff_bands
from gradviz_core.types import Preprocessing, keys
from gradviz_core.uploads import store
from tests.image_files import noise, refusal, tiff, tiff_of_tags


@pytest.fixture(autouse=True)
def own_store(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADVIZ_STORE", str(tmp_path / "uploads"))


def numbers(kind: str, bands: int) -> npt.NDArray[Any]:
    """Numbers of every byte, height × width × bands."""
    source = np.random.default_rng(0)
    if kind == "f4":
        return source.standard_normal((41, 37, bands)).astype(kind)
    ends = np.iinfo(kind)
    return source.integers(max(ends.min, -(2**23)), min(ends.max, 2**23), (41, 37, bands)).astype(kind)


def written(array: npt.NDArray[Any], **options: Any) -> bytes:
    extra = ["unspecified"] * (array.shape[-1] - 1)
    if options.get("planarconfig") == "separate":
        array = np.moveaxis(array, -1, 0).copy()
    return tiff(array, photometric="minisblack", extrasamples=extra, **{"planarconfig": "contig"} | options)


def differences(planes: str) -> bytes:
    """Numbers without compression that the file calls differences: libtiff reads them as they are, tifffile sums."""
    data = bytearray(written(numbers("u2", 5), planarconfig=planes, software=None, metadata=None))
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    for at in range(start + 2, start + 2 + 12 * count, 12):
        if struct.unpack_from("<H", data, at) == (296,):  # the unit of resolution
            struct.pack_into("<HHIHH", data, at, 317, 3, 1, 2, 0)
    return bytes(data)


def taking(count: int) -> Preprocessing:
    """The preprocessing of a network that takes so many bands, or colours."""
    return Preprocessing((41, 37), None, (0.0,) * count, (1.0,) * count)


def read(data: bytes, count: int) -> npt.NDArray[np.float32]:
    """As a worker reads it for a network of so many bands."""
    report, kept = images.inspect(data)
    assert kept == data
    digest = store.here().put(kept)
    assert keys.upload(digest) == report.key
    return images.load_bands(report.key, count)


STORED: list[dict[str, Any]] = [
    {"byteorder": order, "planarconfig": planes, **cut, **packed}
    for order in "<>"
    for planes in ("contig", "separate")
    for cut in ({"rowsperstrip": 7}, {"tile": (16, 32)})
    for packed in ({}, {"compression": "zlib"}, {"compression": "zlib", "predictor": True})
]


@pytest.mark.parametrize("kind", ["u1", "u2", "i2", "i4"])
@pytest.mark.parametrize("bands", [2, 5, 12])
def test_whole_numbers_come_back_exactly_however_they_lie(kind: str, bands: int) -> None:
    array = numbers(kind, bands)
    for options in STORED:
        if kind == "i4" and options["byteorder"] == ">" and "compression" in options:
            continue  # refused, see below
        np.testing.assert_array_equal(
            read(written(array, **options), bands), np.moveaxis(array, -1, 0).astype(np.float32), err_msg=str(options)
        )


@pytest.mark.parametrize("options", [o for o in STORED if "compression" not in o or o["byteorder"] == "<"], ids=str)
def test_floating_point_numbers_come_back_exactly(options: dict[str, Any]) -> None:
    array = numbers("f4", 4)
    options = {name: value for name, value in options.items() if name != "predictor"}
    np.testing.assert_array_equal(read(written(array, **options), 4), np.moveaxis(array, -1, 0))


@pytest.mark.parametrize("extra", ["unspecified", "unassalpha", "assocalpha"])
@pytest.mark.parametrize("kind", ["u1", "u2"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_a_network_of_four_bands_gets_all_four_behind_colours(extra: str, kind: str, planes: str) -> None:
    """Red, green, blue and near infrared, which many programs call transparency. Other networks see the picture, where
    it can be read as one."""
    array = numbers(kind, 4)
    lying = np.moveaxis(array, -1, 0).copy() if planes == "separate" else array
    data = tiff(lying, photometric="rgb", extrasamples=[extra], planarconfig=planes)
    np.testing.assert_array_equal(read(data, 4), np.moveaxis(array, -1, 0))
    key = images.inspect(data)[0].key
    file = images.describe(key, taking(4))
    assert file is not None
    assert ("calls band 3 transparency" in " ".join(band_words.of_tiff(file))) == (extra != "unspecified")
    if planes == "contig" or (kind, extra) == ("u1", "unassalpha"):
        assert images.load(key).mode == "RGB"
        assert "the image is a picture" in refusal(lambda: images.load_bands(key, 5))
        as_picture = images.describe(key, taking(3))
        assert as_picture is not None
        assert as_picture.array is None
    else:
        assert "The image has 4 bands" in refusal(lambda: images.load(key))


def test_grey_with_what_is_called_alpha_is_two_bands_for_a_network_of_two() -> None:
    array = numbers("u1", 2)
    data = tiff(array, photometric="minisblack", extrasamples=["unassalpha"], planarconfig="contig")
    np.testing.assert_array_equal(read(data, 2), np.moveaxis(array, -1, 0))


@pytest.mark.parametrize("kind", ["f4", "i2", "i4"])
def test_colours_of_numbers_that_no_picture_has_are_bands(kind: str) -> None:
    array = numbers(kind, 4)
    data = tiff(array, photometric="rgb", extrasamples=["unspecified"])
    np.testing.assert_array_equal(read(data, 4), np.moveaxis(array, -1, 0))
    assert "The image has 4 bands" in refusal(lambda: images.load(images.inspect(data)[0].key))


def test_colours_with_more_bands_behind_them_are_bands() -> None:
    array = numbers("u1", 8)
    data = tiff(array, photometric="rgb", extrasamples=["unspecified"] * 5)
    np.testing.assert_array_equal(read(data, 8), np.moveaxis(array, -1, 0))


def test_what_is_found_is_said() -> None:
    report, _ = images.inspect(written(numbers("u2", 12)))
    assert (report.width, report.height, report.format) == (37, 41, "TIFF")
    assert "12 bands" in " ".join(report.notes)


@pytest.mark.parametrize(
    "data",
    [
        tiff(noise(8, 8)),
        tiff(noise(8, 8, 4), extrasamples=["unassalpha"]),
        tiff(noise(8, 8, 4), extrasamples=["unspecified"]),
        tiff(noise(8, 8, 2), photometric="minisblack", extrasamples=["unassalpha"], planarconfig="contig"),
        tiff(noise(8, 8)[..., 0], photometric="minisblack"),
        tiff(noise(8, 8, 6), extrasamples=["unspecified"] * 3),
        b"II*\0",
        b"no TIFF",
    ],
    ids=[
        "colours",
        "alpha",
        "colours and something",
        "grey and alpha",
        "grey",
        "six of which three are colours",
        "cut short",
        "none",
    ],
)
def test_what_is_a_picture_stays_one(data: bytes) -> None:
    assert not tiff_bands.has(data)


@pytest.mark.parametrize(
    ("extra", "left_out"),
    [
        (["unspecified"], "1 more band of each pixel"),
        (["unspecified"] * 3, "3 more bands of each pixel"),
        (["unassalpha"], ""),
        ([], ""),
    ],
)
def test_bands_behind_the_colours_of_a_picture_are_said_to_be_left_out(extra: list[str], left_out: str) -> None:
    """Such as near infrared in an aerial picture."""
    report, _ = images.inspect(tiff(noise(8, 8, 3 + len(extra)), extrasamples=extra))
    said = [note for note in report.notes if note.startswith("Only the colours are shown.")]
    assert [left_out in note for note in said] == ([True] if left_out else [])


# ------------------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (written(numbers("u1", 17)), "17 bands; the limit is 16"),
        (written(numbers("f4", 5).astype("f8")), "in a way that is not supported"),
        (written(numbers("f4", 5), byteorder=">", compression="zlib"), "in a way that is not supported"),
        (written(np.full((4, 4, 5), np.nan, np.float32)), "80 numbers of the TIFF are NaN"),
        (written(numbers("u1", 5))[:300], "broken"),
        (differences("contig"), "Save it with LZW or Deflate, or without a predictor."),
        (differences("separate"), "Save it with LZW or Deflate, or without a predictor."),
    ],
    ids=["17 bands", "64 bits", "other order", "NaN", "cut short", "differences", "differences of each band"],
)
def test_what_is_not_read_is_refused_with_the_next_step(data: bytes, words: str) -> None:
    sentence = refusal(lambda: images.inspect(data))
    assert words in sentence
    assert ("upload bands.npy" in sentence) != (words == "broken" or words.startswith("Save it"))


def test_a_tiff_of_bands_without_end_is_refused_from_its_header() -> None:
    def of(width: int, height: int, bands: int) -> bytes:
        tags = {256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 273: (4, 1, 8)}
        return tiff_of_tags(tags | {277: (3, 1, bands), 278: (4, 1, height), 279: (4, 1, 4)}, bytes(4))

    tracemalloc.start()
    assert "the limit is 40 million" in refusal(lambda: images.inspect(of(2**31 - 1, 2**31 - 1, 5)))
    assert "96,000,000 numbers in 16 bands" in refusal(lambda: images.inspect(of(3000, 2000, 16)))
    assert "0 x 5 pixels" in refusal(lambda: images.inspect(of(0, 5, 5)))
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


@pytest.mark.filterwarnings("ignore")
def test_damaged_files_give_bands_or_a_sentence_and_nothing_else() -> None:
    chance, fates = random.Random(0), set()
    for data in (
        written(numbers("u2", 5), compression="zlib", predictor=True),
        written(numbers("u1", 5), tile=(16, 16)),
    ):
        for _ in range(300):
            damaged = bytearray(data)
            for _ in range(chance.choice([1, 2, 8])):
                damaged[chance.randrange(chance.choice([300, len(damaged)]))] = chance.randrange(256)
            try:
                fates.add(images.inspect(bytes(damaged))[0].format)
            except BadImage as error:
                fates.add(str(error)[:20])
    assert "TIFF" in fates
    assert len(fates) > 3
