"""Attention on the pages: the methods over it on Input saliency, and what each head attends to on Layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import gradviz_core as gv
from gradviz_core.compute import inline
from gradviz_core.drawing import head_figures, head_words
from gradviz_core.types import Question
from gradviz_core.types.methods import offered_at
from pages.explore import heads
from pages.shell import address
from pages.shell.answer_cache import answer_cache
from pages.shell.clicks import Click
from tests import snippet_runs
from tests.exported.files import exported_bytes
from tests.opening import MAPS, SALIENCY, answer_here, chart, errors, opened, read, texts, values
from tests.test_snippets import SQUARE, keep, own_picture
from tests.test_token_grids import with_registers

VIT = {"model": "preset/shapes-vit", "image": "sample/star"}
CNN = {"model": "preset/shapes-cnn", "image": "sample/star"}


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


@pytest.mark.parametrize("method", offered_at("attention"))
def test_a_map_of_the_patches_lies_where_they_lie(method: str) -> None:
    app = opened(SALIENCY, **VIT, method=method, pixel="40,52")
    assert not app.error
    answer = inline.ask(gv.GradientQuestion(model=VIT["model"], image=VIT["image"], method=method))
    true = answer.attributions[gv.INPUT][0, 0]
    _, heat = chart(app, "gradient")["data"]
    np.testing.assert_array_equal(values(chart(app, "gradient")), true)
    # two convolutions of stride 2 with padding, then patches of 3 × 3: the first is centred at 4, the next at 16
    assert (heat["x0"], heat["dx"], heat["y0"], heat["dy"]) == pytest.approx((4, 12, 4, 12))
    assert heat["zsmooth"] is False
    said = " ".join(texts(app))
    assert "Each square is a patch. Token 0 is not a patch, so its number stands below." in said
    assert "token 0 (not a patch)" in said
    assert f":gray[patch row 3, column 4] **{float(true[3, 4]):.4g}**" in said
    assert not [one for one in app.button_group if one.label == "View"], "there is one number for each patch"


def test_another_view_in_the_address_changes_nothing(asked: list[Question]) -> None:
    one, other = (opened(SALIENCY, **VIT, method="chefer", **more) for more in ({}, {"view": "max"}))
    np.testing.assert_array_equal(values(chart(one, "gradient")), values(chart(other, "gradient")))


def test_the_numbers_of_all_tokens_come_with_the_map() -> None:
    answer = inline.ask(gv.GradientQuestion(model=VIT["model"], image=VIT["image"], method="attention_rollout"))
    tokens = answer.tokens
    assert tokens is not None
    np.testing.assert_array_equal(tokens.map, answer.attributions[gv.INPUT][0, 0])
    assert list(tokens.apart) == [0]
    assert tokens.numbers.sum() == pytest.approx(1, abs=1e-5), "the rows of a rollout sum to 1"
    assert (tokens.centres.row, tokens.centres.down) == (4, 12)


def test_they_are_offered_where_the_model_attends() -> None:
    for choices, there in ((VIT, True), (CNN, False)):
        (listed,) = (each for each in opened(SALIENCY, **choices).selectbox if each.label == "Method")
        assert ("LeGrad" in listed.options) == there
        assert "SmoothGrad" in listed.options
    (said,) = errors(opened(SALIENCY, **CNN, method="legrad"))
    assert read(said) == (
        "LeGrad is made from attention weights, and this model has no attention. Choose another method, or a vision "
        "transformer."
    )
    (said,) = errors(opened(SALIENCY, **VIT, method="lime"))
    assert "Method cannot be 'lime'" in read(said)


def test_insertion_and_deletion_take_the_pixels_patch_by_patch() -> None:
    question = gv.InsertionQuestion(model=VIT["model"], image=VIT["image"], method="chefer", steps=64)
    answer = inline.ask(question)
    true = inline.ask(gv.GradientQuestion(model=VIT["model"], image=VIT["image"], method="chefer"))
    assert true.tokens is not None
    row, column = divmod(int(true.attributions[gv.INPUT].argmax()), 8)
    assert (row, column) == (3, 1), "inside, so that it has 144 pixels: as many as one of 64 steps deletes"
    x = torch.from_numpy(true.activations[gv.INPUT].copy())
    x[:, :, 12 * row - 2 : 12 * row + 10, 12 * column - 2 : 12 * column + 10] = 0
    with torch.no_grad():
        expected = gv.load(VIT["model"])(x)[0, 3].item()
    assert answer.arrays["deletion"][:2].tolist() == pytest.approx([true.score, expected], rel=1e-4)


# ---------------------------------------------------------------------------------------------------------------- heads

LAYER = "layers.1.attention[.attention]"


def attending(**asked: object) -> gv.AttendingAnswer:
    return inline.ask(gv.AttendingQuestion(model=VIT["model"], image=VIT["image"], **asked))  # type: ignore[arg-type]


def test_the_row_of_one_head_lies_over_the_image_and_sums_to_1(asked: list[Question]) -> None:
    app = opened(MAPS, **VIT, maps="heads")
    assert not app.error
    assert [type(one).__name__ for one in asked].count("AttendingQuestion") == 1
    answer = attending()
    (row,) = (answer.row(3, 0, "weights"),)
    assert row is not None
    np.testing.assert_array_equal(values(chart(app, "map")), row.map)
    heat = chart(app, "map")["data"][1]
    assert (heat["x0"], heat["dx"]) == pytest.approx((4, 12))
    said = " ".join(texts(app))
    assert "How much token 0 (a class token or a register) attends to each patch in head 0 of" in said
    assert "the 65 weights sum to] **1**" in said
    assert f"token 0 (not a patch)] **{row.numbers[0]:.3g}**" in said
    assert "a row for each of 4 attention layers in order of execution, a column for each head" in said


def test_a_token_a_head_and_the_gradient_are_chosen_in_the_address() -> None:
    choices = {"attention_layer": LAYER, "attention_head": "2", "query": "21", "attention": "products"}
    app = opened(MAPS, **VIT, maps="heads", strip="one", **choices)
    answer = attending(layer=gv.Site.parse(LAYER), token=21)
    row = answer.row(1, 2, "products")
    assert row is not None
    np.testing.assert_array_equal(values(chart(app, "map")), row.map)
    said = " ".join(texts(app))
    assert "Attention of token 21 (patch row 2, column 4) to each patch in head 2 of the attention weights" in said
    assert "products sum to" in said
    sheet = values(chart(app, "heads"))
    every = np.concatenate([one.ravel() for name, one in answer.arrays.items() if name.startswith("products/")])
    assert set(sheet[np.isfinite(sheet)].tolist()) <= set(every.tolist()), "on one scale each number is one of a row"
    own = values(chart(opened(MAPS, **VIT, maps="heads", **choices), "heads"))
    assert np.nanmax(np.abs(own)) == 1


def test_clicks_choose_the_head_and_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = attending(token=21)
    written: dict[str, object] = {}
    monkeypatch.setattr(address, "write", written.update)
    monkeypatch.setattr(address, "read", lambda name, default="": "3" if name == "attention_head" else default)
    row = answer.row(1, 0, "weights")
    assert row is not None
    act = heads.choose_patch(answer, 1, row)
    act(Click(row=4 + 12 * 2, column=4 + 12 * 4, position=-1))
    assert {name: str(said) for name, said in written.items()} == {
        "attention_layer": LAYER,
        "attention_head": "3",
        "query": "21",
    }
    maps = [head_figures.HeadMap(layer, head, np.eye(4)) for layer in range(2) for head in range(3 - layer)]
    figure, sheet, shown = head_figures.strip(maps, signed=False, unit="", each=True, chosen=(0, 0))
    row_of, column = sheet.corner(4)
    assert figure.data[0].customdata[row_of, column].tolist() == [1, 1], "layer and head stand in the hover"
    choose = heads.choose_tile(answer, sheet, shown)
    row_of, column = sheet.corner(4)
    choose(Click(row_of, column, -1))
    assert (str(written["attention_layer"]), written["attention_head"], written["query"]) == (LAYER, 1, 21)
    written.clear()
    row_of, column = sheet.corner(5)
    choose(Click(row_of, column, -1))
    assert not written, "the second layer has two heads only"


def test_the_scale_of_shares_ends_at_1() -> None:
    peak = np.full((24, 24), 0.5)
    peak[3, 5] = 1  # less than a hundredth of the map
    for each, end in ((True, 1.0), (False, 0.5)):
        maps = [head_figures.HeadMap(0, 0, peak)]
        figure, _, _ = head_figures.strip(maps, signed=False, unit="", each=each, chosen=(0, 0))
        assert figure.data[0].zmax == end


def test_a_model_of_many_heads_has_a_figure_of_bounded_size() -> None:
    heads = dict.fromkeys(range(60), 16)
    assert head_figures.kept(heads, 59) == (tuple(range(35, 60)), 16)
    assert head_figures.kept(heads, 3) == (tuple(range(3, 28)), 16), "the chosen layer is among them"
    assert head_figures.kept({1: 3, 4: 2}, 2) == ((1, 4), 3)
    assert head_figures.kept({0: 5000, 1: 2}, 0) == ((0,), head_figures.MOST)
    maps = [head_figures.HeadMap(layer, head, np.eye(14)) for layer in range(12) for head in range(12)]
    figure, _, _ = head_figures.strip(maps, signed=False, unit="", each=True, chosen=(0, 0))
    assert len(figure.to_json()) < 2_000_000, "of ViT-B/16; a name in each cell would make 5.6 MB"


def test_what_is_left_out_of_too_many_heads_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = attending()
    drawn = heads.strip(answer, (), 3, 0, "weights", each=False)
    assert drawn is not None
    assert "a row for each of 4 attention layers" in drawn.picture.caption.sentence
    assert "fit at once" not in drawn.picture.caption.sentence
    monkeypatch.setattr(head_figures, "MOST", 9)
    monkeypatch.setattr(head_words, "MOST", 9)
    drawn = heads.strip(answer, (), 3, 0, "weights", each=False)
    assert drawn is not None
    assert "a row for each of 2 attention layers" in drawn.picture.caption.sentence
    assert (
        "8 of 16 heads are drawn, from attention layers 2 to 3, as not more than 9 fit at once. Choose another "
        "attention layer to see the heads near it." in drawn.picture.caption.sentence
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"query": "65"}, "Token 65 does not exist"),
        ({"query": "x"}, "Query token cannot be 'x': it must be a whole number."),
        ({"attention_head": "4"}, "Head cannot be 4: it must be a whole number from 0 to 3"),
        ({"attention_layer": "norm"}, "There are no attention weights at norm"),
    ],
)
def test_what_does_not_exist_is_said(wrong: dict[str, str], message: str) -> None:
    (said,) = errors(opened(MAPS, **VIT, maps="heads", **wrong))
    assert message in read(said)


def test_heads_are_offered_where_the_model_attends() -> None:
    (said,) = errors(opened(MAPS, **CNN, maps="heads"))
    assert "Show cannot be 'heads'" in read(said)


def test_windows_are_shown_where_they_lie() -> None:
    choices = {"model": "torchvision/swin_t@random-0", "image": "sample/cat"}
    first = "features.1.0.attn[.attention]"
    app = opened(MAPS, **choices, maps="heads", attention_layer=first, query="700")
    assert not app.error
    drawn = values(chart(app, "map"))
    assert drawn.shape == (56, 56)
    # token 700 is the first of window 14, the seventh of the second row of eight windows of 7 × 7
    assert np.argwhere(np.isfinite(drawn)).min(0).tolist() == [7, 42]
    assert np.isfinite(drawn).sum() == 49
    assert np.nansum(drawn) == pytest.approx(1, abs=1e-5)
    assert "Only the patches of its window are coloured." in " ".join(texts(app))


def test_a_map_of_tokens_lies_where_the_pass_shows() -> None:
    app = opened(MAPS, **VIT, maps="method", site="layers.1")
    assert not app.error
    heat = chart(app, "map")["data"][1]
    assert (heat["x0"], heat["dx"], heat["y0"], heat["dy"]) == pytest.approx((4, 12, 4, 12))
    said = " ".join(each.value for each in [*app.caption, *app.markdown])
    assert "guessed" not in said


def test_an_uploaded_transformer_with_registers_is_shown_on_both_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in snippet_runs.own_store(tmp_path, monkeypatch):
        data = exported_bytes(with_registers().eval(), torch.zeros(1, 3, 28, 42))
        model, image = keep(data, "", replace(SQUARE, size=(28, 42), resize=None)), own_picture(tmp_path, "turned")
        choices = {"model": model, "image": image}
        app = opened(SALIENCY, **choices, method="chefer")
        assert not app.error
        assert values(chart(app, "gradient")).shape == (2, 3)
        assert "Tokens 0 to 4 are not patches, so their numbers stand below." in " ".join(texts(app))
        app = opened(MAPS, **choices, maps="heads")
        assert not app.error
        assert values(chart(app, "map")).shape == (2, 3)
        app = opened(MAPS, **choices, maps="method", site="blocks.1")
        assert not app.error
        assert values(chart(app, "map")).shape == (2, 3)
        said = " ".join(each.value for each in [*app.caption, *app.markdown])
        assert "5 tokens that are no patch are left out" in said
        assert chart(app, "changes")["data"], "their regions are tried too"
