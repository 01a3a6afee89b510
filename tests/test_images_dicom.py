"""DICOM slices: against pydicom's own reading of whole files, and window and slope by hand."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.pixels.processing import apply_color_lut, apply_rescale, apply_windowing
from pydicom.uid import UID

from gradviz_core import images
from gradviz_core.errors import BadImage
from gradviz_core.images import formats, slices
from gradviz_core.images.formats import dicom, dicom_elements, dicom_pixels
from gradviz_core.types.cards import SliceFile
from gradviz_core.uploads.next_steps import FILE
from tests.image_files import decoded, refusal

EXAMPLES = Path(pydicom.__file__).parent / "data" / "test_files"
"""Files of many programs, which come with pydicom."""


def slice_of(numbers: npt.NDArray[np.integer[Any]], **values: Any) -> bytes:
    """A DICOM file as pydicom writes it, with the name of a patient in it."""
    return written_as(dicom.EXPLICIT, numbers, **values)


def written_as(syntax: str, numbers: npt.NDArray[np.integer[Any]], **values: Any) -> bytes:
    made = pydicom.Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = UID(syntax)
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3"
    made.PatientName = "Secret^Name"
    made.Rows, made.Columns = numbers.shape[:2] if numbers.ndim < 4 else numbers.shape[1:3]
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = numbers.dtype.itemsize * 8
    made.BitsAllocated, made.BitsStored, made.HighBit = bits, bits, bits - 1
    made.PixelRepresentation = int(numbers.dtype.kind == "i")
    for name, value in values.items():
        setattr(made, name, value)
    data = (numbers.byteswap() if syntax == dicom.BIG_ENDIAN else numbers).tobytes()
    made.add_new(0x7FE00010, "OW", data + b"\0" * (len(data) % 2))
    out = io.BytesIO()
    made.save_as(out, enforce_file_format=True)
    return out.getvalue()


def grey(data: bytes, value_range: tuple[float, float] | None = None) -> npt.NDArray[np.uint8]:
    """The picture that is kept, which is grey."""
    _, kept = images.inspect(data, value_range)
    pixels = decoded(kept)
    assert (pixels == pixels[..., :1]).all()
    return pixels[..., 0]


NUMBERS = np.array([[0, 1024, 1064, 2000], [3000, 864, 1264, 1065]], np.int16)

# ---------------------------------------------------------------------------------------------------- window and slope


@pytest.mark.parametrize("syntax", [dicom.IMPLICIT, dicom.EXPLICIT, dicom.DEFLATED, dicom.BIG_ENDIAN])
def test_window_and_slope_by_hand(syntax: str) -> None:
    """CT: 2 · n - 2048 with window centre 40 and width 400. PS3.3, C.11.2.1.2: black up to 39.5 - 199.5, white from
    39.5 + 199.5 on."""
    data = written_as(syntax, NUMBERS, RescaleSlope=2, RescaleIntercept=-2048, WindowCenter=40, WindowWidth=400)
    values = 2.0 * NUMBERS - 2048
    expected = np.clip(np.rint((values - (39.5 - 199.5)) / 399 * 255), 0, 255)
    np.testing.assert_array_equal(grey(data), expected)
    assert expected[0].tolist() == [0, 102, 153, 255]
    report, kept = images.inspect(data)
    assert (report.width, report.height, report.format) == (4, 2, "DICOM")
    assert "Values from -160 to 239 were scaled to 0 to 255: the window in the file." in report.notes
    assert slices.told(formats.read(kept).told) == SliceFile((-160.0, 239.0), False, 1, "grey", 16)


def test_the_lowest_value_may_be_white() -> None:
    window = {"WindowCenter": 1064, "WindowWidth": 401}
    plain, inverted = (
        grey(slice_of(NUMBERS, PhotometricInterpretation=kind, **window)) for kind in ("MONOCHROME2", "MONOCHROME1")
    )
    np.testing.assert_array_equal(inverted, 255 - plain)
    assert plain[0, 3] == 255


def test_an_exact_window_is_as_wide_as_it_says() -> None:
    data = slice_of(NUMBERS, WindowCenter=1064, WindowWidth=400, VOILUTFunction="LINEAR_EXACT")
    np.testing.assert_array_equal(grey(data), np.clip(np.rint((NUMBERS - 864.0) / 400 * 255), 0, 255))


def test_of_several_windows_the_first_is_taken_and_a_curve_is_told() -> None:
    data = slice_of(NUMBERS, WindowCenter=[40, 900], WindowWidth=[401, 9], VOILUTFunction="SIGMOID")
    said = " ".join(images.inspect(data)[0].notes)
    assert "from -160.5 to 240.5" in said
    assert "a straight line was used" in said


@pytest.mark.parametrize("wrong", [{}, {"WindowCenter": 40, "WindowWidth": 1}, {"WindowCenter": 40}])
def test_without_a_window_its_darkest_and_brightest_values_are_taken(wrong: dict[str, int]) -> None:
    padded = NUMBERS.copy()
    padded[0, 0] = -2000
    data = slice_of(padded, RescaleSlope=0.5, RescaleIntercept=1, PixelPaddingValue=-2000, **wrong)
    values = 0.5 * padded + 1
    expected = np.clip(np.rint((values - 433) / (1501 - 433) * 255), 0, 255)
    np.testing.assert_array_equal(grey(data), expected)
    assert "no window: its values from 433 to 1501" in " ".join(images.inspect(data)[0].notes)


def test_a_person_may_state_another_range() -> None:
    data = slice_of(NUMBERS, RescaleSlope=2, RescaleIntercept=-2048, WindowCenter=40, WindowWidth=400)
    np.testing.assert_array_equal(
        grey(data, (-1000, 1000)), np.clip(np.rint((2.0 * NUMBERS - 2048 + 1000) / 2000 * 255), 0, 255)
    )
    assert "as chosen here" in " ".join(images.inspect(data, (-1000, 1000))[0].notes)
    assert "is not a valid range" in refusal(lambda: images.inspect(data, (5, 5)))


def test_a_slice_of_one_value_is_black() -> None:
    assert (grey(slice_of(np.full((3, 3), 7, np.uint8))) == 0).all()


def test_nothing_that_a_file_says_of_the_patient_is_kept() -> None:
    data = slice_of(NUMBERS)
    assert b"Secret" in data
    assert b"Secret" not in images.inspect(data)[1]


def test_of_many_frames_the_first_is_shown() -> None:
    frames = np.stack([NUMBERS, NUMBERS[::-1]])[..., None].astype(np.uint16)
    data = slice_of(frames, NumberOfFrames=2, WindowCenter=1064, WindowWidth=401)
    alone = slice_of(frames[0, ..., 0], WindowCenter=1064, WindowWidth=401)
    np.testing.assert_array_equal(grey(data), grey(alone))
    assert "A file of 2 frames: this is the first." in images.inspect(data)[0].notes


# ------------------------------------------------------------------------------------------------- as pydicom reads it

SAME = (
    *("ExplVR_BigEnd", "SC_rgb_jpeg_dcmd", "SC_rgb_rle", "SC_rgb_rle_2frame", "SC_rgb_small_odd"),
    *("SC_rgb_small_odd_big_endian", "SC_ybr_full_422_uncompressed", "examples_rgb_color", "examples_palette"),
    "SC_rgb_rle_16bit",
)
GREY = (
    *("CT_small", "MR_small", "MR_small_RLE", "MR_small_bigendian", "MR_small_expb", "MR_small_implicit"),
    *("image_dfl", "liver_1frame", "liver_expb_1frame", "rtdose", "rtdose_rle", "examples_overlay"),
)


@pytest.mark.parametrize("name", SAME)
def test_colours_are_those_that_pydicom_finds(name: str) -> None:
    file = EXAMPLES / f"{name}.dcm"
    whole = pydicom.dcmread(file)
    expected = whole.pixel_array
    if int(whole.get("NumberOfFrames", 1)) > 1:
        expected = expected[0]
    if whole.PhotometricInterpretation == "PALETTE COLOR":
        expected = apply_color_lut(expected, whole)
    most = np.iinfo(expected.dtype).max
    np.testing.assert_array_equal(decoded(images.inspect(file.read_bytes())[1]), np.rint(expected / most * 255))


@pytest.mark.parametrize("name", GREY)
def test_grey_is_what_pydicom_finds(name: str) -> None:
    file = EXAMPLES / f"{name}.dcm"
    whole = pydicom.dcmread(file)
    numbers = whole.pixel_array
    if int(whole.get("NumberOfFrames", 1)) > 1:
        numbers = numbers[0]
    values = apply_rescale(numbers, whole).astype(float)
    report, kept = images.inspect(file.read_bytes())
    found = slices.told(formats.read(kept).told)
    assert found is not None
    assert found.value_range is not None
    low, high = found.value_range
    if "WindowCenter" in whole:
        darkest = -(2 ** (whole.BitsStored - 1)) if whole.PixelRepresentation else 0
        seen = (apply_windowing(numbers, whole) - darkest) / (2**whole.BitsStored - 1) * 255
        np.testing.assert_array_equal(decoded(kept)[..., 0], np.rint(seen))
    else:
        assert (low, high) == (values.min(), values.max())
        np.testing.assert_array_equal(decoded(kept)[..., 0], np.rint((values - low) / (high - low) * 255))
    assert report.format == "DICOM"


# ------------------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("JPEGLSNearLossless_08", "JPEG-LS"),
        ("SC_rgb_jpeg_gdcm", "lossless JPEG"),
        ("rtplan", "has no picture"),
        ("test-SR", "has no picture"),
        ("waveform_ecg", "has no picture"),
        ("MR_truncated", "should have 8,192 bytes of pixels"),
        ("SC_rgb_rle_32bit", "32 bits a number"),
        ("rtplan_truncated", "broken"),
    ],
)
def test_what_is_no_slice_that_is_read_says_so(name: str, words: str) -> None:
    assert words in refusal(lambda: images.inspect((EXAMPLES / f"{name}.dcm").read_bytes()))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"PhotometricInterpretation": "HSV"}, "HSV"),
        ({"SamplesPerPixel": 4}, "4 numbers a pixel"),
        ({"BitsAllocated": 12}, "12 bits a number"),
        ({"Rows": 0}, "4 x 0 pixels"),
        ({"Rows": 60_000, "Columns": 60_000}, "the limit is 40 million"),
        ({"Rows": 60}, "should have 480 bytes"),
    ],
)
def test_impossible_values_are_refused(values: dict[str, Any], words: str) -> None:
    assert words in refusal(lambda: images.inspect(slice_of(NUMBERS, **values)))


def test_a_file_that_unpacks_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicom, "_LARGEST_INFLATED", 1_000_000)
    data = written_as(dicom.DEFLATED, NUMBERS)
    start = dicom_elements.of_meta(data)[1]
    packing = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = data[:start] + packing.compress(bytes(50_000_000)) + packing.flush()
    tracemalloc.start()
    assert "unpacks to more than" in refusal(lambda: images.inspect(bomb))
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_run_lengths_that_stand_for_more_than_the_picture_are_refused() -> None:
    data = bytearray((EXAMPLES / "MR_small_RLE.dcm").read_bytes())
    table = data.index(b"\xfe\xff\0\xe0", data.index(b"\xe0\x7f\x10\0"))
    at = data.index(b"\xfe\xff\0\xe0", table + 4) + 8 + 64  # behind the table of places, and the header
    data[at : at + 2000] = b"\x81\0" * 1000
    assert "broken" in refusal(lambda: images.inspect(bytes(data)))


@pytest.mark.parametrize("group", ["SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"])
@pytest.mark.parametrize("syntax", [dicom.IMPLICIT, dicom.EXPLICIT, dicom.BIG_ENDIAN])
@pytest.mark.parametrize("unsaid", [False, True], ids=["with its length", "up to its end"])
def test_slope_and_window_of_a_group_of_frames_are_not_passed_over(group: str, syntax: str, unsaid: bool) -> None:
    def refused(**sequences: pydicom.Dataset) -> str:
        said = pydicom.Dataset()
        for name, item in sequences.items():
            setattr(said, name, [item])
        data = written_as(syntax, NUMBERS, **{group: pydicom.Sequence([said])})
        if unsaid:
            whole = pydicom.dcmread(io.BytesIO(data))
            whole[group].is_undefined_length = True
            out = io.BytesIO()
            whole.save_as(out)
            data = out.getvalue()
        return refusal(lambda: images.inspect(data, (-160, 240)))

    scale, window = pydicom.Dataset(), pydicom.Dataset()
    scale.RescaleSlope, scale.RescaleIntercept, scale.RescaleType = 2, -1024, "HU"
    window.WindowCenter, window.WindowWidth = 40, 400
    assert "its slope and intercept in its functional groups" in refused(PixelValueTransformationSequence=scale)
    assert "its window in its functional groups" in refused(FrameVOILUTSequence=window)


def test_the_lines_for_a_group_of_frames_give_its_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said, scale = pydicom.Dataset(), pydicom.Dataset()
    scale.RescaleSlope, scale.RescaleIntercept = 2, -1024
    said.PixelValueTransformationSequence = [scale]
    frames = np.stack([NUMBERS, NUMBERS[::-1]])[..., None].astype(np.uint16)
    data = slice_of(frames, NumberOfFrames=2, SharedFunctionalGroupsSequence=[said])
    with pytest.raises(BadImage) as caught:
        images.inspect(data)
    (tmp_path / "file.dcm").write_bytes(data)
    monkeypatch.chdir(tmp_path)
    exec(caught.value.code.replace(FILE, "file.dcm"), {})
    np.testing.assert_array_equal(np.load("slice.npy"), 2.0 * NUMBERS.astype(np.uint16) - 1024)


def test_elements_without_end_are_refused_at_once() -> None:
    start = bytes(128) + b"DICM"
    assert "broken" in refusal(lambda: images.inspect(start + b"\2\0\x11\0UL\0\0" * 1001 + bytes(20)))
    with pytest.raises(ValueError, match="too many elements"):
        dicom_elements.of_meta(start + b"\2\0\x11\0UL\0\0" * 1001)


def test_run_lengths_that_stand_for_nothing_are_refused_from_their_length() -> None:
    piece = struct.pack("<16I", 1, 64, *[0] * 14) + b"\x80" * 300
    items = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(each)) + each for each in (b"", piece))
    element = dicom_elements.Element(dicom_elements.PIXELS, b"OB", 0, None)
    with pytest.raises(ValueError, match="more run lengths than"):
        dicom_pixels.of_first_frame(items, element, 64, compressed=True)


def test_a_forged_note_is_no_note() -> None:
    text = formats.read(images.inspect(slice_of(NUMBERS))[1]).told
    assert slices.told(text) is not None
    for old, new in ((b"3000.0", b"-1"), (b"grey", b"rgb"), (b":1,", b":0,"), (b"}", b"")):
        assert old in text
        assert slices.told(text.replace(old, new)) is None
