"""Files that an earlier torch wrote are read the same for ever; what today's torch writes is of the same version."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gradviz_core.tracing import trace
from gradviz_core.types import INPUT, ClassScore
from gradviz_core.uploads import exported
from tests.exported.files import exported_bytes, member, unpacked
from tests.exported.home_made import Reused, built, image

FILES = sorted(Path(__file__).parents[1].joinpath("golden").glob("*.pt2"))


def test_there_are_golden_files() -> None:
    assert len(FILES) >= 2


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_golden_file_gives_the_answers_it_gave(file: Path) -> None:
    with np.load(file.with_suffix(".npz")) as arrays:
        expected = dict(arrays)
    module = exported.read(file.read_bytes()).module
    answer = trace.gradients(module, torch.from_numpy(expected["image"]), target=ClassScore(2))
    assert answer.score == pytest.approx(float(expected["scores"][0, 2]), rel=1e-5)
    assert np.allclose(answer.gradients[INPUT].numpy(), expected["gradient"], rtol=1e-4, atol=1e-7)


def test_this_torch_writes_the_version_that_is_read() -> None:
    files = unpacked(exported_bytes(built(Reused), image()))
    assert json.loads(files[member(files, "models/model.json")])["schema_version"]["major"] == exported.SCHEMA
