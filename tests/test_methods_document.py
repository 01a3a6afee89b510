"""docs/methods.md: every method has formula, picture, caveat and source, and the benchmark stands beside them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from gradviz_core.benchmark import chart, report, results
from gradviz_core.types.methods import METHODS
from pages.help import documents
from scripts import write_methods

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "assets" / "methods"
TEXT = write_methods.DOCUMENT.read_text(encoding="utf-8")
LARGEST, ALL_TOGETHER = 30_000, 500_000
every_method = pytest.mark.parametrize("method", METHODS)


def section(method: str) -> str:
    return TEXT.split(f"\n## {METHODS[method].name}\n")[1].split("\n## ")[0]


@every_method
def test_a_method_has_formula_source_caveat_and_a_picture(method: str) -> None:
    card = METHODS[method]
    row = next(line for line in TEXT.splitlines() if line.startswith(f"| {card.name} |"))
    assert re.search(r"\$[^$]+\$", row)
    assert f"[{card.source}]({card.link})" in row
    assert "- Shows: " in section(method)
    assert "- Does not show: " in section(method)
    assert f"](../assets/methods/{method}.webp)" in section(method), (
        "run python scripts/draw_methods.py, then python scripts/write_methods.py"
    )
    file = PICTURES / f"{method}.webp"
    assert file.stat().st_size < LARGEST
    with Image.open(file) as picture:
        assert picture.size == (224, 224)
        assert len(picture.convert("RGB").getcolors(224 * 224) or ()) > 10, "there is something to see"


@every_method
def test_what_others_found_stands_with_its_source(method: str) -> None:
    for says, source, link in METHODS[method].verdicts:
        assert says.startswith(("For: ", "Against: ", "Pointing game "))
        assert says.endswith(".")
        assert link.startswith("https://")
        assert f"{says} [{source}]({link})" in " ".join(section(method).split())


def test_a_method_that_has_been_judged_says_so() -> None:
    judged = {name for name, card in METHODS.items() if card.verdicts}
    assert {"gradient", "guided_backprop", "deconvolution", "integrated_gradients", "grad_cam", "rise"} <= judged


def test_the_pictures_are_small_and_no_others_lie_about() -> None:
    files = list(PICTURES.glob("*.webp"))
    assert {file.stem for file in files} == {*METHODS, "coffee"}
    assert sum(file.stat().st_size for file in files) < ALL_TOGETHER


def test_table_and_figure_are_those_of_the_results() -> None:
    found = results.read(results.FILE)
    assert "\n".join(report.tables(found)) in TEXT
    assert (PICTURES / "benchmark.svg").read_text(encoding="utf-8") == chart.svg(found)
    assert found.made in " ".join(TEXT.split())
    assert "## What no benchmark says" in TEXT


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    found = results.read(results.FILE)
    results.write(found, tmp_path / "new" / "file.json")
    assert results.read(tmp_path / "new" / "file.json") == found


def test_exact_gradients_keep_to_their_cell_in_every_row() -> None:
    for preset in results.read(results.FILE).presets:
        for method in ("gradient", "integrated_gradients", "smoothgrad"):
            apart = preset.methods[method].apart
            assert apart is not None
            assert apart.value == 1.0


def test_the_app_shows_the_pictures_of_a_document() -> None:
    pieces = documents.pieces(TEXT)
    shown = [file.name for _, _, file in pieces if file is not None]
    assert {f"{method}.webp" for method in METHODS} <= set(shown)
    assert "benchmark.svg" in shown
    assert all(alt for _, alt, file in pieces if file is not None)
    assert "".join(words for words, _, _ in pieces).replace("\n", "") == re.sub(r"^!.*$", "", TEXT, flags=re.M).replace(
        "\n", ""
    )


@pytest.mark.parametrize(
    "target", ["../assets/../docs/threats.md", "../assets/none.webp", "../secret.png", "/etc/passwd"]
)
def test_nothing_but_what_lies_in_assets_is_a_picture(target: str) -> None:
    text = f"before\n![x]({target})\nafter"
    assert documents.pieces(text) == [(text, "", None)]
