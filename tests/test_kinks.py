"""Values that rounding puts on another side of a kink are counted, each once."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gradviz_core import answering
from gradviz_core.doctor import verdicts
from gradviz_core.doctor.proof import prove
from gradviz_core.serving import checks
from gradviz_core.types import INPUT, Combination, ProofQuestion, Term
from gradviz_core.types.findings import Crossed, DirectionProof, Step

LITTLE = 3e-9
"""Less than float32 can add to 1."""


class Rounds(nn.Module):
    """(x + 1) - 1, which float32 rounds to 0 where x is small; then something with a kink."""

    def __init__(self, kinked: nn.Module, shift: float = 0.0) -> None:
        super().__init__()
        self.kinked, self.shift = kinked, shift

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.kinked((x + 1.0) - 1.0 + self.shift).flatten(1)
        return found


@pytest.mark.parametrize(
    ("kinked", "shift", "name", "among"),
    [
        (nn.ReLU(), 0.0, "ReLU", 4),
        (nn.ReLU(inplace=True), 0.0, "ReLU", 4),
        (nn.LeakyReLU(), 0.0, "LeakyReLU", 4),
        (nn.ReLU6(), 0.0, "ReLU6", 4),
        (nn.Hardtanh(), -1.0, "Hardtanh", 4),
        (nn.MaxPool2d((1, 2)), 0.0, "max pooling", 2),
    ],
)
def test_a_value_that_rounding_puts_on_another_side_is_counted(
    kinked: nn.Module, shift: float, name: str, among: int
) -> None:
    x = torch.tensor([[[[0.0, LITTLE, 0.25, 0.5]]]])
    score = Combination(tuple(Term((0, at), 1.0) for at in range(among)))
    found = prove(Rounds(kinked, shift).eval(), x, score, INPUT, directions=1)
    assert found.crossed == Crossed(1, among, (name,))
    assert f"Rounding to float32 puts 1 of {among} values on the other side of a kink ({name})" in found.verdict


def test_nothing_is_counted_where_the_gradient_is_that_of_float64() -> None:
    assert prove(Rounds(nn.ReLU()), torch.tensor([[0.25, 0.5]])).crossed == Crossed()


def test_the_line_beside_the_picture_asks_why_and_its_details_say_how_many() -> None:
    one = DirectionProof(".input", 1.0, (Step(1e-6, 1.0, 1e-7, 1e-9),), precision="float32", own=2e-3)
    crossed = Crossed(3, 6_157_536, ("ReLU6", "max pooling"))
    plain, explained = (checks.said(verdicts.proof([one], 1.0, found)) for found in (Crossed(), crossed))
    assert plain.words == explained.words == "The gradient agrees with finite differences to 2 digits"
    assert (plain.button, explained.button) == ("Details", "Why 2 digits?")
    why = "puts 3 of 6,157,536 values on the other side of a kink (ReLU6, max pooling), where the slope is another one."
    assert (why in plain.more, why in explained.more) == (False, True)


@pytest.mark.parametrize("photo", ["coffee", "cat"])
def test_the_digits_that_the_photos_lack_are_those_of_such_values(photo: str) -> None:
    question = ProofQuestion(model="preset/efficientnet-lite0", image=f"sample/{photo}", every_step=False)
    found = answering.answer(question).proof
    assert found.agrees
    assert (found.crossed.count > 0) == (verdicts.digits(found) < 5)
    assert max(step.error for one in found.directions for step in [one.best]) < 1e-5
