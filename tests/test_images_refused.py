"""What is refused, and how: one sentence, before anything large is allocated, whatever the bytes are."""

from __future__ import annotations

import gzip
import random
import re
import struct
import tracemalloc
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from gradviz_core import images
from gradviz_core.errors import BadImage
from gradviz_core.images.formats import bmp, directory, jpeg
from tests.image_files import (
    LOSSLESS,
    ORIENTATION,
    READABLE,
    chunk,
    decoded,
    encoded,
    nifti,
    noise,
    npy,
    png,
    refusal,
    tiff,
    tiff_of_tags,
)

BROKEN = "The image is broken"
CHOOSE = "Choose a PNG, JPEG, WebP, AVIF, BMP, TIFF, GIF or DICOM image, or a NumPy array (.npy)."

# ------------------------------------------------------------------------------------------------- other kinds of file


def test_nothing_is_no_image() -> None:
    assert refusal(lambda: images.decode(b"")) == f"The file is empty. {CHOOSE}"
    assert refusal(lambda: images.decode(b"no image at all")) == f"The file is not an image that can be read. {CHOOSE}"


@pytest.mark.parametrize("kind", ["EPS", "PPM", "ICO", "PDF", "TGA", "PCX", "JPEG2000", "SGI", "XBM"])
def test_other_formats_are_refused_whatever_their_name(kind: str) -> None:
    picture = Image.fromarray(noise(16, 16)).convert("1" if kind == "XBM" else "RGB")
    assert re.search("not supported|that can be read", refusal(lambda: images.decode(encoded(picture, kind))))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\0\0\0\x24ftypisom" + bytes(40), "video"),
        (b"%PDF-1.7\n", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
        (b"8BPS\0\1", "Photoshop"),
        (b"<?xml version='1.0'?>\n<!-- drawn --><svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"  <svg onload='alert(1)'/>", "SVG"),
        (b"<!doctype html><title>x</title>", "web page"),
        (b"PK\3\4" + bytes(40), "zip"),
        (b"\0\0\0\x20ftypqt  " + bytes(40), "video"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"NRRD0004\n", "NRRD"),
        (b"MATLAB 5.0 MAT-file", "MATLAB"),
        (b"P6\n2 2\n255\n" + bytes(12), "PNM"),
        (b"II+\0\x08\0\0\0", "BigTIFF"),
    ],
)
def test_what_a_file_is_instead_is_told(data: bytes, words: str) -> None:
    assert words in refusal(lambda: images.decode(data))


def test_a_volume_of_impossible_axes_is_broken() -> None:
    assert "broken NIfTI" in refusal(lambda: images.decode(nifti(5, 4)))
    assert "broken NIfTI" in refusal(lambda: images.decode(nifti(5, -4, 3)))
    assert "gzip" in refusal(lambda: images.decode(gzip.compress(b"no volume")))


def test_pixels_whose_range_is_unknown_are_refused_with_what_to_do() -> None:
    ramp = np.linspace(0, 1, 64).reshape(8, 8)
    for array, words in (
        (ramp.astype(np.float32), "floating-point numbers"),
        ((ramp * 1000 - 500).astype(np.int16), "signed numbers"),
        ((ramp * 1000).astype(np.uint32), "32 bits"),
    ):
        sentence = refusal(lambda array=array: images.decode(tiff(array, photometric="minisblack")))  # type: ignore[misc]
        assert words in sentence
        assert ".npy" in sentence


def test_ways_of_storing_a_tiff_that_are_not_read_are_named() -> None:
    grey, colours = noise(16, 16, 1)[..., 0], noise(16, 16)
    wide = np.moveaxis(colours, -1, 0).astype(np.uint16).copy()
    for data, words in (
        (tiff(colours, photometric="cielab"), "colour space"),
        (tiff(wide, planarconfig="separate"), "in separate planes"),
        (tiff(np.stack([grey] * 2, -1).astype(np.uint16), photometric="minisblack", planarconfig="contig"), "way"),
        (tiff(grey, photometric="minisblack", subfiletype=1), "raw photo"),
        (sound_tiff(259, (3, 1, 34712)), "number 34712"),
        (sound_tiff(259, (3, 1, 6)), "number 6"),
        (encoded(Image.new("1", (8, 8)), "TIFF", compression="group4"), "number 4"),
    ):
        assert words in refusal(lambda data=data: images.decode(data))  # type: ignore[misc]


