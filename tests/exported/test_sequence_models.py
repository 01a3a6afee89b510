"""Recurrent layers, Fourier transforms, matrices and boxes: the very numbers of the module itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from gradviz_core.errors import QuestionError
from gradviz_core.tracing import trace
from gradviz_core.types import INPUT, ClassScore, Site
from gradviz_core.uploads import cost, exported
from tests.exported.files import Document, bent, exported_bytes, nodes, saved
from tests.exported.home_made import image
from tests.exported.sequence_models import OTHERS, RECURRENT, built

pytestmark = [
    pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN"),
    pytest.mark.filterwarnings("ignore:The tensor attributes self.rnn._flat_weights"),
]


def read(module: nn.Module) -> nn.Module:
    return exported.read(exported_bytes(module, image())).module


def gradient(module: nn.Module, x: Tensor) -> tuple[float, Tensor]:
    answer = trace.gradients(module, x, target=ClassScore(2))
    assert isinstance(answer.score, float)
    return answer.score, answer.gradients[INPUT]


@pytest.mark.parametrize("name", [*RECURRENT, *OTHERS])
def test_scores_gradients_and_sites_are_those_of_the_module(name: str) -> None:
    module, x = built((RECURRENT | OTHERS)[name]), image()
    found = read(module)
    (score, slope), (mine, my_slope) = gradient(module, x), gradient(found, x)
    assert mine == score
    assert torch.equal(my_slope, slope)
    assert slope.any()
    there = {info.site for info in trace.survey(module, x)}
    assert {info.site for info in trace.survey(found, x)} <= there, (
        "each site has the address that it has in the module"
    )
    assert 0 < cost.estimate(found, (1, 3, 8, 8)).operations < 2e9


@pytest.mark.parametrize("name", ["lstm", "last states", "cells"])
def test_the_parts_of_what_a_recurrent_layer_returns_have_their_own_names(name: str) -> None:
    wanted = {
        "lstm": {"rnn[0]"},
        "last states": {"rnn[1.0]", "rnn[1.1]"},
        "cells": {f"long{call}[{item}]" for call in ("", ":1", ":2") for item in "01"} - {"long:2[1]"},
    }[name]
    module, x = built((RECURRENT | OTHERS)[name]), image()
    found = read(module)
    sites = [info.site for info in trace.survey(found, x) if info.site.path in ("rnn", "long")]
    assert {str(site) for site in sites} == wanted
    true, mine = (trace.gradients(one, x, target=ClassScore(1), wrt=sites) for one in (module, found))
    for site in sites:
        assert torch.equal(mine.activations[site], true.activations[site])
        assert torch.equal(mine.gradients[site], true.gradients[site])


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["lstm of two layers both ways", "gru", "spectral", "deformed", "orthogonal by matrix_exp"]
)
def test_a_decomposed_graph_gives_the_same(name: str) -> None:
    module, x = built((RECURRENT | OTHERS)[name]), image()
    found = exported.read(saved(torch.export.export(module, (x,)).run_decompositions())).module
    (score, slope), (mine, my_slope) = gradient(module, x), gradient(found, x)
    assert mine == pytest.approx(score, rel=1e-5)
    assert torch.allclose(my_slope, slope, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", ["lstm", "gru", "spectral", "deformed", "solves", "losses"])
def test_the_gradient_is_the_slope_that_finite_differences_find(name: str) -> None:
    """In float64 along one direction."""
    found = read(built((RECURRENT | OTHERS)[name])).double()
    x, way = image().double(), torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(3)).double()
    slope = (gradient(found, x)[1] * way).sum()
    ends = [found(x + sign * 1e-6 * way)[0, 2] for sign in (1, -1)]
    assert torch.isclose(slope, (ends[0] - ends[1]) / 2e-6, rtol=1e-5, atol=1e-9)


def test_a_layer_that_was_exported_in_training_mode_drops_nothing() -> None:
    module = built(RECURRENT["lstm of two layers both ways"])
    file = saved(torch.export.export(module.train(), (image(),)))
    read_here = exported.read(file)
    assert torch.equal(read_here.module(image()), module.eval()(image()))
    assert "lstm" in read_here.notes[0]


class Long(nn.Module):
    """Reads the same row ten times."""

    def __init__(self, kind: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.rnn = kind(3, 6, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.rnn(x.mean((2, 3))[:, None].expand(1, 10, 3))[0].mean(1)
        return out


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_a_long_sequence_costs_more_and_is_counted_in_no_time(kind: Callable[..., nn.Module]) -> None:
    file = exported_bytes(built(lambda: Long(kind)), image())

    def operations(steps: int) -> int:
        def change(document: Document) -> None:
            (node,) = [node for node in nodes(document) if "expand" in node["target"]]
            node["inputs"][1]["arg"] = {"as_ints": [1, steps, 3]}

        return cost.estimate(exported.read(bent(file, change)).module, (1, 3, 8, 8)).operations

    assert 3_990 * 3e6 < operations(4_000) - operations(10) < 3_990 * 3.3e6
    with pytest.raises(QuestionError, match=r"makes 10,001 steps; the limit is 10,000"):
        operations(10_001)


def test_a_site_within_the_steps_has_the_shape_of_all_of_them() -> None:
    found = read(built(RECURRENT["gru"]))
    shapes = {str(info.site): info.shape for info in trace.survey(found, image())}
    assert shapes["rnn[0]"] == (1, 8, 12)
    assert Site.parse("rnn[0]") in {info.site for info in trace.survey(found, image())}
