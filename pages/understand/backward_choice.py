"""Which frame of the backward pass is shown, which number in it, and what is broken, as the address says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast, get_args

from gradviz_core.types import INPUT, BackwardAnswer, BackwardQuestion, Site
from gradviz_core.types.backward import BackwardStep, Break
from pages.layout.frame import ScoredChoice
from pages.shell import address
from pages.shell.parameters import Parameter

PARAMETERS = (
    Parameter("step", within=("model", "head")),
    Parameter("number", within=("step", "model")),
    Parameter("break", within=("model",)),
    Parameter("speed"),
)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of the play: first each step forth, then each step back."""

    position: int
    """From 0 to 2n - 1 for n steps."""
    count: int

    @property
    def back(self) -> bool:
        """Whether it is on the way back."""
        return self.position >= self.count

    @property
    def is_last(self) -> bool:
        """Whether the way back ends here."""
        return self.position == 2 * self.count - 1

    @property
    def number(self) -> int:
        """The step, in order of execution."""
        return 2 * self.count - 1 - self.position if self.back else self.position


def frame(count: int) -> Frame:
    """The frame in the address; the first on the way back by default.

    Raises:
        NoSuchChoice: there is no such frame.
    """
    text = address.read("step", str(count))
    position = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    if not 0 <= position < 2 * count:
        said = text[:60] if text.isdigit() else repr(text[:60])
        raise address.NoSuchChoice(
            f"Step cannot be {said}: this pass has {count} steps each way, 0 to {2 * count - 1}. Choose one of them.",
            "step",
        )
    return Frame(position, count)


def index() -> tuple[int, ...]:
    """The number in the address; () for the largest.

    Raises:
        NoSuchChoice: it is no list of whole numbers.
    """
    text = address.read("number")
    parts = text.split(",") if text else []
    if not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts) or len(parts) > 8:
        raise address.NoSuchChoice(
            f"Number cannot be {text[:60]!r}: it is written as its indices, such as 3,10,12. Click it in the picture.",
            "number",
        )
    return tuple(int(part) for part in parts)


def broken() -> tuple[Break, Site]:
    """What is broken, and the output of the step where.

    Raises:
        NoSuchChoice: there is no such fault.
    """
    how, _, at = address.read("break").partition("@")
    if how not in get_args(Break):
        raise address.NoSuchChoice(
            f"Break cannot be {how[:60]!r}: it must be one of detach, freeze, dead and in_place. Choose one of them.",
            "break",
        )
    return cast(Break, how), Site.parse(at) if how else INPUT


def question(choice: ScoredChoice, how: Break, at: Site) -> BackwardQuestion:
    """The whole play."""
    return BackwardQuestion(
        model=choice.model, image=choice.image, target=choice.target, seed=choice.draw, broken=how, broken_at=at
    )


def consumer(answer: BackwardAnswer, step: BackwardStep) -> int | None:
    """The step whose first input is a step's output: there its numbers can be chosen. None where there is none, as for
    the last."""
    return next((i for i, other in enumerate(answer.steps) if step.site == other.into), None)


def at(count: int, number: int, index: tuple[int, ...]) -> dict[str, object]:
    """The choices for a number of the input of a step, on the way back."""
    return {"step": 2 * count - 1 - number, "number": ",".join(map(str, index))}
