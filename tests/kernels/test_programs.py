"""The programs under "PyTorch" where PyTorch's own gradient is wrong: right, and unchanged for any other model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import nn

import gradviz_core as gv
from gradviz_core.drawing import snippets
from gradviz_core.types import JacobianQuestion, PerturbationQuestion
from gradviz_core.types.cards import Preprocessing, Recipe
from gradviz_core.uploads import store
from pages.shell.answer_cache import answer_cache
from tests import snippet_runs
from tests.exported.files import exported_bytes
from tests.kernels.layouts import far
from tests.kernels.norms import C, Statistics, Tokens
from tests.opening import MAPS, SALIENCY, answer_here, chart, opened, values

pytestmark = pytest.mark.slow

CLOSE = 2e-6
IMAGE = "sample/star"
HOOK = "node.register_prehook(with_gaps)"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    answer_cache.clear()
    yield from snippet_runs.own_store(tmp_path, monkeypatch)
    answer_cache.clear()


def uploaded(norm: nn.Module, folder: Path) -> str:
    """The key of an exported network with this norm in its patch embedding; the file lies in the folder, too."""
    torch.manual_seed(0)
    data = exported_bytes(Tokens(norm).float().eval(), torch.zeros(1, 3, 24, 24))
    (folder / "your-model.pt2").write_bytes(data)
    steps = Preprocessing((24, 24), 30, (0.4, 0.5, 0.6), (0.2, 0.3, 0.25))
    return f"upload/{store.here().keep_recipe(Recipe(store.here().put(data), '', 'Mine', (), steps))}"


def batch_norm() -> nn.Module:
    return Statistics(torch.float32, True).fill(nn.BatchNorm2d(C))


@pytest.mark.parametrize("norm", [batch_norm(), nn.InstanceNorm2d(C)], ids=["batch", "instance"])
def test_every_program_gives_the_right_numbers(norm: nn.Module, folder: Path) -> None:
    model = uploaded(norm, folder)
    at = replace(snippet_runs.setting(model, IMAGE), guarded=True)
    conv = next(info for info in at.sites if info.site.path == "conv")
    views = (
        *islice(snippet_runs.saliency(at, model, IMAGE), 2),
        *islice(snippet_runs.feature_maps(at, model, IMAGE, conv), 3),
        *islice(snippet_runs.flow(at, model, IMAGE), 3),
        *islice(snippet_runs.neurons(at, model, IMAGE, next(i for i in at.sites if i.site.path == "mix")), 1),
    )
    for name, code, drawn in views:
        assert snippet_runs.error(snippet_runs.run(code, folder), drawn) < CLOSE, f"{name}\n{code}"
    of, rows = gv.Site("mix"), (0, 2)
    matrix = snippet_runs.ask(JacobianQuestion(model=model, image=IMAGE, of=of, rows=rows)).arrays["matrix"]
    code = snippets.jacobian(at, of, gv.INPUT, rows)
    assert snippet_runs.error(snippet_runs.run(code, folder), matrix) < CLOSE, code
    twice = snippets.singular_values_by_products(at, of, gv.INPUT, rows, 2)
    true = torch.linalg.svdvals(torch.from_numpy(matrix).double())
    assert far(torch.from_numpy(snippet_runs.run(twice, folder)), true) < 1e-4
    changed = snippet_runs.ask(PerturbationQuestion(model=model, image=IMAGE, epsilon=5, steps=3))
    assert (snippet_runs.run(snippets.after(at, changed), folder) == changed.after).all()


def test_without_the_lines_a_program_is_wrong(folder: Path) -> None:
    model = uploaded(batch_norm(), folder)
    answer = snippet_runs.ask(gv.GradientQuestion(model=model, image=IMAGE))
    assert answer.receipt.guarded == ("batch norm",)
    at = snippet_runs.setting(model, IMAGE)
    (_, code, drawn), *_ = snippet_runs.saliency(at, model, IMAGE)
    assert snippet_runs.error(snippet_runs.run(code, folder), drawn) > 0.5


@pytest.mark.parametrize("page", [SALIENCY, MAPS])
def test_the_page_shows_them(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_here(monkeypatch)
    app = opened(page, model=uploaded(batch_norm(), folder), image=IMAGE, site="conv", maps="gradient")
    name, key = ("Gradient", "gradient") if page == SALIENCY else ("One channel", "channel")
    code = dict(zip((tab.label for tab in app.tabs), app.code, strict=True))
    assert HOOK in code[name].value
    assert HOOK not in code["Image"].value
    assert snippet_runs.error(snippet_runs.run(code[name].value, folder), values(chart(app, key))) < CLOSE


def test_a_program_without_a_gradient_has_no_such_lines(folder: Path) -> None:
    model = uploaded(batch_norm(), folder)
    at = replace(snippet_runs.setting(model, IMAGE), guarded=True)
    norm = next(info for info in at.sites if info.site.path == "norm")
    for code in (
        snippets.classes(at, 3),
        snippets.seen(at),
        snippets.feature_maps(at, gv.ClassScore(), norm, "activation"),
    ):
        assert HOOK not in code
    assert HOOK in snippets.feature_maps(at, gv.ClassScore(), norm, "product")


@pytest.mark.parametrize("model", ["preset/shapes-resnet", "preset/shapes-vit", "torchvision/resnet18@random-0"])
def test_other_models_keep_their_programs(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    flow = gv.FlowQuestion(model=model, image=IMAGE, parameters=True)
    for question in (gv.GradientQuestion(model=model, image=IMAGE), flow):
        assert snippet_runs.ask(question).receipt.guarded == ()
    at = snippet_runs.setting(model, IMAGE)
    assert not at.guarded
    for _, code, _ in islice(snippet_runs.saliency(at, model, IMAGE), 3):
        assert HOOK not in code
