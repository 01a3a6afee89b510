"""The programs of the pictures of outputs of other kinds: run, each gives the very array that is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gradviz_core.drawing import bars, snippets
from gradviz_core.types import (
    ClassScore,
    GradientQuestion,
    OutputAnswer,
    OutputQuestion,
    PerturbationQuestion,
    SurveyQuestion,
)
from gradviz_core.types.heads import Head
from tests.exported.files import exported_bytes
from tests.own_outputs import IMAGE, SIDE, Served, made, served_here
from tests.snippet_runs import ask, error, run, setting


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    """Puts a model of ``own_outputs`` behind a key, as an upload."""
    return served_here(monkeypatch)


def folder_with(name: str, folder: Path) -> Path:
    data = exported_bytes(made(name), torch.zeros(1, 3, SIDE, SIDE))
    (folder / "your-model.pt2").write_bytes(data)
    return folder


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("classes", Head()),
        ("labels", Head(reading="sigmoid_logits")),
        ("one logit", Head(reading="sigmoid_logits")),
        ("sigmoid", Head()),
        ("log-softmax", Head()),
        ("embedding", Head(reading="numbers")),
        ("two heads", Head("aux")),
    ],
)
def test_the_bars_before_and_after_are_what_the_program_gives(
    name: str, head: Head, served: Served, tmp_path: Path
) -> None:
    key, folder = served(name), folder_with(name, tmp_path)
    at, target = setting(key, IMAGE), ClassScore(head=head)
    answer = ask(GradientQuestion(model=key, image=IMAGE, target=target))
    assert isinstance(answer.target, ClassScore)
    reading = answer.target.head.reading
    assert reading
    drawn = [bar.length for bar in bars.of(answer.prediction, reading)]
    assert error(run(snippets.classes(at, len(answer.prediction), head), folder), np.array(drawn)) < 1e-5
    moved = ask(PerturbationQuestion(model=key, image=IMAGE, target=target, epsilon=4))
    later = {p.index: p for p in moved.prediction_after}
    after = bars.of([later[p.index] for p in moved.prediction], reading)
    both = np.array([[b.length, a.length] for b, a in zip(bars.of(moved.prediction, reading), after, strict=True)])
    assert error(run(snippets.classes_after(at, moved), folder), both) < 1e-5


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("map", Head()),
        ("mask", Head()),
        ("mask", Head(reading="sigmoid_logits")),
        ("mask of shares", Head()),
        ("map in a dictionary", Head("aux")),
    ],
)
def test_the_predicted_map_is_what_the_program_gives(name: str, head: Head, served: Served, tmp_path: Path) -> None:
    key = served(name)
    found = ask(OutputQuestion(model=key, image=IMAGE, head=head))
    assert isinstance(found, OutputAnswer)
    drawn = found.arrays["scores" if found.head.reading == "numbers" else "classes"]
    assert len(np.unique(drawn)) > 1
    shown = run(snippets.predicted_map(setting(key, IMAGE), head), folder_with(name, tmp_path))
    assert error(shown, drawn) < 1e-5


def test_the_survey_says_what_the_default_head_predicts(served: Served) -> None:
    key = served("two heads")
    assert len(ask(SurveyQuestion(model=key, image=IMAGE)).prediction) == 5
    assert len(ask(SurveyQuestion(model=key, image=IMAGE, head=Head("aux"))).prediction) == 3
