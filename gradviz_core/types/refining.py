"""More steps for a method that follows a path, until its attribution sums to what it should."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from gradviz_core.errors import QuestionError
from gradviz_core.types.controls import Number
from gradviz_core.types.gradient import GradientAnswer, GradientQuestion
from gradviz_core.types.methods import METHODS, card_of, settled
from gradviz_core.types.subjects import Site

STEPS = "steps"


@dataclass(frozen=True, slots=True)
class Refined:
    """The answer with the most steps that were asked for, and how far its attribution is from complete."""

    answer: GradientAnswer
    gaps: dict[Site, float]
    """At each site Σ attribution less what it should sum to, in units of the score."""
    within: bool
    """Whether there is a gap, and each is within the bound."""

    @property
    def steps(self) -> int:
        """How many steps the answer took."""
        return int(dict(self.answer.question.options)[STEPS])


def refined(question: GradientQuestion, bound: float, ask: Callable[[GradientQuestion], GradientAnswer]) -> Refined:
    """Ask with the steps of the question, then twice as many again and again, until at each site the completeness gap
    is at most ``bound`` times the magnitude of what the attribution should sum to, or the method takes no more steps.

    Raises:
        QuestionError: the method has no steps or no such law, the question asks for a part, or the bound is not
            positive; or as ``ask`` does.
    """
    most = _most_steps(question, bound)
    steps = int(settled(question.method, question.options)[STEPS])
    while True:
        answer = ask(_with_steps(question, steps))
        gaps = answer.gaps
        within = bool(gaps) and all(abs(gaps[site]) <= bound * abs(total) for site, total in answer.totals)
        if within or steps == most or not gaps:
            return Refined(answer, gaps, within)
        steps = min(2 * steps, most)


def _most_steps(question: GradientQuestion, bound: float) -> int:
    if not bound > 0:
        raise QuestionError(f"The bound of the gap cannot be {bound:g}. Choose a positive share, as 0.01.")
    if question.part is not None:
        raise QuestionError("A part of a sum has no completeness gap. Leave part out.")
    for control in card_of(question.method).options if card_of(question.method).complete else ():
        if control.name == STEPS and isinstance(control, Number):
            return int(control.high)
    fitting = [name for name, card in METHODS.items() if card.complete and STEPS in {one.name for one in card.options}]
    raise QuestionError(f"{question.method} has no steps to refine. Choose one of {', '.join(fitting)}.")


def _with_steps(question: GradientQuestion, steps: int) -> GradientQuestion:
    others = tuple((name, value) for name, value in question.options if name != STEPS)
    return replace(question, options=(*others, (STEPS, float(steps))))
