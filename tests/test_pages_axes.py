"""Sequences, volumes, and values of which nothing tells where their channels lie, on the pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gradviz_core.answers import load
from gradviz_core.types import GradientQuestion, Question, UnitsQuestion
from pages.shell.answer_cache import answer_cache
from tests.opening import MAPS, NEURONS, answer_here, chart, errors, opened, texts, values


class Mixed(nn.Module):
    """A sequence, a volume, and a value of which nothing tells."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Sequential(nn.Conv1d(3, 7, 3, stride=64), nn.Tanh())
        self.volume = nn.Sequential(nn.Conv3d(3, 5, 3, stride=(2, 8, 8)), nn.Tanh())
        self.quiet, self.head = nn.Sigmoid(), nn.Linear(7 + 5 + 48, 10)

    def forward(self, x: Tensor) -> Tensor:
        line = self.line(x.flatten(2)).mean(2)
        volume = self.volume(x.reshape(1, 3, 8, 36, 32)).mean((2, 3, 4))
        quiet = self.quiet(x.reshape(1, 48, 576)).mean(2)
        return self.head(torch.cat([line, volume, quiet], 1))  # type: ignore[no-any-return]


torch.manual_seed(0)
MODEL = Mixed().eval()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    """The first preset is this model; the questions about it."""
    answer_cache.clear()
    true = load.RecentModels.get

    def get(self: Any, key: str, device: torch.device) -> load.Model:
        return load.Model(MODEL, true(self, key, device).card)

    monkeypatch.setattr(load.RecentModels, "get", get)
    yield answer_here(monkeypatch)
    answer_cache.clear()


def controls(app: Any) -> dict[str, int]:
    return {control.label: control.value for control in app.number_input}


def captions(app: Any) -> list[str]:
    return [caption.value for caption in app.caption]


def last(asked: list[Question], kind: type[Question]) -> Any:
    return [question for question in asked if isinstance(question, kind)][-1]


def test_a_channel_of_a_sequence_is_a_strip_with_a_position(asked: list[Question]) -> None:
    app = opened(NEURONS, site="line.1", channel="4", position="20")
    assert controls(app) == {"Channel": 4, "Position": 20}
    assert values(chart(app, "activation")).shape == (1, 144)
    true = last(asked, GradientQuestion).target
    assert (str(true.site), true.index) == ("line.1", (4, 20))
    assert last(asked, UnitsQuestion).place == (20,)
    assert any("unit (channel 4, position 20) of line.1" in text for text in texts(app))
    assert not any("Guessed" in caption for caption in captions(app))
    assert chart(app, "activation")["layout"]["height"] > 100, "a strip can be seen"


def test_all_channels_of_a_sequence_are_strips(asked: list[Question]) -> None:
    app = opened(MAPS, site="line.1")
    sheet = values(chart(app, "channels"))
    assert np.isfinite(sheet).sum() == 7 * 144
    assert controls(app)["Position"] == 72


def test_a_volume_is_a_sheet_of_slices(asked: list[Question]) -> None:
    app = opened(NEURONS, site="volume.1", channel="2", slice="1", row="3", col="0")
    assert controls(app) == {"Channel": 2, "Slice": 1, "Row": 3, "Column": 0}
    assert last(asked, GradientQuestion).target.index == (2, 1, 3, 0)
    assert np.isfinite(values(chart(app, "activation"))).sum() == 3 * 5 * 4
    app = opened(MAPS, site="volume.1")
    assert np.isfinite(values(chart(app, "channels"))).sum() == 5 * 3 * 5 * 4


@pytest.mark.parametrize("page", [NEURONS, MAPS])
def test_a_guess_is_called_one_and_can_be_turned_round(asked: list[Question], page: str) -> None:
    app = opened(page, site="quiet")
    assert any(caption.startswith("Guessed: the model does not show which axis") for caption in captions(app))
    (control,) = [c for c in app.button_group if c.label == "Channels"]
    assert control.options == ["axis 2: 576 features of 48", "axis 1: 48 channels of 576"]
    assert "Token" in controls(app)
    app = opened(page, site="quiet", axis="1")
    assert controls(app)["Position"] == 288
    assert any(caption.startswith("As chosen: the model does not show") for caption in captions(app))
    if page == NEURONS:
        question = last(asked, UnitsQuestion)
        assert (question.axis, question.place) == (1, (288,))
        channel = controls(app)["Channel"]
        assert last(asked, GradientQuestion).target.index == (channel, 288)
        assert values(chart(app, "activation")).shape == (1, 576)


def test_what_is_known_can_be_turned_round_by_the_address_alone(asked: list[Question]) -> None:
    app = opened(NEURONS, site="line.1", axis="2")
    assert set(controls(app)) == {"Feature", "Token"}
    assert last(asked, GradientQuestion).target.index == (controls(app)["Token"], controls(app)["Feature"])


def test_an_axis_that_is_not_there_is_an_error(asked: list[Question]) -> None:
    (said,) = errors(opened(NEURONS, site="quiet", axis="7"))
    assert (
        "Channels cannot be '7': it must be one of “axis 2: 576 features of 48”, “axis 1: 48 channels of 576”."
        in said.replace("\\", "")
    )
