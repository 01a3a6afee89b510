"""NumPy arrays as pictures: the shape is read off the file, the range is stated by the person."""

from __future__ import annotations

import hashlib
import io
import struct
import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from PIL import Image

from gradviz_core import images
from gradviz_core.images import arrays, formats
from gradviz_core.types.cards import ArrayFile
from tests.image_files import decoded, encoded, noise, npy, refusal

UNIT = (0.0, 1.0)


def kept(array: npt.NDArray[np.generic], value_range: tuple[float, float] | None = None) -> npt.NDArray[np.uint8]:
    """The picture that is kept of an array."""
    report, data = images.inspect(npy(array), value_range)
    assert data.startswith(b"\x89PNG")
    assert report.key == f"upload/{hashlib.sha256(data).hexdigest()}"
    assert report.format == "NPY"
    pixels = decoded(data)
    assert (report.height, report.width) == pixels.shape[:2]
    return pixels


def notes(array: npt.NDArray[np.generic], value_range: tuple[float, float] | None = None) -> str:
    return " ".join(images.inspect(npy(array), value_range)[0].notes)


def header(text: str, body: bytes = b"", version: int = 1) -> bytes:
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes((version, 0)) + length + text.encode("latin1") + body


def test_bytes_need_no_range_and_come_back_exactly() -> None:
    pixels = noise(7, 9)
    np.testing.assert_array_equal(kept(pixels), pixels)
    np.testing.assert_array_equal(kept(np.asfortranarray(pixels)), pixels)
    np.testing.assert_array_equal(kept(np.moveaxis(pixels, -1, 0)), pixels)
    np.testing.assert_array_equal(kept(np.moveaxis(pixels, -1, 0)[None]), pixels)
    for grey in (pixels[..., 0], pixels[..., :1], pixels[None, ..., 0], pixels[None, None, ..., 0]):
        np.testing.assert_array_equal(kept(grey), np.repeat(pixels[..., :1], 3, axis=2))


@pytest.mark.parametrize("shape", [(1, 10_000), (10_000, 1)])
def test_thin_arrays_are_read(shape: tuple[int, int]) -> None:
    np.testing.assert_array_equal(kept(noise(*shape)), noise(*shape))


@pytest.mark.parametrize("kind", ["<u2", ">u2", "<i2", "<i8", "<f2", ">f4", "<f4", "<f8"])
def test_numbers_are_scaled_linearly_rounded_and_cut(kind: str) -> None:
    array = np.array([[3, 10, 11, 12, 60, 110, 111]], kind)
    np.testing.assert_array_equal(kept(array, (10, 110))[0, :, 0], [0, 0, 3, 5, 128, 255, 255])  # 2.55, 5.1, 127.5
    words = notes(array, (10, 110))
    assert "from 10 to 110 were scaled to 0 to 255" in words
    assert "2 of its 7 numbers lie outside" in words


def test_a_stated_range_holds_for_bytes_too() -> None:
    np.testing.assert_array_equal(kept(np.array([[0, 1, 2]], np.uint8), (0, 2))[0, :, 0], [0, 128, 255])


def test_true_is_white() -> None:
    np.testing.assert_array_equal(kept(np.array([[True, False]]))[0, :, 0], [255, 0])


def test_infinities_are_cut_and_nan_is_refused() -> None:
    np.testing.assert_array_equal(kept(np.array([[np.inf, -np.inf]]), UNIT)[0, :, 0], [255, 0])
    assert "NaN values" in refusal(lambda: kept(np.array([[0.5, np.nan]]), UNIT))


def test_a_fourth_channel_is_alpha() -> None:
    colours = np.array([[[1.0, 0, 0, 0], [1, 0, 0, 1], [1, 0, 0, 0.2]]])
    np.testing.assert_array_equal(kept(colours, UNIT), [[[255, 255, 255], [255, 0, 0], [255, 204, 204]]])
    assert "Transparent areas are shown on white." in notes(colours, UNIT)


def test_how_the_shape_was_read_is_said() -> None:
    assert "3 × 9 × 8 was read as channels × height × width." in notes(noise(8, 9).transpose(2, 1, 0))
    assert "8 × 9 × 3 was read as height × width × channels." in notes(noise(8, 9))
    both = noise(3, 9)
    assert "although channels × height × width fits as well" in notes(both)
    np.testing.assert_array_equal(kept(both), both)


@given(
    arrays_of.arrays(np.float64, arrays_of.array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.floats(-9, 9)),
    st.floats(-8, 8),
    st.floats(0.001, 8),
)
def test_any_range_maps_its_ends_to_black_and_white(array: npt.NDArray[np.float64], low: float, width: float) -> None:
    high = low + width
    pixels = kept(array, (low, high))[..., 0]
    assert (pixels[array <= low] == 0).all()
    assert (pixels[array >= high] == 255).all()
    inside = (array >= low) & (array <= high)
    exact = (array - low) / (high - low) * 255
    assert (np.abs(pixels - exact)[inside] <= 0.5 + 1e-9).all()


