"""Rows of attention weights and their products with the gradient, for one token, in every head of every layer."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.answers import attending as answers
from gradviz_core.answers.scene import Clock
from gradviz_core.drawing import head_words
from gradviz_core.errors import QuestionError
from gradviz_core.methods.token_grids import grid_of
from gradviz_core.tracing import trace
from gradviz_core.types.attending import MEAN
from gradviz_core.types.patches import PADDING
from tests import attending
from tests.oracles import scene_of
from tests.test_attention import by_plain_autograd
from tests.test_token_grids import swin, with_registers

TARGET = gv.ClassScore(2)


def answered(module: nn.Module, x: Tensor, **asked: object) -> gv.AttendingAnswer:
    with trace.recording():
        scene = replace(scene_of(module, x), trace=trace.forward(module, x, attention=True), attention=True)
        question = gv.AttendingQuestion(model="", image="", **{"target": TARGET, **asked})  # type: ignore[arg-type]
        return answers.answer(scene, question, (), Clock(torch.device("cpu"), time.perf_counter()))


def rows(answer: gv.AttendingAnswer, what: str = "weights") -> list[np.ndarray]:
    return [answer.arrays[f"{what}/{layer.site}"] for layer in answer.layers]


@pytest.mark.parametrize("token", [None, 0, 4])
def test_rows_and_products_of_three_blocks_are_what_plain_autograd_gives(token: int | None) -> None:
    module, x = attending.vision_transformer(), attending.picture()
    answer = answered(module, x, token=token)
    weights, slopes = by_plain_autograd(module, x)
    assert answer.queries == (token or 0,) * 3, "without a token it is the class token"
    row = token or 0
    for one, found, product, slope in zip(weights, rows(answer), rows(answer, "products"), slopes, strict=True):
        expected = one.detach().reshape(2, 10, 10)[:, row]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
        true = expected * slope.reshape(2, 10, 10)[:, row]
        assert np.abs(product - true.numpy()).max() <= 1e-5 * max(slope.abs().max().item(), 1e-9)
        np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-5)
    assert np.abs(rows(answer, "products")[0]).max() > 0
    assert [list(answer.arrays[f"keys/{layer.site}"]) for layer in answer.layers] == [[-1, *range(9)]] * 3


def test_without_a_class_token_it_is_the_mean_over_all() -> None:
    module, x = attending.by_hand("product"), attending.picture(16, 24)
    answer, each = answered(module, x), [answered(module, x, token=token) for token in range(6)]
    assert (answer.queries, each[4].queries) == ((MEAN,), (4,))
    for what in ("weights", "products"):
        mean = np.mean([rows(one, what)[0] for one in each], axis=0)
        np.testing.assert_allclose(rows(answer, what)[0], mean, rtol=1e-4, atol=1e-6)


def test_with_registers_the_first_token_that_is_no_patch_asks() -> None:
    answer = answered(with_registers().eval(), attending.picture(28, 42))
    assert answer.queries == (0, 0)
    assert [layer.extra for layer in answer.layers] == [(0, 1, 2, 3, 4)] * 2


def test_in_windows_a_token_asks_within_its_own_and_elsewhere_the_token_at_the_same_patch() -> None:
    module, x = swin().eval(), attending.picture(32, 32)
    found = trace.forward(module, x, attention=True)
    first = found.attention[0]
    answer = answered(module, x, layer=first, token=21, target=gv.ClassScore(0))
    # the picture has 8 × 8 patches in windows of 4 × 4, so token 21 is the sixth of the second window: row 1, column 5
    assert answer.layers[0].windows == 4
    assert answer.queries[0] == 21
    keys = answer.arrays[f"keys/{first}"]
    assert keys.tolist() == [8 * row + column for row in range(4) for column in range(4, 8)]
    assert keys[21 % 16] == 8 + 5
    heads = found.value(first).detach().reshape(4, 2, 16, 16)
    np.testing.assert_allclose(rows(answer)[0], heads[1, :, 5], rtol=1e-5)
    for layer, query in zip(answer.layers, answer.queries, strict=True):
        grid = grid_of(found, layer.site)
        assert grid is not None
        patch = int(grid.queries.flatten()[query])
        scale = 8 // grid.rows
        assert divmod(patch, grid.columns) == (int(1.5 // scale), int(5.5 // scale))
        assert patch in answer.arrays[f"keys/{layer.site}"]
    mean = answered(module, x, target=gv.ClassScore(0))
    assert set(mean.queries) == {MEAN}
    for row in rows(mean):
        np.testing.assert_allclose(row.sum(-1), 1, rtol=1e-5)
    assert rows(mean)[0].shape == (2, 64)


@pytest.mark.parametrize("size", [(40, 40), (24, 40), (12, 16)], ids=str)
def test_padding_of_windows_neither_asks_nor_counts_as_a_class_token(size: tuple[int, int]) -> None:
    module, x = swin().eval(), attending.picture(*size)
    found = trace.forward(module, x, attention=True)
    answer = answered(module, x, target=gv.ClassScore(0))
    assert set(answer.queries) == {MEAN}
    for layer, row in zip(answer.layers, rows(answer), strict=True):
        assert layer.extra == ()
        patches = answer.arrays[f"queries/{layer.site}"].reshape(layer.windows, 16)
        assert set(patches[patches < 0].tolist()) == {PADDING}
        assert sorted(patches[patches >= 0].tolist()) == list(range(layer.rows * layer.columns))
        matrices = found.value(layer.site).detach().reshape(layer.windows, 2, 16, 16).numpy()
        if layer is answer.layers[0]:
            each = [matrices[window, :, token] for window, token in np.argwhere(patches >= 0)]
            sums = np.zeros((2, layer.windows, 16))
            for (window, _), one in zip(np.argwhere(patches >= 0), each, strict=True):
                sums[:, window] += one / len(each)
            np.testing.assert_allclose(row, sums.reshape(2, -1), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(row.sum(-1), 1, rtol=1e-5)
    padding = int(np.flatnonzero(answer.arrays[f"queries/{answer.layers[0].site}"] == PADDING)[0])
    asked = answered(module, x, layer=answer.layers[0].site, token=padding, target=gv.ClassScore(0))
    assert asked.queries[0] == padding
    assert head_words.query(asked, 0) == f"token {padding} (padding)"


class ThenSorted(attending.Patches):
    """Attends over patches, then over four tokens of which nothing says where they lie."""

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.attention(self.patches(x).flatten(2).transpose(1, 2)).sort(1).values[:, :4]
        logits: Tensor = self.head(self.attention(tokens).mean(1))
        return logits


def test_a_patch_has_no_token_where_no_grid_is_known() -> None:
    module, x = attending.spread(ThenSorted(attending.ByHand("product"))), attending.picture(16, 24)
    first, second = answered(module, x).layers
    assert (first.windows, second.windows) == (1, 0)
    assert answered(module, x, layer=first.site, token=2).queries == (2, MEAN)
    assert answered(module, x, layer=second.site, token=2).queries == (MEAN, 2)


def test_a_question_is_one_pass_and_says_what_it_cannot_find() -> None:
    model, image = "preset/shapes-vit", "sample/star"
    answer = gv.answer(gv.AttendingQuestion(model=model, image=image, token=9))
    assert len(answer.layers) == 4
    assert [row.shape for row in rows(answer)] == [(4, 65)] * 4
    wrong = (
        (
            {"token": 65},
            r"Token 65 does not exist: at the attention weights of layers.3.attention there are tokens 0 to",
        ),
        (
            {"layer": gv.Site("norm")},
            "There are no attention weights at norm. This model attends at layers.0.attention",
        ),
        ({"model": "preset/shapes-cnn"}, "This model has no attention weights. Choose a transformer"),
    )
    for changed, message in wrong:
        with pytest.raises(QuestionError, match=message):
            gv.answer(gv.AttendingQuestion(**{"model": model, "image": image, **changed}))  # type: ignore[arg-type]


def test_of_a_score_inside_the_network_the_layers_after_it_have_products_of_0() -> None:
    module, x = attending.vision_transformer(), attending.picture()
    answer = answered(module, x, target=gv.Unit(gv.Site("encoder.layers.encoder_layer_1"), (1, 2)), token=1)
    assert [bool(one.any()) for one in rows(answer, "products")] == [True, True, False]
    assert any("encoder_layer_2" in note for note in answer.notes)
