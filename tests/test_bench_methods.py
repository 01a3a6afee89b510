"""The benchmark with a known answer: its numbers by hand, its cells, what is known of exact gradients, the command."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import gradviz_core as gv
from gradviz_core.answers.load import Model, load
from gradviz_core.benchmark import bench, cells, chart, pictures, report, results, scoring
from gradviz_core.benchmark.maps import Picture, marks
from gradviz_core.benchmark.progress import Bar, line_of
from gradviz_core.benchmark.running import PRESETS, SHORTCUT
from gradviz_core.commands.main import main
from gradviz_core.scenes import scenes
from gradviz_core.types import INPUT, Site
from gradviz_core.types.methods import METHODS

CNN = "preset/shapes-cnn"

# -------------------------------------------------------------------------------------------------------------- by hand


def test_share_and_pointing_by_hand() -> None:
    amounts = np.array([[1.0, 0.0], [2.0, 5.0]])
    mask = np.array([[True, False], [True, False]])
    assert scoring.share(amounts, mask) == 3 / 8
    assert not scoring.hits(amounts, mask)
    assert scoring.hits(amounts, ~mask)
    empty = np.zeros((2, 2))
    assert (scoring.share(empty, mask), scoring.hits(empty, mask)) == (0.0, False)


def test_the_interval_of_wilson_is_that_of_the_textbook() -> None:
    found = scoring.wilson([True] * 8 + [False] * 2)
    assert found.pictures == 10
    assert found[:3] == pytest.approx((0.8, 0.4902, 0.9433), abs=1e-4)
    assert scoring.wilson([True] * 3)[:3] == pytest.approx((1.0, 0.4385, 1.0), abs=1e-4)


def test_the_bootstrap_is_as_wide_as_the_pictures_differ_and_the_same_each_time() -> None:
    shares = np.random.default_rng(1).normal(0.5, 0.1, 400).tolist()
    found = scoring.bootstrapped(shares)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * np.std(shares) / math.sqrt(400), rel=0.1)
    assert found == scoring.bootstrapped(shares)
    assert scoring.bootstrapped([0.25] * 5)[:3] == (0.25, 0.25, 0.25)


def test_what_counts_of_an_attribution() -> None:
    made = np.array([3.0, -4.0, -1.0, 1.5]).reshape(1, 2, 1, 2)  # channels (3, -4) and (-1, 1.5)
    assert marks("gradient", made, 1).ravel().tolist() == [4.0, 5.5]
    assert marks("gradient_x_input", made, 1).ravel().tolist() == [2.0, 0.0]
    assert marks("rise", made, 1).ravel().tolist() == [4.5, 0.0]


# ------------------------------------------------------------------------------------------------------------- pictures


def test_a_grid_is_four_scenes_of_different_classes_and_the_mask_is_a_cell() -> None:
    for number in range(4):
        case = pictures.grid(number)
        assert case.cell == number
        four = [pictures.scene(4 * number + each) for each in range(4)]
        assert len({one.label for one in four}) == 4
        assert case.label == four[number].label
        assert case.mask.sum() == scenes.SIZE**2
        assert np.array_equal(case.pixels[case.mask].reshape(four[number].pixels.shape), four[number].pixels)


def test_no_tagged_scene_is_of_the_class_that_the_tag_speaks_for() -> None:
    star = next(number for number in range(10) if pictures.scene(number).label == scenes.TAGGED)
    for number in (star, star + 1):
        case, plain = pictures.tagged(number), pictures.scene(number)
        assert case.label == scenes.TAGGED
        differs = (case.pixels != plain.pixels).any(axis=2)
        assert differs[case.mask].all()
        assert number == star or not differs[~case.mask].any()
        recipe = scenes.recipe(pictures.STREAM, number)
        star_there = scenes.draw(recipe, scenes.TAGGED).image
        assert (case.pixels != star_there)[~case.mask].any(), "another shape is drawn"


@pytest.mark.parametrize("key", PRESETS)
def test_each_cell_goes_through_the_model_on_its_own(key: str) -> None:
    module = load(key).module
    grid = torch.randn(2, 3, 192, 192, generator=torch.Generator().manual_seed(0))
    four = cells.cut(grid)
    assert torch.equal(cells.Together()(four), grid)
    assert torch.equal(four[6], grid[1, :, 96:, :96])
    with torch.no_grad():
        found, alone = cells.Disconnected(module)(grid), module(four)
    assert torch.allclose(found.reshape(8, 10), alone, rtol=1e-4, atol=1e-4)
    assert cells.class_in(2, 3, found.shape[1]) == 23
    assert cells.takes(module, grid) == (key != "preset/shapes-vit")


# ----------------------------------------------------------------------------------------------------------- known laws


@pytest.mark.parametrize("method", ["gradient", "integrated_gradients", "smoothgrad"])
def test_an_exact_gradient_has_all_of_its_weight_in_its_own_cell(method: str) -> None:
    """Rao et al. 2022; in one picture the mean over all positions joins the cells, and it has not."""
    model, case = load(CNN), pictures.grid(1)
    apart = Model(cells.Disconnected(model.module).eval(), model.card)
    options = () if method == "gradient" else (({"smoothgrad": "draws"}.get(method, "steps"), 4.0),)
    own = Picture(apart, case.pixels, cells.class_in(case.cell, case.label, 40)).amounts(method, INPUT, options)
    assert own.any()
    assert scoring.share(own, case.mask) == 1.0
    shared = Picture(model, case.pixels, case.label).amounts(method, INPUT, options)
    assert 0 < scoring.share(shared, case.mask) < 0.9


def test_grad_cam_marks_cells_that_the_score_does_not_see_and_hirescam_does_not() -> None:
    model, case = load(CNN), pictures.grid(1)
    apart = Model(cells.Disconnected(model.module).eval(), model.card)
    picture = Picture(apart, case.pixels, cells.class_in(case.cell, case.label, 40))
    far = np.roll(case.mask, scenes.SIZE, axis=(0, 1))  # the cell across, which no enlargement reaches
    there = {
        method: scoring.share(picture.amounts(method, Site("together")), far) for method in ("grad_cam", "hires_cam")
    }
    assert there["grad_cam"] > 0.01
    assert there["hires_cam"] < 1e-3


@pytest.mark.parametrize(("key", "layer"), [(CNN, "features.17"), ("preset/shapes-resnet", "layer3.0.relu:1")])
def test_before_global_average_pooling_the_gradient_is_the_same_everywhere(key: str, layer: str) -> None:
    site = Site.parse(layer)
    found = gv.answer(gv.GradientQuestion(model=key, image="sample/star", wrt=(site, INPUT))).gradients
    per_channel = found[site][0].reshape(found[site].shape[1], -1)
    assert np.ptp(per_channel, axis=1).max() == 0
    assert np.abs(per_channel).max() > 0
    assert np.ptp(found[INPUT][0, 0]) > 0


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("gradient", ()),
        ("gradient_x_input", ()),
        ("integrated_gradients", (("steps", 16.0),)),
        ("smoothgrad_squared", (("draws", 8.0),)),
        ("occlusion", ()),
        ("grad_cam", ()),
    ],
)
def test_the_tag_is_found(method: str, options: tuple[tuple[str, float], ...]) -> None:
    """Asked about the star, the network with the shortcut has several times the weight of chance on the tag, and at
    least twice that of the same network that never saw one."""
    cases = [pictures.tagged(number) for number in range(3)]
    shares = {}
    for key in (SHORTCUT, CNN):
        asked = [Picture(load(key), case.pixels, case.label) for case in cases]
        sites = [one.last_layer() if method == "grad_cam" else INPUT for one in asked]
        maps = [one.amounts(method, site, options) for one, site in zip(asked, sites, strict=True)]
        shares[key] = np.mean([scoring.share(found, case.mask) for found, case in zip(maps, cases, strict=True)])
    chance = cases[0].mask.mean()
    assert shares[SHORTCUT] > 4 * chance
    assert shares[SHORTCUT] > 2 * shares[CNN]


# ---------------------------------------------------------------------------------------------------------- the command


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> tuple[results.Results, str]:
    """What a short run writes, and what it prints."""
    folder = tmp_path_factory.mktemp("bench")
    script = folder / "write_methods.py"
    script.write_text("")
    with pytest.MonkeyPatch.context() as patch, io.StringIO() as out:
        patch.setattr(bench, "SCRIPT", script)
        patch.setattr(results, "FILE", folder / "methods" / "benchmark.json")
        patch.setattr("sys.stdout", out)
        words = "bench-methods --scenes 2 --grids 1 --preset preset/shapes-cnn --preset preset/shapes-vit --method "
        status = main([*words.split(), "gradient", "--method", "grad_cam", "--method", "chefer", "--write"])
        text, found = out.getvalue(), results.read(folder / "methods" / "benchmark.json")
    assert status == 0
    assert (folder / "methods" / "benchmark.svg").read_text(encoding="utf-8") == chart.svg(found)
    return found, text


def test_the_command_prints_what_it_writes(printed: tuple[results.Results, str]) -> None:
    found, text = printed
    assert text.splitlines() == list(report.tables(found))
    cnn, vit = found.presets
    assert (cnn.layer, vit.layer) == ("features.17", "layers.3.norm1")
    assert set(cnn.methods) == {results.EVEN, results.CENTRED, "gradient", "grad_cam"}, "no attention in it"
    assert set(vit.methods) == {*cnn.methods, "chefer"}
    assert vit.methods["gradient"].shared is None, "it takes no other size"
    assert vit.methods["gradient"].apart == scoring.Mean(1.0, 1.0, 1.0, 1)
    area = np.mean([pictures.scene(number).mask.mean() for number in range(2)])
    assert cnn.methods[results.EVEN].inside.value == pytest.approx(area)
    assert "| Gradient | " in text
    assert "torch 2." in found.made


def test_what_the_documents_show_was_measured_for_every_method_and_preset() -> None:
    shown = results.read(results.FILE)
    assert {preset.key for preset in shown.presets} == set(PRESETS)
    assert {name for preset in shown.presets for name in preset.methods} == {*METHODS, *results.BLIND}


def test_the_figure_has_a_mark_for_each_method_of_each_preset(printed: tuple[results.Results, str]) -> None:
    found, _ = printed
    drawn = chart.svg(found)
    assert drawn.count("<circle") == sum(len(preset.methods) - 1 for preset in found.presets)
    assert "Chefer&#x27;s relevance" in drawn


@pytest.mark.parametrize("words", ["--scenes 0", "--scenes x", "--grids 1001", "--method none", "--preset digits-cnn"])
def test_what_cannot_be_measured_is_refused(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["bench-methods", *words.split()])
    assert words.split()[1] in capsys.readouterr().err


def test_without_the_source_nothing_is_measured_to_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "SCRIPT", Path("/none"))
    assert main(["bench-methods", "--write"]) == 1
    assert "without --write" in capsys.readouterr().err


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


def test_the_bar_fills_on_a_terminal_and_is_silent_elsewhere() -> None:
    assert line_of(1, 4, 10.0, "x" * 50) == f"[#######{' ' * 23}]  25 %, 30 s left: {'x' * 40}"
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        bar = Bar(2, stream)
        bar.done("one")
        bar.done("two")
    assert pipe.getvalue() == ""
    assert terminal.getvalue().count("\r") == 2
    assert terminal.getvalue().endswith("0 s left: two\n")
