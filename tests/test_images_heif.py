"""AVIF and HEIC: their turns, depths and sizes as the boxes say them, beside what Pillow reads by itself."""

from __future__ import annotations

import io
import struct
import sys
import tracemalloc
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageOps

from gradviz_core import images
from gradviz_core.images.formats import heif
from gradviz_core.images.formats.bits import Bits
from tests.image_files import encoded, heic, noise, refusal
from tests.image_files import turned as held

NCLX = b"\0\0\0\x13colrnclx"


def turned(data: bytes, box: bytes) -> bytes:
    """The HEIC file with a turn in place of its colours, which are those that are assumed anyway."""
    assert len(box) == 9
    at = data.index(NCLX)
    data = data[:at] + box + b"\0\0\0\x0afree\0\0" + data[at + 19 :]
    associations = data.index(b"ipma") + 15
    return data[:associations] + b"\x81\x82\x04\x05" + data[associations + 4 :]


# ------------------------------------------------------------------------------------------------------------- pixels


def test_an_avif_without_loss_comes_back_exactly() -> None:
    pixels = noise(38, 50)
    data = encoded(Image.fromarray(pixels), "AVIF", quality=100, subsampling="4:4:4")
    with Image.open(io.BytesIO(data)) as independent:
        expected = np.asarray(independent.convert("RGB"))
    np.testing.assert_array_equal(np.asarray(images.decode(data)), expected)
    assert np.abs(expected.astype(int) - pixels).max() < 8
    report, kept = images.inspect(data)
    assert (report.width, report.height, report.format, report.notes) == (50, 38, "AVIF", ())
    assert kept == data


def test_a_heic_photo_comes_back_nearly() -> None:
    pixels = noise(64, 80)
    data = heic(pixels, chroma=444)
    assert np.abs(np.asarray(images.decode(data)).astype(int) - pixels).mean() < 4
    report, _ = images.inspect(data)
    assert (report.width, report.height, report.format, report.notes) == (80, 64, "HEIC", ())


@pytest.mark.parametrize("kind", ["AVIF", "HEIC"])
def test_transparent_parts_lie_on_white(kind: str) -> None:
    pixels = np.full((32, 32, 4), (200, 30, 30, 0), np.uint8)
    pixels[:16, :, 3] = 255
    data = encoded(Image.fromarray(pixels), "AVIF") if kind == "AVIF" else heic(pixels)
    seen = np.asarray(images.decode(data)).astype(int)
    assert np.abs(seen[:16] - (200, 30, 30)).max() < 12
    assert np.abs(seen[16:] - 255).max() < 4
    assert "Transparent areas are shown on white." in images.inspect(data)[0].notes


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_avif_is_turned_as_its_boxes_say(orientation: int) -> None:
    data = encoded(Image.fromarray(noise(24, 40)), "AVIF", exif=held(orientation))
    with Image.open(io.BytesIO(data)) as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored))
    np.testing.assert_array_equal(np.asarray(images.decode(data)), expected)
    report, _ = images.inspect(data)
    assert (report.width, report.height) == ((40, 24) if orientation < 5 else (24, 40))
    assert len(report.notes) == (orientation > 1)


@pytest.mark.parametrize(
    ("box", "turn", "words"),
    [
        (b"\0\0\0\x09irot\x01", lambda p: np.rot90(p, 1), "90 degrees counter-clockwise"),
        (b"\0\0\0\x09irot\x02", lambda p: np.rot90(p, 2), "180 degrees"),
        (b"\0\0\0\x09irot\x03", lambda p: np.rot90(p, 3), "90 degrees clockwise"),
        (b"\0\0\0\x09imir\x00", lambda p: p[::-1], "top and bottom"),
        (b"\0\0\0\x09imir\x01", lambda p: p[:, ::-1], "left and right"),
    ],
)
def test_a_heic_photo_is_turned_once(box: bytes, turn: Any, words: str) -> None:
    plain = heic(noise(64, 80))
    np.testing.assert_array_equal(np.asarray(images.decode(turned(plain, box))), turn(np.asarray(images.decode(plain))))
    assert words in " ".join(images.inspect(turned(plain, box))[0].notes)


def test_more_than_8_bits_and_other_primaries_are_said() -> None:
    wide = (noise(32, 32).astype(np.uint16) << 8).tobytes()
    out = io.BytesIO()
    pillow_heif.encode("RGB;16", (32, 32), wide, out)
    assert "Scaled from 10 bits to 8." in images.inspect(out.getvalue())[0].notes
    data = encoded(Image.fromarray(noise(32, 32)), "AVIF")
    at = data.index(b"nclx") + 4
    assert images.inspect(data)[0].notes == ()
    (note,) = images.inspect(data[:at] + struct.pack(">H", 9) + data[at + 2 :])[0].notes
    assert "profile was not applied" in note


