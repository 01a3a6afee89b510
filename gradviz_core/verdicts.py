"""What finite differences say of a gradient, in words: they agree, or by how much and where they do not. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gradviz_core.findings import DirectionProof, Outcome, Proof
from gradviz_core.sites import in_words
from gradviz_core.subjects import Site

AGREES = 1e-5
"""Relative error, beyond what rounding makes, up to which the two numbers are one."""
TELLS = 1e-2
"""Noise of a step, relative to what is compared, from which on it says nothing."""
KINK = 1e-3
"""Relative error of the largest step from which on the function is no smooth one within it."""
NEARLY = 0.1
"""Relative error of the best step up to which what is left may be the kinks of a large model."""
COARSER: Mapping[str, float] = {"float32": 2.0**29, "float16": 2.0**42, "bfloat16": 2.0**45}
"""How many times coarser than float64 each type rounds."""


def proof(directions: Sequence[DirectionProof], score: float) -> Proof:
    """The proof that these directions make together; it is as good as the worst of them.

    Each direction is judged by its best step. Its two numbers agree where they differ by no more than ``AGREES`` and
    the noise of that step, and disagree where they differ by more; where the noise itself is more than ``TELLS``,
    either says nothing. What is rounded to a narrower type on the way, and does not agree by the noise of float64, is
    judged by the noise of that type.
    """
    judged = [_by_its_own_noise(one) for one in directions]
    outcomes = [_outcome(one) for one in judged]
    for outcome in ("apart", "kinks", "too small"):
        those = [one for one, found in zip(judged, outcomes, strict=True) if found == outcome]
        if those:
            worst = max(those, key=lambda one: one.best.error)
            return Proof(tuple(directions), score, _NOT[outcome](worst, score), outcome)
    return Proof(tuple(directions), score, _agreed(judged, directions), "agrees")


def _outcome(one: DirectionProof) -> Outcome:
    best = one.best
    noise = one.noise(best)
    if noise > TELLS:
        return "too small"
    if best.error <= AGREES + noise:
        return "agrees"
    return "kinks" if _nears(one) else "apart"


def _nears(one: DirectionProof) -> bool:
    """Whether the differences come near, and nearer as the step shrinks, as they do round the kinks of many units."""
    telling = [step for step in one.steps if one.noise(step) <= TELLS]
    return one.best.error < NEARLY and telling[-1].error < telling[0].error / 10


def _by_its_own_noise(one: DirectionProof) -> DirectionProof:
    if not one.rounded or _outcome(one) == "agrees":
        return one
    coarser = COARSER.get(one.rounded, 1.0)
    return replace(one, steps=tuple(replace(step, noise=step.noise * coarser) for step in one.steps))


def _agreed(judged: Sequence[DirectionProof], directions: Sequence[DirectionProof]) -> str:
    def bound(one: DirectionProof) -> float:
        return one.best.error + one.noise(one.best)

    worst = max(judged, key=bound)
    several = f"all {len(judged)} directions" if len(judged) > 1 else "the one direction"
    kinked = any(one.steps[0].error > KINK + one.noise(one.steps[0]) for one in judged)
    kinks = (
        " The largest steps are off: a kink (ReLU, max pooling) or a strong bend lies within them, and none within the "
        "shortest."
        if kinked
        else ""
    )
    narrow = f" Rounding to {worst.rounded} inside the model leaves no more digits." if worst not in directions else ""
    return f"They agree in {several}, to {bound(worst):.0e} at worst, at {_where(worst)}.{kinks}{narrow}"


def _apart(worst: DirectionProof, _score: float) -> str:
    return (
        f"They disagree at {_where(worst)}: {_both(worst)}, {worst.best.error:.1e} apart. A detach, an operation with "
        "a derivative of its own, or random numbers lie on the way."
    )


def _kinks(worst: DirectionProof, _score: float) -> str:
    return (
        f"Not settled: they come closer as the step shrinks, to {worst.best.error:.0e} of each other, as they do where "
        "kinks (ReLU, max pooling) lie within the step. A large model has some within every step tried here."
    )


def _too_small(worst: DirectionProof, score: float) -> str:
    if worst.rounded:
        return (
            f"Not settled: rounding to {worst.rounded} inside the model hides whether they agree at {_where(worst)}: "
            f"{_both(worst)}, of which {worst.best.noise:.0e} may come from rounding."
        )
    return (
        f"Not settled: the derivative at {_where(worst)} is too small beside a score of {score:.6g}, or the numbers "
        f"that it is read from, to be checked: {_both(worst)}, of which {worst.best.noise:.0e} may come from rounding."
    )


_NOT = {"apart": _apart, "kinks": _kinks, "too small": _too_small}


def _both(one: DirectionProof) -> str:
    return f"{one.derivative:.6g} by automatic differentiation, {one.best.difference:.6g} by differences"


def _where(one: DirectionProof) -> str:
    return in_words(Site.parse(one.site))
