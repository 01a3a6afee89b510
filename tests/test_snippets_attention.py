"""Programs of the methods over attention, on a transformer that was exported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import gradviz_core as gv
from gradviz_core.drawing import cam_figures, snippets
from gradviz_core.drawing.head_words import What
from gradviz_core.types.attention import blocks
from tests import attending, snippet_runs
from tests.exported.files import exported_bytes
from tests.test_snippets import SQUARE, keep, own_picture
from tests.test_token_grids import Unfolded, swin, timms_swin, with_registers


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


@pytest.mark.parametrize("what", ["weights", "products"])
def test_the_programs_of_heads_give_what_is_drawn(what: What, folder: Path) -> None:
    model, image = "preset/shapes-vit", "sample/star"
    at = snippet_runs.setting(model, image)
    answer = gv.answer(gv.AttendingQuestion(model=model, image=image, token=21))
    row = answer.row(1, 2, what)
    assert row is not None
    found = snippet_runs.run(snippets.head_map(at, answer, 1, 2, what), folder)
    assert snippet_runs.error(found, row.map) < 1e-5
    found = snippet_runs.run(snippets.head_maps(at, answer, what, 8, each=True), folder)
    drawn = [answer.row(layer, head, what) for layer in range(4) for head in range(4)]
    expected = [one.map / (np.abs(one.map).max() or 1) for one in drawn if one is not None]
    assert snippet_runs.error(found, np.stack(expected)) < 1e-4


@pytest.mark.parametrize(("token", "side"), [(None, 32), (21, 32), (None, 40)], ids=["mean", "one", "padding"])
def test_the_programs_of_heads_in_windows_give_what_is_drawn(token: int | None, side: int, folder: Path) -> None:
    module = swin().eval()
    data = exported_bytes(module, torch.zeros(1, 3, side, side))
    (folder / "your-model.pt2").write_bytes(data)
    model, image = keep(data, "", replace(SQUARE, size=(side, side))), own_picture(folder, "turned")
    at = snippet_runs.setting(model, image)
    sites = [layer.site for layer in gv.answer(gv.TokensQuestion(model=model, image=image)).layers]
    answer = gv.answer(gv.AttendingQuestion(model=model, image=image, layer=sites[1], token=token))
    row = answer.row(1, 1, "weights")
    assert row is not None
    found = snippet_runs.run(snippets.head_map(at, answer, 1, 1, "weights"), folder)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(row.map))
    assert snippet_runs.error(np.nan_to_num(found), np.nan_to_num(row.map)) < 1e-5


@pytest.mark.parametrize("site", ["layers.0.blocks.1.attn.proj", "layers.0.blocks.1.norm2"])
def test_the_programs_of_a_map_of_windows_give_it(site: str, folder: Path) -> None:
    data = exported_bytes(timms_swin().eval(), torch.zeros(1, 3, 32, 32))
    (folder / "your-model.pt2").write_bytes(data)
    model, image = keep(data, "", replace(SQUARE, size=(32, 32))), own_picture(folder, "turned")
    at = snippet_runs.setting(model, image)
    grids = dict(gv.answer(gv.TokensQuestion(model=model, image=image)).grids)
    infos = [replace(info, grid=grids.get(info.site)) for info in at.sites]
    (info,) = (info for info in infos if str(info.site) == site)
    assert info.grid is not None
    question = gv.GradientQuestion(model=model, image=image, method="grad_cam", wrt=(info.site,))
    answer = snippet_runs.ask(question)
    drawn = cam_figures.rows_and_columns(answer.attributions[info.site], info.grid)
    found = snippet_runs.run(snippets.layer_map(at, answer.target, info, "grad_cam", ()), folder)
    assert snippet_runs.error(found, drawn) < 1e-5
    cams = snippet_runs.ask(gv.CamsQuestion(model=model, image=image, method="grad_cam"))
    assert np.array_equal(cams.maps[info.site], answer.attributions[info.site])
    code = snippets.layer_maps(at, answer.target, [info], "grad_cam", (), 8, each=False)
    assert snippet_runs.error(snippet_runs.run(code, folder)[0], drawn) < 1e-5
