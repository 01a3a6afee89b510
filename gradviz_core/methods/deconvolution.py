"""Deconvolution: what comes back where each ReLU passes on the positive part of what comes to it."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options, Oracle


def deconvolution(oracle: Oracle, value: Float[Tensor, "*shape"], options: Options) -> Float[Tensor, "*shape"]:
    """What comes back from the score where each ReLU, to which g comes, passes on g · [g > 0], whether it was on or
    not; signed, for the layers before the first ReLU have weights of both signs.

    The answer says which operations were rewritten.

    Raises:
        QuestionError: there is no ReLU on the way, or an activation for which the rule says nothing.

    Source: Zeiler & Fergus 2014 (arXiv:1311.2901), section 2.1, as a rule for the backward pass: Simonyan et al. 2014
    (arXiv:1312.6034), section 4. Max pooling goes back to where the maximum was.
    """
    found = oracle.rewritten("deconvolution")
    oracle.note(found.note)
    return found.gradient
