"""What the names of torch's functions tell: which cut, which round, which take numbers out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

DETACH = frozenset({"detach", "detach_", "data", "data=", "detach_copy"})
UNHITCHING = frozenset({"detach_", "data="})
"""Those of them that change the very tensor they are given first, without a new version of it."""
CASTS = frozenset(
    "to type int long short byte char bool type_as _to_copy uint8 int8 int16 int32 int64 view_dtype".split()
)
"""Functions that change the type of numbers, and nothing else."""

PASSED_ON = frozenset({"view_as"})
"""What PyTorch itself calls, unrecorded, on what a ``torch.autograd.Function`` gives back as it got it; it gets its way
back a moment later."""

ZERO_DERIVATIVE = frozenset(
    "round round_ floor floor_ ceil ceil_ trunc trunc_ fix fix_ sign sign_ sgn sgn_ heaviside floor_divide "
    "__floordiv__ __rfloordiv__ bernoulli poisson binomial normal nextafter".split()
)
"""Functions whose derivative is zero wherever it exists, and those that draw at random from what they are given."""

SHAPE_ONLY = frozenset(
    "zeros_like ones_like empty_like rand_like randn_like randint_like full_like new_zeros new_ones new_empty new_full "
    "new_empty_strided".split()
)
"""Functions that look at the shape and type of a tensor, not at its values."""

WRAPPING = frozenset({"tensor", "new_tensor", "as_tensor", "asarray", "scalar_tensor"})
"""Functions that make a tensor of its own from data."""

TAKING_OUT = frozenset({"item", "tolist", "numpy", "__float__", "__array__", "_local_scalar_dense"})
"""Functions that give Python's or numpy's numbers."""

ABOUT_A_TENSOR = frozenset(
    "size dim ndimension numel stride shape dtype device ndim layout requires_grad is_leaf grad_fn names is_nested "
    "is_cuda is_cpu is_mps is_meta is_sparse is_quantized is_floating_point is_complex is_contiguous element_size "
    "storage_offset data_ptr untyped_storage get_device __len__ __repr__ __format__ __hash__ _version itemsize nbytes "
    "is_mkldnn is_inference output_nr _base has_names grad __contains__ is_conj is_neg is_signed is_tensor".split()
)
"""Functions that tell something about a tensor and compute nothing."""

OVER_LABELS = frozenset({"cross_entropy", "nll_loss"})
"""Functions whose mean leaves out the labels that are to be ignored."""

DERIVATIVE = "autograd_grad"
"""The name of ``torch.autograd.grad`` here; ``grad`` is the attribute of a tensor."""

HOOK = "register_hook"
"""The name of what puts a hook on a tensor."""

FLATTENING = ZERO_DERIVATIVE | frozenset(
    "relu relu_ relu6 threshold threshold_ clamp clamp_ clamp_min clamp_min_ clamp_max clamp_max_ clip clip_ maximum "
    "minimum max min hardtanh hardtanh_ hardsigmoid hardswish sigmoid sigmoid_ tanh tanh_ softmax log_softmax".split()
)
"""Functions that may have a derivative of zero although no number in them is zero."""

WITH_BIAS = frozenset(
    "linear bilinear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d batch_norm layer_norm "
    "group_norm instance_norm".split()
)
"""Functions that multiply by some of what they are given, and add or subtract the rest: biases, running means."""

SUMMING = WITH_BIAS | frozenset(
    "matmul __matmul__ __rmatmul__ mm bmm addmm baddbmm einsum embedding expand expand_as add add_ sub sub_ rsub mul "
    "mul_ div div_ true_divide __add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __truediv__".split()
)
"""Functions that use a number more than once, so that what comes back is a sum, which may cancel out."""


def name_of(function: Callable[..., Any]) -> str:
    """``relu``; for an attribute its name, followed by ``=`` where it is set."""
    if function is torch.autograd.grad:
        return DERIVATIVE
    name: str = getattr(function, "__name__", "")
    if name in ("__get__", "__set__"):
        attribute: str = getattr(getattr(function, "__self__", None), "__name__", "")
        return attribute if name == "__get__" else f"{attribute}="
    return name.partition(".")[0]
