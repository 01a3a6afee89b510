"""What the sweep of models says: whether two networks give the same bits, and what is known of each already."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.models import _counts
from benchmarks.sweep.cases import image
from benchmarks.sweep.comparing import Answers, answers, difference, prepared
from benchmarks.sweep.one import compared
from benchmarks.sweep.results import AS_EXPORTED, IDENTICAL, Result, Results


class Twice(nn.Module):
    """The same number, and another way back where asked for."""

    def __init__(self, detached: bool = False) -> None:
        super().__init__()
        self.detached = detached

    def forward(self, x: Tensor) -> Tensor:
        return x + (x.detach() if self.detached else x)


class OfTwo(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x * y


class OfThree(nn.Module):
    def forward(self, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        return x + y + z


class Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


def test_one_bit_of_an_output_and_of_a_gradient_is_a_difference() -> None:
    true = answers(Twice(), (image(4),))
    assert difference(true, answers(Twice(), (image(4),))) == ""
    bent = true.outputs[0].clone()
    bent.view(torch.int32)[0, 0, 0, 0] ^= 1
    assert difference(true, Answers([bent], true.gradients)).startswith("outputs differ by ")
    assert difference(true, answers(Twice(detached=True), (image(4),))) == "gradients differ by 5.0e-01 of the largest"
    assert difference(true, Answers([], true.gradients)) == "0 outputs, and 1 of the module"
    none = Answers(true.outputs, [torch.zeros(1, 3, 4, 4)])
    assert difference(none, none) == "no gradient"


def test_weights_that_were_all_zero_are_not() -> None:
    module = nn.Linear(4, 2)
    nn.init.zeros_(module.weight)
    nn.init.zeros_(module.bias)
    prepared(module)
    assert all(parameter.all() for parameter in module.parameters())


def test_each_end_of_a_model_is_told() -> None:
    assert compared(lambda: (Twice(), (image(4),))) == Result(exported="", read="", same=IDENTICAL)
    assert compared(lambda: (OfTwo(), (image(4), image(4).flip(-1)))) == Result(exported="", read="", same=IDENTICAL)
    refused = compared(lambda: (OfThree(), (image(4), image(4), image(4))))
    assert (refused.exported, refused.same) == ("", "not tried")
    assert refused.read.startswith("The model takes 3 inputs")
    assert "data-dependent" in compared(lambda: (Branching(), (image(4),))).exported.lower()


def test_a_sweep_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    found = Result(exported="", read="", same=IDENTICAL, seconds=2.5)
    Results(tmp_path / "results.json").add("timm resnet18", found)
    again = Results(tmp_path / "results.json")
    assert again.get("timm resnet18") == found
    assert again.get("timm resnet34") is None


def test_what_differs_from_its_module_as_torch_does_is_counted_apart() -> None:
    rows = [
        *[Result(exported="", read="", same=IDENTICAL)] * 6,
        Result(exported="", read="", same=f"{AS_EXPORTED}: outputs differ by 1.3e-07 of the largest"),
        Result(exported="", read="", same="no gradient"),
        Result(exported="", read="The model takes 2 inputs"),
        Result(exported="ValueError: no"),
    ]
    assert list(_counts(rows)) == [
        "  torch exports 9 of 10 models; GradViz reads 8: 6 with the bits of the module, 1 with those of torch's own "
        "run of the export alone",
        "  77.8% of what torch exports is read as torch exports it; the bar is 98%",
    ]


def test_a_parameter_without_numbers_is_left_alone() -> None:
    module = nn.Module()
    module.tokens = nn.Parameter(torch.zeros(1, 0, 4))
    prepared(module)
    assert module.tokens.shape == (1, 0, 4)
