"""Attention in plain operations, with its weights formed on the way: softmax(query · keyᵀ · scale + mask) · value.

The arguments are those of PyTorch's own functions, whose results these are to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import torch
from torch import Tensor
from torch.nn import functional

HandOn = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Is given weights, query and key, and returns the weights that the values are to be weighted by."""
_NONE = float("-inf")


def dot_product(a: SimpleNamespace, hand_on: HandOn) -> Tensor:
    """What ``scaled_dot_product_attention`` gives for these arguments, without dropout.

    A query that the mask lets see no key has weights of zero, as in PyTorch.
    """
    query, key, value = a.query, a.key, a.value
    if a.enable_gqa:
        key, value = (one.repeat_interleave(query.shape[-3] // one.shape[-3], -3) for one in (key, value))
    logits = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if a.scale is None else a.scale)
    mask = a.attn_mask
    if a.is_causal:
        mask = torch.ones(logits.shape[-2:], dtype=torch.bool, device=logits.device).tril()
    if mask is None:
        return torch.matmul(hand_on(logits.softmax(-1), query, key), value)
    logits = logits.masked_fill(~mask, _NONE) if mask.dtype == torch.bool else logits + mask
    blind = (logits == _NONE).all(-1, keepdim=True)
    weights = logits.masked_fill(blind, 0.0).softmax(-1).masked_fill(blind, 0.0)
    return torch.matmul(hand_on(weights, query, key), value)


def multi_head(a: SimpleNamespace, hand_on: HandOn) -> tuple[Tensor, Tensor | None]:
    """What ``multi_head_attention_forward`` gives for these arguments, without dropout: the result, and the weights
    where they are wanted. The weights that are formed have the axes images, heads, queries, keys."""
    query, key, value, padding = a.query, a.key, a.value, a.key_padding_mask
    alone = query.dim() == 2
    if alone:
        query, key, value = (one.unsqueeze(1) for one in (query, key, value))
        padding = None if padding is None else padding.unsqueeze(0)
    q, k, v = _projected(a, query, key, value)
    if a.bias_k is not None:
        k, v = (torch.cat([one, more.expand(1, one.shape[1], -1)]) for one, more in ((k, a.bias_k), (v, a.bias_v)))
    q, k, v = (torch.unflatten(one, -1, (a.num_heads, -1)).permute(1, 2, 0, 3) for one in (q, k, v))
    if a.add_zero_attn:
        k, v = (functional.pad(one, (0, 0, 0, 1)) for one in (k, v))
    formed: list[Tensor] = []

    def hand_on_and_note(weights: Tensor, query: Tensor, key: Tensor) -> Tensor:
        formed.append(hand_on(weights, query, key))
        return formed[0]

    mask = _mask(a.attn_mask, padding, q, k)
    plain = SimpleNamespace(query=q, key=k, value=v, attn_mask=mask, is_causal=False, scale=None, enable_gqa=False)
    mixed = dot_product(plain, hand_on_and_note).permute(2, 0, 1, 3).flatten(2)
    result = functional.linear(mixed, a.out_proj_weight, a.out_proj_bias)
    weights = formed[0].mean(1) if a.average_attn_weights else formed[0]
    if alone:
        result, weights = result.squeeze(1), weights.squeeze(0)
    return result, weights if a.need_weights else None


def _projected(a: SimpleNamespace, *given: Tensor) -> tuple[Tensor, ...]:
    """Query, key and value, each by its own weight."""
    own = a.q_proj_weight, a.k_proj_weight, a.v_proj_weight
    weights = own if a.use_separate_proj_weight else a.in_proj_weight.chunk(3)
    biases = (None,) * 3 if a.in_proj_bias is None else a.in_proj_bias.chunk(3)
    return tuple(functional.linear(*one) for one in zip(given, weights, biases, strict=True))


def _mask(attention: Tensor | None, padding: Tensor | None, q: Tensor, k: Tensor) -> Tensor | None:
    """What is added to the logits. In the masks of ``multi_head_attention_forward``, True shuts a key out; keys that it
    adds itself are open to all."""
    (images, heads, queries, _), keys = q.shape, k.shape[2]
    shaped = []
    if attention is not None:
        shaped.append(attention if attention.dim() == 2 else attention.reshape(-1, heads, queries, attention.shape[-1]))
    if padding is not None:
        shaped.append(padding.reshape(images, 1, 1, padding.shape[-1]))
    found: Tensor | None = None
    for mask in shaped:
        added = torch.zeros_like(mask, dtype=q.dtype).masked_fill(mask, _NONE) if mask.dtype == torch.bool else mask
        added = functional.pad(added, (0, keys - mask.shape[-1]))
        found = added if found is None else found + added
    return found
