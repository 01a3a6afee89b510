"""Passes that draw random numbers, that differentiate by themselves, and that carry hooks of their author."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gradviz_core.doctor.proof import prove
from gradviz_core.errors import GradVizError, QuestionError, UnknownSite
from gradviz_core.tracing import trace
from gradviz_core.tracing.passes import is_close
from gradviz_core.types import INPUT, ClassScore, Site
from tests import zoo
from tests.reference import relative_error
from tests.test_trace import fingerprint


def _slope(function: Callable[[Tensor], Tensor], label: int = 1) -> Tensor:
    leaf = zoo.image().requires_grad_()
    return torch.autograd.grad(function(leaf)[0, label], leaf)[0]


# ------------------------------------------------------------------------------------------------------ random numbers


@pytest.mark.parametrize("seed", [0, 5])
def test_a_model_that_draws_random_numbers_runs_under_a_seed(seed: int) -> None:
    module = zoo.build("vae")
    sites = [info.site for info in trace.survey(module, zoo.image(), seed=seed)]
    found = trace.gradients(module, zoo.image(), target=ClassScore(1), wrt=sites, seed=seed)
    torch.manual_seed(seed)
    assert relative_error(found.gradients[INPUT], _slope(module)) < 1e-12
    assert f"random seed {seed};" in found.notes[0]


def test_another_seed_is_another_draw_and_none_is_the_first() -> None:
    module, x = zoo.build("vae"), zoo.image()
    found = [trace.gradients(module, x, target=ClassScore(1), seed=seed) for seed in (None, 0, 1, 0)]
    assert found[0].score == found[1].score == found[3].score != found[2].score
    assert torch.equal(found[0].gradients[INPUT], found[3].gradients[INPUT])


class DrawsEverywhere(nn.Module):
    """From torch, NumPy and Python."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) * (torch.rand(1) + np.random.rand() + np.random.randn() + random.random())


def test_the_callers_random_numbers_go_on_as_if_nothing_had_drawn_any() -> None:
    def next_ones() -> tuple[float, ...]:
        return float(torch.rand(1)), float(np.random.rand()), random.random(), float(np.random.randn())

    def begin() -> None:
        random.seed(3), np.random.seed(3), torch.manual_seed(3)

    begin()
    expected = next_ones()
    begin()
    trace.survey(DrawsEverywhere().eval(), zoo.image())
    found = trace.gradients(DrawsEverywhere().eval(), zoo.image(), target=ClassScore(1))
    assert next_ones() == expected
    assert found.score == trace.gradients(DrawsEverywhere().eval(), zoo.image(), target=ClassScore(1)).score


def test_a_model_that_draws_nothing_says_nothing_and_heeds_no_seed() -> None:
    module, x = zoo.build("pools"), zoo.image()
    first, second = (trace.gradients(module, x, target=ClassScore(1), seed=seed) for seed in (0, 9))
    assert first.notes == ()
    assert torch.equal(first.gradients[INPUT], second.gradients[INPUT])


def test_training_mode_draws_the_callers_numbers_unless_a_seed_is_given() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(192, 4)).double().train()
    torch.manual_seed(8)
    one, two = (trace.gradients(module, zoo.image(), target=ClassScore(1)) for _ in range(2))
    torch.manual_seed(8)
    assert torch.equal(one.gradients[INPUT], _slope(module))
    assert torch.equal(two.gradients[INPUT], _slope(module))
    assert not torch.equal(one.gradients[INPUT], two.gradients[INPUT])
    assert "caller's generator" in one.notes[0]
    fixed = trace.gradients(module, zoo.image(), target=ClassScore(1), seed=8)
    assert torch.equal(fixed.gradients[INPUT], one.gradients[INPUT])


def test_a_model_with_one_part_in_training_mode_draws_the_callers_numbers_too() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(192, 4)).double().eval()
    module[1].train()
    torch.manual_seed(8)
    one, two = (trace.gradients(module, zoo.image(), target=ClassScore(1)).gradients[INPUT] for _ in range(2))
    torch.manual_seed(8)
    assert torch.equal(one, _slope(module))
    assert torch.equal(two, _slope(module))


