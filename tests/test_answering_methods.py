"""A method is handed a real oracle, and a model that draws random numbers a seed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.answering import Answerer
from gradviz_core.answers import oracle
from gradviz_core.answers.load import Model, load
from gradviz_core.errors import QuestionError
from gradviz_core.methods.attributions import GradFn
from gradviz_core.text.codec import question_from_json, question_to_json
from gradviz_core.types.methods import METHODS, PLAIN
from tests.reference import relative_error

MODEL, IMAGE = "preset/shapes-resnet", "sample/star"
INNER = gv.Site("layer1.0.relu", 1)
ROUNDS = 4


def _noises(value: Tensor) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(6)
    for _ in range(ROUNDS):
        yield 0.2 * value.std() * torch.randn(value.shape, generator=generator)


def smooth_grad(grad: GradFn, value: Tensor) -> Tensor:
    """Mean of the gradient at noised values, of an oracle as CONTRIBUTING.md says that a method has it."""
    return torch.stack([grad(value + noise) for noise in _noises(value)]).mean(0)


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[..., gv.GradientAnswer]:
    def answer(method: Callable[[GradFn, Tensor], Tensor], **question: object) -> gv.GradientAnswer:
        monkeypatch.setitem(METHODS, "another", METHODS[PLAIN])
        module = SimpleNamespace(another=lambda oracle, value, options: method(oracle, value))
        monkeypatch.setitem(sys.modules, "gradviz_core.methods.another", module)
        asked = gv.GradientQuestion(**{"model": MODEL, "image": IMAGE, "method": "another", **question})  # type: ignore[arg-type]
        return gv.answer(asked)

    return answer


def _plain(site: gv.Site, value: Tensor, x: Tensor, score: Callable[[Tensor], Tensor]) -> Tensor:
    """The gradient where the site has another value, by a hook of its own and plain autograd."""
    module, leaf, calls = load(MODEL).module, value.clone().requires_grad_(), iter(range(100))
    if site == gv.INPUT:
        return torch.autograd.grad(score(module(leaf)), leaf)[0]
    part = module.get_submodule(site.path)
    handle = part.register_forward_hook(lambda _m, _i, out: leaf.clone() if next(calls) == site.call else out)
    try:
        return torch.autograd.grad(score(module(x)), leaf)[0]
    finally:
        handle.remove()


@pytest.mark.parametrize("site", [gv.INPUT, INNER])
def test_smooth_grad_is_the_mean_of_plain_gradients_at_noised_values(
    ask: Callable[..., gv.GradientAnswer], site: gv.Site
) -> None:
    answer = ask(smooth_grad, wrt=(site,), target=gv.ClassScore(None, "log_probability"))
    assert isinstance(answer.target, gv.ClassScore)
    index = answer.target.index
    assert index is not None
    value, x = (torch.from_numpy(answer.activations[at].copy()) for at in (site, site))
    if site != gv.INPUT:
        x = torch.from_numpy(gv.answer(gv.GradientQuestion(model=MODEL, image=IMAGE)).activations[gv.INPUT].copy())
    one = [_plain(site, value + noise, x, lambda out: out[0].log_softmax(0)[index]) for noise in _noises(value)]
    assert relative_error(torch.from_numpy(answer.attributions[site]), torch.stack(one).mean(0)) < 1e-5
    plain = _plain(site, value, x, lambda out: out[0].log_softmax(0)[index])
    assert relative_error(torch.from_numpy(answer.gradients[site]), plain) < 1e-5, "the gradient stays the gradient"
    assert relative_error(torch.from_numpy(answer.attributions[site]), plain) > 0.05, "and noise does change it"


def test_at_the_value_itself_the_oracle_costs_nothing(
    ask: Callable[..., gv.GradientAnswer], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("no pass is needed")

    monkeypatch.setattr(oracle, "forward", fail)
    answer = ask(lambda grad, value: grad(value.clone()) + grad(value), wrt=(gv.INPUT, INNER))
    for site in (gv.INPUT, INNER):
        assert np.array_equal(answer.attributions[site], 2 * answer.gradients[site])


def test_the_target_stays_the_class_that_was_predicted(ask: Callable[..., gv.GradientAnswer]) -> None:
    """With five times the contrast another class is predicted; the gradient is that of the first."""
    answer = ask(lambda grad, value: grad(5 * value))
    x = torch.from_numpy(answer.activations[gv.INPUT].copy())
    module = load(MODEL).module
    assert isinstance(answer.target, gv.ClassScore)
    index = answer.target.index
    assert index is not None
    assert int(module(5 * x).argmax()) != index
    found = torch.from_numpy(answer.attributions[gv.INPUT])
    assert relative_error(found, _plain(gv.INPUT, 5 * x, x, lambda out: out[0, index])) < 1e-5


def test_a_target_inside_the_model_is_read_from_the_further_pass(ask: Callable[..., gv.GradientAnswer]) -> None:
    """A unit of a ReLU: its slope at what goes in is 1 at its own place where that is positive, else zero."""
    site, unit = gv.Site("bn1"), gv.Unit(gv.Site("relu"), (2, 3, 4))
    positive = ask(lambda grad, value: grad(value.abs() + 1), wrt=(site,), target=unit).attributions[site]
    assert positive[0, 2, 3, 4] == 1 == positive.sum()
    assert not ask(lambda grad, value: grad(-value.abs() - 1), wrt=(site,), target=unit).attributions[site].any()


def test_an_oracle_is_asked_with_the_shape_of_its_site(ask: Callable[..., gv.GradientAnswer]) -> None:
    with pytest.raises(QuestionError, match=r"a value of shape \(1, 3, 96\); the input has the shape \(1, 3, 96, 96\)"):
        ask(lambda grad, value: grad(value[..., 0]))


def test_a_method_that_writes_to_its_value_spoils_nothing(ask: Callable[..., gv.GradientAnswer]) -> None:
    def spoils(grad: GradFn, value: Tensor) -> Tensor:
        slope = grad(value)
        value.zero_()
        return slope.zero_()

    answer = ask(spoils)
    plain = gv.answer(replace(answer.question, method="gradient"))
    assert np.array_equal(answer.gradients[gv.INPUT], plain.gradients[gv.INPUT])
    assert answer.activations[gv.INPUT].any()


# ------------------------------------------------------------------------------------------------------ random numbers


class Noisy(nn.Module):
    """A preset that looks at its picture through noise."""

    def __init__(self) -> None:
        super().__init__()
        self.model = load("preset/shapes-cnn").module

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x + 0.3 * torch.randn_like(x))  # type: ignore[no-any-return]


@pytest.fixture
def noisy(monkeypatch: pytest.MonkeyPatch) -> Answerer:
    answerer = Answerer("cpu")
    model = Model(Noisy().eval(), load("preset/shapes-cnn").card)
    monkeypatch.setattr(answerer._models, "get", lambda _key, _device: model)
    return answerer


def _of(seed: int) -> list[gv.Question]:
    about = {"model": "preset/shapes-cnn", "image": IMAGE, "seed": seed}
    return [
        gv.SurveyQuestion(**about),  # type: ignore[arg-type]
        gv.GradientQuestion(**about, target=gv.ClassScore(2)),  # type: ignore[arg-type]
        gv.UnitsQuestion(**about, site=gv.OUTPUT, place=(), count=2),  # type: ignore[arg-type]
        gv.FlowQuestion(**about, target=gv.ClassScore(2), parameters=True),  # type: ignore[arg-type]
        gv.PerturbationQuestion(**about, steps=2),  # type: ignore[arg-type]
        gv.JacobianQuestion(**about, rows=(0, 2)),  # type: ignore[arg-type]
        gv.SpectrumQuestion(**about, count=2, steps=1),  # type: ignore[arg-type]
    ]


def test_a_draw_is_the_same_whatever_was_asked_before_and_every_kind_of_question_says_so(noisy: Answerer) -> None:
    first = [noisy.answer(question) for question in _of(0)]
    others = [noisy.answer(question) for question in reversed(_of(4))][::-1]
    again = [noisy.answer(question) for question in reversed(_of(0))][::-1]
    for one, other, same in zip(first, others, again, strict=True):
        assert all(np.array_equal(one.arrays[name], same.arrays[name], equal_nan=True) for name in one.arrays)
        changed = [name for name in one.arrays if not np.array_equal(one.arrays[name], other.arrays[name])]
        assert changed or isinstance(one, gv.SurveyAnswer)
        assert "random seed 0;" in one.notes[0]  # type: ignore[attr-defined]
        assert "random seed 4;" in other.notes[0]  # type: ignore[attr-defined]
    assert isinstance(first[0], gv.SurveyAnswer)
    assert first[0].random
    assert first[0].prediction != others[0].prediction  # type: ignore[attr-defined]


def test_a_gradient_of_a_draw_is_plain_autograds_from_the_same_seed(noisy: Answerer) -> None:
    answer = noisy.answer(_of(4)[1])
    assert isinstance(answer, gv.GradientAnswer)
    x = torch.from_numpy(answer.activations[gv.INPUT].copy()).requires_grad_()
    module = Noisy().eval()
    torch.manual_seed(4)
    (true,) = torch.autograd.grad(module(x)[0, 2], x)
    assert relative_error(torch.from_numpy(answer.gradients[gv.INPUT]), true) < 1e-6


def test_the_seed_is_part_of_a_question_and_may_be_left_out() -> None:
    question = gv.GradientQuestion(model=MODEL, image=IMAGE, seed=3)
    text = question_to_json(question)
    assert '"seed":3' in text
    assert question_from_json(text) == question
    assert question_from_json(question_to_json(replace(question, seed=0)).replace('"seed":0,', "")).seed == 0  # type: ignore[attr-defined]


def test_a_model_that_draws_nothing_says_nothing() -> None:
    survey = gv.answer(gv.SurveyQuestion(model=MODEL, image=IMAGE))
    assert not survey.random
    assert survey.notes == ()