def test_a_jpeg_of_12_bits_is_refused() -> None:
    data = encoded(Image.fromarray(noise(16, 16)), "JPEG")
    at = data.index(b"\xff\xc0")
    assert "12 bits" in refusal(lambda: images.decode(data[: at + 4] + b"\x0c" + data[at + 5 :]))


# -------------------------------------------------------------------------------------------------------- broken files


@pytest.mark.parametrize("kind", READABLE)
def test_truncated_files_are_refused(kind: str) -> None:
    data = encoded(Image.fromarray(noise(64, 64)), kind)
    for length in (len(data) // 2, len(data) // 4, 40, 8, 1):
        refusal(lambda length=length: images.decode(data[:length]))  # type: ignore[misc]


def test_broken_chunks_are_refused() -> None:
    header = (b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0))
    rows = zlib.compress((b"\0" + b"abc" * 4) * 4)
    assert decoded(png(header, (b"IDAT", rows))).shape == (4, 4, 3)
    for broken in (
        png((b"IHDR", b"short"), (b"IDAT", rows)),
        png(header, (b"IDAT", b"not compressed")),
        png(header, (b"IDAT", rows[:10])),
        png(header),
        png(header, (b"IDAT", rows)).replace(b"IDAT", b"IDAX"),
        png((b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 3, 0, 0, 0)), (b"IDAT", rows)),
        png((b"IHDR", struct.pack(">IIBBBBB", 0, 4, 8, 2, 0, 0, 0)), (b"IDAT", rows)),
    ):
        refusal(lambda broken=broken: images.decode(broken))  # type: ignore[misc]


def repaired(data: bytearray) -> bytes:
    """The PNG with the checksum of each of its chunks made right, so that damage reaches what reads the chunk."""
    at = 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        if at + 12 + length > len(data):
            break
        data[at + 8 + length : at + 12 + length] = struct.pack(">I", zlib.crc32(data[at + 4 : at + 8 + length]))
        at += 12 + length
    return bytes(data)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [kind for kind in READABLE if kind != "AVIF"])  # many of it are spoilt in test_fuzz
def test_damaged_files_give_an_image_or_a_sentence_and_nothing_else(kind: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION], exif[0x010E], exif[0x8769] = 6, "a description", {0x9000: b"0230", 0x829A: 0.5}
    options: dict[str, object] = {} if kind in ("BMP", "GIF", "TIFF") else {"exif": exif}
    if kind == "TIFF":
        options = {"compression": "tiff_lzw"}
    data = encoded(Image.fromarray(noise(20, 26)), kind, **options)
    read, refused = bombarded(data, images.decode, repair=repaired if kind == "PNG" else bytes)
    assert min(read, refused) > 50


def test_damaged_arrays_give_a_picture_or_a_sentence_and_nothing_else() -> None:
    data = npy(noise(5, 6).astype(np.float32))
    read, refused = bombarded(data, lambda damaged: images.inspect(damaged, (0, 255)), repair=bytes)
    assert min(read, refused) > 50


