"""What becomes of sound image files of every kind: each pixel, and a sentence for each thing that was done."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import settings as settings_for_tests
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from PIL import Image, ImageCms, ImageOps

from gradviz_core import images
from gradviz_core.errors import UnknownImage
from gradviz_core.images import preprocessing
from gradviz_core.settings import settings
from gradviz_core.uploads import store
from tests.image_files import (
    LOSSLESS,
    ORIENTATION,
    READABLE,
    chunk,
    decoded,
    encoded,
    noise,
    png,
    refusal,
    tiff,
)

COPIED = "Grey was copied to red, green and blue."
ON_WHITE = "Transparent areas are shown on white."
PALETTE = "Colours were read from the file's palette."
TO_8 = "Scaled from 16 bits to 8."
UPPER_8 = "Scaled from 16 bits to 8: the upper 8 bits of each colour were kept."
ALL_16 = {0: (b"sBIT", bytes([16])), 2: (b"sBIT", bytes([16] * 3))}
"""What says that grey or colours use all 16 bits, however dark they are."""


def notes(data: bytes) -> tuple[str, ...]:
    return images.inspect(data)[0].notes


def threefold(grey: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.repeat(grey[..., None], 3, axis=2)


def written(pixels: npt.NDArray[np.uint8], kind: str) -> bytes:
    return encoded(Image.fromarray(pixels), kind, **LOSSLESS[kind])


# ------------------------------------------------------------------------------------------------------------- formats


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_files_come_back_exactly(kind: str) -> None:
    np.testing.assert_array_equal(decoded(written(noise(37, 50), kind)), noise(37, 50))
    assert notes(written(noise(37, 50), kind)) == ()


@settings_for_tests(max_examples=40)
@given(
    arrays_of.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))),
    st.sampled_from([*LOSSLESS]),
)
def test_any_colours_come_back_from_a_lossless_file(pixels: npt.NDArray[np.uint8], kind: str) -> None:
    np.testing.assert_array_equal(decoded(written(pixels, kind)), pixels)


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_jpeg_comes_back_nearly(options: dict[str, bool]) -> None:
    data = encoded(Image.fromarray(noise(37, 50)), "JPEG", quality=100, subsampling=0, **options)
    assert np.abs(decoded(data).astype(int) - noise(37, 50)).max() < 12
    assert notes(data) == ()


def test_gif_comes_back_exactly_where_its_palette_holds_every_colour() -> None:
    colours = np.unique(noise(40, 40).reshape(-1, 3), axis=0)[:200]
    pixels = colours[np.arange(400).reshape(20, 20) % 200]
    data = encoded(Image.fromarray(pixels).quantize(256, dither=Image.Dither.NONE), "GIF")
    np.testing.assert_array_equal(decoded(data), pixels)
    assert notes(data) == (PALETTE,)


def test_a_frame_of_a_gif_that_has_no_palette_may_say_how_large_it_would_be() -> None:
    frames = [Image.fromarray(noise(9, 7, seed=seed)).quantize(8) for seed in range(2)]
    data = bytearray(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    flags = data.index(b"\x2c" + struct.pack("<HHHH", 0, 0, 7, 9)) + 9
    assert data[flags] == 0
    before = decoded(bytes(data))
    for size in range(8):
        data[flags] = size
        np.testing.assert_array_equal(decoded(bytes(data)), before)
        assert notes(bytes(data))[0].startswith("An animation of 2 frames")


@pytest.mark.parametrize("kind", READABLE)
@pytest.mark.parametrize("shape", [(1, 1), (1, 10_000), (10_000, 1)])
def test_thin_images_are_read(kind: str, shape: tuple[int, int]) -> None:
    image = images.decode(encoded(Image.fromarray(noise(*shape)), kind))
    assert (image.height, image.width) == shape


def test_the_report_names_the_bytes_that_are_kept() -> None:
    data = encoded(Image.fromarray(noise(10, 16)), "TIFF")
    report, kept = images.inspect(data)
    assert kept == data
    assert report.key == f"upload/{hashlib.sha256(data).hexdigest()}"
    assert (report.width, report.height, report.format) == (16, 10, "TIFF")


# -------------------------------------------------------------------------------------------------------------- turned


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = Image.fromarray(noise(10, 16))
    data = encoded(stored, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    if kind == "JPEG":
        stored = Image.open(io.BytesIO(encoded(stored, kind)))
    stored.getexif()[ORIENTATION] = orientation
    np.testing.assert_array_equal(decoded(data), np.asarray(ImageOps.exif_transpose(stored)))
    report, _ = images.inspect(data)
    assert (report.width, report.height) == ((16, 10) if orientation < 5 else (10, 16))
    assert len(report.notes) == (orientation > 1)


@pytest.mark.parametrize(("orientation", "turns"), [(6, -1), (3, 2), (8, 1)])
def test_rotations_are_said(orientation: int, turns: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = encoded(Image.fromarray(noise(4, 6)), exif=exif)
    np.testing.assert_array_equal(decoded(data), np.rot90(noise(4, 6), turns))
    words = {-1: "90 degrees clockwise", 2: "180 degrees", 1: "90 degrees counter-clockwise"}[turns]
    assert notes(data) == (f"The camera's rotation was applied: {words}.",)


@pytest.mark.parametrize("exif", [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", b"nonsense"])
def test_camera_data_that_cannot_be_read_turns_nothing(exif: bytes) -> None:
    plain = encoded(Image.fromarray(noise(4, 6)))
    data = plain[:33] + chunk(b"eXIf", exif) + plain[33:]
    np.testing.assert_array_equal(decoded(data), noise(4, 6))
    assert notes(data) == ()


# --------------------------------------------------------------------------------------------------------- transparent


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_transparency_is_laid_over_white(kind: str) -> None:
    colours = np.array([[[200, 0, 0, 0], [200, 0, 0, 255], [200, 0, 0, 51]]], np.uint8)
    expected = [[[255, 255, 255], [200, 0, 0], [244, 204, 204]]]
    np.testing.assert_array_equal(decoded(written(colours, kind)), expected)
    assert notes(written(colours, kind)) == (ON_WHITE,)


def test_alpha_that_hides_nothing_is_not_mentioned() -> None:
    opaque = np.concatenate([noise(4, 4), np.full((4, 4, 1), 255, np.uint8)], axis=2)
    np.testing.assert_array_equal(decoded(written(opaque, "PNG")), noise(4, 4))
    assert notes(written(opaque, "PNG")) == ()


def test_grey_with_alpha() -> None:
    grey = np.array([[100, 100, 100]], np.uint8)
    picture = Image.merge("LA", (Image.fromarray(grey), Image.fromarray(np.array([[0, 255, 51]], np.uint8))))
    for data in (encoded(picture), tiff(np.asarray(picture), photometric="minisblack", extrasamples=["unassalpha"])):
        np.testing.assert_array_equal(decoded(data)[0, :, 0], [255, 100, 224])
        assert notes(data) == (COPIED, ON_WHITE)


def test_colours_that_a_tiff_multiplied_by_alpha_are_divided_again() -> None:
    colours = np.array([[[40, 0, 0, 51], [200, 0, 0, 255]]], np.uint8)
    data = tiff(colours, extrasamples=["assocalpha"])
    np.testing.assert_array_equal(decoded(data), [[[244, 204, 204], [200, 0, 0]]])


def test_palettes_and_their_transparent_entry() -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.putdata([0, 1, 2])
    plain = [[[10, 20, 30], [40, 50, 60], [70, 80, 90]]]
    for kind in ("PNG", "BMP", "TIFF", "GIF"):
        np.testing.assert_array_equal(decoded(encoded(image, kind)), plain)
        assert notes(encoded(image, kind)) == (PALETTE,)
    plain[0][1] = [255, 255, 255]
    for kind in ("PNG", "GIF"):
        np.testing.assert_array_equal(decoded(encoded(image, kind, transparency=1)), plain)
        assert notes(encoded(image, kind, transparency=1)) == (PALETTE, ON_WHITE)
    half = encoded(image, transparency=bytes([255, 51, 0]))
    np.testing.assert_array_equal(decoded(half), [[[10, 20, 30], [212, 214, 216], [255, 255, 255]]])


@pytest.mark.parametrize(("bits", "row", "expected"), [(1, 0x40, 0), (2, 0x1B, 85), (4, 0x3A, 170), (8, 0x3A, 0x3A)])
def test_the_one_grey_that_is_transparent(bits: int, row: int, expected: int) -> None:
    """A row that starts with two pixels: grey ``transparent`` must turn white, and only where it stands."""
    header = (b"IHDR", struct.pack(">IIBBBBB", 8 // bits, 1, bits, 0, 0, 0, 0))
    pixels = (b"IDAT", zlib.compress(bytes((0, row))))
    values = [(row >> shift) % 2**bits for shift in range(8 - bits, -1, -bits)]
    plain = decoded(png(header, pixels))[0, :, 0]
    np.testing.assert_array_equal(plain, [value * (255 // (2**bits - 1)) for value in values])
    chosen = expected * (2**bits - 1) // 255
    assert chosen in values
    marked = png(header, (b"tRNS", struct.pack(">H", chosen)), pixels)
    np.testing.assert_array_equal(decoded(marked)[0, :, 0], np.where(np.array(values) == chosen, 255, plain))
    assert ON_WHITE in notes(marked)


# ------------------------------------------------------------------------------------------------------- other colours


def test_grey_and_one_bit() -> None:
    grey = noise(6, 8, 1)[..., 0]
    for kind in LOSSLESS:
        expected = () if kind == "WEBP" else (COPIED,)
        np.testing.assert_array_equal(decoded(written(grey, kind)), threefold(grey))
        assert notes(written(grey, kind)) == expected
    for kind in ("PNG", "BMP", "TIFF"):
        data = encoded(Image.fromarray(grey > 99), kind)
        np.testing.assert_array_equal(decoded(data), threefold(np.where(grey > 99, 255, 0)))
        assert notes(data) == ("1-bit black and white was converted to 0 and 255 in red, green and blue.",)


def test_cmyk() -> None:
    inks = np.array([[[0, 255, 255, 0], [255, 0, 0, 0], [0, 0, 0, 255], [0, 0, 0, 0]]], np.uint8)
    expected = np.array([[[255, 0, 0], [0, 255, 255], [0, 0, 0], [255, 255, 255]]])
    said = ("CMYK was converted to red, green and blue without a colour profile.",)
    np.testing.assert_array_equal(decoded(tiff(inks, photometric="separated")), expected)
    large = np.kron(inks, np.ones((16, 16, 1), np.uint8))
    data = encoded(Image.fromarray(large, "CMYK"), "JPEG", quality=100)
    assert b"Adobe" in data  # so its inks are stored upside down
    assert np.abs(decoded(data).astype(int) - np.kron(expected, np.ones((16, 16, 1), int))).max() <= 4
    assert notes(data) == notes(tiff(inks, photometric="separated")) == said


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_16_bit_tiffs(order: str, compression: str | None) -> None:
    chance = np.random.default_rng(1)
    grey = chance.integers(0, 65536, (20, 33), np.uint16)
    rounded = np.rint(grey / 257)
    options: dict[str, Any] = {"byteorder": order, "compression": compression}
    for photometric, expected in (("minisblack", rounded), ("miniswhite", 255 - rounded)):
        data = tiff(grey, photometric=photometric, **options)
        np.testing.assert_array_equal(decoded(data), threefold(expected))
        assert notes(data) == (TO_8, COPIED)
    colours = chance.integers(0, 65536, (20, 33, 3), np.uint16)
    data = tiff(colours, **options)
    np.testing.assert_array_equal(decoded(data), colours >> 8)
    assert notes(data) == (UPPER_8,)


@pytest.mark.parametrize("options", [{"tile": (16, 16)}, {"rowsperstrip": 3}, {"predictor": 2, "compression": "zlib"}])
def test_tiffs_in_tiles_strips_and_differences(options: dict[str, Any]) -> None:
    np.testing.assert_array_equal(decoded(tiff(noise(37, 50), **options)), noise(37, 50))
    planes = np.moveaxis(noise(37, 50), -1, 0).copy()
    np.testing.assert_array_equal(decoded(tiff(planes, planarconfig="separate", **options)), noise(37, 50))


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate", "jpeg"])
def test_compressed_tiffs(compression: str) -> None:
    smooth = np.stack(np.meshgrid(np.arange(64), np.arange(64, 128)), -1)[..., [0, 1, 0]].astype(np.uint8)
    found = decoded(encoded(Image.fromarray(smooth), "TIFF", compression=compression)).astype(int)
    assert np.abs(found - smooth).max() <= (8 if compression == "jpeg" else 0)


def test_16_bit_grey_png_is_scaled_and_not_clipped() -> None:
    true = np.arange(256, dtype=np.uint16).reshape(16, 16)
    data = encoded(Image.fromarray(true * 257))
    np.testing.assert_array_equal(decoded(data), threefold(true))
    assert notes(data) == (TO_8, COPIED)
    np.testing.assert_array_equal(decoded(encoded(Image.fromarray(true * 257 + 128)))[:15], threefold(true)[:15])
    np.testing.assert_array_equal(decoded(encoded(Image.fromarray(true[:, :15] * 257 + 129)))[..., 0], true[:, :15] + 1)


def test_16_bit_grey_with_a_transparent_value() -> None:
    header = struct.pack(">IIBBBBB", 2, 1, 16, 0, 0, 0, 0)
    row = b"\0" + struct.pack(">HH", 1000, 30000)
    data = png((b"IHDR", header), ALL_16[0], (b"tRNS", struct.pack(">H", 1000)), (b"IDAT", zlib.compress(row)))
    np.testing.assert_array_equal(decoded(data)[0, :, 0], [255, 117])
    assert notes(data) == (TO_8, "Only 2 of the 256 levels are left.", COPIED, ON_WHITE)


@pytest.mark.parametrize(("kind", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_16_bit_pngs_of_several_channels_keep_the_upper_8(kind: int, channels: int) -> None:
    wide = np.random.default_rng(2).integers(0, 65536, (3, 5, channels), np.uint16)
    if channels != 3:
        wide[..., -1] = 65535
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in wide)
    data = png((b"IHDR", struct.pack(">IIBBBBB", 5, 3, 16, kind, 0, 0, 0)), (b"IDAT", zlib.compress(rows)))
    colours = wide[..., :3] if channels > 2 else threefold(wide[..., 0])
    np.testing.assert_array_equal(decoded(data), colours >> 8)
    assert UPPER_8 in notes(data)


def test_the_transparent_colour_of_a_16_bit_png_is_shown_and_said() -> None:
    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    row = b"\0" + struct.pack(">HHH", 256, 512, 768)
    data = png((b"IHDR", header), ALL_16[2], (b"tRNS", row[1:]), (b"IDAT", zlib.compress(row)))
    np.testing.assert_array_equal(decoded(data), [[[1, 2, 3]]])
    assert "One 16-bit colour is marked as transparent; it is shown as opaque." in notes(data)


# -------------------------------------------------------------------------------------------- several frames, profiles


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "TIFF"])
def test_of_several_frames_the_first_is_shown_and_it_is_said(kind: str) -> None:
    frames = [Image.fromarray(noise(9, 9, 1, seed)[..., 0]) for seed in range(12)]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(decoded(data), threefold(np.asarray(frames[0])))
    what = "A file of 12 pages" if kind == "TIFF" else "An animation of 12 frames"
    assert notes(data)[0] == f"{what}: this is the first."


def test_a_photo_with_a_second_picture_behind_it_is_one_picture() -> None:
    data = encoded(Image.fromarray(noise(9, 9)), "MPO", save_all=True, append_images=[Image.new("RGB", (4, 4))])
    assert images.inspect(data)[0].format == "JPEG"
    assert decoded(data).shape == (9, 9, 3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_a_colour_profile_other_than_srgb_is_said(kind: str) -> None:
    sentence = "The file's colour profile was not applied, so colours may differ slightly from those in other programs."
    picture = Image.fromarray(noise(9, 9))
    standard = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    other = standard.replace("sRGB".encode("utf-16-be"), "Wide".encode("utf-16-be")).replace(b"sRGB", b"Wide")
    assert notes(encoded(picture, kind, icc_profile=standard)) == ()
    assert notes(encoded(picture, kind, icc_profile=other)) == (sentence,)
    assert notes(encoded(picture, kind)) == ()


# -------------------------------------------------------------------------------------------------------------- by key


@pytest.fixture
def store_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder for uploads; it need not exist yet."""
    monkeypatch.setenv("GRADVIZ_STORE", str(tmp_path / "uploads"))
    settings.cache_clear()
    store.here.cache_clear()
    yield tmp_path / "uploads"
    monkeypatch.undo()
    settings.cache_clear()
    store.here.cache_clear()


