"""The same network in fewer operations: batch norm inside the convolution before it, and channels last in memory.

In evaluation mode batch norm is y = γ (x - μ) / √(σ² + ε) + β for each channel. Where x is the output of a convolution
with weights W and bias b, and nothing else reads x, one convolution gives y: with weights W γ / √(σ² + ε) and bias
(b - μ) γ / √(σ² + ε) + β. With the channels last in memory, PyTorch's convolutions on a CPU copy less.

Both change the last bits of values and gradients, so a question says that it wants them.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from gradviz_core.errors import QuestionError
from gradviz_core.tracing.nested import tensors
from gradviz_core.tracing.torch_private.parts import has_forward_hooks
from gradviz_core.types import Site
from gradviz_core.types.sites import site_name

AGREEMENT = 1e-4
"""Of the largest number that the network returns: so close both ways must be."""
_CONVOLUTIONS = frozenset({torch.conv1d, torch.conv2d, torch.conv3d})
_KINDS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_SAYS_NO_VALUE = frozenset(
    {Tensor.dim, Tensor.size, *(getattr(Tensor, name).__get__ for name in ("shape", "dtype", "device", "ndim"))}
)
"""What a network may ask of a tensor without reading its numbers."""


@dataclass(frozen=True, slots=True)
class Fast:
    """A network in fast arithmetic."""

    module: nn.Module
    """A copy; the batch norms that were folded are ``nn.Identity``."""
    folded: tuple[str, ...]
    """Paths of the convolutions that now give what the batch norm after them gave."""
    channels_last: bool

    @property
    def said(self) -> str:
        """``20 batch norms folded into convolutions, channels last in memory``; empty where nothing was changed."""
        count = len(self.folded)
        norms = f"{count} batch norm{'s' if count > 1 else ''} folded into convolutions" if count else ""
        return ", ".join(filter(None, (norms, "channels last in memory" if self.channels_last else "")))

    def check(self, sites: Iterable[Site]) -> None:
        """Refuse sites whose value does not exist any more.

        Raises:
            QuestionError: a site is the output of a convolution that was folded.
        """
        for site in sites:
            if site.path in self.folded:
                raise QuestionError(
                    f"In fast arithmetic {site_name(site)} is computed together with the batch norm after it, so it "
                    'has no value of its own. Choose the batch norm, or ask with arithmetic="plain".'
                )


def fast(module: nn.Module, x: Tensor) -> Fast:
    """The network in fast arithmetic: whichever of the two steps give the same for ``x``, to ``AGREEMENT``.

    ``module`` is in evaluation mode, and stays as it is; ``x`` is one input, which shows what is computed from what.
    """
    with torch.no_grad():
        true = module(x)
        folded, pairs = copy.deepcopy(module), _pairs(copy.deepcopy(module), x)
        for pair in pairs:
            _fold(folded, *pair)
        if pairs and not _agree(folded, x, true):
            folded, pairs = copy.deepcopy(module), []
        last = copy.deepcopy(folded)
        lasts = _put_channels_last(last) and _agree(last, x, true)
    return Fast(last if lasts else folded, tuple(convolution for convolution, _ in pairs), lasts)


def _put_channels_last(module: nn.Module) -> bool:
    """Let the weights of convolutions over rows and columns lie so; False where there are none."""
    planes = [weight for weight in module.parameters() if weight.dim() == 4 and max(weight.shape[2:]) > 1]
    for weight in planes:
        weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return bool(planes)


def _agree(module: nn.Module, x: Tensor, true: object) -> bool:
    """Whether the network runs and returns what it did."""
    try:
        found = module(x)
    except (RuntimeError, QuestionError):  # it takes numbers apart as they lie in memory
        return False
    pairs = zip(tensors(found).values(), tensors(true).values(), strict=True)
    return all(_close(one, other) for one, other in pairs)


def _close(one: Tensor, other: Tensor) -> bool:
    if other.numel() == 0:
        return True
    return bool((one - other).abs().max() <= AGREEMENT * other.abs().max())


# ------------------------------------------------------------------------------------------------- which can be folded


class _Uses(TorchFunctionMode):
    """Sees which weights each convolution has, and counts how often what it gives is read."""

    def __init__(self) -> None:
        super().__init__()
        self.given: dict[int, Tensor] = {}
        """What convolutions gave, by its identity; kept, so that no other tensor takes its place."""
        self.weights: dict[int, tuple[object, ...]] = {}
        """The weights and the bias of each."""
        self.counts: Counter[int] = Counter()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        if func not in _SAYS_NO_VALUE:
            self.count((args, kwargs))
        found = func(*args, **(kwargs or {}))
        if func in _CONVOLUTIONS and not kwargs:
            self.given[id(found)], self.weights[id(found)] = found, tuple(args[1:3])
        return found

    def count(self, value: object) -> None:
        """All tensors in ``value`` are read."""
        self.counts.update(id(one) for one in tensors(value).values() if id(one) in self.given)


def _pairs(module: nn.Module, x: Tensor) -> list[tuple[str, str]]:
    """Paths of convolutions, and of the batch norm that alone reads what each gives. Hooks stay on the module."""
    uses, runs = _Uses(), Counter[str]()
    made: dict[int, str] = {}
    read: dict[str, int] = {}

    def see(path: str, part: nn.Module, given: tuple[object, ...], output: object) -> None:
        runs[path] += 1
        if isinstance(part, _NORMS):
            read[path] = id(given[0])
        elif uses.weights.get(id(output), (None,))[0] is part.weight:
            made[id(output)] = path

    for path, part in _in_one_place(module):
        part.register_forward_hook(lambda part, given, output, path=path: see(path, part, given, output))
    with uses:
        returned = module(x)
    uses.count(returned)
    alone = {norm: made[tensor] for norm, tensor in read.items() if tensor in made and uses.counts[tensor] == 1}
    return [(before, norm) for norm, before in alone.items() if runs[norm] == runs[before] == 1]


def _in_one_place(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Convolutions and batch norms that stand in one place of the network and have no hooks."""
    everywhere = Counter(id(part) for _, part in module.named_modules(remove_duplicate=False))
    for path, part in module.named_modules():
        known = isinstance(part, _KINDS) or (type(part) in _NORMS and part.running_mean is not None)
        if known and everywhere[id(part)] == 1 and not has_forward_hooks(part):
            yield path, part


# -------------------------------------------------------------------------------------------------------------- folding


def _fold(module: nn.Module, convolution: str, norm: str) -> None:
    """Make the batch norm part of the convolution, in float64, and leave an identity in its place."""
    before: Any = module.get_submodule(convolution)
    after: Any = module.get_submodule(norm)
    mean, variance = after.running_mean.double(), after.running_var.double()
    gain = 1.0 if after.weight is None else after.weight.double()
    scale = gain / (variance + after.eps).sqrt()
    bias = -mean if before.bias is None else before.bias.double() - mean
    shift = scale * bias + (0.0 if after.bias is None else after.bias.double())
    shaped = scale.view(-1, *[1] * (before.weight.dim() - 1))
    before.weight = nn.Parameter((before.weight.double() * shaped).to(before.weight), requires_grad=False)
    before.bias = nn.Parameter(shift.to(before.weight), requires_grad=False)
    parent, _, name = norm.rpartition(".")
    setattr(module.get_submodule(parent), name, nn.Identity().eval())
