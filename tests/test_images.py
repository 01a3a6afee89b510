"""What becomes of image files, good and bad; and that the network sees what torchvision's own steps would show it."""

from __future__ import annotations

import hashlib
import io
import os
import random
import struct
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torchvision
from hypothesis import given
from hypothesis import settings as settings_for_tests
from hypothesis import strategies as st
from PIL import Image, ImageOps
from torchvision.transforms import functional

from gradviz_core import images
from gradviz_core.errors import BadImage, ComputeError, GradVizError, UnknownImage
from gradviz_core.settings import settings
from gradviz_core.types import Preprocessing

ORIENTATION = 0x0112
CLASSIC = Preprocessing((224, 224), 256, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
EMPTY, UNREADABLE, BROKEN = "The file is empty", "The file is no PNG, JPEG or WebP image", "The image is broken"


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Random colours in blocks of two pixels, so that a lossy format keeps them roughly."""
    blocks = np.random.default_rng(seed).integers(0, 256, ((height + 1) // 2, (width + 1) // 2, channels), np.uint8)
    return np.asarray(np.kron(blocks, np.ones((2, 2, 1), np.uint8))[:height, :width], dtype=np.uint8)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def decoded(data: bytes) -> npt.NDArray[np.uint8]:
    image = images.decode(data)
    assert image.mode == "RGB"
    return np.asarray(image)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*c) for c in (*chunks, (b"IEND", b"")))


def refusal(act: Callable[[], object], kind: type[GradVizError] = BadImage) -> str:
    """The sentence that ``act`` is refused with: short, whole, and without a folder."""
    with pytest.raises(kind) as caught:
        act()
    sentence = str(caught.value)
    assert sentence.endswith((".", "?"))
    assert "\n" not in sentence
    assert len(sentence) < 300
    assert str(settings().store) not in sentence
    assert str(Path.cwd()) not in sentence
    return sentence


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder for uploads of at most 0.1 MB each; it need not exist yet."""
    monkeypatch.setenv("GRADVIZ_STORE", str(tmp_path / "uploads"))
    monkeypatch.setenv("GRADVIZ_UPLOAD_MB", "0.1")
    settings.cache_clear()
    yield tmp_path / "uploads"
    monkeypatch.undo()
    settings.cache_clear()


# ------------------------------------------------------------------------------------------------------- what is read


def test_lossless_files_come_back_exactly_and_jpeg_nearly() -> None:
    pixels = noise(37, 50)
    image = Image.fromarray(pixels)
    np.testing.assert_array_equal(decoded(encoded(image)), pixels)
    np.testing.assert_array_equal(decoded(encoded(image, "WEBP", lossless=True)), pixels)
    lossy = decoded(encoded(image, "JPEG", quality=100, subsampling=0)).astype(int)
    assert np.abs(lossy - pixels).max() < 12


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image = Image.fromarray(noise(10, 16))
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(image, kind, exif=exif, **options)
    with Image.open(io.BytesIO(data)) as stored:
        expected = ImageOps.exif_transpose(stored)
    np.testing.assert_array_equal(decoded(data), np.asarray(expected))
    assert decoded(data).shape == ((10, 16, 3) if orientation < 5 else (16, 10, 3))


def test_orientation_six_turns_clockwise() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    pixels = noise(4, 6)
    np.testing.assert_array_equal(decoded(encoded(Image.fromarray(pixels), exif=exif)), np.rot90(pixels, -1))


def test_transparency_is_laid_over_white() -> None:
    colours = np.array([[[200, 0, 0, 0], [200, 0, 0, 255], [200, 0, 0, 51]]], np.uint8)
    expected = [[[255, 255, 255], [200, 0, 0], [244, 204, 204]]]
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True})):
        np.testing.assert_array_equal(decoded(encoded(Image.fromarray(colours), kind, **options)), expected)


def test_modes_other_than_rgb() -> None:
    grey = noise(6, 8, 1)[..., 0]
    threefold = np.repeat(grey[..., None], 3, axis=2)
    np.testing.assert_array_equal(decoded(encoded(Image.fromarray(grey))), threefold)
    see_through = Image.merge("LA", (Image.fromarray(grey), Image.new("L", (8, 6), 0)))
    assert (decoded(encoded(see_through)) == 255).all()
    np.testing.assert_array_equal(decoded(encoded(Image.fromarray(grey > 99))), np.where(threefold > 99, 255, 0))


def test_palettes_and_their_transparent_entry() -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.putdata([0, 1, 2])
    plain = [[[10, 20, 30], [40, 50, 60], [70, 80, 90]]]
    np.testing.assert_array_equal(decoded(encoded(image)), plain)
    plain[0][1] = [255, 255, 255]
    np.testing.assert_array_equal(decoded(encoded(image, transparency=1)), plain)


