"""FullGrad: input times gradient, and the bias terms of every layer."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options, Oracle
from gradviz_core.tracing.bias_terms import BiasTerms


def fullgrad(oracle: Oracle, value: Float[Tensor, "1 c h w"], options: Options) -> Float[Tensor, "1 c h w"]:
    """With ``map`` at ``paper`` ψ(x · ∂S/∂x) + Σ_layers ψ(bias · ∂S/∂layer), each summed over its channels; ψ takes the
    magnitude, rescales it to 0..1 over the layer, and enlarges it bilinearly. With ``signed`` the terms as they are,
    enlarged so that each keeps its sum, in units of the score; what is left out sums to the score.

    Only layers with positions are in the map; the answer says how much the others are. All but x · ∂S/∂x is spread
    evenly over the channels. Source: Srinivas & Fleuret 2019 (arXiv:1905.00780), equations 4 and 6.
    """
    parts = oracle.bias_terms()
    maps = on_a_grid(parts)
    oracle.note(_note(parts, maps))
    if options["map"] == "signed":
        spread = [keeping_sums(term.sum(1, keepdim=True), value.shape[2:]) for term in maps]
        return parts.input + sum(spread, torch.zeros_like(value[:, :1])) / value.shape[1]
    layers = [_enlarged(rescaled(term).sum(1, keepdim=True), value.shape[2:]) for term in maps]
    added = sum(layers, rescaled(parts.input).sum(1, keepdim=True))
    return (added / value.shape[1]).expand_as(value)


def total(oracle: Oracle, value: Float[Tensor, "1 c h w"], options: Options) -> float | None:
    """The score less the terms of layers without positions, and of how the score is read."""
    if options["map"] != "signed":
        return None
    parts = oracle.bias_terms()
    return parts.score - parts.reading - _elsewhere(parts, on_a_grid(parts))


def on_a_grid(parts: BiasTerms) -> list[Tensor]:
    """The terms of layers with rows and columns, no finer than the image, as (1, C, h, w)."""
    found = [
        term.movedim(axis, 1)
        for site, term in parts.layers.items()
        if term.dim() == 4 and term.shape[0] == 1 and (axis := parts.channel_axes[site]) is not None
    ]
    rows, columns = parts.input.shape[2:]
    return [term for term in found if term.shape[2] <= rows and term.shape[3] <= columns]


def rescaled(term: Float[Tensor, "1 c h w"]) -> Float[Tensor, "1 c h w"]:
    """The magnitude, from 0 at the smallest of the layer to 1 at the largest; 0 where all are alike."""
    size = term.abs()
    size = size - size.min()
    return size / size.max() if size.any() else size


def keeping_sums(plane: Float[Tensor, "1 1 h w"], size: torch.Size) -> Float[Tensor, "1 1 h2 w2"]:
    """Enlarged bilinearly, with each number divided by how much of it the larger plane has."""
    with torch.enable_grad():
        number = torch.zeros_like(plane, requires_grad=True)
        (times,) = torch.autograd.grad(_enlarged(number, size).sum(), number)
    return _enlarged(plane / times, size)


def _enlarged(plane: Float[Tensor, "1 1 h w"], size: torch.Size) -> Float[Tensor, "1 1 h2 w2"]:
    return F.interpolate(plane, size=tuple(size), mode="bilinear", align_corners=True)


def _elsewhere(parts: BiasTerms, maps: list[Tensor]) -> float:
    """What the layers without positions add."""
    return _sum(list(parts.layers.values())) - _sum(maps)


def _sum(terms: list[Tensor]) -> float:
    return sum((term.double().sum().item() for term in terms), 0.0)


def _note(parts: BiasTerms, maps: list[Tensor]) -> str:
    at_input, with_places, others = _sum([parts.input]), _sum(maps), _elsewhere(parts, maps)
    together = at_input + with_places + others + parts.reading
    reading = f", how the score is read {parts.reading:.4g}" if parts.reading else ""
    return (
        f"Input times gradient gives {at_input:.4g}, the biases of {len(maps)} layer outputs with positions "
        f"{with_places:.4g}, those of {len(parts.layers) - len(maps)} others, which are not in the map, {others:.4g}"
        f"{reading}: together {together:.6g}; the score is {parts.score:.6g}."
    )
