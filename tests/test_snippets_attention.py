"""Programs of the methods over attention, on a transformer that was exported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import gradviz_core as gv
from gradviz_core.drawing import snippets
from gradviz_core.types.attention import blocks
from tests import attending, snippet_runs
from tests.exported.files import exported_bytes
from tests.test_snippets import SQUARE, keep, own_picture
from tests.test_token_grids import Unfolded, with_registers


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    yield from snippet_runs.own_store(tmp_path, monkeypatch)


CASES = {
    "torchvision": (attending.vision_transformer, (24, 24)),
    "registers": (with_registers, (28, 42)),
    "column by column": (Unfolded, (8, 12)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_programs_of_an_exported_transformer_give_its_maps(name: str, folder: Path) -> None:
    make, size = CASES[name]
    torch.manual_seed(0)
    module: nn.Module = make().eval()
    data = exported_bytes(module, torch.zeros(1, 3, *size))
    (folder / "your-model.pt2").write_bytes(data)
    model, image = keep(data, "", replace(SQUARE, size=size, resize=None)), own_picture(folder, "turned")
    at = snippet_runs.setting(model, image)
    names = blocks([layer.site for layer in gv.answer(gv.TokensQuestion(model=model, image=image)).layers])
    for method in ("attention_rollout", "chefer", *(("legrad",) if name != "column by column" else ())):
        answer = snippet_runs.ask(gv.GradientQuestion(model=model, image=image, method=method))
        code = snippets.saliency(at, answer.target, method, "signed_sum", (), tokens=answer.tokens, blocks=names)
        assert snippet_runs.error(snippet_runs.run(code, folder), answer.attributions[gv.INPUT][0, 0]) < 1e-5, code
