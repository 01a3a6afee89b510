"""Which operations a ``.pt2`` file may ask for: the list is here, and what is not on it is never looked up."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from gradviz_core.errors import BadModel
from gradviz_core.tracing.torch_private import dispatch
from gradviz_core.uploads.exported import torchvision_operators
from gradviz_core.uploads.exported.checked import CHECKED
from gradviz_core.uploads.exported.refused_operators import refusal as refusal
from gradviz_core.uploads.exported.torchvision_operators import TORCHVISION

_ATEN = frozenset(
    """
    conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution _convolution
    linear addmm mm bmm matmul baddbmm addbmm mv dot vdot addmv einsum outer inner tensordot bilinear
    batch_norm layer_norm group_norm instance_norm rms_norm
    _native_batch_norm_legit_no_training native_layer_norm native_group_norm
    linalg_vector_norm norm frobenius_norm cosine_similarity pairwise_distance cdist
    _weight_norm

    relu relu_ relu6 relu6_ leaky_relu leaky_relu_ prelu _prelu_kernel elu elu_ selu selu_ celu celu_ gelu gelu_ silu
    silu_ mish mish_ hardtanh hardtanh_ hardswish hardswish_ hardsigmoid hardsigmoid_ sigmoid sigmoid_ tanh tanh_
    softplus softmax _softmax log_softmax _log_softmax log_sigmoid glu rrelu rrelu_ threshold threshold_
    hardshrink softshrink logit logit_ special_expit logsumexp

    max_pool1d max_pool2d max_pool3d max_pool2d_with_indices max_pool1d_with_indices max_pool3d_with_indices
    avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d
    _adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d max_unpool2d
    upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d _upsample_nearest_exact2d
    upsample_linear1d upsample_bilinear2d upsample_trilinear3d upsample_bicubic2d
    pixel_shuffle pixel_unshuffle channel_shuffle grid_sampler grid_sampler_2d
    affine_grid_generator im2col col2im unfold pad constant_pad_nd reflection_pad1d reflection_pad2d
    replication_pad1d replication_pad2d replication_pad3d reflection_pad3d _pad_circular _pad_enum

    dropout dropout_ feature_dropout feature_dropout_ alpha_dropout alpha_dropout_ feature_alpha_dropout native_dropout
    scaled_dot_product_attention _safe_softmax
    embedding one_hot

    add add_ sub sub_ mul mul_ div div_ true_divide floor_divide floor_divide_ remainder remainder_ fmod pow pow_ neg
    neg_ negative reciprocal reciprocal_ sqrt sqrt_ rsqrt rsqrt_ square square_ exp exp_ exp2 expm1 log log_ log2 log10
    log1p sin sin_ cos cos_ tan asin acos atan atan2 sinh cosh asinh acosh atanh erf erfc erfinv abs abs_ absolute sign
    sgn floor floor_ ceil ceil_ round round_ trunc trunc_ frac clamp clamp_ clamp_min clamp_min_ clamp_max clamp_max_
    clip clip_ lerp lerp_ addcmul addcmul_ addcdiv addcdiv_ rsub hypot maximum minimum fmax fmin nan_to_num nan_to_num_
    multiply multiply_ subtract subtract_ divide divide_ float_power deg2rad rad2deg sinc xlogy special_xlogy
    bitwise_and bitwise_or bitwise_xor bitwise_not logical_and logical_or logical_xor logical_not
    __and__ __or__ __xor__ __lshift__ __rshift__ bitwise_left_shift bitwise_right_shift
    eq ne lt le gt ge equal not_equal less less_equal greater greater_equal isnan isinf isfinite isclose

    lstm gru rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell

    view_as_complex view_as_real complex polar real imag angle conj _conj conj_physical _conj_physical resolve_conj
    resolve_neg isreal
    fft_fft fft_ifft fft_rfft fft_irfft fft_hfft fft_ihfft fft_fft2 fft_ifft2 fft_rfft2 fft_irfft2 fft_hfft2 fft_ihfft2
    fft_fftn fft_ifftn fft_rfftn fft_irfftn fft_hfftn fft_ihfftn fft_fftshift fft_ifftshift fft_fftfreq fft_rfftfreq
    _fft_r2c _fft_c2c _fft_c2r stft hann_window hamming_window blackman_window bartlett_window kaiser_window

    matrix_exp linalg_matrix_exp linalg_solve linalg_solve_ex _linalg_solve_ex linalg_solve_triangular
    linalg_inv linalg_inv_ex inverse linalg_det _linalg_det det linalg_slogdet _linalg_slogdet slogdet logdet
    linalg_cholesky linalg_cholesky_ex linalg_qr linalg_householder_product linalg_matmul linalg_multi_dot
    linalg_vecdot linalg_cross linalg_matrix_power matrix_power linalg_diagonal

    sum mean prod std var std_mean var_mean max min amax amin aminmax argmax argmin all any cumsum cumprod cummax cummin
    logcumsumexp median nanmedian mode topk sort argsort kthvalue count_nonzero nansum nanmean norm_except_dim

    mT mH adjoint matrix_H
    view view_as reshape reshape_as _unsafe_view flatten unflatten squeeze squeeze_ unsqueeze unsqueeze_ transpose
    transpose_ t t_ numpy_T permute movedim moveaxis swapaxes swapdims expand expand_as broadcast_to broadcast_tensors
    slice select narrow split split_with_sizes tensor_split chunk unbind unsafe_chunk unsafe_split
    unsafe_split_with_sizes hsplit vsplit dsplit cat concat concatenate stack hstack vstack dstack column_stack
    repeat repeat_interleave tile roll flip fliplr flipud rot90 atleast_1d atleast_2d atleast_3d ravel squeeze_copy
    index index_select index_put index_put_ _unsafe_index _unsafe_index_put gather scatter scatter_ scatter_add
    scatter_add_ scatter_reduce index_add index_copy index_fill take masked_fill masked_fill_
    masked_scatter where select_scatter slice_scatter diagonal diagonal_scatter diag diag_embed diagflat tril tril_ triu
    triu_ trace meshgrid cartesian_prod block_diag tril_indices triu_indices kron cross bucketize searchsorted
    diff histc

    mse_loss l1_loss smooth_l1_loss huber_loss

    empty empty_permuted
    zeros ones full eye arange linspace logspace scalar_tensor zeros_like ones_like full_like new_zeros
    new_ones new_full empty_like new_empty fill fill_ zero_ copy_ copy clone contiguous detach detach_ alias lift_fresh
    lift_fresh_copy to _to_copy type_as

    rand randn rand_like randn_like normal normal_ uniform_ exponential_ bernoulli bernoulli_

    view_copy permute_copy transpose_copy expand_copy slice_copy select_copy unsqueeze_copy t_copy alias_copy
    detach_copy unbind_copy split_copy split_with_sizes_copy

    sym_size sym_numel sym_stride sym_storage_offset
    _assert_async _assert_scalar _assert_tensor_metadata sym_constrain_range sym_constrain_range_for_size
    """.split()
)
"""Operations of torch itself that compute with tensors alone: none touches a file or memory that is not a tensor's, or
depends on an argument that only code could give. Random numbers come from torch's own generator, which a pass seeds."""

