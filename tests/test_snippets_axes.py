"""The code of pictures of a value gives what is drawn, wherever the channels of the value lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from gradviz_core import fields, layouts
from gradviz_core.snippets.maps import as_pictures
from gradviz_core.types import Site, SiteInfo

SHAPES = ((1, 6, 7), (1, 16, 6), (1, 17, 6), (1, 3, 4, 5), (1, 2, 3, 4, 5), (1, 7), (1, 2, 3, 2, 2, 2))


@pytest.mark.parametrize(("shape", "axis"), [(s, axis) for s in SHAPES for axis in range(1, max(2, len(s)))])
def test_the_code_of_pictures_gives_what_is_drawn(shape: tuple[int, ...], axis: int) -> None:
    info = SiteInfo(Site("a"), "ReLU", shape, "float32", layouts.layout_of(len(shape), axis), axis=axis)
    found = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    names: dict[str, Any] = {"torch": torch, "found": found}
    for block in as_pictures(info):
        exec(block.text, names)
    drawn = fields.planes(found.numpy(), info.layout, info.axis)
    np.testing.assert_array_equal(names["maps"].numpy(), drawn.maps)
    assert len(drawn.maps) == layouts.channel_count(info)
    assert drawn.places == layouts.places(info)
    for number, row, column in np.argwhere(np.isfinite(drawn.maps)):
        index = drawn.index(int(number), int(row), int(column))
        assert drawn.maps[number, row, column] == found[0][index]
        assert index == layouts.index_of(info, int(number), drawn.place(int(row), int(column)))