def test_cmyk_jpeg() -> None:
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    np.testing.assert_allclose(decoded(encoded(red, "JPEG", quality=100)).mean(axis=(0, 1)), [255, 0, 0], atol=4)


def test_16_bit_grey_is_scaled_and_not_clipped() -> None:
    true = np.arange(256, dtype=np.uint16).reshape(16, 16)
    found = decoded(encoded(Image.fromarray(true * 257)))
    np.testing.assert_array_equal(found, np.repeat(true[..., None], 3, axis=2))
    assert found[7, 14, 0] == 126
    np.testing.assert_array_equal(decoded(encoded(Image.fromarray(true * 257 + 100)))[:15], found[:15])


def test_16_bit_grey_with_a_transparent_value() -> None:
    header = struct.pack(">IIBBBBB", 2, 1, 16, 0, 0, 0, 0)
    row = b"\0" + struct.pack(">HH", 1000, 30000)
    data = png((b"IHDR", header), (b"tRNS", struct.pack(">H", 1000)), (b"IDAT", zlib.compress(row)))
    np.testing.assert_array_equal(decoded(data)[0, :, 0], [255, 117])


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animations_show_their_first_frame(kind: str) -> None:
    first, second = Image.fromarray(noise(9, 9)), Image.fromarray(255 - noise(9, 9))
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(first, kind, save_all=True, append_images=[second], duration=100, **options)
    np.testing.assert_array_equal(decoded(data), noise(9, 9))


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1)])
def test_thin_images_are_read_and_seen(shape: tuple[int, int]) -> None:
    pixels = noise(*shape)
    image = images.decode(encoded(Image.fromarray(pixels)))
    np.testing.assert_array_equal(np.asarray(image), pixels)
    assert images.as_seen(image, CLASSIC).shape == (224, 224, 3)


def test_a_long_strip_is_seen_in_the_middle_and_not_enlarged_to_gigabytes() -> None:
    length = images.MOST_PIXELS - 1
    strip = Image.new("RGB", (1, length), (10, 20, 30))
    strip.putpixel((0, length // 2), (250, 20, 30))
    seen = images.as_seen(strip, CLASSIC)
    assert (seen[112, :, 0] == 250).all()
    assert (seen[..., 1] == 20).all()


# --------------------------------------------------------------------------------------------- what the network sees


def torchvision_sees(image: Image.Image, steps: Preprocessing) -> npt.NDArray[np.uint8]:
    """What torchvision's own steps make of the image before normalising it."""
    assert steps.resize is not None
    scaling = functional.InterpolationMode(steps.interpolation)
    resized = functional.resize(image, [steps.resize], interpolation=scaling)
    return np.asarray(functional.center_crop(resized, list(steps.size)))


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "vit_b_16", "inception_v3", "efficientnet_b0", "swin_v2_b"])
def test_the_network_gets_what_torchvision_would_give_it(name: str) -> None:
    for weights in torchvision.models.get_model_weights(name):
        theirs = weights.transforms()
        steps = Preprocessing(
            size=(theirs.crop_size[0], theirs.crop_size[0]),
            resize=theirs.resize_size[0],
            mean=tuple(theirs.mean),
            std=tuple(theirs.std),
            interpolation=theirs.interpolation.value,
        )
        for height, width in ((480, 640), (601, 333), (7, 5), (225, 224), (1, 1), (256, 256), (299, 1001)):
            image = Image.fromarray(noise(height, width, seed=height))
            ours = images.normalise(images.as_seen(image, steps), steps)
            np.testing.assert_array_equal(ours[0], theirs(image).numpy(), err_msg=f"{weights} {height}x{width}")
            assert ours.dtype == np.float32


@settings_for_tests(max_examples=60)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 60), st.integers(1, 60), st.integers(1, 60))
def test_any_crop_is_torchvisions(height: int, width: int, resize: int, rows: int, columns: int) -> None:
    steps = Preprocessing((rows, columns), resize, (0.5,) * 3, (0.5,) * 3, "bicubic")
    image = Image.fromarray(noise(height, width))
    np.testing.assert_array_equal(images.as_seen(image, steps), torchvision_sees(image, steps))


def test_a_network_of_one_channel_gets_luma() -> None:
    steps = Preprocessing((1, 3), None, (0.25,), (0.5,))
    primaries = Image.fromarray(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8))
    seen = images.as_seen(primaries, steps)
    np.testing.assert_array_equal(seen, np.repeat([[[76], [150], [29]]], 3, axis=2))  # 0.299, 0.587, 0.114 of 255
    expected = (np.array([[[[76, 150, 29]]]], np.float32) / 255 - 0.25) / 0.5
    np.testing.assert_allclose(images.normalise(seen, steps), expected, rtol=1e-6)