@pytest.mark.parametrize(
    "array", [np.zeros((2, 2), np.uint16), np.zeros((2, 2)), np.zeros((2, 2), np.float16), np.zeros((2, 2), np.int64)]
)
def test_numbers_without_a_range_are_refused(array: npt.NDArray[np.generic]) -> None:
    assert f"{array.dtype} numbers" in refusal(lambda: kept(array))
    assert "Enter the range" in refusal(lambda: kept(array))


@pytest.mark.parametrize(
    "wrong",
    [(1, 0), (1, 1), (float("nan"), 1), (0, float("inf")), (-float("inf"), 0), (-1.7e308, 1.7e308)],
)
def test_a_range_that_is_none_is_refused(wrong: tuple[float, float]) -> None:
    assert "is not a valid range" in refusal(lambda: kept(np.zeros((2, 2)), wrong))


@pytest.mark.parametrize("shape", [(), (4,), (0, 4), (4, 0, 3), (0, 9, 9, 9), (2, 2, 2, 3, 4)])
def test_shapes_of_no_picture_are_refused(shape: tuple[int, ...]) -> None:
    assert "an image must be" in refusal(lambda: kept(np.zeros(shape, np.uint8)))


@pytest.mark.parametrize("kind", ["complex64", "datetime64[s]", "S5", "U5", "V8"])
def test_other_types_are_refused(kind: str) -> None:
    assert "real numbers" in refusal(lambda: kept(np.zeros((2, 2), kind), UNIT))


def test_records_are_refused() -> None:
    assert "real numbers" in refusal(lambda: kept(np.zeros((2, 2), [("a", "f4"), ("b", "u1")]), UNIT))


def test_objects_are_refused_and_not_unpickled(capsys: pytest.CaptureFixture[str]) -> None:
    class Loud:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return print, ("unpickled",)

    out = io.BytesIO()
    np.save(out, np.array([[Loud()]], object), allow_pickle=True)
    assert "real numbers" in refusal(lambda: images.inspect(out.getvalue(), UNIT))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "data",
    [
        b"\x93NUMPY",
        b"\x93NUMPY\1\0",
        header("", version=3),
        header("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2)}", bytes(4), version=9),
        header("{'descr': '|u1', 'fortran_order': False, 'shape': (2,", bytes(4)),
        header("{'descr': '|u1', 'fortran_order': 7, 'shape': (2, 2)}", bytes(4)),
        header("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2), 'more': 1}", bytes(4)),
        header("{'descr': 'no', 'fortran_order': False, 'shape': (2, 2)}", bytes(4)),
        header("{'descr': '|u1', 'fortran_order': False, 'shape': (-2, -2)}", bytes(4)),
        header("{'descr': '|u1', 'fortran_order': False, 'shape': (2.0, 2)}", bytes(4)),
        header("__import__('os').system('true')"),
        header("(" * 9000),
        header("[" * 90 + "]" * 90),
        header("-" * 9000 + "1"),
        header("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2)}" + " " * 20_000, bytes(4), version=2),
        header("1" * 9000),
    ],
)
def test_broken_headers_are_refused(data: bytes) -> None:
    assert "Save it again with numpy.save" in refusal(lambda: images.inspect(data, UNIT))


@pytest.mark.parametrize("shape", ["(30000, 30000)", "(10**9, 3, 1)", "(99999999999, 99999999999, 3)"])
def test_a_huge_array_is_refused_from_its_header(shape: str) -> None:
    data = header(f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}", bytes(100))
    tracemalloc.start()
    refusal(lambda: images.inspect(data, UNIT))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2_000_000


def test_the_length_must_be_what_the_shape_says() -> None:
    data = npy(noise(4, 4))
    for wrong in (data[:-1], data + b"\0"):
        assert "should have 48 bytes" in refusal(lambda wrong=wrong: images.inspect(wrong))  # type: ignore[misc]


def test_how_it_was_read_is_written_into_the_picture_and_a_forged_note_is_no_note() -> None:
    kept = images.inspect(npy(np.zeros((1, 3, 4, 5))), (0, 2))[1]
    text = formats.read(kept).told
    assert arrays.told(text) == ArrayFile("CHW", 3, batched=True, value_range=(0.0, 2.0))
    for old, new in (("CHW", "C;W"), ("2.0", "-1"), ("2.0", "1e999"), (":3", ":9"), ("}", "")):
        assert old in text.decode()
        assert arrays.told(text.replace(old.encode(), new.encode())) is None
    assert formats.read(encoded(Image.new("RGB", (3, 3)))).told == b""


def test_a_range_changes_nothing_about_an_image_file() -> None:
    data = encoded(Image.fromarray(noise(4, 4)))
    assert images.inspect(data, UNIT) == images.inspect(data)
