"""Calls of what has layers, transforms, matrices or boxes in it, each on about ``n`` numbers."""

# ruff: noqa: B008 - each row of a table binds what it is about as a default
# mypy: disable-error-code="misc"

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.operator_inputs import numbers, picture, small_matrices, square
from gradviz_core.uploads.exported.checked import CHECKED
from gradviz_core.uploads.exported.torchvision_operators import TORCHVISION

aten = torch.ops.aten
Made = tuple[Callable[..., Any], list[Tensor]]
_GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}
_WIDTH = 64


def _weights(kind: str) -> list[Tensor]:
    gates = _GATES[kind] * _WIDTH
    return [torch.rand(gates, _WIDTH) - 0.5, torch.rand(gates, _WIDTH) - 0.5, torch.rand(gates), torch.rand(gates)]


def _layer(kind: str, n: int) -> Made:
    """Sixteen steps of sequences of 64 numbers."""

    def run(x: Tensor, *weights: Tensor) -> Any:
        state = x.new_zeros(1, x.shape[1], _WIDTH)
        hidden = [state, state] if kind == "lstm" else state
        return CHECKED[f"{kind}.input"](x, hidden, list(weights), True, 1, 0.0, False, False, False)

    return run, [numbers(n // (16 * _WIDTH) * 16 * _WIDTH).reshape(16, -1, _WIDTH), *_weights(kind)]


def _cell(kind: str, n: int) -> Made:
    function = getattr(aten, f"{kind}_cell").default

    def run(x: Tensor, *weights: Tensor) -> Any:
        return function(x, [x, x] if kind == "lstm" else x, *weights)

    return run, [numbers(n // _WIDTH * _WIDTH).reshape(-1, _WIDTH), *_weights(kind)]


def _convolution(n: int) -> Made:
    x = picture(n)
    offset = torch.rand(1, 18, *x.shape[2:]) * 4 - 2
    more = [torch.rand(16, 16, 3, 3), offset, torch.rand(1, 9, *x.shape[2:]), torch.rand(16)]
    return lambda *given: TORCHVISION["deform_conv2d"](*given, 1, 1, 1, 1, 1, 1, 1, 1, True), [x, *more]


def _boxes(name: str, *more: object) -> Callable[[int], Made]:
    """A hundred boxes, each as large as the picture."""

    def made(n: int) -> Made:
        x = picture(n // 4)
        box = torch.tensor([[0.0, 0, 0, x.shape[3], x.shape[2]]]).repeat(100, 1)
        return lambda x, box: TORCHVISION[name](x, box, 1.0, 4, 4, *more), [x, box]

    return made


def _nms(n: int) -> Made:
    corners = torch.rand(math.isqrt(n), 2) * 1000
    return lambda b, s: TORCHVISION["nms"](b, s, 0.5), [torch.cat([corners, corners + 2], 1), torch.rand(len(corners))]


def _matrices(name: str, *more: object) -> Callable[[int], Made]:
    """Small ones that can be inverted."""
    function = getattr(aten, name).default

    def run(x: Tensor, *others: Tensor) -> Any:
        return function(8 * torch.eye(8) + x + x.mT, *others, *more)

    others = 1 if "solve" in name else 0
    return lambda n: (run, [small_matrices(n) for _ in range(1 + others)])


def _complex(name: str, *more: object) -> Callable[[int], Made]:
    function = getattr(aten, name).default
    return lambda n: (lambda x, y: function(torch.complex(x, y), *more), [numbers(n // 2), numbers(n // 2)])


def _plane(name: str) -> Callable[[int], Made]:
    function = getattr(aten, name).default
    return lambda n: (function, [square(n)])


MADE: dict[str, Callable[[int], Made]] = {
    **{kind: lambda n, kind=kind: _layer(kind, n) for kind in _GATES},
    **{f"{kind}_cell": lambda n, kind=kind: _cell(kind, n) for kind in _GATES},
    "deform_conv2d": _convolution,
    "roi_align": _boxes("roi_align", 0, True),
    "ps_roi_align": _boxes("ps_roi_align", 0),
    "roi_pool": _boxes("roi_pool"),
    "ps_roi_pool": _boxes("ps_roi_pool"),
    "nms": _nms,
    **{
        name: _matrices(name)
        for name in """
        linalg_matrix_exp matrix_exp linalg_solve linalg_solve_ex _linalg_solve_ex linalg_inv linalg_inv_ex inverse
        linalg_det _linalg_det det linalg_slogdet _linalg_slogdet slogdet logdet linalg_cholesky linalg_cholesky_ex
        linalg_qr
        """.split()
    },
    "linalg_matrix_power": _matrices("linalg_matrix_power", 5),
    "matrix_power": _matrices("matrix_power", 5),
    "linalg_solve_triangular": lambda n: (
        lambda x, y: aten.linalg_solve_triangular.default(8 * torch.eye(8) + x, y, upper=True),
        [small_matrices(n), small_matrices(n)],
    ),
    "linalg_householder_product": lambda n: (
        aten.linalg_householder_product.default,
        [small_matrices(n), small_matrices(n)[:, 0]],
    ),
    "linalg_matmul": lambda n: (aten.linalg_matmul.default, [square(n), square(n)]),
    "linalg_multi_dot": lambda n: (lambda x, y: aten.linalg_multi_dot.default([x, y]), [square(n), square(n)]),
    "linalg_vecdot": lambda n: (aten.linalg_vecdot.default, [square(n), square(n)]),
    "linalg_cross": lambda n: (aten.linalg_cross.default, [numbers(n // 3 * 3).reshape(-1, 3)] * 2),
    **{
        name: _plane(name)
        for name in "fft_fft2 fft_ifft2 fft_rfft2 fft_irfft2 fft_hfft2 fft_ihfft2 fft_fftshift fft_ifftshift".split()
    },
    "_fft_r2c": lambda n: (lambda x: CHECKED["_fft_r2c.default"](x, [0], 0, True), [numbers(n)]),
    "_fft_c2c": lambda n: (
        lambda x, y: CHECKED["_fft_c2c.default"](torch.complex(x, y), [0], 0, True),
        [numbers(n // 2), numbers(n // 2)],
    ),
    "_fft_c2r": lambda n: (
        lambda x, y: CHECKED["_fft_c2r.default"](torch.complex(x, y), [0], 0, 2 * len(x) - 1),
        [numbers(n // 2), numbers(n // 2)],
    ),
    "stft": lambda n: (
        lambda x: aten.stft.default(x, 64, 16, 64, torch.ones(64), False, True, True),
        [numbers(n)],
    ),
    "_conj_physical": _complex("_conj_physical"),
    "conj_physical": _complex("conj_physical"),
    "angle": _complex("angle"),
    "isreal": _complex("isreal"),
    **{
        name: lambda n, function=getattr(aten, name).default: (lambda: function(n), [])
        for name in "hann_window hamming_window blackman_window bartlett_window kaiser_window".split()
    },
    **{
        name: lambda n, function=getattr(aten, name).default: (lambda: function(n, 1.0), [])
        for name in ("fft_fftfreq", "fft_rfftfreq")
    },
    "empty": lambda n: (lambda: CHECKED["empty.memory_format"]([n]), []),
    "empty_permuted": lambda n: (lambda: CHECKED["empty_permuted.default"]([n], [0]), []),
}