def test_an_upload_is_found_by_its_key(store_folder: Path) -> None:
    report, data = images.inspect(encoded(Image.fromarray(noise(12, 12))))
    store.here().put(data)
    assert (store_folder / "files").is_dir()
    np.testing.assert_array_equal(np.asarray(images.load(report.key)), noise(12, 12))


@pytest.mark.parametrize(
    "key",
    [
        "upload/../../etc/passwd",
        "upload/" + "/" * 64,
        "upload/" + "." * 64,
        "upload/" + "A" * 64,
        "upload/" + "a" * 63,
        "upload/" + "a" * 64 + "\0",
        "upload/" + "１" * 64,
        "upload/" + "a" * 64,
        "sample/../x",
        "sample/../images/star",
        "sample/star.png",
        "sample/stär\ud800",
        "sample/",
        "/etc/passwd",
        "file:///etc/passwd",
        "\0",
        "",
    ],
)
def test_keys_that_lead_nowhere(key: str, store_folder: Path) -> None:
    refusal(lambda: images.load(key), UnknownImage)


def test_sizes_are_rounded_as_torchvision_rounds_them() -> None:
    """The longer side down; the smaller border first where an image is smaller than what is cut out of it."""
    assert preprocessing._shorter_side((2, 5), 3) == (3, 7)
    assert preprocessing._shorter_side((5, 2), 3) == (7, 3)
    assert [preprocessing._offset(*case) for case in ((3, 4), (3, 6), (9, 4), (7, 4))] == [0, -1, 2, 2]
