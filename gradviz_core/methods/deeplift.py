"""DeepLIFT with the rescale rule, by captum."""

from __future__ import annotations

from collections import Counter

import torch
from jaxtyping import Float
from torch import Tensor

from gradviz_core.errors import BadTarget, QuestionError
from gradviz_core.methods.attributions import Options, Oracle
from gradviz_core.methods.baselines import baseline
from gradviz_core.methods.captum_here import captums, running
from gradviz_core.tracing.device import exact_arithmetic
from gradviz_core.tracing.scored import Scored, Use

AGREEMENT = 1e-3
"""Of the largest score: so close are image and baseline together to each alone, or the map would be of neither."""
_NOT_ROWS = (RuntimeError, ValueError, TypeError, IndexError, BadTarget, QuestionError)
"""What a model raises that takes one image alone."""


def deeplift(oracle: Oracle, value: Float[Tensor, "*shape"], options: Options) -> Float[Tensor, "*shape"]:
    """(x - baseline) · multiplier, where each activation with input z passes on g · (f(z) - f(z₀)) / (z - z₀) in place
    of g · f'(z); z₀ is its input for the baseline. In units of the score; signed.

    The answer says which operations were rewritten, and captum's convergence delta: Σ attribution less
    (score - score of the baseline).

    Raises:
        QuestionError: captum is not installed, or would be wrong about this model: an activation is a function, one of
            a kind that it does not know, or a layer that runs twice; the model takes one image alone, or mixes two.

    Source: Shrikumar et al. 2017 (arXiv:1704.02685), section 3.5.1; captum 0.9, ``DeepLift``.
    """
    known = captums("captum.attr._core.deep_lift").SUPPORTED_NON_LINEAR
    network = oracle.prepared()
    layers = dict(network.network.named_modules())
    rewritten = _check(oracle.activations(), {path for path, part in layers.items() if type(part) in known})
    start = baseline(oracle, value, options)
    with running(seed=0):
        _check_apart(network, value, start)
        method = captums("captum.attr").DeepLift(network)
        found, delta = method.attribute(value.clone().requires_grad_(), baselines=start, return_convergence_delta=True)
    oracle.note(
        f"captum rewrote {rewritten}. Its convergence delta is {delta.item():.3g}: by so much the map misses the "
        "difference of the score from that of the baseline."
    )
    attribution: Tensor = found.detach()
    return attribution


def total(oracle: Oracle, value: Float[Tensor, "*shape"], options: Options) -> float:
    """The score less the score of the baseline."""
    return oracle.score(value) - oracle.score(baseline(oracle, value, options))


def _check_apart(network: Scored, value: Tensor, start: Tensor) -> None:
    """Image and baseline as two images of one pass, as captum runs them, give the scores of each alone."""
    advice = "Choose another method, such as integrated gradients, which can ask for one image at a time."
    with exact_arithmetic():
        alone = torch.cat([network(value), network(start)])
        try:
            both = network(torch.cat([value, start]))
        except _NOT_ROWS as error:
            raise QuestionError(
                "DeepLIFT by captum takes image and baseline as two images of one pass, and this model cannot take "
                f"two: {error}. {advice}"
            ) from error
    if (both - alone).abs().max() > AGREEMENT * alone.abs().max():
        raise QuestionError(
            "DeepLIFT by captum takes image and baseline as two images of one pass, and this model mixes them: the "
            f"scores are {both[0]:.4g} and {both[1]:.4g} together, {alone[0]:.4g} and {alone[1]:.4g} alone. {advice}"
        )


def _check(uses: tuple[Use, ...], known: set[str]) -> str:
    """What captum rewrites, in words."""
    functions = [use.name for use in uses if use.layer is None]
    unknown = [use.name for use in uses if use.layer is not None and use.layer.path not in known]
    calls = Counter(use.layer.path for use in uses if use.layer is not None)
    again = [path for path, count in calls.items() if count > 1]
    for wrong, why in (
        (functions, "is a function in this model, which captum does not see: write it as a layer"),
        (
            unknown,
            "is none of the layers for which captum has a rule: ReLU, ELU, LeakyReLU, Sigmoid, Tanh, Softplus, "
            "Softmax and max pooling of torch.nn",
        ),
        (again, "is a layer that runs more than once, which captum mixes up: build one layer for each use"),
    ):
        if wrong:
            raise QuestionError(
                f"DeepLIFT would be wrong here: {wrong[0]} {why}. Or choose another method, such as integrated "
                "gradients, which needs no rules."
            )
    if not uses:
        raise QuestionError(
            "There is no activation between the input and the score, so DeepLIFT would be gradient × input. "
            "Choose that."
        )
    return ", ".join(f"{count} × {name}" for name, count in sorted(Counter(use.name for use in uses).items()))
