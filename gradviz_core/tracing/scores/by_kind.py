"""The score of one class, for each kind of output. Nothing here depends on models.

Written for the number x_k of class k, where σ is the sigmoid and the sums go over all classes j:

| kind              | logit | probability p               | against it, 1 - p                       |
|-------------------|-------|-----------------------------|-----------------------------------------|
| softmax_logits    | x_k   | exp x_k / Σ_j exp x_j       | σ(log Σ_{j≠k} exp x_j - x_k)            |
| sigmoid_logits    | x_k   | σ(x_k)                      | σ(-x_k)                                 |
| probabilities     | x_k   | x_k                         | 1 - x_k                                 |
| log_probabilities | x_k   | exp x_k                     | 1 - exp x_k                             |
| numbers           | x_k   | there is none               | there is none                           |

Log-probabilities are the logarithms of these, computed without the probability wherever that keeps digits: log σ(-800)
is -800. Against the class ``logit`` is -x_k.
"""

from __future__ import annotations

import math
from typing import assert_never

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from gradviz_core.errors import BadTarget
from gradviz_core.types import OutputKind, ScoreScale

Scores = Float[Tensor, "classes ..."]
"""One value of each class at each position."""

NO_PROBABILITY = (
    "This output is read as plain numbers, which have no {scale}: only the number itself can be the score. Choose the "
    'number (scale="logit"), or say what the output is, for example Head(reading="sigmoid_logits").'
)
ONE_CLASS = (
    "This output is read as logits of a softmax over one class, whose probability is 1 for every image: the "
    'gradient would be zero everywhere. Choose the logit, or Head(reading="sigmoid_logits").'
)


def score(numbers: Scores, kind: OutputKind, scale: ScoreScale, index: int, *, against: bool = False) -> Tensor:
    """The score of class ``index``, or against it, at each position: ``numbers`` without its first axis.

    Raises:
        BadTarget: numbers of this kind have no such score, or it is the same for all inputs.
    """
    number = numbers[index]
    if scale == "logit":
        return -number if against else number
    match kind:
        case "softmax_logits":
            return _softmax(numbers, scale, index, against)
        case "sigmoid_logits":
            margin = -number if against else number
            return torch.sigmoid(margin) if scale == "probability" else F.logsigmoid(margin)
        case "probabilities":
            if against:
                return 1 - number if scale == "probability" else torch.log1p(-number)
            return number if scale == "probability" else number.log()
        case "log_probabilities":
            if against:
                return -torch.expm1(number) if scale == "probability" else _log_of_the_rest(number)
            return number.exp() if scale == "probability" else number
        case "numbers":
            raise BadTarget(NO_PROBABILITY.format(scale=scale.replace("_", "-")))
        case _:
            assert_never(kind)


def probabilities(numbers: Scores, kind: OutputKind) -> Scores | None:
    """The probability of each class; None for plain numbers."""
    match kind:
        case "softmax_logits":
            return numbers.softmax(0)
        case "sigmoid_logits":
            return numbers.sigmoid()
        case "probabilities":
            return numbers
        case "log_probabilities":
            return numbers.exp()
        case "numbers":
            return None
        case _:
            assert_never(kind)


def _softmax(numbers: Scores, scale: ScoreScale, index: int, against: bool) -> Tensor:
    if len(numbers) == 1:
        raise BadTarget(ONE_CLASS)
    if not against:
        shares: Tensor = F.softmax(numbers, 0) if scale == "probability" else F.log_softmax(numbers, 0)
        return shares[index]
    others = torch.cat([numbers[:index], numbers[index + 1 :]]).logsumexp(0)
    margin = others - numbers[index]
    return torch.sigmoid(margin) if scale == "probability" else F.logsigmoid(margin)


def _log_of_the_rest(log_probability: Tensor) -> Tensor:
    """log(1 - exp a) for a <= 0, with all its digits on both sides of a = -log 2.

    Source: M. Mächler, Accurately computing log(1 - exp(-|a|)), 2012. The branch that is not taken gets a harmless
    value, because its gradient would be zero times infinity.
    """
    near = log_probability > -math.log(2)
    close, far = torch.where(near, log_probability, -1.0), torch.where(near, -1.0, log_probability)
    return torch.where(near, torch.log(-torch.expm1(close)), torch.log1p(-torch.exp(far)))
