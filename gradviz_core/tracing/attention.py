"""Attention weights as values of a pass, also where a fused kernel never forms them.

While a pass is watched, ``scaled_dot_product_attention`` and ``multi_head_attention_forward`` are run in plain
operations, and compared with what PyTorch's own give. A softmax over the last axis that a matrix product then takes
for weights is attention as it stands. What follows is computed from the weights that are kept, so that their gradients
are exact.
"""

from __future__ import annotations

import inspect
import weakref
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from gradviz_core.errors import GradVizError, QuestionError
from gradviz_core.tracing.authors import AuthorsModule
from gradviz_core.tracing.nested import tensors
from gradviz_core.tracing.plain_attention import dot_product, multi_head
from gradviz_core.tracing.position_rules import mean_place
from gradviz_core.tracing.positions import Positions
from gradviz_core.tracing.running import running
from gradviz_core.tracing.watch import Watch
from gradviz_core.tracing.weighted_sums import Sum, Weighed, carried, weighed
from gradviz_core.types import Site
from gradviz_core.types.attention import attention_of
from gradviz_core.types.sites import site_name

_LEAST_AXES = 3
"""Of attention weights: images (or heads), queries, keys."""
MOST_WEIGHTS = 2**27
"""Attention weights of one pass that a fused kernel would not form: half a gigabyte in float32."""


