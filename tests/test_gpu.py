"""On a GPU: the derivatives of the CPU, to rounding; the same bits each time; and a way out when memory ends."""

from __future__ import annotations

from itertools import product

import pytest
import torch

import gradviz_core as gv
from gradviz_core.answering import Answerer
from tests.kernels import search
from tests.reference import relative_error

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here"),
]
MODELS = ["preset/shapes-cnn", "preset/shapes-resnet", "preset/shapes-vit", "torchvision/resnet18@random-0"]


@pytest.mark.parametrize("model", MODELS)
def test_every_site_agrees_with_the_cpu(model: str) -> None:
    survey = gv.answer(gv.SurveyQuestion(model=model, image="sample/star"))
    sites = tuple(info.site for info in survey.sites)
    question = gv.GradientQuestion(model=model, image="sample/star", target=gv.ClassScore(4), wrt=sites)
    here, there = Answerer("cpu").answer(question), Answerer("cuda").answer(question)
    assert isinstance(here, gv.GradientAnswer)
    assert isinstance(there, gv.GradientAnswer)
    for site in sites:
        true, found = torch.from_numpy(here.activations[site]), torch.from_numpy(there.activations[site])
        assert relative_error(found, true) < 1e-4, site
        true, found = torch.from_numpy(here.gradients[site]), torch.from_numpy(there.gradients[site])
        assert relative_error(found, true) < 1e-2, site  # one ReLU may fall on the other side of zero


def test_the_same_question_gets_the_same_bits() -> None:
    question = gv.GradientQuestion(model="torchvision/resnet18@random-0", image="sample/star")
    first, second = Answerer("cuda").answer(question), Answerer("cuda").answer(question)
    assert first.arrays["gradient/.input"].tobytes() == second.arrays["gradient/.input"].tobytes()


def test_the_doctor_leaves_the_random_numbers_of_the_gpu_alone() -> None:
    layer, x = torch.nn.Linear(6, 8).cuda(), torch.randn(4, 6)
    before = torch.cuda.get_rng_state()
    found = gv.diagnose(lambda rows: torch.nn.functional.dropout(layer(rows.cuda()), 0.5), x)
    assert found.findings == ()
    assert torch.equal(torch.cuda.get_rng_state(), before)


def test_operations_do_not_depend_there_on_how_numbers_lie_in_memory() -> None:
    tally = search.Tally()
    for dtype, batch in product(search.PRECISIONS, search.BATCHES):
        search.search(list(search.OPERATIONS), 0, torch.device("cuda"), lambda number: number < 2, tally, dtype, batch)
    assert not tally.faults, search.table(tally.faults)


def test_too_little_memory_moves_the_question_to_the_cpu() -> None:
    answerer = Answerer("cuda")
    torch.cuda.set_per_process_memory_fraction(1e-5)
    try:
        answer = answerer.answer(gv.GradientQuestion(model="torchvision/vgg16@random-0", image="sample/star"))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert isinstance(answer, gv.GradientAnswer)
    assert answer.receipt.device == "CPU"
    assert any("ran out of memory" in note for note in answer.notes)


class Draws(torch.nn.Module):
    """Looks at its picture through noise that is drawn where the picture lies."""

    def __init__(self) -> None:
        super().__init__()
        self.head = torch.nn.Linear(192, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head((x * torch.rand_like(x)).flatten(1))
        return scores


def test_a_seed_is_that_of_the_gpu_too_and_its_random_numbers_go_on_as_if_nothing_had_drawn_any() -> None:
    module, x = Draws().cuda().eval(), torch.randn(1, 3, 8, 8, device="cuda")
    before = torch.cuda.get_rng_state()
    first, again, other = (gv.trace.gradients(module, x, target=gv.ClassScore(1), seed=seed) for seed in (4, 4, 5))
    assert torch.equal(torch.cuda.get_rng_state(), before)
    assert torch.equal(first.gradients[gv.INPUT], again.gradients[gv.INPUT])
    assert not torch.equal(first.gradients[gv.INPUT], other.gradients[gv.INPUT])
    assert "random seed 4;" in first.notes[0]
    leaf = x.clone().requires_grad_()
    torch.manual_seed(4)
    (true,) = torch.autograd.grad(module(leaf)[0, 1], leaf)
    assert relative_error(first.gradients[gv.INPUT], true) < 1e-6
    array = x.cpu().numpy()
    assert torch.equal(gv.trace.gradients(module, array, target=gv.ClassScore(1), seed=4).gradients[gv.INPUT], true)
