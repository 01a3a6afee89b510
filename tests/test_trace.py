"""The tracer: what it leaves behind (nothing), what it refuses, and what it says of a forward pass."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gradviz_core.errors import BadTarget, GradVizError, QuestionError, UnknownSite, Unreachable
from gradviz_core.tracing import trace
from gradviz_core.tracing.nested import tensors
from gradviz_core.types import (
    INPUT,
    OUTPUT,
    ChannelMean,
    ClassDifference,
    ClassScore,
    CrossEntropy,
    Head,
    Site,
    SiteSum,
    Target,
    Unit,
)
from tests import zoo


def fingerprint(module: nn.Module) -> dict[str, Any]:
    """All that a question must leave as it is."""
    parts = dict(module.named_modules())
    return {
        "hooks": {path: [len(getattr(part, name)) for name in _HOOKS] for path, part in parts.items()},
        "modes": {path: part.training for path, part in parts.items()},
        "flags": {name: (p.requires_grad, p.grad is None) for name, p in module.named_parameters()},
        "state": {
            name: (t._version, hashlib.sha256(t.numpy().tobytes()).digest()) for name, t in module.state_dict().items()
        },
    }


_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


@pytest.fixture(params=["eval", "train"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("name", sorted(zoo.IMAGE_MODELS))
def test_nothing_is_left_on_the_model(name: str, mode: str) -> None:
    module, x = zoo.build(name), zoo.image()
    module.train(mode == "train")
    before, pixels = fingerprint(module), x.clone()
    sites = [info.site for info in trace.survey(module, x) if info.differentiable]
    seen = trace.forward(module, x)
    slopes = trace.differentiate(seen, _total(seen.output), sites)
    assert sum(slope is not None for slope in slopes.values()) >= 2
    trace.gradients(module, x, target=ClassScore(1), wrt=[INPUT])
    with pytest.raises(UnknownSite):
        trace.gradients(module, x, target=ClassScore(1), wrt=[Site("nowhere")])
    assert fingerprint(module) == before
    assert torch.equal(x, pixels)
    assert x.grad is None
    assert not x.requires_grad


def _total(output: object) -> Tensor:
    return torch.stack([tensor.sum() for tensor in tensors(output).values()]).sum()


@pytest.mark.parametrize("as_array", [False, True])
def test_what_becomes_of_the_input_afterwards_changes_no_answer(as_array: bool) -> None:
    module, x = zoo.build("in-place"), zoo.image()
    before, given = x.clone(), x.numpy() if as_array else x
    found = trace.gradients(module, given, target=ClassScore(1))
    seen = trace.forward(module, given)
    x.zero_()
    assert torch.equal(found.activations[INPUT], before)
    assert torch.equal(seen.value(INPUT), before)
    slope = trace.differentiate(seen, seen.value(OUTPUT)[0, 1], [INPUT])[INPUT]
    assert slope is not None
    assert torch.equal(slope, found.gradients[INPUT])


def test_training_mode_is_answered_as_it_is_and_moves_no_statistics() -> None:
    """In training mode batch norm uses the batch's own statistics, so the gradient differs from evaluation mode's."""
    module, x = zoo.build("in-place"), zoo.image()
    still = trace.gradients(module, x, target=ClassScore(0)).gradients[INPUT]
    before = fingerprint(module.train())
    moving = trace.gradients(module, x, target=ClassScore(0)).gradients[INPUT]
    assert fingerprint(module) == before
    assert not torch.allclose(still, moving)


def test_eight_threads_on_one_model_get_what_one_gets() -> None:
    module, x = zoo.build("in-place").float(), zoo.image().float()
    targets: list[Target] = [ClassScore(i % 4) for i in range(4)]
    targets += [Unit(Site("relu", 1), (i, 2, 3)) for i in range(4)]
    serial = [trace.gradients(module, x, target=t).gradients[INPUT] for t in targets]
    before = fingerprint(module)
    found: list[list[Tensor]] = [[] for _ in targets]
    barrier = threading.Barrier(len(targets))

    def ask(i: int) -> None:
        barrier.wait()
        for _ in range(10):
            found[i].append(trace.gradients(module, x, target=targets[i]).gradients[INPUT])

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(targets))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(one, serial[i]) for i in range(len(targets)) for one in found[i])
    assert all(len(ones) == 10 for ones in found)
    assert fingerprint(module) == before


# ------------------------------------------------------------------------------------------------------------- targets


@pytest.fixture
def linear() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(6, 5), nn.Softplus(), nn.Linear(5, 4)).double().eval(), torch.randn(1, 6).double()


def read(target: Target) -> Target:
    """The target, with the head filled in as an answer has it."""
    if isinstance(target, ClassScore | ClassDifference | CrossEntropy):
        return replace(target, head=Head(item="", reading="softmax_logits"))
    return target


def test_every_target_by_hand(linear: tuple[nn.Module, Tensor]) -> None:
    """Each target's slope at the hidden layer h, where the logits are W h + b: written out, not differentiated."""
    module, x = linear
    hidden = Site("1")
    weight = module.get_parameter("2.weight").detach()
    logits = module(x)[0].detach()
    p = logits.softmax(0)
    expected: dict[Target, tuple[Tensor, Tensor]] = {
        ClassScore(2): (logits[2], weight[2]),
        ClassScore(2, "probability"): (p[2], p[2] * (weight[2] - p @ weight)),
        ClassScore(2, "log_probability"): (p[2].log(), weight[2] - p @ weight),
        ClassDifference(2, 0): (logits[2] - logits[0], weight[2] - weight[0]),
        CrossEntropy(2): (-p[2].log(), p @ weight - weight[2]),
        Unit(OUTPUT, (3,)): (logits[3], weight[3]),
        ChannelMean(Site("2"), 1): (logits[1], weight[1]),
        SiteSum(Site("2")): (logits.sum(), weight.sum(0)),
    }
    for target, (score, slope) in expected.items():
        found = trace.gradients(module, x, target=target, wrt=[hidden])
        assert found.score == pytest.approx(score.item(), rel=1e-12)
        assert torch.allclose(found.gradients[hidden][0], slope, rtol=1e-12, atol=1e-14), target
        assert found.target == read(target)


