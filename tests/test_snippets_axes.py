"""The code of pictures of a value gives what is drawn, wherever the channels of the value lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.drawing import fields, snippets
from gradviz_core.drawing.snippets.maps import as_pictures
from gradviz_core.types import Site, SiteInfo, layouts
from tests import snippet_runs
from tests.exported.files import exported_bytes
from tests.test_snippets import SQUARE, check, keep, own_picture
from tests.test_snippets import folder as folder

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


class LineAndVolume(nn.Module):
    """A sequence, a volume, and a value of which nothing tells."""

    def __init__(self) -> None:
        super().__init__()
        self.line, self.volume = nn.Conv1d(3, 7, 3, stride=4), nn.Conv3d(3, 5, 3, stride=2)
        self.quiet, self.head = nn.Sigmoid(), nn.Linear(7 + 5 + 24, 4)

    def forward(self, x: Tensor) -> Tensor:
        line, volume = self.line(x.flatten(2)), self.volume(x.reshape(1, 3, 8, 9, 8))
        quiet = self.quiet(x.reshape(1, 24, 72)).mean(2)
        return self.head(torch.cat([line.mean(2), volume.mean((2, 3, 4)), quiet], 1))  # type: ignore[no-any-return]


def test_the_programs_of_sequences_and_volumes_give_what_the_pages_draw(folder: Path) -> None:
    torch.manual_seed(2)
    data = exported_bytes(LineAndVolume(), torch.zeros(1, 3, 24, 24))
    (folder / "your-model.pt2").write_bytes(data)
    model, image = keep(data, "", SQUARE), own_picture(folder, "transparent")
    at = snippet_runs.setting(model, image)
    found = {str(info.site): info for info in at.sites}
    assert [found[name].layout for name in ("line", "volume", "quiet")] == ["sequence", "volumes", "tokens"]
    for name in ("line", "volume"):
        assert check(snippet_runs.feature_maps(at, model, image, found[name]), folder) == 7
        assert check(snippet_runs.neurons(at, model, image, found[name]), folder) == 5
    turned = layouts.turned(found["quiet"], 1)
    question = gv.UnitsQuestion(model=model, image=image, site=turned.site, place=(30,), count=3, axis=1)
    units = snippet_runs.ask(question)
    drawn = np.stack([fields.signed_sum(gradient).values for gradient in units.arrays["gradients"]])
    assert units.arrays["channels"].max() < 24
    assert check(iter([("strongest", snippets.strongest(at, question, None), drawn)]), folder) == 1
    target = gv.ChannelMean(turned.site, 20, axis=1)
    answer = snippet_runs.ask(gv.GradientQuestion(model=model, image=image, target=target))
    code = snippets.saliency(at, target, "gradient", "signed_sum")
    assert check(iter([("mean", code, fields.signed_sum(answer.gradients[gv.INPUT]).values)]), folder) == 1