def test_of_an_animation_its_still_picture_is_shown() -> None:
    first, second = noise(32, 32), noise(32, 32, seed=1)
    data = encoded(Image.fromarray(first), "AVIF", save_all=True, append_images=[Image.fromarray(second)])
    assert data[8:12] == b"avis"
    with Image.open(io.BytesIO(data)) as frames:
        np.testing.assert_array_equal(np.asarray(images.decode(data)), np.asarray(frames))
    assert "animation" in " ".join(images.inspect(data)[0].notes)


# ------------------------------------------------------------------------------------------------------------- refused


def test_a_heic_photo_without_its_reader_is_refused_with_both_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    data = heic(noise(16, 16))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    sentence = refusal(lambda: images.decode(data))
    assert "Export the photo as JPEG" in sentence
    assert 'pip install "gradviz_core[heic]"' in sentence


def test_camera_data_reaches_neither_reader() -> None:
    exif = Image.Exif()
    exif[0x010E] = "where it was taken"
    for data in (
        encoded(Image.fromarray(noise(16, 16)), "AVIF", exif=exif, xmp=b"<x/>"),
        heic(noise(16, 16), exif=exif.tobytes(), xmp=b"<x/>"),
    ):
        assert b"Exif" in data
        handed_on = heif.read(data).picture
        assert len(handed_on) == len(data)
        opened = Image.open(io.BytesIO(handed_on)) if data[8:12] == b"avif" else pillow_heif.open_heif(handed_on)
        assert not opened.info.get("exif")
        assert not opened.info.get("xmp")


@pytest.mark.parametrize("kind", ["AVIF", "HEIC"])
def test_the_size_in_the_coded_picture_counts(kind: str) -> None:
    """The boxes say 64×64; decoders make room for what the codec says, and Pillow's would scale it down."""
    lying = avif_of_size(6400) if kind == "AVIF" else heic_of_size(6400)
    tracemalloc.start()
    sentence = refusal(lambda: images.decode(lying))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "6400 x 6400 pixels; the limit is 40 million" in sentence
    assert most < 2_000_000


def avif_of_size(side: int) -> bytes:
    """An AVIF file whose sequence header says this size, with as many bits as it takes."""
    data = encoded(Image.fromarray(noise(64, 64)), "AVIF")
    at = data.index(b"\x12\0\x0a\x09") + 4
    header = "0001100000" + f"{15:04b}" * 2 + f"{side - 1:016b}" * 2
    return data[:at] + int(header.ljust(72, "0"), 2).to_bytes(9) + data[at + 9 :]


def heic_of_size(side: int) -> bytes:
    """A HEIC file whose parameter set says this size."""
    data = heic(noise(64, 64))
    at = data.index(b"B\x01\x01") - 2  # behind the length of the set
    length = int.from_bytes(data[at : at + 2])
    head = data[at + 2 : at + 2 + 2 + 16]  # up to the profile and level; some bytes are there to tell zeros apart
    bits = ("1" + "010" + 2 * golomb(side)).ljust(8 * (length - len(head)), "0")
    return data[: at + 2] + head + int(bits, 2).to_bytes(length - len(head)) + data[at + 2 + length :]


def golomb(number: int) -> str:
    bits = f"{number + 1:b}"
    return "0" * (len(bits) - 1) + bits


def test_numbers_of_any_length() -> None:
    bits = Bits(bytes([0b1010_0110, 0b0010_1000]))
    assert [bits.number(3), bits.number(1)] == [0b101, 0]
    assert [bits.golomb(), bits.golomb()] == [2, 9]  # 011, 0001010
    with pytest.raises(IndexError):
        bits.number(9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.replace(b"av01Color", b"unciColor"), "(unci)"),
        (lambda d: d.replace(b"av01Color", b"iovlColor"), "(iovl)"),
        (lambda d: d.replace(b"meta", b"none"), "broken"),
        (lambda d: d.replace(b"meta", b"moov"), "without a still picture"),
        (lambda d: d.replace(b"pitm\0\0\0\0\0\1", b"pitm\0\0\0\0\0\7"), "broken"),
        (lambda d: d.replace(b"\0\0\0\x1ainfe", b"\0\0\0\x02infe"), "broken"),
        (lambda d: d.replace(struct.pack(">II", 40, 24), struct.pack(">II", 2**31, 2**31)), "40 million"),
        (lambda d: d.replace(struct.pack(">II", 40, 24), struct.pack(">II", 0, 24)), "0 x 24 pixels"),
        (lambda d: d[: len(d) // 2], "broken"),
        (lambda d: d[:40], "broken"),
    ],
)
def test_what_is_no_sound_avif_is_refused(change: Any, words: str) -> None:
    data = encoded(Image.fromarray(noise(24, 40)), "AVIF")
    changed = change(data)
    assert changed != data
    assert words in refusal(lambda: images.decode(changed))