def test_a_model_that_looks_whether_its_input_has_a_gradient_is_refused() -> None:
    class Looks(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (2 * x if x.requires_grad else x).mean((2, 3))

    with pytest.raises(GradVizError, match="computes something different while it is traced"):
        trace.survey(Looks().eval(), zoo.image())


def test_close_is_equal_to_rounding_in_shape_type_and_gaps() -> None:
    numbers = torch.tensor([1e-9, 2e-9, -1e-9])
    assert is_close(numbers, numbers * (1 + 1e-5))
    assert not is_close(numbers, numbers * 1.01)
    assert not is_close(numbers, numbers[:, None])
    assert not is_close(numbers, numbers.double())
    gap = torch.tensor([1.0, torch.nan])
    assert is_close(gap, gap.clone())
    assert not is_close(gap, torch.ones(2))
    assert is_close(torch.zeros(0), torch.zeros(0))
    assert not is_close(torch.tensor([1000]), torch.tensor([1001])), "whole numbers are not rounded"


def test_a_generator_of_the_model_is_copied_with_it() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.generator = torch.Generator().manual_seed(4)

        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(1) * torch.rand(192, generator=self.generator)

    module = Own().double().eval()
    trace.survey(module, zoo.image())
    found = trace.gradients(module, zoo.image(), target=ClassScore(1)).gradients[INPUT]
    assert torch.equal(found, trace.gradients(module, zoo.image(), target=ClassScore(1)).gradients[INPUT])
    assert torch.equal(found, _slope(module)), "the model itself was left at its first draw"


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_seeds_out_of_range(seed: int) -> None:
    with pytest.raises(QuestionError, match=f"The seed is {seed}; it must be a whole number from 0 to"):
        trace.survey(zoo.build("vae"), zoo.image(), seed=seed)


# -------------------------------------------------------------------------------------- gradients in the forward pass


@pytest.mark.parametrize("kind", [zoo.Adapts, zoo.Energy])
def test_a_model_that_differentiates_in_its_forward_pass(kind: type[zoo.Adapts] | type[zoo.Energy]) -> None:
    """Against the same model with its inner gradient written out by hand."""
    torch.manual_seed(2)
    module = kind().double().eval()
    before = fingerprint(module)
    sites = [info.site for info in trace.survey(module, zoo.image()) if info.differentiable]
    found = trace.gradients(module, zoo.image(), target=ClassScore(1), wrt=sites)
    assert fingerprint(module) == before
    assert found.score == pytest.approx(float(module.by_hand(zoo.image())[0, 1].detach()), rel=1e-12)
    assert relative_error(found.gradients[INPUT], _slope(module.by_hand)) < 1e-12
    without = zoo.Adapts.by_hand if kind is zoo.Adapts else None
    if without is not None:  # the inner step really counts
        plain = _slope(lambda x: module.get_submodule("head")(torch.tanh(module.get_submodule("body")(x.flatten(1)))))
        assert relative_error(found.gradients[INPUT], plain) > 1e-3


def test_parts_that_run_within_a_transform_of_torch_func_are_left_out_and_the_rest_is_right() -> None:
    class Functional(nn.Module):
        """The inner step of ``zoo.Adapts`` with ``torch.func.grad``, and one layer under ``vmap``."""

        def __init__(self) -> None:
            super().__init__()
            self.body, self.head, self.last = nn.Linear(192, 5), nn.Linear(5, 4), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            features = torch.tanh(self.body(x.flatten(1)))
            weights: dict[str, Tensor] = dict(self.head.named_parameters())

            def loss(now: dict[str, Tensor]) -> Tensor:
                scores: Tensor = torch.func.functional_call(self.head, now, (features,))
                return scores.square().mean()

            slopes = torch.func.grad(loss)(weights)
            after = {name: weight - 0.3 * slopes[name] for name, weight in weights.items()}
            scores = torch.func.functional_call(self.head, after, (features,))
            return torch.func.vmap(self.last)(scores)  # type: ignore[no-any-return]

    torch.manual_seed(3)
    module = Functional().double().eval()
    sites = [info.site for info in trace.survey(module, zoo.image())]
    assert {Site("body"), Site("head", 1), Site("")} <= set(sites)
    assert Site("last") not in sites
    found = trace.gradients(module, zoo.image(), target=ClassScore(1), wrt=sites)
    assert relative_error(found.gradients[INPUT], _slope(module)) < 1e-12
    with pytest.raises(UnknownSite):
        trace.gradients(module, zoo.image(), target=ClassScore(1), wrt=[Site("last")])


def test_only_what_trains_on_the_module_adapts() -> None:
    class Two(zoo.Adapts):
        def forward(self, x: Tensor) -> Tensor:
            weights = [one for one in self.parameters() if one.requires_grad]
            loss = self.head(self.body(x.flatten(1))).square().mean()
            slopes = torch.autograd.grad(loss, weights, create_graph=True, allow_unused=True)
            size = torch.stack([slope.square().sum() for slope in slopes]).sum()
            return self.head(self.body(x.flatten(1))) * size  # type: ignore[no-any-return]

    torch.manual_seed(2)
    module = Two().double().eval()
    all_of_them = trace.gradients(module, zoo.image(), target=ClassScore(1))
    assert all_of_them.score == pytest.approx(float(module(zoo.image())[0, 1].detach()), rel=1e-12)
    module.body.requires_grad_(False)
    fewer = trace.gradients(module, zoo.image(), target=ClassScore(1))
    assert fewer.score == pytest.approx(float(module(zoo.image())[0, 1].detach()), rel=1e-12)
    assert fewer.score != pytest.approx(all_of_them.score, rel=1e-3)


def test_a_frozen_model_that_differentiates_by_its_own_parameters_is_answered_as_if_they_trained() -> None:
    torch.manual_seed(2)
    module = zoo.Adapts().double().eval()
    expected, score = _slope(module.by_hand), float(module.by_hand(zoo.image())[0, 1].detach())
    module.requires_grad_(False)
    with pytest.raises(RuntimeError, match="cannot be empty"):
        module(zoo.image())
    sites = [info.site for info in trace.survey(module, zoo.image()) if info.differentiable]
    for wrt in (None, sites):
        found = trace.gradients(module, zoo.image(), target=ClassScore(1), wrt=wrt)
        assert found.score == pytest.approx(score, rel=1e-12)
        assert relative_error(found.gradients[INPUT], expected) < 1e-12
    assert prove(module, zoo.image(), ClassScore(1)).outcome == "agrees"
    assert not any(parameter.requires_grad for parameter in module.parameters())


def test_a_frozen_model_that_trains_a_copy_of_a_part_is_the_same_whatever_sites_are_asked_for() -> None:
    class Trains(nn.Module):
        """A step of an optimizer within: z = f Wᵀ, W - r ∂mean(z²)/∂W."""

        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(192, 4, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            flat, head = x.flatten(1), copy.deepcopy(self.head)
            head(flat.detach()).square().mean().backward()
            torch.optim.SGD(head.parameters(), 0.1).step()
            return head(flat)  # type: ignore[no-any-return]

    torch.manual_seed(2)
    module = Trains().double().eval().requires_grad_(False)
    flat, weight = zoo.image().flatten(1), module.head.weight
    after = weight - 0.1 * 2 * (flat @ weight.T).T @ flat / 4
    sites = [info.site for info in trace.survey(module, zoo.image()) if info.differentiable]
    for wrt in (None, sites):
        found = trace.gradients(module, zoo.image(), target=ClassScore(1), wrt=wrt)
        assert relative_error(found.gradients[INPUT].flatten(), after[1]) < 1e-12


def test_a_pass_that_does_less_where_nothing_trains_is_noticed_by_the_survey() -> None:
    class Looks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(192, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(x.flatten(1)) * (2.0 if self.head.weight.requires_grad else 1.0)  # type: ignore[no-any-return]

    with pytest.raises(GradVizError, match="computes something different while it is traced"):
        trace.survey(Looks().double().eval(), zoo.image())
    assert len(trace.survey(Looks().requires_grad_(False).double().eval(), zoo.image())) == 3


def test_an_inner_gradient_that_frees_what_the_score_needs_is_told() -> None:
    class Frees(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Linear(192, 4)

        def forward(self, x: Tensor) -> Tensor:
            scores = torch.sigmoid(self.body(x.flatten(1)))
            (slope,) = torch.autograd.grad(scores.sum(), self.body.weight)
            return scores * slope.sum()

    with pytest.raises(QuestionError, match="create_graph=True"):
        trace.gradients(Frees().double().eval(), zoo.image(), target=ClassScore(1))


# --------------------------------------------------------------------------------------------------------------- hooks


class HooksItsValue(nn.Module):
    """As tutorials write Grad-CAM: a hook on a value of the forward pass keeps its gradient; this one spoils it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head, self.kept = nn.Conv2d(3, 4, 3), nn.Linear(4, 4), []  # type: ignore[var-annotated]

    def forward(self, x: Tensor) -> Tensor:
        maps = self.conv(x)
        handle = maps.register_hook(self.keep)
        self.handle = handle
        return self.head(torch.tanh(maps).mean((2, 3)))  # type: ignore[no-any-return]

    def keep(self, slope: Tensor) -> Tensor:
        self.kept.append(slope)
        return slope * 3


def _no_slope(_module: nn.Module, slopes: Any, _outer: Any = None) -> Any:
    return (slopes[0] * 0,)


def _hookless(module: HooksItsValue) -> Callable[[Tensor], Tensor]:
    def function(x: Tensor) -> Tensor:
        return module.head(torch.tanh(module.conv(x)).mean((2, 3)))  # type: ignore[no-any-return]

    return function


def test_hooks_that_run_backwards_never_run_wherever_they_are() -> None:
    torch.manual_seed(1)
    module = HooksItsValue().double().eval()
    true = _slope(_hookless(module))
    assert relative_error(_slope(module), 3 * true) < 1e-12, "plain autograd gives what the hook makes of it"
    module.kept.clear()
    trace.survey(module, zoo.image())
    found = trace.gradients(module, zoo.image(), target=ClassScore(1), wrt=[INPUT, Site("conv")])
    assert relative_error(found.gradients[INPUT], true) < 1e-12
    assert module.kept == []
    assert "hooks that the forward pass puts on tensors. They did not run" in found.notes[0]

    module.conv.register_full_backward_hook(_no_slope)
    module.head.register_full_backward_pre_hook(_no_slope)
    module.conv.weight.register_hook(lambda slope: slope * 0)  # type: ignore[no-untyped-call]
    found = trace.gradients(module, zoo.image(), target=ClassScore(1))
    assert relative_error(found.gradients[INPUT], true) < 1e-12
    assert "backward hooks of conv, head and hooks on the parameters conv.weight and hooks that" in found.notes[0]


def test_hooks_on_parameters_do_not_run_where_parameters_train() -> None:
    torch.manual_seed(2)
    module = zoo.Adapts().double().eval()
    module.head.weight.register_hook(lambda slope: slope * 0)  # type: ignore[no-untyped-call]
    found = trace.gradients(module, zoo.image(), target=ClassScore(1))
    assert relative_error(found.gradients[INPUT], _slope(module.by_hand)) < 1e-12


def test_hooks_that_run_forwards_are_part_of_the_function() -> None:
    module = zoo.build("pools")
    part = module.get_submodule("silu")
    part.register_forward_pre_hook(lambda _m, inputs: (inputs[0] * 0.5,))
    part.register_forward_hook(lambda _m, _i, output: output * 2.0)
    found = trace.gradients(module, zoo.image(), target=ClassScore(1))
    assert relative_error(found.gradients[INPUT], _slope(module)) < 1e-12
    assert found.notes == ()