def test_without_resize_the_whole_image_is_stretched() -> None:
    image = Image.fromarray(noise(40, 60))
    seen = images.as_seen(image, Preprocessing((28, 20), None, (0.5,) * 3, (0.5,) * 3, "box"))
    np.testing.assert_array_equal(seen, np.asarray(image.resize((20, 28), Image.Resampling.BOX)))


# ---------------------------------------------------------------------------------------------------- what is refused


def test_nothing_is_no_image() -> None:
    assert refusal(lambda: images.decode(b"")).startswith(EMPTY)
    assert refusal(lambda: images.decode(b"no image at all")).startswith(UNREADABLE)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "BMP", "EPS", "PPM", "ICO", "PDF"])
def test_other_formats_are_refused_whatever_their_name(kind: str) -> None:
    data = encoded(Image.fromarray(noise(16, 16)), kind)
    assert refusal(lambda: images.decode(data)).startswith(UNREADABLE)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
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


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_damaged_files_give_an_image_or_a_sentence_and_nothing_else(kind: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION], exif[0x010E], exif[0x8769] = 6, "a description", {0x9000: b"0230", 0x829A: 0.5}
    data = encoded(Image.fromarray(noise(20, 26)), kind, exif=exif)
    chance, read, sentences = random.Random(0), 0, set()
    for _ in range(3000):
        damaged = bytearray(data)
        for _ in range(chance.choice([1, 1, 2, 8])):
            at = chance.randrange(min(len(damaged), chance.choice([300, len(damaged)])))
            damaged[at] = chance.choice([0, 255, chance.randrange(256), damaged[at] ^ 1 << chance.randrange(8)])
        mended = repaired(damaged) if kind == "PNG" and chance.random() < 0.9 else bytes(damaged)
        try:
            assert images.decode(mended).mode == "RGB"
            read += 1
        except BadImage as error:
            sentences.add(str(error))
    assert all(sentence.startswith((UNREADABLE, BROKEN, "The image has")) for sentence in sentences)
    assert 100 < read < 2900


@pytest.mark.parametrize("size", [(30_000, 30_000), (40_000_001, 1), (7000, 6000)])
def test_a_huge_image_is_refused_from_its_header(size: tuple[int, int]) -> None:
    data = png((b"IHDR", struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(b"\0" * 1000)))
    tracemalloc.start()
    sentence = refusal(lambda: images.decode(data))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "the limit is 40 million" in sentence
    assert most < 2_000_000


# ---------------------------------------------------------------------------------------------------- what is kept


def test_an_upload_is_kept_under_its_digest(store: Path) -> None:
    data = encoded(Image.fromarray(noise(12, 12)))
    key = images.add(data)
    assert key == f"upload/{hashlib.sha256(data).hexdigest()}"
    assert images.add(data) == key
    assert [file.read_bytes() for file in store.iterdir()] == [data]
    np.testing.assert_array_equal(np.asarray(images.load(key)), noise(12, 12))


def test_what_cannot_be_read_is_not_kept(store: Path) -> None:
    refusal(lambda: images.add(b"nothing of the kind"))
    sentence = refusal(lambda: images.add(encoded(Image.fromarray(noise(12, 12))) + b"\0" * 100_000))
    assert "0.1 MB" in sentence
    assert not store.exists()


def test_two_threads_add_the_same_file(store: Path) -> None:
    data = encoded(Image.fromarray(noise(60, 60)))
    start, keys = threading.Barrier(8), []

    def add() -> None:
        start.wait()
        keys.append(images.add(data))

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert [file.read_bytes() for file in store.iterdir()] == [data]


def test_a_full_disk_is_told_in_a_sentence_and_leaves_nothing(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.FileIO):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device", str(store))

    monkeypatch.setattr(os, "fdopen", lambda handle, _mode: Full(handle, "w"))
    data = encoded(Image.fromarray(noise(12, 12)))
    assert "could not be kept" in refusal(lambda: images.add(data), ComputeError)
    assert list(store.iterdir()) == []


def test_a_store_that_is_no_folder_is_told_in_a_sentence(store: Path) -> None:
    store.write_text("in the way")
    data = encoded(Image.fromarray(noise(12, 12)))
    assert "could not be kept" in refusal(lambda: images.add(data), ComputeError)


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
def test_keys_that_lead_nowhere(key: str, store: Path) -> None:
    refusal(lambda: images.load(key), UnknownImage)
