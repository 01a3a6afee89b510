"""The program of a score, of each kind of output and each kind of target, gives the array of its picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.drawing import bars, fields, snippets
from gradviz_core.drawing.snippets import Setting
from gradviz_core.types import ScoreScale
from gradviz_core.types.cards import Preprocessing, Recipe
from gradviz_core.types.heads import OutputKind
from gradviz_core.uploads import store
from tests import snippet_runs
from tests.dense_nets import Detector, Segmentation
from tests.exported.files import exported_bytes

STEPS = Preprocessing((8, 10), None, (0.4, 0.5, 0.6), (0.2, 0.3, 0.25))
IMAGE = "sample/cat"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    yield from snippet_runs.own_store(tmp_path, monkeypatch)


class Heads(nn.Module):
    """Features, and what ``ending`` makes of four of them."""

    def __init__(self, ending: Callable[[Tensor], object]) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.conv, self.linear = nn.Conv2d(3, 6, 3, 2), nn.Linear(6, 4)
        self.ending = ending

    def forward(self, x: Tensor) -> object:
        return self.ending(self.linear(self.conv(x).relu().mean((2, 3))))


def uploaded(module: nn.Module, folder: Path, reading: OutputKind | None = None) -> Setting:
    data = exported_bytes(module.eval(), torch.zeros(1, 3, 8, 10))
    (folder / "your-model.pt2").write_bytes(data)
    recipe = Recipe(store.here().put(data), "", "Mine", (), STEPS, reading)
    return snippet_runs.setting(f"upload/{store.here().keep_recipe(recipe)}", IMAGE)


def check(at: Setting, target: gv.Target, folder: Path) -> str:
    """The program of the target, once it gave what the picture draws; and so of the target as the answer has it."""
    answer = snippet_runs.ask(gv.GradientQuestion(model=at.card.key, image=IMAGE, target=target))
    assert isinstance(answer, gv.GradientAnswer)
    drawn = fields.signed_sum(answer.gradients[gv.INPUT]).values
    code = [snippets.saliency(at, one, "gradient", "signed_sum") for one in (target, answer.target)]
    for program in dict.fromkeys(code):
        assert snippet_runs.error(snippet_runs.run(program, folder), drawn) < 1e-5, program
    return code[0]


def scores(kind: OutputKind, count: int) -> Iterator[gv.Target]:
    scales: tuple[ScoreScale, ...] = ("logit",) if kind == "numbers" else get_args(ScoreScale)
    for scale in scales if (kind, count) != ("softmax_logits", 1) else ("logit",):
        for against in (False, True):
            yield gv.ClassScore(None if against else 0, scale, against=against)
    if count > 1:
        yield gv.ClassDifference(1, 2)
    if len(scales) > 1 and (kind, count) != ("softmax_logits", 1):
        yield from (gv.CrossEntropy(0), gv.CrossEntropy(1))


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize(
    ("kind", "ending"),
    [
        ("softmax_logits", lambda z: z),
        ("sigmoid_logits", lambda z: z),
        ("numbers", lambda z: z),
        ("probabilities", lambda z: z.sigmoid()),
        ("log_probabilities", nn.functional.logsigmoid),
    ],
)
def test_every_score_of_a_row(kind: OutputKind, ending: Callable[[Tensor], Tensor], count: int, folder: Path) -> None:
    at = uploaded(
        Heads(lambda z: ending(z[:, :count])), folder, kind if "logits" in kind or kind == "numbers" else None
    )
    assert [info.reading for info in at.heads] == [kind]
    for target in scores(kind, count):
        check(at, target, folder)
    survey = snippet_runs.ask(gv.SurveyQuestion(model=at.card.key, image=IMAGE))
    assert isinstance(survey, gv.SurveyAnswer)
    shown = snippet_runs.run(snippets.classes(at, len(survey.prediction)), folder)
    expected = [bar.length for bar in bars.of(survey.prediction, kind)]
    assert shown.tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", ["sigmoid_logits", "numbers"])
def test_what_becomes_of_the_numbers_on_a_changed_picture(kind: OutputKind, folder: Path) -> None:
    at = uploaded(Heads(lambda z: z[:, :3]), folder, kind)
    answer = snippet_runs.ask(gv.PerturbationQuestion(model=at.card.key, image=IMAGE, target=gv.ClassScore(1)))
    assert isinstance(answer, gv.PerturbationAnswer)
    later = {p.index: p for p in answer.prediction_after}
    both = [(p, later[p.index]) for p in answer.prediction]
    expected = [[p.logit if p.probability is None else 100 * p.probability for p in pair] for pair in both]
    shown = snippet_runs.run(snippets.classes_after(at, answer), folder)
    assert shown == pytest.approx(np.array(expected), rel=1e-5)


def test_heads_in_what_a_model_returns(folder: Path) -> None:
    at = uploaded(Heads(lambda z: {"age": z[0, 0], "logits": z, "rows": (z[:, :3].repeat(2, 1),)}), folder)
    check(at, gv.ClassScore(2), folder)
    check(at, gv.ClassScore(0, head=gv.Head("age")), folder)
    check(at, gv.ClassScore(0, "probability", gv.Head("age")), folder)
    check(at, gv.ClassScore(1, "probability", gv.Head("rows.0", row=1)), folder)
    check(at, gv.Combination((gv.Term((1, 2), 2.0), gv.Term((0, 0), -1.5)), gv.Site("", 0, "rows.0")), folder)
    check(at, gv.Combination((gv.Term((0, 4, 1, 2)),), gv.Site("conv")), folder)
    many = tuple(gv.Term((0, k, 1, 2), 0.5 + k) for k in range(6))
    assert "score = score + 5.5 * value[0, 5, 1, 2]" in check(at, gv.Combination(many, gv.Site("conv")), folder)


@pytest.mark.parametrize(
    ("classes", "last", "targets"),
    [
        (
            4,
            None,
            [
                gv.RegionScore(2, gv.Position(3, 7)),
                gv.RegionScore(None, gv.Rectangle((1, 5), (2, 9)), "sum", "log_probability"),
                gv.RegionScore(None, gv.PredictedMask(), scale="probability"),
                gv.RegionScore(),
            ],
        ),
        (1, None, [gv.RegionScore(0, gv.PredictedMask()), gv.RegionScore(scale="probability")]),
        (3, nn.Sigmoid(), [gv.RegionScore(1, scale="log_probability", reduce="sum")]),
        (1, nn.Sigmoid(), [gv.RegionScore(0, gv.PredictedMask(), "sum", "probability")]),
    ],
)
def test_every_region_of_a_map(classes: int, last: nn.Module | None, targets: list[gv.Target], folder: Path) -> None:
    at = uploaded(Segmentation(classes, last), folder)
    for target in targets:
        check(at, target, folder)


@pytest.mark.parametrize("last", [True, False])
def test_every_box(last: bool, folder: Path) -> None:
    at = uploaded(Detector(3, last=last, squashed=True), folder)
    for target in (
        gv.BoxScore(1, 5),
        gv.BoxScore(None, 7, scale="log_probability"),
        gv.BoxScore(reduce="sum", scale="probability"),
        gv.BoxScore(0, 2, skip=6),
    ):
        check(at, target, folder)
