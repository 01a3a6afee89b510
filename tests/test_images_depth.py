"""Pictures of 9 to 16 bits: what they are scaled by, each value worked out by hand, and what is said of it."""

from __future__ import annotations

import io
import struct

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from gradviz_core import images
from gradviz_core.images import decoding, depth
from gradviz_core.types.cards import Scaling
from tests.image_files import decoded, encoded, noise, refusal, tiff, tiff_of_tags, wide_png

LARGEST, STATED, CHOSEN = "inferred from the largest value", "as stated in the file", "as chosen here"
MAX_SAMPLE, S_MAX_SAMPLE = 281, 341


def wide(*numbers: int) -> npt.NDArray[np.uint16]:
    """One row of 40 numbers, these among them, and the rest evenly below the largest."""
    row = np.linspace(0, max(numbers), 40).astype(np.uint16)
    row[: len(numbers)] = numbers
    return row[None]


def colours(grey: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """Green holds half of red and blue a quarter, so that red alone says how many bits are used."""
    return np.stack([grey, grey // 2, grey // 4], axis=2)


def first(data: bytes, count: int) -> list[int]:
    return [int(value) for value in decoded(data)[0, :count, 0]]


def notes(data: bytes, value_range: tuple[float, float] | None = None) -> tuple[str, ...]:
    return images.inspect(data, value_range)[0].notes


def stated(*bits: int) -> tuple[bytes, bytes]:
    return b"sBIT", bytes(bits)


BY_HAND = [
    (9, (0, 255, 256, 511), [0, 127, 128, 255]),  # 127.25, 127.75
    (10, (0, 512, 1023), [0, 128, 255]),  # 127.6
    (12, (0, 2048, 4031, 4095), [0, 128, 251, 255]),  # 127.5, 251.01: 2048 * 255 / 4095 = 127.53
    (14, (0, 64, 8192, 16383), [0, 1, 128, 255]),  # 0.996, 127.51
    (15, (0, 128, 16384, 32767), [0, 1, 128, 255]),  # 0.996, 127.5
]


@pytest.mark.parametrize(("bits", "numbers", "expected"), BY_HAND)
@pytest.mark.parametrize("said", [False, True])
@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_picture_is_scaled_by_the_bits_it_uses(
    kind: str, many: bool, said: bool, bits: int, numbers: tuple[int, ...], expected: list[int]
) -> None:
    picture = colours(wide(*numbers)) if many else wide(*numbers)
    if kind == "PNG":
        data = wide_png(picture, *([stated(*[bits] * (3 if many else 1))] if said else []))
    else:
        extra = [(MAX_SAMPLE, 3, 1, 2**bits - 1, True)] if said else []
        data = tiff(picture, photometric="rgb" if many else "minisblack", extratags=extra)
    assert first(data, len(expected)) == expected
    words = f"Scaled from {bits} of its 16 bits (0 to {2**bits - 1}) to 8, {STATED if said else LARGEST}."
    assert notes(data)[0] == words
    if many:
        exact = picture * 255.0 / (2**bits - 1)
        np.testing.assert_array_equal(decoded(data), np.rint(exact))


def test_all_16_bits_are_scaled_by_a_257th() -> None:
    data = wide_png(wide(0, 128, 129, 65535))
    assert first(data, 4) == [0, 0, 1, 255]
    assert notes(data)[0] == "Scaled from 16 bits to 8."


def test_a_statement_holds_for_a_dark_picture() -> None:
    assert first(wide_png(wide(0, 100, 200), stated(12)), 3) == [0, 6, 12]  # 6.2, 12.5 cut short: 200 / 4095 is 12.45
    dark = wide_png(wide(0, 2056, 4112), stated(16))
    assert first(dark, 3) == [0, 8, 16]
    assert notes(dark)[:2] == ("Scaled from 16 bits to 8.", "Only 17 of the 256 levels are left.")
    three = wide_png(colours(wide(0, 2056, 4112)), stated(16, 16, 16))
    assert first(three, 3) == [0, 8, 16]
    assert "Only 17 of the 256 levels are left." in notes(three)


def test_the_case_of_a_12_bit_x_ray() -> None:
    ramp = np.tile(np.arange(64, dtype=np.uint16) * 65, (4, 1))
    for data in (wide_png(ramp), wide_png(ramp, stated(12)), tiff(ramp, photometric="minisblack")):
        seen = decoded(data)[..., 0]
        assert len(np.unique(seen)) == 64
        assert seen.max() == 255
        assert not any("levels" in note for note in notes(data))


def test_a_picture_of_very_few_bits_is_not_black() -> None:
    labels = np.array([[0, 1, 2, 3, 4, 5]], np.uint16)
    assert first(wide_png(labels), 6) == [0, 36, 73, 109, 146, 182]  # sevenths of 255
    assert notes(wide_png(labels))[:2] == (
        f"Scaled from 3 of its 16 bits (0 to 7) to 8, {LARGEST}.",
        "Only 6 of the 256 levels are left.",
    )
    black = wide_png(np.zeros((2, 2), np.uint16))
    assert (decoded(black) == 0).all()
    assert "Only 1 of the 256 levels is left." in notes(black)


@pytest.mark.parametrize(("levels", "told"), [(31, True), (32, False)])
def test_under_32_levels_are_told(levels: int, told: bool) -> None:
    ramp = (np.arange(levels) * (65535 // (levels - 1))).astype(np.uint16)[None]
    for data in (wide_png(ramp), wide_png(np.stack([ramp] * 3, axis=2))):
        assert (f"Only {levels} of the 256 levels are left." in notes(data)) == told


# ------------------------------------------------------------------------------------------------ statements that fail


@pytest.mark.parametrize(
    "chunk",
    [stated(), stated(0), stated(17), stated(255), stated(12, 12), stated(12, 12, 12), (b"sBIT", b"\x0c" * 5000)],
)
def test_a_statement_of_the_wrong_length_or_value_is_none(chunk: tuple[bytes, bytes]) -> None:
    picture = wide(0, 512, 1023)
    assert decoded(wide_png(picture, chunk)).tolist() == decoded(wide_png(picture)).tolist()
    assert notes(wide_png(picture, chunk)) == notes(wide_png(picture))


def test_a_statement_behind_the_pixels_is_none() -> None:
    picture = wide(0, 512, 1023)
    assert notes(wide_png(picture, after=stated(12))) == notes(wide_png(picture))
    assert STATED in notes(wide_png(picture, stated(12), after=stated(11)))[0]


@pytest.mark.parametrize("bits", range(1, 13))
def test_a_statement_that_the_pixels_do_not_keep_is_none(bits: int) -> None:
    """As the standard has it: numbers of 12 bits that were scaled up to 16 before they were written. A fixed 0 to 4095
    would leave them white."""
    up = wide(0, 2048 * 16 + 8, 65535)
    assert decoded(wide_png(up, stated(bits))).tolist() == decoded(wide_png(up)).tolist()
    assert notes(wide_png(up, stated(bits)))[0] == "Scaled from 16 bits to 8."


@pytest.mark.parametrize(("largest", "words"), [(4095, "12 of its 16 bits"), (4096, "13 of its 16 bits")])
def test_a_statement_holds_up_to_the_largest_number_of_so_many_bits(largest: int, words: str) -> None:
    assert words in notes(wide_png(wide(0, 100, largest), stated(12)))[0]


def test_alpha_says_nothing_about_the_colours() -> None:
    both = np.concatenate([colours(wide(0, 512, 1023)), np.full((1, 40, 1), 65535, np.uint16)], axis=2)
    assert first(wide_png(both, stated(10, 10, 10, 16)), 3) == first(wide_png(both), 3) == [0, 128, 255]
    grey = both[..., [0, 3]]
    assert first(wide_png(grey, stated(10, 16)), 3) == first(wide_png(grey), 3) == [0, 128, 255]
    clear = both >> np.array([0, 0, 0, 6], np.uint16)
    assert first(wide_png(clear), 3) == [0, 128, 255], "alpha of 10 bits too"


def test_a_statement_of_grey_or_colours_holds_with_the_one_of_alpha_behind_it() -> None:
    both = np.concatenate([colours(wide(0, 512, 1023)), np.full((1, 40, 1), 65535, np.uint16)], axis=2)
    assert first(wide_png(both, stated(12, 12, 12, 16)), 3) == [0, 32, 64]  # 31.88, 63.7
    assert first(wide_png(both[..., [0, 3]], stated(12, 16)), 3) == [0, 32, 64]


@pytest.mark.parametrize("tag", [MAX_SAMPLE, S_MAX_SAMPLE])
@pytest.mark.parametrize(("kind", "count", "value"), [(3, 1, 0), (4, 1, 70_000), (12, 1, 8), (3, 65, 8), (3, 9, 10**9)])
def test_a_largest_value_that_cannot_be_is_none(tag: int, kind: int, count: int, value: int) -> None:
    body = struct.pack("<4H", 0, 256, 512, 1023)
    tags = {256: (3, 1, 4), 257: (3, 1, 1), 258: (3, 1, 16), 259: (3, 1, 1), 262: (3, 1, 1), 273: (4, 1, 8)}
    tags |= {277: (3, 1, 1), 278: (3, 1, 1), 279: (4, 1, 8)}
    for extra in ({}, {tag: (kind, count, value)}):
        assert first(tiff_of_tags(tags | extra, body), 4) == [0, 64, 128, 255]
    assert first(tiff_of_tags(tags | {tag: (3, 1, 4095)}, body), 4) == [0, 16, 32, 64]


def test_white_is_zero_is_scaled_and_turned() -> None:
    data = tiff(wide(0, 512, 1023), photometric="miniswhite")
    assert first(data, 3) == [255, 127, 0]
    assert notes(data)[0] == f"Scaled from 10 of its 16 bits (0 to 1023) to 8, {LARGEST}."


def test_the_transparent_grey_is_compared_before_it_is_scaled() -> None:
    data = wide_png(wide(0, 513, 512, 1023), (b"tRNS", struct.pack(">H", 513)))
    assert first(data, 4) == [0, 255, 128, 255]


def test_inks_and_spare_bands() -> None:
    inks = np.zeros((1, 40, 4), np.uint16)
    inks[0, :2, 0] = 4095, 1024
    assert decoded(tiff(inks, photometric="separated"))[0, :2].tolist() == [[0, 255, 255], [191, 255, 255]]
    spare = np.concatenate([colours(wide(0, 512, 1023)), np.full((1, 40, 1), 60_000, np.uint16)], axis=2)
    assert first(tiff(spare, extrasamples=["unspecified"]), 3) == [0, 128, 255]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_the_lower_byte_is_found_however_a_tiff_lies(order: str, compression: str | None) -> None:
    picture = np.random.default_rng(3).integers(0, 4096, (37, 21, 3), np.uint16)
    picture[0, 0] = 4095
    data = tiff(picture, byteorder=order, compression=compression, rowsperstrip=5)
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(data)), picture)
    np.testing.assert_array_equal(decoded(data), np.rint(picture * 255.0 / 4095))


def test_rows_are_put_together_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.random.default_rng(3).integers(0, 1024, (50, 8, 3), np.uint16)
    whole = decoded(wide_png(picture))
    monkeypatch.setattr(depth, "_BAND", 24)
    np.testing.assert_array_equal(decoded(wide_png(picture)), whole)


# --------------------------------------------------------------------------------------------------- stated by a person


@pytest.mark.parametrize("largest", [4000, 40_000])
@pytest.mark.parametrize("many", [False, True])
def test_a_range_that_a_person_states_makes_another_picture(many: bool, largest: int) -> None:
    grey = wide(0, 100, 300, 500, largest)
    picture = colours(grey) if many else grey
    for data in (
        wide_png(picture, *([] if many else [stated(12)])),
        tiff(picture, photometric="rgb" if many else "minisblack"),
    ):
        report, kept = images.inspect(data, (100, 500))
        assert first(kept, 5) == [0, 0, 128, 255, 255]  # 127.5 is rounded to even
        assert kept != data
        assert kept.startswith(data)
        assert report.notes[0] == f"Scaled from numbers 100 to 500 to 8 bits, {CHOSEN}."
        outside = int(((picture < 100) | (picture > 500)).sum())
        assert f"{outside} of its numbers lie outside this range and were clipped." in report.notes
        assert images.inspect(kept) == (report, kept), "its address says how it is scaled"
        again, other = images.rescale(kept, Scaling.range_of(10))
        assert again.notes[0] == f"Scaled from 10 of its 16 bits (0 to 1023) to 8, {CHOSEN}."
        assert other.startswith(data)
        assert first(other, 5) == [0, 25, 75, 125, 255]
        assert images.rescale(other, None) == images.inspect(data), "and back"


def test_a_range_that_is_none_is_refused() -> None:
    for wrong in ((1, 0), (1, 1), (float("nan"), 1), (0, float("inf")), (-1.7e308, 1.7e308)):
        assert "is not a valid range" in refusal(lambda wrong=wrong: images.inspect(wide_png(wide(1023)), wrong))  # type: ignore[misc]


def test_a_picture_of_8_bits_has_no_range() -> None:
    data = encoded(Image.fromarray(noise(4, 4)))
    assert "has 8 bits" in refusal(lambda: images.rescale(data, (0, 100)))
    assert first(depth.restated(data, (0, 100)), 4) == first(data, 4)
    refusal(lambda: images.rescale(b"no picture", (0, 100)))


@pytest.mark.parametrize(
    "forged",
    [
        b"\nGradViz scales from 5 to 5\n",
        b"\nGradViz scales from nan to 5\n",
        b"\nGradViz scales from 0 to inf\n",
        b"\nGradViz scales from x to y\n",
        b"\nGradViz scales from  to \n",
        b"\nGradViz scales from " + b"9" * 5000 + b" to 3\n",
        b"\nGradViz scales from 0 to 100\n.",
    ],
)
def test_a_forged_range_is_none(forged: bytes) -> None:
    data = wide_png(wide(0, 512, 1023))
    assert first(data + forged, 3) == [0, 128, 255]


def test_colours_that_were_multiplied_by_alpha_keep_their_upper_8() -> None:
    both = np.concatenate([colours(wide(0, 512, 1023)), np.full((1, 40, 1), 65535, np.uint16)], axis=2)
    data = tiff(both, extrasamples=["assocalpha"])
    assert decoded(data).max() == 3
    assert "Only 4 of the 256 levels are left." in notes(data)
    assert "premultiplied by alpha" in refusal(lambda: images.inspect(data, (0, 1023)))


def test_what_is_found_is_kept_with_the_picture() -> None:
    picture = decoding.read(wide_png(np.array([[0, 1, 2, 4095]], np.uint16), stated(12)))
    assert picture.scaling == Scaling(16, 0, 4095, "file", 2)
    assert picture.scaling.used == 12
    assert Scaling(16, 100, 900, "person", 40).used is None
    assert decoding.read(encoded(Image.new("L", (3, 3)))).scaling is None