_PYTHON: dict[str, Callable[..., Any]] = {
    **{
        f"_operator.{name}": getattr(operator, name)
        for name in "eq ne le ge lt gt neg pos mul add sub floordiv mod truediv and_ or_".split()
    },
    "math.trunc": math.trunc,
    "torch.sym_not": torch.sym_not,
    "torch.sym_int": torch.sym_int,
    "torch.sym_float": torch.sym_float,
    "torch.sym_max": torch.sym_max,
    "torch.sym_min": torch.sym_min,
}
"""What sizes are computed with. Powers and shifts are not here: two of them make a number as long as a book."""

ITEM = "aten.item.default"
"""A number out of a tensor; it never runs, see ``known_numbers.py``."""

EVALUATION: dict[str, dict[str, bool | float]] = {
    "batch_norm": {"training": False},
    "instance_norm": {"use_input_stats": False},
    "dropout": {"train": False},
    "dropout_": {"train": False},
    "feature_dropout": {"train": False},
    "feature_dropout_": {"train": False},
    "alpha_dropout": {"train": False},
    "alpha_dropout_": {"train": False},
    "feature_alpha_dropout": {"train": False},
    "native_dropout": {"train": False},
    "rrelu": {"training": False},
    "rrelu_": {"training": False},
    "scaled_dot_product_attention": {"dropout_p": 0.0},
    **{layer: {"train": False} for layer in ("lstm", "gru", "rnn_tanh", "rnn_relu")},
}
"""Arguments that have another value in evaluation mode, whatever the file says."""
_CHECKED_ONLY = frozenset("lstm gru rnn_tanh rnn_relu empty empty_permuted".split())
"""Operations of which those overloads alone are read whose arguments are checked here."""

