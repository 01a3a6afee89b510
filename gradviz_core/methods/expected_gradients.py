"""Expected gradients: integrated gradients in expectation over baselines, with random points on the paths."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options, Oracle
from gradviz_core.methods.baselines import beginning
from gradviz_core.methods.draws import generator
from gradviz_core.types.baselines import FIXED


def expected_gradients(
    oracle: Oracle, value: Float[Tensor, "*shape"], options: Options, which: range
) -> Iterator[Float[Tensor, "*shape"]]:
    """(x − b) · ∂score/∂x (b + α (x − b)) for each draw of a baseline b and of a number α in 0..1; their mean is the
    map, in units of the score; signed. In expectation it sums to the score less the mean score of the baselines.

    Source: Erion et al. 2021 (arXiv:1906.10670), equation 2; ``GradientExplainer`` of the
    program shap, called GradientSHAP.
    """

    def drawn(number: int) -> tuple[Tensor, Tensor]:
        """The point, and the way from the baseline to the value."""
        source = generator(options, number)
        share = torch.rand((), generator=source).item()
        kind = {"noise": "noise", "colours": "colour"}.get(str(options["baselines"])) or _one_of_the_fixed(source)
        start = beginning(oracle, value, kind, source)
        return start + share * (value - start), value - start

    asked = oracle.each(drawn(number)[0] for number in which)
    return (drawn(number)[1] * here.gradient for number, here in zip(which, asked, strict=True))


def _one_of_the_fixed(source: torch.Generator) -> str:
    return FIXED[int(torch.randint(len(FIXED), (), generator=source))]
