"""Which units of a layer output are shown together: those of the most active channels at one position."""

from __future__ import annotations

import pytest
import torch

import gradviz_core as gv
from gradviz_core.answers.units import strongest
from gradviz_core.errors import BadTarget, QuestionError


def question(*place: int, count: int = 2) -> gv.UnitsQuestion:
    return gv.UnitsQuestion(model="", image="", site=gv.Site("act"), place=place, count=count)


def test_the_strongest_channels_at_a_position_come_first() -> None:
    value = torch.zeros(1, 3, 4, 5)
    value[0, :, 2, 3] = torch.tensor([0.5, -9.0, 2.0])
    assert strongest(question(2, 3), value, 1) == {2: (2, 2, 3), 0: (0, 2, 3)}
    assert strongest(question(2, 3), value.permute(0, 2, 3, 1), 3) == {2: (2, 3, 2), 0: (2, 3, 0)}
    assert list(strongest(question(2, 3, count=6), value, 1)) == [2, 0, 1]


@pytest.mark.parametrize("place", [(4, 0), (0, 5), (-1, 0), (0,), (0, 0, 0)])
def test_a_position_that_is_not_there_is_refused_with_those_that_are(place: tuple[int, ...]) -> None:
    with pytest.raises(BadTarget, match=r"its positions are \(0 to 3, 0 to 4\)\. Choose"):
        strongest(question(*place), torch.zeros(1, 3, 4, 5), 1)


def test_a_vector_has_no_positions() -> None:
    with pytest.raises(BadTarget, match=r"its positions are \(none: it has no positions\)"):
        strongest(question(0), torch.zeros(1, 7), 1)


def test_one_to_64_channels() -> None:
    value = torch.zeros(1, 70, 1, 1)
    assert [len(strongest(question(0, 0, count=count), value, 1)) for count in (1, 64)] == [1, 64]
    for count in (0, 65):
        with pytest.raises(QuestionError, match=f"The number of channels is {count}; choose 1 to 64"):
            strongest(question(0, 0, count=count), value, 1)
