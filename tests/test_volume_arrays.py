"""Arrays of 1 or 3 slices, which are not to be taken for pictures in grey or in colours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gradviz_core import images
from gradviz_core.images import volumes as made
from gradviz_core.uploads import store
from tests import snippet_runs, volumes
from tests.image_files import npy, refusal


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    yield from snippet_runs.own_store(tmp_path, monkeypatch)


@pytest.mark.parametrize("count", [1, 3, 5])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_an_array_of_the_shape_of_the_input_is_its_slices_however_many(count: int, kind: type[np.generic]) -> None:
    steps = replace(volumes.OF_VOLUMES, slices=count)
    array = (50 * (volumes.numbers(1, 1, count, 12, 14) + 2)).clip(0, 255).astype(kind)
    data = images.inspect(npy(array))[1]
    assert data == npy(array)
    loaded = images.load_slices(f"upload/{store.here().put(data)}", steps)
    assert loaded.array is not None
    shown, received = made.of_array(loaded.array.numbers, steps)
    np.testing.assert_array_equal(received, array.astype(np.float32) / np.float32(255 if kind is np.uint8 else 1))
    assert shown.shape == (count, 12, 14, 3)


def test_three_slices_in_three_axes_are_not_taken_for_colours() -> None:
    array = np.arange(3 * 12 * 14, dtype=np.uint8).reshape(3, 12, 14)
    key = f"upload/{store.here().put(images.inspect(npy(array))[1])}"
    said = refusal(lambda: images.load_slices(key, replace(volumes.OF_VOLUMES, slices=3)))
    assert "array.reshape(1, 1, *array.shape[-3:])" in said
    in_colours = images.load_slices(key, replace(volumes.OF_CLIPS, slices=3))
    np.testing.assert_array_equal(in_colours.seen[0], np.moveaxis(array, 0, -1))