def _fused(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> None:
    """How ``scaled_dot_product_attention`` takes its arguments; PyTorch's own function tells nobody."""


_SOFTMAX = frozenset({"softmax", "_softmax", "_safe_softmax"})
_SIGNATURES = {
    "scaled_dot_product_attention": inspect.signature(_fused),
    "multi_head_attention_forward": inspect.signature(functional.multi_head_attention_forward),
}


class AttentionWeights(TorchFunctionMode):
    """``with AttentionWeights(watch) as formed:`` around a pass of a twin that ``attach`` was called with. The watch
    keeps the weights, each under the module that was running.

    Raises:
        QuestionError: a layer drops weights at random.
        GradVizError: the plain operations do not give what PyTorch's own function gives.
    """

    def __init__(self, watch: Watch, positions: Positions | None = None) -> None:
        """With ``positions`` it is noted where in the picture queries and keys lie."""
        super().__init__()
        self._watch, self._positions = watch, positions
        self._within: list[tuple[str, nn.Module]] = []
        self._formed: Counter[tuple[str, int]] = Counter()
        self._weights = 0
        self._followed: dict[int, tuple[weakref.ref[Tensor], Weighed]] = {}

    def attach(self, module: nn.Module) -> None:
        """Note which part of ``module`` is running, from now on."""
        for path, part in module.named_modules():
            part.register_forward_pre_hook(self._begin(path))
            part.register_forward_hook(self._end(path), always_call=True)

    def _begin(self, path: str) -> Callable[[nn.Module, object], None]:
        def hook(part: nn.Module, _: object) -> None:
            self._within.append((path, part))

        return hook

    def _end(self, path: str) -> Callable[[nn.Module, object, object], None]:
        def hook(*_: object) -> None:
            while self._within and self._within.pop()[0] != path:
                pass

        return hook

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run it, in plain operations where it is attention."""
        given = kwargs or {}
        name = getattr(func, "__name__", "").partition(".")[0]
        if name in _SIGNATURES:
            return self._in_plain_operations(name, func, args, given)
        returned = func(*args, **given)
        if name in _SOFTMAX and isinstance(returned, Tensor) and _is_over_the_last_axis(returned, args, given):
            return self._softmax(returned)
        self._follow(name, (*args, *given.values()), returned)
        return returned

    # ---------------------------------------------------------------------------------------------------- the kernels

    def _in_plain_operations(
        self, name: str, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        bound = _SIGNATURES[name].bind(*args, **kwargs)
        bound.apply_defaults()
        given = SimpleNamespace(**bound.arguments)
        if _has_no_plain_form(given):
            return func(*args, **kwargs)
        site = self._next()
        self._count(given, site)
        if given.dropout_p > 0 and getattr(given, "training", True):
            raise QuestionError(
                f"{site_name(site)} are dropped at random in training mode, so they have no fixed values. Call "
                "model.eval() first."
            )

        def hand_on(weights: Tensor, query: Tensor, key: Tensor) -> Tensor:
            self._place(site, queries=self._rows(query, -1), keys=self._rows(key, -1))
            return self._watch.form(site, weights)

        if name == "scaled_dot_product_attention":
            plain: Any = dot_product(given, hand_on)
        else:
            plain = multi_head(given, hand_on)
        self._watch.confirm(site)
        if self._watch.is_put(site):
            return plain
        with torch.no_grad():
            fused = func(*args, **kwargs)
        return _as_the_kernel_lays_it(plain, fused, site)

    def _count(self, given: SimpleNamespace, site: Site) -> None:
        """Refuse weights that would take too much memory, before they are formed."""
        query, key, heads = given.query, given.key, getattr(given, "num_heads", 1)
        batch_first = not hasattr(given, "num_heads")
        tokens = [one.shape[-2] if batch_first else one.shape[0] for one in (query, key)]
        self._weights += query[..., 0].numel() // max(1, tokens[0]) * heads * tokens[0] * tokens[1]
        if self._weights > MOST_WEIGHTS:
            raise QuestionError(
                f"The attention weights of this model up to {site_name(site)} are {self._weights / 1e6:,.0f} million "
                f"numbers; the limit is {MOST_WEIGHTS / 1e6:,.0f} million. Use a smaller input."
            )

    # ---------------------------------------------------------------------------------------------- written as softmax

    def _softmax(self, weights: Tensor) -> Tensor:
        site = self._next()
        self._place(site, queries=self._rows(weights, -1))
        handed = self._watch.form(site, weights)
        self._remember(handed, Weighed(site, handed.dim() - 1))
        return handed

    def _follow(self, name: str, args: Sequence[Any], returned: object) -> None:
        """Follow weights to the matrix product that takes them, which shows that they are attention."""
        operands = [one for one in _flat(args) if isinstance(one, Tensor)]
        found = [self._known(one) for one in operands]
        for at, known in enumerate(found):
            if known is None:
                continue
            if (summed := weighed(name, args, operands, at, known.axis)) is not None:
                self._watch.confirm(known.site)
                self._place(known.site, keys=self._summed(operands[summed.values], summed))
            elif isinstance(returned, Tensor):
                axis = carried(name, args, operands[at], known.axis, returned)
                if axis is not None:
                    self._remember(returned, Weighed(known.site, axis))

    def _remember(self, tensor: Tensor, known: Weighed) -> None:
        self._followed[id(tensor)] = weakref.ref(tensor), known

    def _known(self, tensor: Tensor) -> Weighed | None:
        found = self._followed.get(id(tensor))
        return found[1] if found is not None and found[0]() is tensor else None

    # ------------------------------------------------------------------------------------------------------ the places

    def _rows(self, tensor: Tensor, channels: int) -> Tensor | None:
        """Where each row of a tensor lies, with ``channels`` for the axis of its numbers."""
        places = None if self._positions is None else self._positions.of(tensor)
        return None if places is None else mean_place(places, channels).squeeze(channels)

    def _summed(self, values: Tensor, summed: Sum) -> Tensor | None:
        """Where each of the values lies that weights sum."""
        places = None if self._positions is None else self._positions.of(values)
        if places is None:
            return None
        channels = [axis for axis in range(places.dim()) if axis not in summed.axes]
        mean = mean_place(places, channels) if channels else places
        return mean.permute(*summed.axes, *channels).flatten(len(summed.axes) - 1)

    def _place(self, site: Site, *, queries: Tensor | None = None, keys: Tensor | None = None) -> None:
        for which, places in enumerate((queries, keys)):
            if places is not None:
                self._watch.place(site, which, places)

    # ------------------------------------------------------------------------------------------------------- the names

    def _next(self) -> Site:
        """The site of the next attention weights of the module that is running."""
        path, part = self._within[-1] if self._within else ("", None)
        if isinstance(part, AuthorsModule):
            path = ".".join(filter(None, (path, running.get().module)))
        call = self._watch.calls(path)
        self._formed[path, call] += 1
        return attention_of(path, call, self._formed[path, call] - 1)


def _has_no_plain_form(given: SimpleNamespace) -> bool:
    """Whether a query, key or value has no plain shape, or was computed elsewhere (``static_k``)."""
    static = getattr(given, "static_k", None), getattr(given, "static_v", None)
    return any(one is not None for one in static) or given.query.is_nested or given.query.dim() < 2


def _is_over_the_last_axis(weights: Tensor, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    axis = kwargs.get("dim", args[1] if len(args) > 1 else None)
    return weights.dim() >= _LEAST_AXES and axis in (-1, weights.dim() - 1)


def _flat(args: Sequence[Any]) -> list[Any]:
    """The arguments, with those in a list among them, as ``einsum`` takes them."""
    return [one for arg in args for one in (arg if isinstance(arg, list | tuple) else (arg,))]


def _as_the_kernel_lays_it(plain: Any, fused: Any, site: Site) -> Any:
    """The plain result, in memory as the kernel's: the model may rely on that, where it takes views.

    Raises:
        GradVizError: the two are not equal to rounding.
    """
    mine, theirs = tensors(plain), tensors(fused)
    if mine.keys() != theirs.keys() or not all(_is_equal(mine[item], theirs[item]) for item in mine):
        raise GradVizError(
            f"In plain operations, attention at {site_name(site)} does not give what PyTorch's own function gives, so "
            "its weights would be another layer's. Choose another layer output."
        )
    if isinstance(plain, Tensor) and plain.stride() != fused.stride():
        order = sorted(range(plain.dim()), key=lambda axis: (-fused.stride(axis), axis))
        back = [order.index(axis) for axis in range(plain.dim())]
        return plain.permute(order).contiguous().permute(back)
    return plain


def _is_equal(mine: Tensor, theirs: Tensor) -> bool:
    """Equal to half of the digits that the numbers have, relative to the largest."""
    if mine.shape != theirs.shape or mine.dtype != theirs.dtype:
        return False
    mine, theirs = mine.detach().nan_to_num(), theirs.detach().nan_to_num()
    close = torch.finfo(mine.dtype).eps ** 0.5
    return mine.numel() == 0 or bool((mine - theirs).abs().max() <= close * theirs.abs().max())
