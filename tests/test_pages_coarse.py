"""The pages where an answer has more pixels than a screen: what is drawn, what a click chooses, what is told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from gradviz_core.compute import inline
from gradviz_core.drawing import fields, screen
from gradviz_core.drawing.captions import number_text
from gradviz_core.drawing.screen import arrays
from gradviz_core.drawing.screen.over_input import over_input
from gradviz_core.types import (
    INPUT,
    ClassScore,
    FloatArray,
    GradientAnswer,
    GradientQuestion,
    PerturbationAnswer,
    PerturbationQuestion,
    Question,
    Site,
    blocks,
)
from gradviz_core.types.area_means import area_means
from gradviz_core.types.looks import Look
from gradviz_core.types.similarity import spearman
from pages.shell import address, pixel
from pages.shell.answer_cache import answer_cache
from pages.shell.clicks import Click
from tests.opening import MAPS, NEURONS, answer_here, chart, opened, read, texts, values
from tests.test_blocks import drawn_by_hand

MODEL, IMAGE = "preset/shapes-cnn", "sample/star"
CNN = {"model": MODEL, "image": IMAGE}
PERTURBATION = "pages/understand/perturbation.py"
BLOCK = 3
"""Of the 96 pixels of the preset."""


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    """A screen of 40 pixels."""
    monkeypatch.setattr(blocks, "MOST_SIDE", 40)
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


def gradient(index: int = 3) -> FloatArray:
    answer = inline.ask(GradientQuestion(model=MODEL, image=IMAGE, target=ClassScore(index)))
    assert isinstance(answer, GradientAnswer)
    return answer.gradients[INPUT]


def captions_of(app: AppTest) -> str:
    return " ".join(c.value for c in app.caption).replace("\\", "")


def test_a_cell_of_the_saliency_is_the_largest_of_its_block_and_the_page_says_so() -> None:
    app = opened(target="3", view="l2", **CNN)
    view = fields.magnitude_l2(gradient())
    figure = chart(app, "gradient")
    np.testing.assert_array_equal(values(figure), np.array(drawn_by_hand(view.values, BLOCK), np.float32))
    (trace,) = (t for t in figure["data"] if t["type"] == "heatmap")
    assert (trace["zmax"], trace["x0"], trace["dx"]) == (pytest.approx(view.limit), 1, 3)
    assert figure["layout"]["xaxis"]["range"] == [-0.5, 95.5]
    assert "largest magnitude of 3×3" in trace["hovertemplate"]
    assert "each cell is the value of largest magnitude among 3×3 pixels, with its sign" in captions_of(app)
    assert "each cell is the mean of 3×3 pixels" in captions_of(app)
    row, column = np.unravel_index(view.values.argmax(), view.values.shape)
    assert any(f"row {row}, column {column}" in text for text in texts(app))
    length = number_text(fields.length(gradient()))
    assert any(f"L2 norm of gradient] **{length}**" in text for text in texts(app))


def test_another_view_or_pixel_asks_anew_and_the_same_one_does_not(asked: list[Question]) -> None:
    app = opened(target="3", **CNN)
    first = len(asked)
    app.run()
    assert len(asked) == first
    opened(target="3", view="max", **CNN)
    opened(target="3", pixel="3,4", **CNN)
    assert [question.kind for question in asked[first:]] == ["gradient", "gradient"]


def test_the_numbers_of_a_pixel_are_its_own_and_those_round_it_are_drawn_exactly() -> None:
    app = opened(target="3", pixel="50,61", **CNN)
    whole = gradient()
    said = " ".join(texts(app))
    for value in whole[0, :, 50, 61]:
        assert number_text(float(value), 4) in said
    figure = chart(app, "near")
    (trace,) = (t for t in figure["data"] if t["type"] == "heatmap")
    shown = values(figure)
    top, left = trace["y0"], trace["x0"]
    assert (shown.shape, top, left) == ((48, 48), 26, 37)
    view = fields.signed_sum(whole).values
    np.testing.assert_array_equal(shown, view[top : top + 48, left : left + 48])
    assert trace["zmax"] == pytest.approx(fields.signed_sum(whole).limit)


@pytest.mark.parametrize("view", ["signed_sum", "channel"])
def test_a_click_chooses_the_pixel_whose_number_is_drawn(view: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written: dict[str, object] = {}
    monkeypatch.setattr(address, "write", written.update)
    whole = gradient()
    answer = inline.ask(GradientQuestion(model=MODEL, image=IMAGE, target=ClassScore(3)))
    look = Look(reduction="channel" if view == "channel" else "signed_sum")
    found = over_input(screen.fit(answer, look).arrays, f"gradient/{INPUT}")
    assert found.blocks is not None
    if view == "channel":
        sheet = found.tiles(3, unit="")
        row, column = sheet.corner(1)
        pixel.click_over(found, sheet)(Click(row + 7, column + 31, -1))
        shown, part = found.numbers[0, 1, 7, 31], whole[0, 1]
    else:
        pixel.click_over(found)(Click(7 * BLOCK + 1, 31 * BLOCK + 1, -1))
        shown, part = found.field("signed_sum", unit="").values[7, 31], fields.signed_sum(whole).values
    row, column = map(int, str(written["pixel"]).split(","))
    assert part[row, column] == shown
    assert (row // BLOCK, column // BLOCK) == (7, 31)
    written.clear()
    pixel.click_over(found)(Click(300, 2, -1))
    assert written == {}


def test_channels_are_made_coarse_one_by_one() -> None:
    app = opened(target="3", view="channels", **CNN)
    shown, whole = values(chart(app, "gradient")), gradient()[0]
    for channel in whole:
        hand = np.array(drawn_by_hand(channel, BLOCK), np.float32)
        found = [
            (row, column)
            for row in range(shown.shape[0] - 31)
            for column in range(shown.shape[1] - 31)
            if shown[row, column] == hand[0, 0]
        ]
        assert any(np.array_equal(shown[r : r + 32, c : c + 32], hand) for r, c in found)


def test_neurons_and_maps_and_perturbation_are_drawn_too(
    asked: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = "features.0"
    app = opened(NEURONS, site=site, **CNN)
    assert not app.error
    assert values(chart(app, "gradient")).shape == (32, 32)
    figure = chart(app, "gallery")
    gallery = values(figure)
    assert figure["data"][0]["customdata"]["shape"] == f"{gallery.shape[0]}, {gallery.shape[1]}, 3"
    assert "x0" not in figure["data"][0], "a sheet of tiles is drawn in its own cells"
    assert np.ptp(gallery[np.isfinite(gallery)]) > 0
    assert gallery.shape[1] < 60, "three pictures of the few pixels that these units see, and not of all 96"
    assert "units" in [question.kind for question in asked]
    app = opened(MAPS, site=site, maps="product", **CNN)
    assert not app.error
    answer = inline.ask(GradientQuestion(model=MODEL, image=IMAGE, wrt=(Site(site),)))
    assert isinstance(answer, GradientAnswer)
    product = fields.product(answer.activations[Site(site)], answer.gradients[Site(site)])[0]
    strongest = int(fields.strength(product).argmax())
    one = np.array(drawn_by_hand(product[strongest], blocks.side(*product.shape[1:])), np.float32)
    np.testing.assert_array_equal(values(chart(app, "channel")), one)
    side = blocks.side(*product.shape[1:])
    assert f"each cell is the value of largest magnitude among {side}×{side} positions" in captions_of(app)
    monkeypatch.setattr(arrays, "WINDOW", 20)
    answer_cache.clear()
    app = opened(MAPS, site=site, maps="product", channel=str(strongest), row="44", col="2", **CNN)
    near = chart(app, "near")
    (trace,) = (t for t in near["data"] if t["type"] == "heatmap")
    top = min(34, product.shape[1] - 20)
    assert (trace["y0"], trace["x0"]) == (top, 0)
    np.testing.assert_array_equal(values(near), product[strongest][top : top + 20, :20])
    assert any(number_text(float(product[strongest][44, 2]), 4) in text for text in texts(app))
    app = opened(PERTURBATION, pixel="50,61", **CNN)
    assert not app.error
    changed = inline.ask(PerturbationQuestion(model=MODEL, image=IMAGE, target=ClassScore(), epsilon=4, away=True))
    assert isinstance(changed, PerturbationAnswer)
    difference = (changed.after.astype(np.float32) - changed.pixels).sum(axis=2)
    np.testing.assert_array_equal(
        values(chart(app, "difference")), np.array(drawn_by_hand(difference, BLOCK), np.float32)
    )
    assert any(number_text(float(changed.arrays["gradient"][0, 0, 50, 61]), 4) in text for text in texts(app))


def test_maps_of_layers_with_too_many_positions_are_drawn_and_told_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "_is_large", lambda answer: True)
    site = Site("features.0")
    app = opened(MAPS, **CNN, target="3", maps="method", site="features.0", row="31", col="47", layer_options=KEPT)
    assert not app.error
    options = (("negative", "kept"),)
    question = GradientQuestion(
        model=MODEL, image=IMAGE, target=ClassScore(3), method="grad_cam", options=options, wrt=(site,)
    )
    whole = inline.ask(question).attributions[site][0, 0]
    assert whole.shape == (48, 48)
    np.testing.assert_array_equal(values(chart(app, "map")), drawn_by_hand(whole, 2))
    row, column = divmod(int(np.abs(whole).argmax()), 48)
    said = " ".join([*texts(app), captions_of(app)]).replace("*", "")
    assert number_text(float(whole[31, 47]), 4) in said
    assert f"row {row}, column {column}" in said
    assert values(chart(app, "cams")).size


KEPT = "negative=kept"


def test_compare_takes_the_means_of_maps_that_are_too_large() -> None:
    app = opened(
        "pages/comparing/compare.py",
        **CNN,
        map1="gradient",
        map1_target="3",
        map2="gradient",
        map2_target="5",
        map3="none",
    )
    one, other = (area_means(fields.signed_sum(gradient(index)).values, 32, 32) for index in (3, 5))
    np.testing.assert_allclose(values(chart(app, "map_difference")), other - one, atol=1e-6)
    (table,) = [m.value for m in app.markdown if m.value.startswith("| maps |")]
    cells = [read(cell).strip().replace("−", "-") for cell in table.splitlines()[2].split("|")[1:-1]]
    assert float(cells[1]) == pytest.approx(spearman(one, other), abs=0.006)
    assert cells[4] == "32×32 cells"
    assert "means over 32×32 areas of equal size" in captions_of(app)
