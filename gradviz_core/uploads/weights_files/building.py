"""A file's tensors in the architecture they fit, and what there is to say of their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from gradviz_core.errors import BadModel
from gradviz_core.types import keys
from gradviz_core.uploads.weights_files import dialects, fitting, plans
from gradviz_core.uploads.weights_files.tensors import Loadable

_MOST_NAMED = 10


def build(architecture: str, tensors: Mapping[str, Loadable]) -> nn.Module:
    """The architecture with these weights, in evaluation mode, with frozen parameters in float32.

    Shapes are compared before anything is allocated.

    Raises:
        BadModel: the tensors do not fit; the message lists the first differences and names what fits best.
    """
    found = fitting.compare(architecture, tensors)
    if found.differences:
        raise fitting.mismatch(found, tensors)
    module = plans.empty(architecture, found.classes, found.image_size, found.head, found.channels)
    stored = fitting.prepared(architecture, tensors)
    for name, own in module.state_dict().items():
        if name.endswith("num_batches_tracked") or (name not in stored and not own.is_floating_point()):
            continue
        if name not in stored or stored[name].shape != tuple(own.shape):
            library = keys.kind(architecture)
            raise BadModel(
                f"The installed {library} builds {architecture} with another {name!r} than GradViz knows, so the "
                f"weights were not loaded. Use the version of {library} that GradViz was tested with."
            )
        path, _, leaf = name.rpartition(".")
        value = stored[name].load()
        if own.is_floating_point():
            frozen = nn.Parameter(value, requires_grad=False)
            holder = module.get_submodule(path)
            setattr(holder, leaf, frozen if leaf in dict(holder.named_parameters(recurse=False)) else value)
        elif not torch.equal(value, own):
            raise BadModel(
                f"{name!r} differs from the values that {architecture} computes. Save the weights of an unchanged "
                "architecture."
            )
    if keys.kind(architecture) != keys.PRESET:
        _set_eps(module, dialects.eps(architecture, tensors))
    return module.eval().requires_grad_(False)


def _set_eps(module: nn.Module, eps: Sequence[tuple[str, float]]) -> None:
    """Give norms what the library that trained them has under the root."""
    for path, value in eps:
        for name, layer in module.named_modules():
            if isinstance(layer, nn.BatchNorm2d | nn.LayerNorm) and path in ("", name):
                layer.eps = value


def findings(tensors: Mapping[str, Loadable]) -> tuple[str, ...]:
    """A sentence for each kind of values that a person should know of: not finite, negative variances, changed dtypes.

    One tensor is in memory at a time.
    """
    odd: list[str] = []
    negative: list[str] = []
    for name, stored in tensors.items():
        if not stored.dtype.is_floating_point:
            continue
        values = stored.load().numpy()
        bad = values.size - int(np.count_nonzero(np.isfinite(values)))
        if bad:
            odd.append(f"{name[:80]!r} ({'all' if bad == values.size else format(bad, ',')})")
        if name.endswith("running_var") and bool((values < 0).any()):
            negative.append(repr(name[:80]))
    sentences = list(_dtype_notes(tensors))
    if odd:
        sentences.append(
            f"NaN or infinite numbers are in {_list(odd)}: scores and gradients that depend on them are not finite "
            "either."
        )
    if negative:
        sentences.append(
            f"Negative variances are in {_list(negative)}: batch norm takes their square root, which is NaN."
        )
    return tuple(sentences)


def _dtype_notes(tensors: Mapping[str, Loadable]) -> list[str]:
    counts: dict[torch.dtype, int] = {}
    for stored in tensors.values():
        if stored.dtype.is_floating_point and stored.dtype != torch.float32:
            counts[stored.dtype] = counts.get(stored.dtype, 0) + 1
    said = {torch.float64: "rounded to float32"}
    return [
        f"{count:,} {'tensor is' if count == 1 else 'tensors are'} {str(dtype).removeprefix('torch.')} in the file, "
        f"and {said.get(dtype, 'converted to float32, which holds them exactly')}."
        for dtype, count in counts.items()
    ]


def _list(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED:,} more tensors" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
