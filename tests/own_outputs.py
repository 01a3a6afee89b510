"""Small models whose outputs are of every kind: one logit, labels, probabilities, numbers, a map, boxes, several."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Protocol

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest
from torch import Tensor, nn

from gradviz_core.answers import load as loading
from gradviz_core.answers.load import Model
from gradviz_core.compute import client, inline
from gradviz_core.types import SurveyAnswer, SurveyQuestion
from gradviz_core.types.cards import ModelCard, Preprocessing, Recipe
from gradviz_core.types.heads import OutputKind
from pages.shell.words import plain
from tests.opening import chart, errors, values

SIDE, IMAGE = 48, "sample/star"
STEPS = Preprocessing((SIDE, SIDE), None, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""The whole image as numbers from -1 to 1."""
MAP = SIDE // 4
"""Side of the maps of ``Dense``, and of the grid of its boxes."""


class Row(nn.Module):
    """Two convolutions, the mean of each channel, ``count`` numbers, and what ``end`` makes of them."""

    def __init__(self, count: int, end: Callable[[Tensor], object] = lambda z: z) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.Conv2d(8, 8, 3, 2, 1, bias=False)
        self.relu, self.fc, self.end = nn.ReLU(), nn.Linear(8, count, bias=False), end

    def forward(self, x: Tensor) -> object:
        x = self.relu(self.conv2(self.relu(self.conv1(x))))
        return self.end(30 * self.fc(x.mean((2, 3))))


class Dense(nn.Module):
    """Two convolutions and ``count`` numbers at each of 12×12 places, and what ``end`` makes of them."""

    def __init__(self, count: int, end: Callable[[Tensor], object] = lambda z: z) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.Conv2d(8, 8, 3, 2, 1, bias=False)
        self.relu, self.head, self.end = nn.ReLU(), nn.Conv2d(8, count, 1, bias=False), end

    def forward(self, x: Tensor) -> object:
        return self.end(30 * self.head(self.relu(self.conv2(self.relu(self.conv1(x))))))


class Coder(nn.Module):
    """Six numbers of a picture, and a map that is made of them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu, self.fc = nn.Conv2d(3, 8, 3, 4, 1), nn.ReLU(), nn.Linear(8, 6)
        self.up = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(6, 8, 4), nn.ReLU(), nn.Conv2d(8, 3, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        code = self.fc(self.relu(self.conv(x)).mean((2, 3)))
        return self.up(code[:, :, None, None]), code


def as_boxes(z: Tensor) -> Tensor:
    """As detectors of the YOLO kind give them: (1, 4 + 3, 144), the middle, width and height of each box in pixels,
    then the probability of each class."""
    places = torch.arange(MAP, device=z.device) * (SIDE / MAP) + SIDE / MAP / 2
    column, row = places[None, None, :] + 0 * z[:, 0], places[None, :, None] + 0 * z[:, 0]
    sizes = SIDE * (0.1 + 0.4 * z[:, 2:4].sigmoid())
    boxes = torch.cat([torch.stack([column, row], 1) + z[:, :2].tanh(), sizes], 1)
    return torch.cat([boxes, z[:, 4:].sigmoid()], 1).flatten(2)


def _age(z: Tensor) -> Tensor:
    return 40 + z


def _transposed(z: Tensor) -> Tensor:
    return as_boxes(z).transpose(1, 2)


def _two(z: Tensor) -> dict[str, Tensor]:
    return {"aux": z[:, :3], "logits": z[:, 3:]}


MODELS: dict[str, Callable[[], nn.Module]] = {
    "classes": lambda: Row(5),
    "one logit": lambda: Row(1),
    "labels": lambda: Row(4),
    "softmax": lambda: Row(5, nn.Softmax(1)),
    "log-softmax": lambda: Row(5, nn.LogSoftmax(1)),
    "sigmoid": lambda: Row(1, nn.Sigmoid()),
    "labels as shares": lambda: Row(6, nn.Sigmoid()),
    "age": lambda: Row(1, _age),
    "embedding": lambda: Row(6),
    "flat": lambda: Row(1, lambda z: z.flatten()),
    "scalar": lambda: Row(1, lambda z: z.sum()),
    "two heads": lambda: Row(8, _two),
    "tuple": lambda: Row(8, lambda z: (z[:, :3], z[:, 3:].sigmoid())),
    "map": lambda: Dense(4),
    "coder": Coder,
    "mask": lambda: Dense(1),
    "mask of shares": lambda: Dense(1, torch.sigmoid),
    "map in a dictionary": lambda: Dense(8, lambda z: {"out": z[:, :4], "aux": z[:, 4:]}),
    "boxes": lambda: Dense(7, as_boxes),
    "boxes first": lambda: Dense(7, _transposed),
    "rows": lambda: Row(12, lambda z: z.reshape(3, 4)),
    "tokens": lambda: Row(54, lambda z: z.reshape(1, 9, 6).softmax(-1)),
    "five axes": lambda: Dense(6, lambda z: z.reshape(1, 2, 3, MAP, MAP)),
}


def made(name: str) -> nn.Module:
    """The model, with weights that are the same every time."""
    torch.manual_seed(4)
    return MODELS[name]().eval().requires_grad_(False)


KEYS = count()


class Served(Protocol):
    """Puts a model behind a key."""

    def __call__(
        self, name: str, reading: OutputKind | None = None, labels: tuple[str, ...] = (), against: str = ""
    ) -> str: ...


def served_here(monkeypatch: pytest.MonkeyPatch) -> Served:
    """A function that puts a model behind a key that was never used before, as an upload that is answered in this
    process."""
    known: dict[str, Model] = {}
    plain = loading.load

    def serve(name: str, reading: OutputKind | None = None, labels: tuple[str, ...] = (), against: str = "") -> str:
        key = f"upload/{next(KEYS):063x}e"
        known[key] = Model(made(name), ModelCard(key, name, "", 0, labels, STEPS, reading=reading, against=against))
        return key

    monkeypatch.setattr(loading, "load", lambda key: known[key] if key in known else plain(key))
    monkeypatch.setattr(client, "recipe", lambda key: Recipe("f" * 64, "", known[key].card.title, (), STEPS))
    return serve


def input_of(key: str) -> Tensor:
    """The normalised image that the model sees, (1, 3, 48, 48)."""
    answer = inline.ask(SurveyQuestion(model=key, image=IMAGE))
    assert isinstance(answer, SurveyAnswer)
    pixels = torch.from_numpy(answer.pixels.copy()).permute(2, 0, 1)[None].float()
    return (pixels / 255 - 0.5) / 0.5


def slope(module: nn.Module, x: Tensor, score: Callable[..., Tensor]) -> np.ndarray:
    """The gradient of a score by plain autograd, summed over the channels."""
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(score(module(x)), [x])
    summed: np.ndarray = gradient[0].sum(0).numpy()
    return summed


def check_gradient(app: AppTest, name: str, key: str, score: Callable[..., Tensor]) -> None:
    assert not app.error, errors(app)
    expected = slope(made(name), input_of(key), score)
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(values(chart(app, "gradient")), expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


def check_left_out(app: AppTest, name: str, sentence: str) -> None:
    """The page says what is wrong with the choice ``name``, draws no gradient, and goes on without it at one press."""
    assert plain(sentence) in errors(app)[0]
    assert not [c for c in app.get("plotly_chart") if c.proto.id.endswith("-chart_gradient")]
    next(button for button in app.button if button.label == "Continue without it").click().run()
    assert not app.error
    assert name not in app.query_params
