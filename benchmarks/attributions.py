"""Methods that average many gradients, and Grad-CAM, side by side with the libraries that are used most for them.

captum computes at the batch size that is its best here, on all cores. The service has its workers as it is set up by
default, and is asked for a row of parts, as a page asks.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from statistics import median

import torch
from captum.attr import IntegratedGradients, NoiseTunnel, Saliency
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from benchmarks.bare import MODEL, SIZE
from benchmarks.service import service
from benchmarks.timing import Row, Run, interleaved, row
from gradviz_core.answering import Answerer
from gradviz_core.answers.load import load
from gradviz_core.compute import rows as long_sums
from gradviz_core.compute.client import Client
from gradviz_core.tracing import trace
from gradviz_core.types import ClassScore, GradientQuestion, Site

KEY, PHOTO, LABEL = f"torchvision/{MODEL}@random-0", "sample/cat", 7
TERMS = 32
BATCHES = (1, 2, 4, 8, 16)
SHARE = 8
"""One round for so many that are asked for: each takes some ten seconds."""
FASTER, FASTER_CAM = 1 / 1.2, 1 / 1.7
"""The goals: at most so much of the other library's time."""
Captum = Callable[[nn.Module, Tensor, int], Tensor]
"""(model, image, batch size) -> attribution of ``TERMS`` terms."""


def smoothgrad(model: nn.Module, x: Tensor, batch: int) -> Tensor:
    """Captum's SmoothGrad."""
    tunnel = NoiseTunnel(Saliency(model))
    spread = 0.15 * float(x.max() - x.min())
    made: Tensor = tunnel.attribute(
        x, target=LABEL, abs=False, nt_samples=TERMS, nt_samples_batch_size=batch, stdevs=spread
    )
    return made


def integrated_gradients(model: nn.Module, x: Tensor, batch: int) -> Tensor:
    """Captum's integrated gradients, by its midpoints."""
    method = IntegratedGradients(model)
    made: Tensor = method.attribute(x, target=LABEL, n_steps=TERMS, internal_batch_size=batch, method="riemann_middle")
    return made


SUMS: Mapping[str, tuple[Captum, str]] = {
    "smoothgrad": (smoothgrad, "draws"),
    "integrated_gradients": (integrated_gradients, "steps"),
}


def rows(rounds: int) -> Iterator[Row]:
    """Grad-CAM; then each method that sums terms, in one process and through the service."""
    module, x = load(KEY).module, torch.randn(1, 3, SIZE, SIZE)
    yield from _cams(rounds, module, x)
    with service(None) as client:
        for method, (captum, counts) in SUMS.items():
            yield from _sums(max(3, rounds // SHARE), method, captum, counts, module, x, client)


def _sums(
    rounds: int, method: str, captum: Captum, counts: str, module: nn.Module, x: Tensor, client: Client
) -> list[Row]:
    tries = interleaved({str(size): partial(_run, captum, module, x, size) for size in BATCHES}, 3, warm_up=1)
    batch = min(BATCHES, key=lambda size: median(tries[str(size)]))
    question = GradientQuestion(
        model=KEY, image=PHOTO, target=ClassScore(LABEL), method=method, options=((counts, float(TERMS)),)
    )
    faster = replace(question, arithmetic="fast")
    answerer = Answerer("cpu", remember=False)
    theirs = f"captum, {method}, {TERMS} {counts}, batches of {batch}"
    fast = f"GradViz in one process, {method}, fast arithmetic"
    library, through = f"GradViz in one process, {method}", f"GradViz's service, {method}, in parts"
    runs: dict[str, Run] = {
        theirs: partial(_run, captum, module, x, batch),
        library: lambda: _done(answerer.answer(question)),
        fast: lambda: _done(answerer.answer(faster)),
        through: lambda: _done(whole(client, question)),
    }
    times = interleaved(runs, rounds, warm_up=1)
    return [row(times, theirs), *(row(times, ours, theirs, FASTER) for ours in (library, fast, through))]


def whole(client: Client, question: GradientQuestion) -> object:
    """The answer to a question, in parts, as a page asks for them."""
    parts = long_sums.Row(question, client.begin)
    parts.begin(client.ask(parts.first))
    while not parts.is_whole:
        parts.take()
    return parts.answer()


def _cams(rounds: int, module: nn.Module, x: Tensor) -> list[Row]:
    """At the last block."""
    site, theirs_too = Site("layer4"), copy.deepcopy(module).requires_grad_()  # without that grad-cam fails
    theirs, ours = "grad-cam, Grad-CAM at layer4", "GradViz in one process, Grad-CAM at layer4"

    def cam() -> None:
        found = trace.gradients(module, x, target=ClassScore(LABEL), wrt=site)
        weights = found.gradients[site].mean((2, 3), keepdim=True)
        (weights * found.activations[site]).sum(1).relu()

    with GradCAM(model=theirs_too, target_layers=[theirs_too.get_submodule("layer4")]) as other:
        times = interleaved(
            {theirs: lambda: _done(other(input_tensor=x, targets=[ClassifierOutputTarget(LABEL)])), ours: cam}, rounds
        )
    return [row(times, theirs), row(times, ours, theirs, FASTER_CAM)]


def _run(captum: Captum, module: nn.Module, x: Tensor, batch: int) -> None:
    captum(module, x, batch)


def _done(_result: object) -> None:
    """Only the time counts."""
