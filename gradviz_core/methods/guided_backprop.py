"""Guided backprop: a gradient that passes a ReLU only where it is positive and the ReLU is on."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options, Oracle


def guided_backprop(oracle: Oracle, value: Float[Tensor, "*shape"], options: Options) -> Float[Tensor, "*shape"]:
    """What comes back from the score where each ReLU with input z, to which g comes, passes on g · [z > 0] · [g > 0];
    signed, for the layers before the first ReLU have weights of both signs.

    The answer says which operations were rewritten.

    Raises:
        QuestionError: there is no ReLU on the way, or an activation for which the rule says nothing.

    Source: Springenberg et al. 2015 (arXiv:1412.6806), section 3.4.
    """
    found = oracle.rewritten("guided")
    oracle.note(found.note)
    return found.gradient
