"""What finite differences say of a gradient, in words: they agree, or by how much and where they do not. No torch."""

from __future__ import annotations

from collections.abc import Sequence

from gradviz_core.findings import DirectionProof, Proof
from gradviz_core.sites import in_words
from gradviz_core.subjects import Site

AGREES = 1e-5
"""Relative error up to which the two numbers are one: at the shortest steps, which a deep network with many kinks
needs, rounding alone leaves 1e-6."""
KINK = 1e-3
"""Relative error of the largest step from which on the function is no smooth one within it."""


def proof(directions: Sequence[DirectionProof], score: float) -> Proof:
    """The proof that these directions make together; they agree where the best step of each does."""
    worst = max(directions, key=lambda one: one.best.error)
    agrees = worst.best.error <= AGREES
    return Proof(tuple(directions), score, _agreed(directions, worst) if agrees else _apart(worst), agrees)


def _agreed(directions: Sequence[DirectionProof], worst: DirectionProof) -> str:
    kinked = any(one.steps[0].error > KINK for one in directions)
    kinks = (
        " The largest steps are off: a kink (ReLU, max pooling) or a strong bend lies within them, and none within the "
        "shortest."
        if kinked
        else ""
    )
    several = f"all {len(directions)} directions" if len(directions) > 1 else "the one direction"
    return f"They agree in {several}, to {worst.best.error:.0e} at worst, at {_where(worst)}.{kinks}"


def _apart(worst: DirectionProof) -> str:
    return (
        f"They disagree at {_where(worst)}: {worst.derivative:.6g} by automatic differentiation, "
        f"{worst.best.difference:.6g} by differences, {worst.best.error:.1e} apart. A detach, an operation with a "
        "derivative of its own, or random numbers lie on the way; the doctor says which."
    )


def _where(one: DirectionProof) -> str:
    return in_words(Site.parse(one.site))