_ATEN_PREFIX, _TORCHVISION = "torch.ops.aten.", "torch.ops.torchvision."
_GENERATOR = "Optional[Generator]"
_CHECKS = ("_assert_async.", "_assert_scalar.", "_assert_tensor_metadata.", "sym_constrain_range")
_SCALARS = frozenset("Tensor int bool float number str ScalarType Layout Device MemoryFormat".split())
_TYPES = frozenset(
    form.format(name)
    for name in (*_SCALARS, "Optional[Tensor]")
    for form in ("{}", "Optional[{}]", "List[{}]", "Optional[List[{}]]")
)


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the list."""

    name: str
    function: Callable[..., Any]
    types: Mapping[str, str]
    """Type of each argument; empty for the arithmetic of sizes."""
    needed: frozenset[str]
    """Arguments that have no default."""


def is_check(target: str) -> bool:
    """Whether it only checks what was true when the model was exported."""
    return target.removeprefix("torch.ops.aten.").startswith(_CHECKS)


def is_allowed(target: str) -> bool:
    """Whether it is on the list."""
    try:
        return bool(find(target).name)
    except BadModel:
        return False


@lru_cache(maxsize=2000)
def find(target: str) -> Operation:
    """The operation of that name.

    Raises:
        BadModel: it is not on the list.
    """
    if target in _PYTHON:
        return Operation(target, _PYTHON[target], {}, frozenset())
    if target == f"torch.ops.{ITEM}":
        return Operation(ITEM, torch.ops.aten.item.default, {"self": "Tensor"}, frozenset({"self"}))
    if target.startswith(_TORCHVISION) and target.endswith(".default"):
        return _of_torchvision(target)
    packet, _, overload = target.removeprefix(_ATEN_PREFIX).partition(".")
    if not target.startswith(_ATEN_PREFIX) or packet not in _ATEN:
        raise refusal([target])
    found = getattr(torch.ops.aten, packet, None)
    if found is None or overload not in found.overloads():
        raise refusal([target])
    function, name = getattr(found, overload), f"{packet}.{overload}"
    types, needed, written = _schema(function)
    if not set(types.values()) <= _TYPES or written not in ([], ["self"]) or not _has_kernel(function):
        raise refusal([target])
    if ("rounding_mode" in types or packet in _CHECKED_ONLY) and name not in CHECKED:
        raise refusal([target])
    return Operation(f"aten.{name}", CHECKED.get(name, function), types, needed)


def _of_torchvision(target: str) -> Operation:
    name = target.removeprefix(_TORCHVISION).removesuffix(".default")
    if name not in TORCHVISION:
        raise refusal([target])
    types, needed, _ = _schema(torchvision_operators.operator(name))
    return Operation(target.removeprefix("torch.ops."), TORCHVISION[name], types, needed)


def _schema(function: Any) -> tuple[dict[str, str], frozenset[str], list[str]]:
    """Types of the arguments by name, those that are needed, and those that it writes to."""
    arguments = [each for each in dispatch.arguments(function) if each.type != _GENERATOR]
    types = {argument.name: argument.type for argument in arguments}
    needed = frozenset(argument.name for argument in arguments if argument.is_needed)
    return types, needed, [argument.name for argument in arguments if argument.is_written]


def _has_kernel(function: Any) -> bool:
    """Whether torch's dispatcher knows it. What only TorchScript knows, arithmetic of plain numbers for the most part,
    is in no exported graph, and ends the process where a number is divided by zero."""
    return dispatch.has_kernel(function)


def in_evaluation(operation: Operation, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments as they are in evaluation mode.

    Normalisation that keeps no running statistics uses those of the batch in that mode as well, so it is left alone.
    """
    forced = EVALUATION.get(operation.name.split(".")[1], {})
    if "running_mean" in operation.types and arguments.get("running_mean") is None:
        return arguments
    return {**arguments, **{name: value for name, value in forced.items() if name in arguments}}
