"""The numbers of tokens beside a map that is the same everywhere."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import torch

from gradviz_core.methods.attributions import Oracle, function_of
from tests.test_token_methods import PAPER, OnPaper


def test_the_tokens_of_a_flat_legrad_map_are_those_of_the_map() -> None:
    flat = replace(PAPER[0], gradient=torch.tensor([[[0.5, 2.0, 2.0]] * 3]))
    on_paper = OnPaper((flat,))
    found = function_of("legrad")(cast(Oracle, on_paper), torch.zeros(1), {"scale": "unit"})
    assert found.flatten().tolist() == [0, 0]
    assert on_paper.tokens[0].tolist() == [0, 0, 0], "and not 2 for each patch"
