"""What watching a model costs in one process: the library without the service."""

from __future__ import annotations

import torch

from benchmarks.bare import MODEL, SIZE
from benchmarks.timing import Row, Run, interleaved, row
from gradviz_core.answering import Answerer
from gradviz_core.answers.load import load
from gradviz_core.tracing import trace
from gradviz_core.tracing.twin import twin
from gradviz_core.types import CamsQuestion, ClassScore, GradientQuestion, Site, UnitsQuestion

KEY, PHOTO = f"torchvision/{MODEL}@random-0", "sample/cat"


def rows(rounds: int) -> list[Row]:
    """Input alone, all sites, the twin, the survey, six units, the class activation map of every layer."""
    module, x = load(KEY).module, torch.randn(1, 3, SIZE, SIZE)
    sites = [info.site for info in trace.survey(module, x)]
    answerer = Answerer("cpu", remember=False)

    def bare() -> None:
        leaf = x.clone().requires_grad_()
        torch.autograd.grad(module(leaf)[0, 0], leaf)

    alone = "watched, gradient at the input"
    plain, asked = "plain PyTorch", "input gradient, from the question on"
    maps = "Grad-CAM of every layer, from the question on"
    everything = f"watched, gradients at all {len(sites)} sites"
    units = UnitsQuestion(model=KEY, image=PHOTO, site=Site("layer2"), place=(14, 14), count=6)
    runs: dict[str, Run] = {
        plain: bare,
        alone: lambda: _done(trace.gradients(module, x, target=ClassScore(0))),
        everything: lambda: _done(trace.gradients(module, x, target=ClassScore(0), wrt=sites)),
        "the twin alone": lambda: _done(twin(module)),
        "survey": lambda: _done(trace.survey(module, x)),
        asked: lambda: _done(answerer.answer(GradientQuestion(model=KEY, image=PHOTO, target=ClassScore(0)))),
        maps: lambda: _done(answerer.answer(CamsQuestion(model=KEY, image=PHOTO, target=ClassScore(0)))),
        "six units of layer2, from the question on": lambda: _done(answerer.answer(units)),
    }
    found = interleaved(runs, rounds)
    beside = {everything: alone, maps: asked}
    return [row(found, plain), *(row(found, name, beside.get(name, plain)) for name in runs if name != plain)]


def _done(_result: object) -> None:
    """Only the time counts."""
