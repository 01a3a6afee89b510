"""The recipe "Add a method" of CONTRIBUTING.md: a function and its card, and nothing else."""

from __future__ import annotations

from pathlib import Path

from tests.opening import SALIENCY
from tests.recipes.scratch import copied

FUNCTION = r'''
"""The gradient times a number."""

from torch import Tensor

from gradviz_core.methods.attributions import GradFn, Options


def scaled(oracle: GradFn, value: Tensor, options: Options) -> Tensor:
    """The gradient times the option ``factor``."""
    return float(options["factor"]) * oracle(value)
'''
CARD = r'''
"""The gradient times a number."""

from gradviz_core.types.controls import Number
from gradviz_core.types.method_cards import MethodCard

CARD = MethodCard(
    name="Scaled",
    in_text="scaled gradient",
    sentence="How $score changes with each pixel, times $factor",
    formula=r"$factor \cdot $slope",
    unit="$score per $value",
    signed=True,
    colours="$High: up; $low: down.",
    brightness="$High: much; $low: little.",
    shows="The same as the gradient.",
    limits="Anything that the gradient does not.",
    source="A test",
    link="https://example.org",
    code=("gradient = $factor * gradient",),
    options=(Number("factor", "Factor", 0.5, 8.0, 0.5, 2.0, meaning="What the gradient is multiplied by."),),
)
'''


def test_a_method_is_its_function_and_its_card(tmp_path: Path) -> None:
    scratch = copied(tmp_path / "copy")
    pair = {"gradviz_core/methods/scaled.py": FUNCTION, "gradviz_core/types/methods/scaled.py": CARD}
    scratch.write(pair)
    address = {"model": "preset/shapes-cnn", "image": "sample/star", "target": "2", "method": "scaled"}
    seen = scratch.visit(
        page=SALIENCY,
        choices=address | {"options": "factor=3"},
        picture="gradient",
        program="Gradient",
        moved={"options.factor": 4.0},
    )
    assert seen["library"].startswith(str(scratch.folder))
    assert seen["errors"] == []
    assert "Scaled" in seen["options"]["shown_method"]
    assert seen["address"].items() >= (address | {"options": "factor=4"}).items()
    assert seen["size"] > 0
    assert seen["apart"] < 1e-6
    assert "gradient = 4.0 * gradient" in seen["code"]
    assert any("changes with each pixel, times 4: signed sum over the 3 channels" in text for text in seen["texts"])
    assert any("4 cdot frac{partial" in text for text in seen["texts"])
    assert any("factor 4" in text for text in seen["texts"])
    assert any("Red: up; blue: down." in text for text in seen["texts"])
    assert seen["question"]["options"] == [["factor", 4.0]]
    assert seen["arrays"]["attribution/.input"] == [1, 3, 96, 96]
    assert any("gradient, scaled gradient of the logit of triangle (2), factor 4" in line for line in seen["titles"])
    scratch.run("scripts/draw_methods.py")
    scratch.run("scripts/write_methods.py")
    assert "| Scaled | $" in (scratch.folder / "docs/methods.md").read_text(encoding="utf-8")
    assert scratch.changed() == {*pair, "docs/methods.md", "assets/methods/scaled.webp"}
