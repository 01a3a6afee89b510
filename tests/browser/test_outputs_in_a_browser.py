"""Models whose output is not one row of softmax logits, uploaded and used in a browser: what is on screen is what
autograd gives."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, expect
from torch import Tensor, nn

from tests.browser import seeing, streamlit_ids
from tests.browser.conftest import Server
from tests.browser.test_own_models_in_a_browser import bring, check_same, name_classes, upload_image, use
from tests.exported.files import exported_bytes
from tests.own_outputs import SIDE, made

pytestmark = pytest.mark.browser


def handed_in(page: Page, server: Server, name: str, folder: Path, kind: str = "", classes: str = "") -> Tensor:
    """Upload the model and a picture of noise; the model's input, (1, 3, 48, 48), numbers from -1 to 1."""
    file = folder / f"{name}.pt2"
    file.write_bytes(exported_bytes(made(name), torch.zeros(1, 3, SIDE, SIDE)))
    pixels = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "noise.png")
    page.goto(server.address("saliency?model=preset/shapes-cnn"))
    seeing.check_drawn(page, "gradient")
    bring(page, file)
    dialog = page.get_by_role("dialog")
    if kind:
        dialog.get_by_label("Output kind").press("ArrowDown")
        page.get_by_role("option", name=kind).click()
        seeing.wait(page)
    if classes:
        name_classes(page, classes)
    dialog.get_by_text("Change the preprocessing").click()
    page.get_by_role("radio", name="Squeeze").click()
    seeing.wait(page)
    page.get_by_role("radio", name="−1 to 1").click()
    expect(page.get_by_text("Mean 0.5, 0.5, 0.5; standard deviation 0.5, 0.5, 0.5")).to_be_visible()
    seeing.wait(page)
    use(page)
    upload_image(page, folder / "noise.png")
    return (torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255 - 0.5) / 0.5


def check_slope(page: Page, module: nn.Module, x: Tensor, score: Callable[[Tensor], Tensor]) -> None:
    """The picture is the gradient of the score, summed over the channels."""
    x = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(score(module(x)), [x])
    check_same(seeing.heatmap(page, "gradient"), slope[0].sum(0))


def choose(page: Page, label: str, option: str) -> None:
    """Choose from a list in the sidebar."""
    page.get_by_test_id(streamlit_ids.SIDEBAR).get_by_label(label, exact=True).press("ArrowDown")
    page.get_by_role("option", name=option, exact=True).click()
    seeing.wait(page)


def said(page: Page, text: str) -> None:
    expect(page.get_by_text(text).first).to_be_visible(timeout=20_000)


def test_a_binary_classifier_of_one_logit(visited: Server, page: Page, tmp_path: Path) -> None:
    module, x = made("one logit"), handed_in(page, visited, "one logit", tmp_path, classes="cat")
    check_slope(page, module, x, lambda z: z[0, 0])
    said(page, "Guessed from its shape and values: change it if this is wrong.")
    choose(page, "Output kind", "Sigmoid logits")
    choose(page, "Score", "Probability")
    check_slope(page, module, x, lambda z: z[0, 0].sigmoid())
    share = 100 * float(module(x)[0, 0].sigmoid())
    said(page, f"probability of cat (0) {share / 100:.4g}")
    seeing.click(page, "classes", 1, 50)
    page.wait_for_function("location.search.includes('direction=decrease')")
    check_slope(page, module, x, lambda z: 1 - z[0, 0].sigmoid())
    assert (seeing.choice(page, "reads"), seeing.choice(page, "scale")) == ("sigmoid", "probability")


def check_bars(page: Page, percent: list[float]) -> None:
    """The first bars say these numbers, once those of the picture before have gone."""
    end = time.monotonic() + 30
    while True:
        texts = page.locator(".st-key-chart_classes .bartext").all_text_contents()
        shown = [float(text.split()[0]) for text in texts[: len(percent)]]
        if shown == pytest.approx(percent, abs=0.06) or time.monotonic() > end:
            assert shown == pytest.approx(percent, abs=0.06)
            return
        page.wait_for_timeout(200)


def test_a_model_of_many_labels_whose_kind_is_said_when_it_is_brought(
    visited: Server, page: Page, tmp_path: Path
) -> None:
    x = handed_in(page, visited, "labels", tmp_path, "Sigmoid logits", "dog\nsea\nsun\ntree")
    said(page, "Stated when the model was uploaded.")
    shares = made("labels")(x)[0].sigmoid()
    assert float(shares.sum()) > 1.2
    expect(page.get_by_role("heading", name="Labels")).to_be_visible()
    check_bars(page, sorted((100 * float(s) for s in shares), reverse=True))
    choose(page, "Target", "sun (2)")
    choose(page, "Score", "Probability")
    check_slope(page, made("labels"), x, lambda z: z[0, 2].sigmoid())
    assert seeing.choice(page, "reads") is None, "what is known already is not in the address"


