"""BlurIG: the gradient, integrated along the path from the blurred image to the sharp one."""

from __future__ import annotations

from collections.abc import Iterator

from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options, Oracle
from gradviz_core.methods.blurring import blurred


def blur_ig(
    oracle: Oracle, value: Float[Tensor, "*batch h w"], options: Options, which: range
) -> Iterator[Float[Tensor, "*batch h w"]]:
    """∫₀¹ ∂score/∂x (γ(α)) · γ'(α) dα along γ(α), the picture blurred by a Gaussian of (1 − α) · ``largest``: each term
    is what one of ``steps`` equal parts of α changes in the picture, times the gradient in its middle; their sum is the
    map, in units of the score; signed. Of a volume or a clip each slice is blurred by itself.

    Source: Xu et al. 2020 (arXiv:2004.03383), equation 5.
    """
    steps = int(options["steps"])
    asked = oracle.each(_on_the_path(value, options, (step + 0.5) / steps) for step in which)
    return (
        (_on_the_path(value, options, (step + 1) / steps) - _on_the_path(value, options, step / steps)) * here.gradient
        for step, here in zip(which, asked, strict=True)
    )


def total(oracle: Oracle, value: Float[Tensor, "*batch h w"], options: Options) -> float:
    """The score less that of the picture with the largest blur: what the attribution sums to with ever more steps."""
    return oracle.score(value) - oracle.score(_on_the_path(value, options, 0.0))


def _on_the_path(value: Tensor, options: Options, share: float) -> Tensor:
    return blurred(value, (1 - share) * float(options["largest"]) * min(value.shape[-2:]))