def bombarded(data: bytes, act: Callable[[bytes], object], repair: Callable[[bytearray], bytes]) -> tuple[int, int]:
    """How many of 3000 damaged copies were read, and how many refused with BadImage."""
    chance, read, sentences = random.Random(0), 0, set()
    for _ in range(3000):
        damaged = bytearray(data)
        for _ in range(chance.choice([1, 1, 2, 8])):
            at = chance.randrange(min(len(damaged), chance.choice([60, 300, len(damaged)])))
            damaged[at] = chance.choice([0, 255, chance.randrange(256), damaged[at] ^ 1 << chance.randrange(8)])
        try:
            act(repair(damaged) if chance.random() < 0.9 else bytes(damaged))
            read += 1
        except BadImage as error:
            sentences.add(str(error))
    assert all(sentence.endswith(".") and "\n" not in sentence for sentence in sentences)
    return read, 3000 - read


@pytest.mark.parametrize("data", [b"II*\0", b"MM\0*\0\0\0\x08", b"BM", b"GIF89a", b"RIFF\4\0\0\0WEBP", b"\xff\xd8\xff"])
def test_the_first_bytes_alone_are_broken(data: bytes) -> None:
    assert refusal(lambda: images.decode(data)).startswith(BROKEN)


# --------------------------------------------------------------------------------------------------------------- bombs


def sound_tiff(tag: int = 0, entry: tuple[int, int, int] = (3, 1, 1)) -> bytes:
    """A grey TIFF of 2×2 pixels in one strip, with one tag changed or added."""
    tags = {256: (4, 1, 2), 257: (4, 1, 2), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 273: (4, 1, 8)}
    tags |= {277: (3, 1, 1), 278: (4, 1, 2), 279: (4, 1, 4), tag or 262: entry}
    return tiff_of_tags(tags, b"\x0a\x14\x1e\x28")


def png_of(width: int, height: int) -> bytes:
    return png((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(b"\0" * 1000)))


def resized(data: bytes, at: int, size: bytes) -> bytes:
    return data[:at] + size + data[at + len(size) :]


def huge() -> dict[str, bytes]:
    """Files of a few bytes whose headers announce far too many pixels."""
    small = Image.fromarray(noise(8, 8))
    lossy, gif = encoded(small, "JPEG"), encoded(small, "GIF")
    animated = encoded(small, "WEBP", save_all=True, append_images=[Image.fromarray(255 - noise(8, 8))])
    return {
        "png 30000x30000": png_of(30_000, 30_000),
        "png 40000001x1": png_of(40_000_001, 1),
        "png 7000x6000": png_of(7000, 6000),
        "jpeg": resized(lossy, lossy.index(b"\xff\xc0") + 5, struct.pack(">HH", 65_000, 65_000)),
        "gif screen": resized(gif, 6, struct.pack("<HH", 65_535, 65_535)),
        "gif frame": resized(gif, gif.index(b",\0\0\0\0") + 5, struct.pack("<HH", 65_535, 65_535)),
        "webp animated": resized(animated, animated.index(b"VP8X") + 12, b"\xfe\x3f\0\xfe\x3f\0"),
        "bmp": resized(encoded(small, "BMP"), 18, struct.pack("<ii", 30_000, -30_000)),
        "tiff": sound_tiff(256, (4, 1, 0x7FFFFFFF)),
        "tiff tile": tiff_of_tags(
            {256: (4, 1, 2), 257: (4, 1, 2), 258: (3, 1, 8), 259: (3, 1, 5), 262: (3, 1, 1)}
            | {322: (4, 1, 1 << 16), 323: (4, 1, 1 << 16), 324: (4, 1, 8), 325: (4, 1, 4)},
            b"\x0a\x14\x1e\x28",
        ),
    }


@pytest.mark.parametrize("name", huge())
def test_a_huge_image_is_refused_from_its_header(name: str) -> None:
    data = huge()[name]
    tracemalloc.start()
    sentence = refusal(lambda: images.decode(data))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "the limit is 40 million" in sentence
    assert most < 2_000_000


def test_the_sound_tiff_of_these_tests_is_read() -> None:
    np.testing.assert_array_equal(decoded(sound_tiff())[..., 0], [[10, 20], [30, 40]])