def test_the_predicted_class_is_named(linear: tuple[nn.Module, Tensor]) -> None:
    module, x = linear
    best = int(module(x).argmax())
    assert trace.gradients(module, x, target=ClassScore()).target == read(ClassScore(best))
    assert trace.gradients(module, x, target=ClassDifference(None, 0)).target == read(ClassDifference(best, 0))


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (ClassScore(4), "Class 4 does not exist: the model has classes 0 to 3. Choose one of them."),
        (ClassScore(-1), "Class -1 does not exist"),
        (CrossEntropy(9), "Class 9 does not exist"),
        (ClassDifference(0, 7), "Class 7 does not exist"),
        (
            Unit(Site("1"), (5,)),
            r"Unit \(5,\) does not exist in 1, which has size 5. Choose an index within \(0 to 4\).",
        ),
        (Unit(Site("1"), (0, 0)), "does not exist in 1"),
        (Unit(Site("1"), (-1,)), "does not exist in 1"),
        (ChannelMean(Site("1"), 5), "Channel 5 does not exist in 1: it has channels 0 to 4."),
    ],
)
def test_impossible_targets_are_refused_never_replaced(
    linear: tuple[nn.Module, Tensor], target: Target, sentence: str
) -> None:
    with pytest.raises(BadTarget, match=sentence):
        trace.gradients(linear[0], linear[1], target=target)


def test_sites_that_cannot_be_asked_for(linear: tuple[nn.Module, Tensor]) -> None:
    module, x = linear
    with pytest.raises(UnknownSite, match="9': no layer of that name ran in this forward pass"):
        trace.gradients(module, x, target=ClassScore(0), wrt=[Site("9")])
    with pytest.raises(UnknownSite, match="The closest that did is 1"):
        trace.gradients(module, x, target=ClassScore(0), wrt=[Site("1", 1)])
    with pytest.raises(Unreachable, match="reaches 2: no differentiable path"):
        trace.gradients(module, x, target=Unit(Site("1"), (0,)), wrt=[Site("2")])


def test_a_text_is_no_site(linear: tuple[nn.Module, Tensor]) -> None:
    with pytest.raises(QuestionError, match=r"'1' is not a site. Write Site\('1'\)"):
        trace.gradients(linear[0], linear[1], target=ClassScore(0), wrt=["1"])  # type: ignore[list-item]


def test_of_equal_scores_the_first_is_the_predicted_one() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(192, 50)).double()
    nn.init.zeros_(module.get_parameter("1.weight"))
    nn.init.zeros_(module.get_parameter("1.bias"))
    assert trace.gradients(module, zoo.image(), target=ClassScore()).target == read(ClassScore(0))


def test_no_class_scores_in_the_output() -> None:
    with pytest.raises(BadTarget, match=r"returns the output \(1, 3, 8, 8\)"):
        trace.gradients(nn.Identity(), zoo.image(), target=ClassScore(0))


