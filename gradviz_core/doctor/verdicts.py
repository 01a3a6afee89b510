"""What finite differences say of a gradient, in words: they agree, or by how much and where they do not. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gradviz_core.types.findings import Crossed, DirectionProof, Outcome, Proof, Step
from gradviz_core.types.sites import site_name
from gradviz_core.types.subjects import Site

AGREES = 1e-5
"""Relative error, beyond what rounding makes, up to which the two numbers are one."""
TELLS = 1e-2
"""Noise of a step, relative to what is compared, from which on it says nothing."""
KINK = 1e-3
"""Relative error of the largest step from which on the function is no smooth one within it."""
NEARLY = 0.1
"""Relative error of the best step up to which what is left may be the kinks of a large model."""
AT_THE_POINT = 0.05
"""How much the slopes to both sides differ at a kink that the value lies on, relative to what it is to explain."""
FAR = 0.1
"""Relative distance of the module's own gradient from the one in float64 from which on they are not one."""
MOST_DIGITS = 10
FEW = 3
"""Steps after which a kink at the value itself is believed."""
COARSER: Mapping[str, float] = {"float32": 2.0**29, "float16": 2.0**42, "bfloat16": 2.0**45}
"""How many times coarser than float64 each type rounds."""


NONE = Crossed()


def proof(directions: Sequence[DirectionProof], score: float, crossed: Crossed = NONE) -> Proof:
    """The proof that these directions make together; it is as good as the worst of them. ``crossed`` are the values
    that rounding puts on another side of a kink.

    Each direction is judged by its best step. Its two numbers agree where they differ by no more than ``AGREES`` and
    the noise of that step, and disagree where they differ by more; where the noise itself is more than ``TELLS``,
    either says nothing. What is rounded to a narrower type on the way, and does not agree by the noise of float64, is
    judged by the noise of that type.

    Where a value lies exactly on a kink (a ReLU at 0, equal numbers in max pooling), as the zeros behind a ReLU and
    even backgrounds do, its derivative is one of several by convention, and a central difference another. However short
    the step, the slopes to both sides differ there, which those of a smooth function with a wrong gradient do not.

    Where the module's own gradient, which is the one that people see, is farther than ``FAR`` from the one in float64,
    rounding makes it what it is (of a probability of almost 1, say), or an operation is wrong in that type alone.
    """
    outcome, worst = _worst(directions, score)
    verdict = _agreed(directions) if outcome == "agrees" else _NOT[outcome](worst, score)
    return Proof(tuple(directions), score, f"{verdict}{_crossed(crossed, worst)}", outcome, crossed)


def settles(one: DirectionProof) -> bool:
    """Whether further steps could add nothing: the two numbers agree, and rounding has no part in that; or a kink lies
    at the value itself, where no step is short enough; or nothing changes at all."""
    outcome = _outcome(one)
    agree = outcome in ("agrees", "rounding") and one.noise(one.best) <= AGREES
    return agree or _unmoved(one) or (outcome == "at a kink" and len(one.steps) >= FEW)


def digits(found: Proof) -> int:
    """To how many digits all that was compared agrees at worst; 0 where it does not agree."""
    if not found.agrees:
        return 0
    worst = max(_distance(_by_its_own_noise(one)) for one in found.directions)
    return MOST_DIGITS if worst <= 10.0**-MOST_DIGITS else math.floor(-math.log10(worst))


def in_short(found: Proof) -> str:
    """The verdict on one line, for beside a picture."""
    outcome, worst = _worst(found.directions, found.score)
    match outcome:
        case "agrees" if all(_unmoved(one) for one in found.directions):
            return "The gradient agrees with finite differences: both are zero"
        case "agrees":
            count = digits(found)
            return f"The gradient agrees with finite differences to {count} digit{'' if count == 1 else 's'}"
        case "apart":
            return f"The gradient disagrees with finite differences: {_both(worst)}"
        case "at a kink":
            return "Not settled: the values lie exactly on a kink (a ReLU at 0, a tie in max pooling)"
        case "kinks":
            return "Not settled: every step crosses kinks (ReLU, max pooling)"
        case "rounding":
            return f"Not settled: {_off(worst)}"
        case "too small" if worst.rounded:
            return (
                f"Not settled: rounding to {worst.rounded} inside the model is larger than the difference to be checked"
            )
        case "too small":
            return "Not settled: the derivative is so small compared to the score that rounding hides it"


def _crossed(crossed: Crossed, one: DirectionProof) -> str:
    if not crossed.count:
        return ""
    some, kinks = f"{crossed.count:,} of {crossed.among:,} values", ", ".join(crossed.functions)
    where = f"on the other side of a kink ({kinks}), where the slope is another one"
    return f" Rounding to {one.precision} puts {some} {where}."


def _worst(directions: Sequence[DirectionProof], score: float) -> tuple[Outcome, DirectionProof]:
    """The outcome that counts, and the direction that is farthest off among those that have it."""
    judged = [_by_its_own_noise(one) for one in directions]
    outcomes = _outcomes(judged, score)
    counts = next(outcome for outcome in _FROM_THE_WORST if outcome in outcomes)
    those = [one for one, outcome in zip(judged, outcomes, strict=True) if outcome == counts]
    return counts, max(those, key=_distance)


def _outcomes(judged: Sequence[DirectionProof], score: float) -> list[Outcome]:
    found: list[Outcome] = ["agrees" if _unmoved(one) and not score else _outcome(one) for one in judged]
    on_kinks = {one.site for one, outcome in zip(judged, found, strict=True) if outcome == "at a kink"}
    return [
        "at a kink" if outcome == "apart" and one.site in on_kinks else outcome
        for one, outcome in zip(judged, found, strict=True)
    ]