def test_a_model_that_ends_in_a_softmax(visited: Server, page: Page, tmp_path: Path) -> None:
    module, x = made("softmax"), handed_in(page, visited, "softmax", tmp_path)
    check_slope(page, module, x, lambda p: p[0].max())
    said(page, "Taken from the last layer.")
    choose(page, "Score", "Log-probability")
    check_slope(page, module, x, lambda p: p[0].max().log())
    check_bars(page, sorted((100 * float(p) for p in module(x)[0]), reverse=True)[:5])


def test_the_age_of_a_regression(visited: Server, page: Page, tmp_path: Path) -> None:
    module, x = made("age"), handed_in(page, visited, "age", tmp_path)
    check_slope(page, module, x, lambda y: y[0, 0])
    said(page, f"prediction {float(module(x)):.4g}")
    expect(page.get_by_test_id(streamlit_ids.SIDEBAR).get_by_label("Score", exact=True)).to_have_count(0)
    expect(page.locator(".st-key-chart_classes")).to_have_count(0)
    page.get_by_role("radio", name="Decrease").click()
    page.wait_for_function("location.search.includes('direction=decrease')")
    check_slope(page, module, x, lambda y: -y[0, 0])


def test_a_segmentation_network_by_a_click_and_by_a_drawn_rectangle(
    visited: Server, page: Page, tmp_path: Path
) -> None:
    module, x = made("map"), handed_in(page, visited, "map", tmp_path, classes="sky\nroad\ntree\ncar")
    classes = module(x)[0].argmax(0)
    names = ("sky (0)", "road (1)", "tree (2)", "car (3)")
    legend = page.locator(".st-key-chart_predicted .legendtext").all_text_contents()
    assert legend == [names[i] for i in sorted(set(classes.flatten().tolist()))]
    most = int(classes.flatten().bincount().argmax())
    check_slope(page, module, x, lambda z: z[0, most].mean())
    row, column = 3, 8
    assert names[int(classes[row, column])] in seeing.hover(page, "predicted", row, column)
    seeing.click(page, "predicted", row, column)
    check_slope(page, module, x, lambda z: z[0, :, row, column].max())
    choose(page, "Region", "A rectangle")
    choose(page, "Target", "tree (2)")
    draw(page, (2, 1), (6, 9))
    check_slope(page, module, x, lambda z: z[0, 2, 2:7, 1:10].mean())
    said(page, "mean of the logit of tree (2) over rows 2 to 6, columns 1 to 9")
    page.get_by_test_id(streamlit_ids.SIDEBAR).get_by_role("radio", name="Sum", exact=True).click()
    page.wait_for_function("location.search.includes('reduce=sum')")
    check_slope(page, module, x, lambda z: z[0, 2, 2:7, 1:10].sum())
    page.reload()
    check_slope(page, module, x, lambda z: z[0, 2, 2:7, 1:10].sum())


def draw(page: Page, first: tuple[int, int], last: tuple[int, int]) -> None:
    """Draw a rectangle over the predicted map, from the middle of one cell to that of another."""
    page.wait_for_selector(".st-key-chart_predicted .js-plotly-plot[data-clicks=on]", timeout=20_000)
    start, end = seeing.point(page, "predicted", *first), seeing.point(page, "predicted", *last)
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, steps=4)
    page.mouse.move(*end, steps=4)
    page.mouse.up()
    page.wait_for_function("(last) => location.search.includes(`bottom=${last}`)", arg=last[0])
    seeing.wait(page)


def test_a_detector_by_its_strongest_box_and_by_one_that_is_clicked(
    visited: Server, page: Page, tmp_path: Path
) -> None:
    module, x = made("boxes"), handed_in(page, visited, "boxes", tmp_path, classes="cat\ndog\nhen")
    found = module(x)[0]
    strongest = int(found[4:].amax(0).argmax())
    check_slope(page, module, x, lambda y: y[0, 4:, strongest].max())
    said(page, f"at box {strongest}")
    column, row = (round(float(v) - 0.5) for v in found[:2, strongest])
    seeing.click(page, "image", row, column)
    clicked = int(str(seeing.choice(page, "box")))
    check_slope(page, module, x, lambda y: y[0, 4:, clicked].max())
    choose(page, "Target", "dog (1)")
    check_slope(page, module, x, lambda y: y[0, 5, clicked])
    choose(page, "Box", "All 144 boxes")
    check_slope(page, module, x, lambda y: y[0, 5].mean())
