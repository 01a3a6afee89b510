"""A program stands alone: it runs as a file in any folder, and says which of its lines need GradViz."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import gradviz_core as gv
from gradviz_core.drawing import snippets
from tests import snippet_runs
from tests.test_snippets import folder as folder
from tests.test_snippets import own_picture


@pytest.mark.parametrize(
    ("model", "lines", "side"),
    [
        ("torchvision/squeezenet1_1@random-0", ["image = Image.open("], 224),
        ("preset/shapes-cnn", ["image = Image.open(", "model = gv.load("], 96),
    ],
)
def test_it_runs_as_a_file_in_any_folder_and_needs_gradviz_for_a_sample_and_a_preset_alone(
    model: str, lines: list[str], side: int, tmp_path: Path
) -> None:
    """The path is what ``PYTHONPATH=.`` says in the repository; no file is opened relative to the folder."""
    at = snippet_runs.setting(model, "sample/star")
    code = snippets.saliency(at, gv.ClassScore(), "gradient", "signed_sum")
    assert [line.partition("(")[0] + "(" for line in code.splitlines() if "gv." in line] == lines
    assert code.count("gradviz") == 1, "its import"
    assert code.count("PYTHONPATH") == 1
    file = tmp_path / "snippet.py"
    file.write_text(code + "print(shown.shape, shown.dtype)\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(file)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(snippet_runs.ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.returncode) == (f"({side}, {side}) float32\n", 0), done.stderr


@pytest.mark.parametrize("model", ["preset/shapes-cnn", "torchvision/squeezenet1_1@random-0"])
def test_with_an_uploaded_picture_only_a_preset_needs_gradviz(model: str, folder: Path) -> None:
    code = snippets.seen(snippet_runs.setting(model, own_picture(folder, "turned")))
    assert "gradviz" not in code
    code = snippets.classes(snippet_runs.setting(model, own_picture(folder, "turned")), 3)
    assert ("Only this line needs GradViz" in code) == ("import gradviz_core" in code) == model.startswith("preset/")
