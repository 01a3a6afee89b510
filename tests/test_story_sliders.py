"""The views of the story that move: what they say at each stop is computed anew here, by another route."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import gradviz_core as gv
from gradviz_core.compute import inline
from gradviz_core.story import asked, attention, cam, path, smoothgrad
from gradviz_core.story.told import NotSo, Subject, Told
from gradviz_core.story.views import VIEWS, View
from gradviz_core.types import INPUT, GradientQuestion, Question, TokensQuestion
from gradviz_core.types.questions import A
from pages.shell.answer_cache import answer_cache
from tests.opening import answer_here, errors, opened, texts

STORY = "pages/front/story.py"
SHAPES = Subject("preset/shapes-cnn", "sample/circle")
MOVING = tuple(view for view in VIEWS if view.slider is not None)
EACH = pytest.mark.parametrize("view", MOVING, ids=lambda view: view.name)
_kept: dict[Question[Any], Any] = {}


def ask(question: Question[A]) -> A:
    """The answer; each question is answered once for all tests."""
    if question not in _kept:
        _kept[question] = inline.ask(question)
    answer: A = _kept[question]
    return answer


@cache
def told(name: str, at: int) -> Told:
    (view,) = [view for view in MOVING if view.name == name]
    assert view.slider is not None
    return view.slider.tell(ask, SHAPES, at)


def numbers(text: str) -> list[float]:
    """The numbers of a text, with their signs."""
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text.replace("\N{MINUS SIGN}", "-"))]


def network(subject: Subject) -> torch.nn.Module:
    return gv.load(subject.model).eval().requires_grad_(False)


def value(subject: Subject) -> Tensor:
    """What the network is given."""
    question = GradientQuestion(model=subject.model, image=subject.image)
    return torch.from_numpy(ask(question).activations[INPUT].copy())


# ---------------------------------------------------------------------------------------------------------- all of them


@EACH
def test_each_stop_makes_a_claim_and_marks_a_place(view: View) -> None:
    slider = view.slider
    assert slider is not None
    for at in slider.stops:
        what = told(view.name, at)
        assert numbers(what.sentence), "a claim is made of the answer's numbers"
        assert what.sentence.endswith(".")
        assert what.note.endswith(".")
        assert len(what.sentence) < 170, "it is read from the last row"
        assert any(shown.figure.layout.shapes for shown in what.pictures), "one region is marked"
        assert all(shown.caption.facts for shown in what.pictures)
    assert view.tell(ask, SHAPES).sentence == told(view.name, slider.first).sentence
    drawn = {told(view.name, at).pictures[1].figure.to_json() for at in slider.stops}
    assert len(drawn) > len(slider.stops) / 2, "it moves"


# ----------------------------------------------------------------------------------------------------------- SmoothGrad


@pytest.mark.parametrize("draws", smoothgrad.DRAWS[1:])
def test_what_is_left_of_a_mean_over_noisy_copies(draws: int) -> None:
    net, x = network(SHAPES), value(SHAPES)
    label = int(net(x).argmax())
    maps = []
    for number in range(draws):
        noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(number))
        copy = (x + smoothgrad.SPREAD * (x.max() - x.min()) * noise).requires_grad_()
        (slope,) = torch.autograd.grad(net(copy)[0, label], copy)
        maps.append(slope[0].sum(0).double().numpy())
    mean, here = np.mean(maps, axis=0), asked.gradient(ask, SHAPES).gradients[INPUT][0].sum(axis=0, dtype=np.float64)
    left = np.sqrt(np.mean(mean**2) / np.mean(maps[0] ** 2))
    what = told("smoothgrad", draws)
    assert numbers(what.sentence) == pytest.approx([draws, 100 * left, 100 / np.sqrt(draws)], abs=0.051)
    (beside,) = re.findall(r"the right map has ([\d.]+)", what.note)
    assert float(beside) == pytest.approx(100 * np.sqrt(np.mean(mean**2) / np.mean(here**2)), abs=0.051)
    (said,) = re.findall(r"correlation of (\S+) ", what.note)
    assert float(said) == pytest.approx(np.corrcoef(here.ravel(), mean.ravel())[0, 1], abs=0.006)
    assert np.abs(what.pictures[1].figure.data[0].z - mean).max() < 1e-5 * np.abs(mean).max()


def test_one_noisy_copy_has_as_many_neighbours_of_opposite_signs_as_is_said() -> None:
    what = told("smoothgrad", 1)
    shares = []
    for shown in reversed(what.pictures):
        signs = np.sign(shown.figure.data[0].z)
        pairs = np.concatenate([(signs[:, 1:] * signs[:, :-1]).ravel(), (signs[1:] * signs[:-1]).ravel()])
        shares.append(100 * float((pairs < 0).mean()))
    assert numbers(what.sentence) == pytest.approx([1, *shares], abs=0.051)


def test_the_page_shows_smoothgrad_with_the_same_draws() -> None:
    assert dict(told("smoothgrad", 64).explore.choices)["options"] == "draws=64,spread=0.05,seed=0"


# ------------------------------------------------------------------------------------------------------------- the path


def test_the_area_under_the_slope_is_the_change_of_the_score() -> None:
    net, x = network(path.STAR), value(path.STAR)
    steps = asked.card(ask, path.STAR).preprocessing
    mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in (steps.mean, steps.std))
    raw = x * std + mean
    scores = net(torch.cat([(raw * percent / 100 - mean) / std for percent in path.PERCENT]))[:, net(x).argmax()]
    for percent, score in zip(path.PERCENT[1:], (scores[1:] - scores[0]).tolist(), strict=True):
        what = told("path", percent)
        at, change, area = numbers(what.sentence)
        assert at == percent
        assert change == pytest.approx(abs(score), abs=0.006)
        assert ("higher" if score > 0 else "lower") in what.sentence
        filled, drawn = what.pictures[1].figure.data[0], what.pictures[2].figure.data[0]
        assert np.trapezoid(filled.y, filled.x) / 100 == pytest.approx(area, abs=0.006), "the area that one sees"
        assert filled.x[-1] == percent
        assert drawn.z.sum(dtype=np.float64) == pytest.approx(area, abs=0.006), "the map shares it out"
        assert abs(area - score) < 0.002 * abs(float(scores[-1] - scores[0])) + 0.005


def test_the_page_shows_the_map_that_the_path_ends_with() -> None:
    found = ask(path.same_map()).attributions[INPUT][0].sum(axis=0)
    drawn = told("path", 100).pictures[2].figure.data[0].z
    assert np.abs(drawn - found).max() < 1e-5 * np.abs(found).max()
    assert dict(told("path", 5).explore.choices)["options"] == "baseline=black,steps=101,rule=trapezoid"


# ---------------------------------------------------------------------------------------------- Grad-CAM, and attention


def value_and_score(net: torch.nn.Module, layer: str, x: Tensor, label: int) -> tuple[Tensor, Tensor]:
    seen: list[Tensor] = []
    handle = net.get_submodule(layer).register_forward_hook(lambda _, __, out: seen.append(out))
    score = net(x.clone().requires_grad_())[0, label]
    handle.remove()
    return seen[0], score


@pytest.mark.parametrize("percent", [0, 40, 100])
def test_the_score_changes_so_when_what_a_map_marks_is_covered(percent: int) -> None:
    net, x = network(SHAPES), value(SHAPES)
    label = int(net(x).argmax())
    what, changes = told("cam", percent), []
    for shown, info in zip(what.pictures, cam.at_depth(asked.survey(ask, SHAPES), percent), strict=True):
        out, score = value_and_score(net, info.site.path, x, label)
        (slope,) = torch.autograd.grad(score, out)
        weighted = (slope.mean((2, 3), keepdim=True) * out).sum(1, keepdim=True)
        large = torch.nn.functional.interpolate(weighted, x.shape[2:], mode="bilinear")
        strongest = large > large.flatten().sort().values[large.numel() * 3 // 4 - 1]
        assert strongest.double().mean() == 0.25, "a quarter"
        assert (shown.figure.data[-1].z != strongest[0, 0].numpy()).mean() < 0.001, "drawn"
        changes.append(float(net(x * ~strongest)[0, label] - score.detach()))
    said = [f"{'falls' if change < 0 else 'rises'} by {abs(change):.2f}" for change in changes]
    assert re.findall(r"(?:falls|rises) by \d+\.\d\d", what.sentence) == [said[0], said[2]]
    assert said[1] in what.note
    corners = []
    for rows in (slice(0, x.shape[2] // 2), slice(x.shape[2] // 2, None)):
        for columns in (slice(0, x.shape[3] // 2), slice(x.shape[3] // 2, None)):
            covered = x.clone()
            covered[:, :, rows, columns] = 0
            corners.append(float((net(covered) - net(x))[0, label]))
    listed = what.note.partition("corner's quarter it changes by ")[2].partition(". ")[0].replace("\N{MINUS SIGN}", "-")
    assert [float(one) for one in re.split(", | or ", listed)] == pytest.approx(corners, abs=0.006)


@pytest.mark.parametrize("block", attention.BLOCKS)
def test_what_attention_and_gradient_say_is_counted_on_the_class_tokens_row(block: int) -> None:
    net, x = network(attention.STAR), value(attention.STAR)
    seen: list[Tensor] = []
    layer = net.get_submodule(f"layers.{block - 1}.attention")
    handle = layer.register_forward_hook(lambda _, __, out: seen.append(out[1]))
    net(x)
    handle.remove()
    weights = seen[0][0, :, 0, 1:].mean(0).numpy()  # a class token, then the patches row by row
    tokens = ask(TokensQuestion(model=attention.STAR.model, image=attention.STAR.image))
    sites = tuple(each.site for each in tokens.layers)
    answer = ask(GradientQuestion(model=attention.STAR.model, image=attention.STAR.image, wrt=sites))
    slopes = answer.gradients[sites[block - 1]][0, :, 0, 1:].sum(axis=0)
    most = np.argsort(weights)[-8:]
    what = told("attention", block)
    left, right = (shown.figure.data[-1].z for shown in what.pictures)
    np.testing.assert_allclose(left.ravel(), weights, rtol=1e-4, atol=1e-7)
    np.testing.assert_array_equal(right.ravel(), slopes)
    held, against = 100 * weights[most].sum() / weights.sum(), int((slopes[most] < 0).sum())
    assert numbers(what.sentence) == pytest.approx([held, 8, 64, against, 8], abs=0.051)
    (spent,) = re.findall(r"([\d.]+)\u00a0% of the attention in block", what.note)
    assert float(spent) == pytest.approx(100 * weights[slopes < 0].sum() / weights.sum(), abs=0.051)
    boxed, steepest = numbers(what.note)[-2:]
    assert boxed == pytest.approx(slopes[weights.argmax()], rel=0.05)
    assert steepest == pytest.approx(np.abs(slopes).max(), rel=0.005)


def test_a_claim_that_does_not_hold_is_not_made() -> None:
    one = np.array([[1.0, -1.0], [2.0, 0.5]])
    with pytest.raises(NotSo, match="cancel in part"):
        smoothgrad.facts(one, one, one, 4)
    with pytest.raises(NotSo, match="something in common"):
        smoothgrad.facts(one, one, one / 2, 4)
    assert smoothgrad.facts(one, one, one, 1).alike == pytest.approx(1)
    signal, noise = 3.0, 4.0  # of one copy, whose slopes have the size 5
    known = smoothgrad.facts(one, 5 * one, np.sqrt(signal**2 + noise**2 / 4) * one, 4)
    assert known.noise(4) == pytest.approx((noise**2 / 4) / (signal**2 + noise**2 / 4)), "what is left of the noise"
    with pytest.raises(NotSo, match="although more attention there would lower"):
        attention.facts(np.ones((4, 4)), np.ones((4, 4)))
    weights, slopes = np.arange(16.0).reshape(4, 4), np.where(np.arange(16).reshape(4, 4) % 2, 1.0, -1.0)
    assert attention.facts(weights, slopes) == pytest.approx((92 / 120, 4, 56 / 120, 1, 1))


@pytest.mark.parametrize(("dropped", "words"), [([-1, -9, 2], "score falls"), ([-3, 0, -5], "matters less")])
def test_maps_that_mark_nothing_that_matters_are_not_praised(dropped: list[float], words: str) -> None:
    changes = (np.zeros(3), np.array(dropped, float))

    class Kept:
        """What the view reads of an answer."""

    kept: Any = Kept()
    kept.changes = changes
    with pytest.raises(NotSo, match=words):
        cam.facts(kept)


# ------------------------------------------------------------------------------------------------------------- the page


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    """Questions are answered in this process; the list says which were."""
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


def test_the_slider_is_in_the_address_and_moves_the_sentence(answered: list[Question]) -> None:
    app = opened(STORY, story="path", story_path="75")
    assert any(text.startswith("At 75 % brightness") for text in texts(app))
    before = len(answered)
    app.select_slider(key="shown_story_path").set_value(20).run()
    assert app.query_params["story_path"] == "20"
    assert any(text.startswith("At 20 % brightness") for text in texts(app))
    assert len(answered) == before, "the answer holds all of the path"


def test_a_stop_that_does_not_exist_is_refused_in_one_sentence(answered: list[Question]) -> None:
    app = opened(STORY, story="smoothgrad", story_draws="17")
    (said,) = errors(app)
    assert said.replace("\\", "") == "Noisy copies cannot be 17: it must be one of 1, 4, 16, 64. Move the slider."
    assert not app.get("plotly_chart")