def _unmoved(one: DirectionProof) -> bool:
    """Nothing changes, as behind a unit that is off. Where the score is 0 too, rounding has nothing to hide."""
    return not one.derivative and all(not step.difference and not step.bend for step in one.steps)


def _outcome(one: DirectionProof) -> Outcome:
    best = one.best
    noise = one.noise(best)
    if noise > TELLS:
        return "too small"
    if best.error <= AGREES + noise:
        return "agrees" if one.own <= FAR else "rounding"
    if _nears(one):
        return "kinks"
    return "at a kink" if _on_a_kink(one) else "apart"


def _nears(one: DirectionProof) -> bool:
    """Whether the differences come near, and nearer as the step shrinks, as they do round the kinks of many units."""
    telling = _telling(one)
    return one.best.error < NEARLY and telling[-1].error < telling[0].error / 10


def _on_a_kink(one: DirectionProof) -> bool:
    """Whether the slopes to both sides differ at the shortest step that tells, by enough to explain the error."""
    shortest = _telling(one)[-1]
    to_explain = abs(one.derivative - shortest.difference)
    return abs(shortest.bend) > AT_THE_POINT * to_explain + 2 * shortest.noise


def _telling(one: DirectionProof) -> list[Step]:
    return [step for step in one.steps if one.noise(step) <= TELLS]


def _by_its_own_noise(one: DirectionProof) -> DirectionProof:
    if not one.rounded or _outcome(one) == "agrees":
        return one
    coarser = COARSER.get(one.rounded, 1.0)
    return replace(one, steps=tuple(replace(step, noise=step.noise * coarser) for step in one.steps))


def _bound(one: DirectionProof) -> float:
    """About how far the two numbers can be from each other, relative to the larger."""
    return 0.0 if _unmoved(one) else one.best.error + one.noise(one.best)


def _distance(one: DirectionProof) -> float:
    return max(_bound(one), one.own)


def _agreed(directions: Sequence[DirectionProof]) -> str:
    judged = [_by_its_own_noise(one) for one in directions]
    worst = max(judged, key=_bound)
    several = f"all {len(judged)} directions" if len(judged) > 1 else "the one direction"
    if all(_unmoved(one) for one in judged):
        return f"They agree in {several} at {_where(worst)}: the score does not change, and the derivative is zero."
    kinked = any(one.steps[0].error > KINK + one.noise(one.steps[0]) for one in judged if not _unmoved(one))
    kinks = (
        " The largest steps are off because they cross a kink (ReLU, max pooling) or strong curvature; the shortest "
        "do not."
        if kinked
        else ""
    )
    narrow = (
        f" Rounding to {worst.rounded} inside the model limits the number of digits." if worst not in directions else ""
    )
    own = max(judged, key=lambda one: one.own)
    as_it_is = f" The gradient in {own.precision} is within {own.own:.0e} of it." if own.own else ""
    return f"They agree in {several}, to {_bound(worst):.0e} at worst, at {_where(worst)}.{kinks}{narrow}{as_it_is}"


def _apart(worst: DirectionProof, _score: float) -> str:
    return (
        f"They disagree at {_where(worst)}: {_both(worst)}, {worst.best.error:.1e} apart. Possible causes: a detach, "
        "an operation with a custom derivative, or random numbers."
    )


def _at_a_kink(worst: DirectionProof, _score: float) -> str:
    shortest = _telling(worst)[-1]
    below, above = (shortest.difference + sign * shortest.bend / 2 for sign in (-1, 1))
    return (
        f"Not settled: {_where(worst)} lies exactly on a kink: a ReLU at 0, or a tie in max pooling. The slope is "
        f"{below:.6g} on one side and {above:.6g} on the other; automatic differentiation returns "
        f"{worst.derivative:.6g} by convention."
    )


def _kinks(worst: DirectionProof, _score: float) -> str:
    return (
        f"Not settled: they get closer as the step shrinks, to within {worst.best.error:.0e} of each other, as "
        "happens when steps cross kinks (ReLU, max pooling). In a large model every step tried here crosses some."
    )


def _rounding(worst: DirectionProof, _score: float) -> str:
    return (
        f"Not settled: at {_where(worst)} {_off(worst)}. The float64 gradient agrees with finite differences. Either "
        f"{worst.precision} has too few digits for this value, or an operation is wrong in {worst.precision}."
    )


def _too_small(worst: DirectionProof, score: float) -> str:
    if worst.rounded:
        return (
            f"Not settled: rounding to {worst.rounded} inside the model is too coarse to tell whether they agree at "
            f"{_where(worst)}: {_both(worst)}, of which {worst.best.noise:.0e} may come from rounding."
        )
    return (
        f"Not settled: the derivative at {_where(worst)} is too small to be checked against a score of {score:.6g}, "
        f"or the values it is computed from: {_both(worst)}, of which {worst.best.noise:.0e} may come from rounding."
    )


_FROM_THE_WORST: tuple[Outcome, ...] = ("apart", "at a kink", "kinks", "rounding", "too small", "agrees")
_NOT = {"apart": _apart, "at a kink": _at_a_kink, "kinks": _kinks, "rounding": _rounding, "too small": _too_small}


def _both(one: DirectionProof) -> str:
    return f"{one.derivative:.6g} by automatic differentiation, {one.best.difference:.6g} by finite differences"


def _off(one: DirectionProof) -> str:
    return f"the {one.precision} gradient is {one.own:.0%} away from the float64 gradient"


def _where(one: DirectionProof) -> str:
    return site_name(Site.parse(one.site))
