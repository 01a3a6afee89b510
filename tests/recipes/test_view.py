"""The recipe "Add a view" of CONTRIBUTING.md: one entry of one table."""

from __future__ import annotations

from pathlib import Path

from tests.opening import SALIENCY
from tests.recipes.scratch import copied

TABLE = "gradviz_core/types/views.py"
VIEW = r"""    View(
        name="mean",
        address="mean",
        label="Mean",
        formula=r"\frac{{1}}{{C}} \sum_c {g}",
        words="mean {over}",
        reduce=lambda g: g.mean(axis=0),
        code=".mean(dim=0)",
        signed=True,
    ),
"""


def test_a_view_is_one_entry(tmp_path: Path) -> None:
    scratch = copied(tmp_path / "copy")
    scratch.insert(TABLE, ')\n"""In the order in which a page offers them', VIEW)
    seen = scratch.visit(
        page=SALIENCY,
        choices={"model": "preset/shapes-cnn", "image": "sample/star", "view": "mean"},
        picture="gradient",
        program="Gradient",
    )
    assert seen["errors"] == []
    assert seen["options"]["shown_view"] == ["Signed", "Magnitude (L2)", "Magnitude (max)", "Channels", "Mean"]
    assert seen["size"] > 0
    assert seen["apart"] < 1e-6
    assert "shown = gradient[0].mean(dim=0).numpy()" in seen["code"]
    assert any("changes with each pixel: mean over the 3 channels. Red" in text for text in seen["texts"])
    assert any("frac{1}{C} sum_c frac{partial" in text for text in seen["texts"])
    assert seen["arrays"]["gradient/.input"] == [1, 3, 96, 96]
    assert scratch.changed() == {TABLE}
