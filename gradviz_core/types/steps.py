"""The options of methods that follow a path: how many points it has, and where they lie."""

from __future__ import annotations

from gradviz_core.types.controls import Choice, Number, Option
from gradviz_core.types.draws import MOST

STEPS = Number(
    "steps",
    "Steps",
    1,
    MOST,
    1,
    64,
    whole=True,
    meaning="At how many points of the path the slope is taken.",
)
RULE = Choice(
    "rule",
    "Rule",
    (
        Option(
            "midpoint",
            "midpoint",
            "shares, weights = (np.arange($steps) + 0.5) / $steps, np.full($steps, 1 / $steps)",
        ),
        Option(
            "trapezoid",
            "trapezoid",
            "shares, weights = np.linspace(1, 0, $steps), np.ones($steps)\nweights[[0, -1]] = 0.5\n"
            "weights /= weights.sum()",
        ),
        Option(
            "gauss",
            "Gauss–Legendre",
            "shares, weights = np.polynomial.legendre.leggauss($steps)\n"
            "shares, weights = (1 + shares) / 2, weights / 2",
        ),
    ),
    "gauss",
    "Where the points lie, and how much each counts.",
)
