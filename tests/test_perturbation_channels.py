"""A small change of the picture, for networks that take blue first or one channel alone."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch
from torch import nn

import gradviz_core as gv
from gradviz_core import images
from gradviz_core.methods import perturbation
from gradviz_core.tracing.trace import forward
from gradviz_core.types import Preprocessing


@pytest.mark.parametrize("channels", ["rgb", "bgr", "grey"])
def test_levels_are_in_the_order_of_the_network_and_come_back(channels: Literal["rgb", "bgr", "grey"]) -> None:
    count, order = (1, "rgb") if channels == "grey" else (3, channels)
    steps = Preprocessing((6, 5), None, (0.5, 0.4, 0.3)[:count], (0.2, 0.3, 0.4)[:count], channels=order)  # type: ignore[arg-type]
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    if channels == "grey":
        pixels = np.repeat(pixels[..., :1], 3, axis=2)
    planes = images.levels(pixels, steps)
    assert planes.shape == (count, 6, 5)
    np.testing.assert_array_equal(planes[0], pixels[..., 2 if channels == "bgr" else 0])
    np.testing.assert_array_equal(images.from_levels(planes, steps), pixels)


def test_the_first_channel_of_a_network_that_takes_blue_first_moves_the_blue() -> None:
    """The score is the sum of the network's first channel: only blue may change."""
    steps = Preprocessing((8, 8), None, (0.4, 0.5, 0.6), (0.2, 0.25, 0.5), channels="bgr")
    pixels = np.full((8, 8, 3), 100, np.uint8)
    module = nn.Sequential(nn.Flatten(), nn.Linear(192, 1, bias=False))
    with torch.no_grad():
        module[1].weight.zero_()[:, :64] = 1.0  # type: ignore[operator]
    question = gv.PerturbationQuestion(model="m", image="i", epsilon=5)
    seen = forward(module, torch.from_numpy(images.normalise(pixels, steps)))
    found = perturbation.follow(question, module, gv.ClassScore(0), pixels, steps, seen)
    expected = pixels.copy()
    expected[..., 2] += 5
    np.testing.assert_array_equal(found.arrays["after"], expected)
    np.testing.assert_array_equal(found.x.numpy(), images.normalise(expected, steps))
    assert found.arrays["gradient"][0, 0, 0, 0] == pytest.approx(1 / (255 * 0.2))


def test_a_grey_network_moves_its_one_channel_and_the_picture_stays_grey() -> None:
    answer = gv.answer(
        gv.PerturbationQuestion(model="preset/digits-mlp", image="sample/digit-3", target=gv.ClassScore(8), epsilon=20)
    )
    assert answer.arrays["gradient"].shape[1] == 1
    assert (answer.after == answer.after[..., :1]).all()
    assert answer.size == 20
