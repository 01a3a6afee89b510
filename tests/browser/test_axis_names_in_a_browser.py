"""The names of layers below a chart do not overlap, on a wide screen and on a phone."""

from __future__ import annotations

import itertools
import math

import pytest
from playwright.sync_api import Page

from gradviz_core.drawing import axis_names
from tests.browser import seeing
from tests.browser.conftest import Server

pytestmark = pytest.mark.browser

LABELS = """(key) => [...document.querySelectorAll(`.st-key-chart_${key} .xaxislayer-above text`)].map((label) => {
  const turned = label.getAttribute("transform");
  const [angle, at] = ["rotate", "translate"].map((how) => turned.match(`${how}\\\\(([-.0-9]+)`)?.[1] ?? 0);
  const { left, right } = label.getBoundingClientRect();
  const lines = Math.max(1, label.querySelectorAll("tspan").length);
  return [label.textContent, Math.abs(angle), Number(at), left, right, lines];
})"""
HIGH = 10
"""Pixels of a line."""


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(
    ("path", "key"), [("gradient-flow", "flow"), ("gradient-flow", "parameters"), ("feature-maps", "strip")]
)
def test_the_names_of_layers_do_not_overlap(visited: Server, page: Page, width: int, path: str, key: str) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(visited.address(f"{path}?model=preset/shapes-resnet&image=sample/star"))
    page.wait_for_selector(f".st-key-chart_{key} .xaxislayer-above text", timeout=60_000)
    seeing.wait(page)
    labels = page.evaluate(LABELS, key)
    lines = max(label[-1] for label in labels)
    assert len(labels) == (axis_names.MOST if lines == 1 else axis_names.MOST_OF_TWO_LINES)
    assert labels[0][0].startswith("conv1")
    assert labels[-1][0].startswith("fc") or labels[-1][0] == "the output"
    for one, two in itertools.pairwise(labels):
        angle = one[1]
        apart = (two[2] - one[2]) * math.sin(math.radians(angle)) if angle else two[3] - one[4]
        assert apart >= (lines * HIGH if angle else 0), (one, two)