@pytest.mark.parametrize("mark", [0x01, 0xD0, 0xD8])
def test_a_mark_without_a_length_in_front_of_the_header_of_a_jpeg_is_stepped_over(mark: int) -> None:
    data = encoded(Image.fromarray(noise(8, 8)), "JPEG")
    header = data.index(b"\xff\xc0")
    marked = data[:header] + bytes((0xFF, mark)) + data[header:]
    np.testing.assert_array_equal(decoded(marked), decoded(data))


def test_a_tiff_of_countless_strips_is_refused() -> None:
    assert "2,000,000 pieces" in refusal(lambda: images.decode(sound_tiff(257, (4, 1, 4_000_000))))
    assert "pieces" in refusal(lambda: images.decode(sound_tiff(273, (4, 5_000_000, 8))))


@pytest.mark.parametrize("kind", directory.SIZES)
def test_the_bytes_of_a_tag_go_by_its_type(kind: int) -> None:
    """TIFF 6.0, section 2, in the letters of ``struct``; 13 is the place of a directory."""
    value = "B c H I II b c h i ii f d I".split()[kind - 1]
    assert directory.Entry(kind, 3, b"").bytes == 3 * struct.calcsize(f"<{value}")


def test_tags_that_point_at_the_same_megabytes_are_never_read() -> None:
    body = bytes(4) + b"x" * 3_000_000
    tags = {256: (4, 1, 2), 257: (4, 1, 2), 258: (3, 1, 8), 262: (3, 1, 1), 273: (4, 1, 8), 279: (4, 1, 4)}
    data = tiff_of_tags(tags | dict.fromkeys(range(51000, 61000), (7, 3000000, 8)), body)
    tracemalloc.start()
    assert decoded(data).shape == (2, 2, 3)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 40_000_000


def test_camera_data_that_points_at_itself_is_never_read() -> None:
    entries = b"".join(struct.pack("<HHII", tag, 7, 3_000_000, 8) for tag in range(1000, 3000))
    exif = b"II*\0\x08\0\0\0" + struct.pack("<H", 2000) + entries + bytes(4) + b"x" * 3_000_000
    parts = [b"Exif\0\0" + exif[at : at + 65_000] for at in range(0, len(exif), 65_000)]
    segments = b"".join(b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part for part in parts)
    whole = encoded(Image.fromarray(noise(8, 8)), "JPEG")
    plain = encoded(Image.fromarray(noise(8, 8)))
    for data in (whole[:2] + segments + whole[2:], plain[:33] + chunk(b"eXIf", exif) + plain[33:]):
        tracemalloc.start()
        assert decoded(data).shape == (8, 8, 3)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 40_000_000


def test_a_jpeg_of_endless_passes_is_refused() -> None:
    data = encoded(Image.fromarray(noise(64, 64)), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    assert decoded(data).shape == (64, 64, 3)
    sentence = refusal(lambda: images.decode(data[:-2] + last * jpeg.MOST_SCANS + data[-2:]))
    assert f"the limit is {jpeg.MOST_SCANS}" in sentence


def test_a_large_bmp_in_run_lengths_is_refused_and_a_small_one_read() -> None:
    def of(side: int) -> bytes:
        runs = b"\x04\x07\0\0" * 4 + b"\0\1"
        info = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(runs), 0, 0, 256, 0)
        colours = b"".join(bytes((i, i, 255 - i, 0)) for i in range(256))
        return b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + 40 + 1024) + info + colours + runs

    np.testing.assert_array_equal(decoded(of(4)), np.full((4, 4, 3), (248, 7, 7)))
    assert "run-length compression" in refusal(lambda: images.decode(of(int(bmp.MOST_RUN_LENGTH_PIXELS**0.5) + 1)))


@pytest.mark.parametrize("kind", LOSSLESS)
def test_a_file_of_nothing_but_a_header_allocates_no_picture(kind: str) -> None:
    data = encoded(Image.new("RGB", (6000, 6000)), kind, **LOSSLESS[kind])[:200]
    refusal(lambda: images.decode(data))