# ------------------------------------------------------------------------------------------------------------- surveys


def test_the_survey_counts_calls_and_leaves_out_what_never_ran() -> None:
    infos = {info.site: info for info in trace.survey(zoo.build("reused"), zoo.image())}
    assert [site for site in infos if site.path == "again"] == [Site("again", i) for i in range(3)]
    assert infos[Site("again", 1)].calls == 3
    assert not any(site.path == "never" for site in infos)
    assert next(iter(infos)) == INPUT
    assert list(infos)[-1] == OUTPUT
    assert infos[OUTPUT].same_as == Site("head")


def test_an_in_place_layer_is_a_value_of_its_own_and_a_container_is_not() -> None:
    infos = {info.site: info for info in trace.survey(zoo.build("in-place"), zoo.image())}
    assert infos[Site("relu")].same_as is None
    assert infos[Site("relu", 1)].same_as is None
    pools = {info.site: info for info in trace.survey(zoo.build("pools"), zoo.image())}
    assert pools[Site("dropout")].same_as == Site("flat")


def test_values_inside_tuples_and_dictionaries_are_sites() -> None:
    assert Site("", 0, "features") in [i.site for i in trace.survey(zoo.build("dict"), zoo.image())]
    assert Site("body", 0, "1.0") in [i.site for i in trace.survey(zoo.build("tuple"), zoo.image())]
    attention = {i.site: i for i in trace.survey(zoo.build("attention"), zoo.image())}
    assert attention[Site("attention", 0, "0")].shape == (1, 4, 8)
    assert not any(site.path == "attention.out_proj" for site in attention)


def test_several_inputs_are_several_sites() -> None:
    torch.manual_seed(0)
    module = zoo.TwoInputs().double()
    a, b = torch.randn(1, 6).double(), torch.randn(1, 3).double()
    second = Site(INPUT.path, 1)
    found = trace.gradients(module, (a, b), target=ClassScore(1), wrt=[INPUT, second])
    left, right = a.clone().requires_grad_(), b.clone().requires_grad_()
    true = torch.autograd.grad(module(left, right)[0, 1], [left, right])
    assert torch.allclose(found.gradients[INPUT], true[0])
    assert torch.allclose(found.gradients[second], true[1])


def test_whole_number_inputs_have_no_gradient_but_what_follows_has() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(12, 3))
    x = torch.tensor([[1, 5, 5]])
    assert [i.differentiable for i in trace.survey(module, x)][:2] == [False, True]
    assert trace.gradients(module, x, target=ClassScore(0), wrt=[Site("0")]).gradients[Site("0")].shape == (1, 3, 4)
    with pytest.raises(Unreachable, match="reaches the input"):
        trace.gradients(module, x, target=ClassScore(0))


def test_a_model_that_computes_something_else_while_watched_is_refused() -> None:
    class Aliased(nn.Module):
        """Writes to a module's output and expects the module's input to change with it."""

        def __init__(self) -> None:
            super().__init__()
            self.same = nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            y = x * 1.0
            self.same(y).mul_(3.0)
            return y.flatten(1)

    with pytest.raises(GradVizError, match="computes something different while it is traced"):
        trace.survey(Aliased().eval(), zoo.image())


def test_lazy_parameters_are_named() -> None:
    with pytest.raises(GradVizError, match="lazy parameters"):
        trace.survey(nn.LazyLinear(3), torch.randn(1, 4))


def test_works_inside_inference_mode_and_no_grad() -> None:
    module, x = zoo.build("in-place"), zoo.image()
    expected = trace.gradients(module, x, target=ClassScore(0)).gradients[INPUT]
    with torch.inference_mode():
        assert torch.equal(trace.gradients(module, x, target=ClassScore(0)).gradients[INPUT], expected)
    with torch.no_grad():
        assert torch.equal(trace.gradients(module, x, target=ClassScore(0)).gradients[INPUT], expected)


def test_half_precision_keeps_its_type() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(192, 4)).bfloat16()
    found = trace.gradients(module, zoo.image().bfloat16(), target=ClassScore(0))
    assert found.gradients[INPUT].dtype == torch.bfloat16
    assert torch.equal(found.gradients[INPUT].flatten(), module.get_parameter("1.weight")[0].detach())


def test_stopping_early_runs_nothing_after_the_target() -> None:
    module = zoo.build("reused")
    seen = trace.forward(module, zoo.image(), until={Site("softplus", 1)})
    assert seen.stopped
    assert seen.calls["again"] == 2
    assert "head" not in seen.calls
    assert list(seen.seen)[-1] == Site("softplus", 1)
