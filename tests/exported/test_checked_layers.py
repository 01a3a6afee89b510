"""Arguments of recurrent layers, transforms and torchvision's operations that torch or torchvision would not check."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from gradviz_core.uploads.exported.checked import CHECKED
from gradviz_core.uploads.exported.torchvision_operators import TORCHVISION

ONES = torch.ones


def lstm(**changes: Any) -> Any:
    arguments: dict[str, Any] = {
        "input": ONES(2, 7, 3),
        "hx": [ONES(1, 2, 4), ONES(1, 2, 4)],
        "params": [ONES(16, 3), ONES(16, 4), ONES(16), ONES(16)],
        "has_biases": True,
        "num_layers": 1,
        "dropout": 0.0,
        "train": False,
        "bidirectional": False,
        "batch_first": True,
    }
    return CHECKED["lstm.input"](**arguments | changes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"input": ONES(2, 7)}, "must have three axes"),
        ({"input": ONES(2, 0, 3)}, "4 weights do not suit 1 layers in 1 directions"),
        ({"input": ONES(2, 7, 5)}, r"\(16, 3\), .* are not \[\(16, 5\)"),
        ({"input": ONES(2, 7, 3, dtype=torch.int64)}, "must be real numbers of one type"),
        ({"hx": [ONES(1, 2, 4)]}, "must have three axes"),
        (
            {"hx": [ONES(1, 1, 4), ONES(1, 2, 4)]},
            r"hidden states of the shapes .* are not \[\(1, 2, 4\), \(1, 2, 4\)\]",
        ),
        ({"hx": [ONES(1, 2, 3), ONES(1, 2, 4)]}, "4 weights do not suit"),
        ({"params": [ONES(16, 3), ONES(16, 4), ONES(16)]}, "3 weights do not suit"),
        ({"params": [ONES(16, 3), ONES(16, 4), ONES(16), ONES(2)]}, r"\(2,\)\] are not"),
        ({"params": [ONES(16, 3), ONES(16, 4).double(), ONES(16), ONES(16)]}, "must be real numbers of one type"),
        ({"has_biases": False}, "4 weights do not suit 1 layers"),
        ({"num_layers": -1}, "4 weights do not suit -1 layers"),
        ({"bidirectional": True}, "4 weights do not suit 1 layers in 2 directions"),
    ],
)
def test_an_lstm_whose_sizes_do_not_fit_is_told(changes: dict[str, Any], sentence: str) -> None:
    assert lstm()[0].shape == (2, 7, 4)
    with pytest.raises(ValueError, match=sentence):
        lstm(**changes)


COMPLEX = ONES(3, 4, dtype=torch.complex64)


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("_fft_c2r.default", (COMPLEX, [1], 0, 9), "4 numbers are not half of the spectrum of 9"),
        ("_fft_c2r.default", (COMPLEX, [1], 0, 0), "4 numbers are not half of the spectrum of 0"),
        ("_fft_c2r.default", (ONES(3, 4), [1], 0, 6), "complex numbers only"),
        ("_fft_c2c.default", (COMPLEX, [], 0, True), r"axes \[\] with normalization 0"),
        ("_fft_c2c.default", (COMPLEX, [0, 0], 0, True), r"axes \[0, 0\]"),
        ("_fft_c2c.default", (COMPLEX, [2], 0, True), r"axes \[2\]"),
        ("_fft_c2c.default", (COMPLEX, [0], -1, True), "normalization -1"),
        ("_fft_r2c.default", (COMPLEX, [0], 0, True), "real numbers only"),
        ("_fft_r2c.default", (ONES(0, 4), [1], 0, True), "one or more"),
        ("matrix_power.default", (ONES(2, 2), -(2**63)), "the power -9223372036854775808 is beyond 1000"),
        ("empty_permuted.default", ([2, 3], [0, 0]), r"\[0, 0\] is no order of 2 axes"),
    ],
)
def test_a_transform_of_what_is_not_there_is_told(name: str, arguments: tuple[Any, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        CHECKED[name](*arguments)


@pytest.mark.parametrize(
    ("bins", "low", "high"),
    [
        (4, 3.0, 1.0),
        (4, 0.0, 0.0),
        (4, float("nan"), 1.0),
        (4, 0.0, float("inf")),
        (4, -3e38, 3e38),
        (4, 1.0, 1.0 + 1e-9),
        (4, 0.0, 1e-45),
        (4, 1e30, 1e30 + 1),
        (100_000, 1.0, 1.01),
    ],
)
def test_bins_that_numbers_cannot_be_told_apart_in_are_refused(bins: int, low: float, high: float) -> None:
    with pytest.raises(ValueError, match=rf"its {bins:,} bins from .* are no range"):
        CHECKED["histc.default"](ONES(3), bins, low, high)


def test_numbers_are_counted_in_bins() -> None:
    """The last bin has both of its ends; what is outside, and what is no number, is in none."""
    x = torch.tensor([0.0, 0.2, 0.25, 0.9, 1.0, 1.1, -0.1, float("nan"), float("inf")])
    assert CHECKED["histc.default"](x, 4, 0, 1).tolist() == [2, 1, 0, 2]
    for bins in (0, -5, 100_001):
        with pytest.raises(ValueError, match=r"32- or 64-bit numbers in at most 100,000 bins"):
            CHECKED["histc.default"](x, bins, 0, 1)
    with pytest.raises(ValueError, match="32- or 64-bit"):
        CHECKED["histc.default"](x.half(), 4, 0, 1)


def test_a_spectrum_and_back_is_what_torch_gives() -> None:
    x = torch.randn(3, 7, generator=torch.Generator().manual_seed(0))
    seen: Tensor = CHECKED["_fft_r2c.default"](x, [1], 0, True)
    assert torch.equal(seen, torch.fft.rfft(x))
    assert torch.allclose(CHECKED["_fft_c2r.default"](seen, [1], 2, 7), x, atol=1e-6)


def test_a_tensor_without_values_is_zeros_as_it_would_lie() -> None:
    found = CHECKED["empty_permuted.default"]([2, 3, 4], [2, 0, 1])
    assert found.shape == (2, 3, 4)
    assert found.stride() == (3, 1, 6)
    assert not found.any()
    there = CHECKED["empty.memory_format"]([1, 2, 3, 4], memory_format=torch.channels_last)
    assert there.is_contiguous(memory_format=torch.channels_last)
    assert not there.any()


def boxes(*rows: list[float], sides: tuple[int, int] = (2, 2)) -> Tensor:
    found: Tensor = TORCHVISION["roi_align"](ONES(1, 4, 8, 8), torch.tensor(rows), 1.0, *sides, 0, False)
    return found


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ([1.0, 0, 0, 4, 4], "lies in none of the 1 images"),
        ([-1.0, 0, 0, 4, 4], "lies in none of the 1 images"),
        ([0.5, 0, 0, 4, 4], "lies in none of the 1 images"),
        ([float("nan"), 0, 0, 4, 4], "lies in none of the 1 images"),
        ([0.0, 0, 0, 4, 1e9], "more than half of the picture's size beyond it"),
        ([0.0, 0, float("nan"), 4, 4], "more than half of the picture's size beyond it"),
        ([0.0, -5, 0, 4, 4], "more than half of the picture's size beyond it"),
        ([0.0, 0, 0, 4], "boxes of five numbers"),
    ],
)
def test_a_box_of_no_picture_is_told(row: list[float], sentence: str) -> None:
    assert boxes([0.0, 0, 0, 4, 4]).shape == (1, 4, 2, 2)
    with pytest.raises(ValueError, match=sentence):
        boxes(row)
    with pytest.raises(ValueError, match="parts of at least 1"):
        boxes([0.0, 0, 0, 4, 4], sides=(0, 2))
