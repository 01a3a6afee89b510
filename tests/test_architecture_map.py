"""The map of the network: blocks by the author's names, one bar for each layer output, the chosen one marked."""

from __future__ import annotations

import pytest

from gradviz_core.drawing.architecture import LOWEST, bars, block_names, shown
from gradviz_core.types import INPUT, Site, SiteInfo
from gradviz_core.types.subjects import Layout


@pytest.mark.parametrize(
    ("paths", "opens", "blocks"),
    [
        (
            "features.0 features.1 features.2 features.3",
            (1, 0, 0, 1),
            "features.0 to 2|features.0 to 2|features.0 to 2|features.3",
        ),
        ("layer1.0.conv1 layer1.0 layer1.1.conv1 layer2.0.conv1", (1, 0, 1, 1), "layer1|layer1|layer1|layer2"),
        ("stem.conv stem.relu6 blocks.3.conv blocks.3.relu6", (1, 0, 1, 0), "stem|stem|blocks.3|blocks.3"),
        ("features.0.0 features.0 features.1.conv.0.0", (1, 0, 1), "features.0|features.0|features.1"),
        (
            "encoder.layers.layer_0.ln encoder.layers.layer_1.ln",
            (0, 0),
            "encoder.layers.layer_0|encoder.layers.layer_1",
        ),
        ("classifier.0 classifier.1 classifier", (0, 1, 0), "classifier.0|classifier.1|classifier.1"),
        ("0 1 2 3", (1, 0, 1, 0), "0 to 1|0 to 1|2 to 3|2 to 3"),
        ("conv1 relu fc", (1, 0, 1), "conv1|relu|fc"),
    ],
)
def test_blocks_have_the_names_of_the_author(paths: str, opens: tuple[int, ...], blocks: str) -> None:
    assert block_names(paths.split(), [bool(one) for one in opens]) == blocks.split("|")


def info(path: str, shape: tuple[int, ...], same_as: Site | None = None) -> SiteInfo:
    layout: Layout = "maps" if len(shape) == 4 else "vector"
    return SiteInfo(Site(path), "Conv2d", shape, "float32", layout, same_as=same_as)


NET = (
    info(".input", (1, 3, 64, 64)),
    info("layer1.0.conv", (1, 8, 64, 64)),
    info("layer1.0", (1, 8, 64, 64), Site("layer1.0.conv")),
    info("layer2.0.conv", (1, 16, 8, 8)),
    info("fc", (1, 10)),
)


def test_bars_fall_with_the_number_of_positions() -> None:
    drawn = bars(shown(NET, INPUT))
    assert [bar.site for bar in drawn] == ["layer1.0.conv", "layer2.0.conv", "fc"]
    assert [bar.start for bar in drawn] == [True, True, True]
    assert drawn[0].height == 1
    assert drawn[1].height == pytest.approx(LOWEST + (1 - LOWEST) / 2), "8 is half of 64 in doublings"
    assert drawn[2].height == LOWEST
    assert drawn[1].title == "layer2.0.conv · Conv2d · 16×8×8"


def test_a_container_is_on_the_map_where_it_is_chosen() -> None:
    assert [str(one.site) for one in shown(NET, Site("layer1.0"))] == [
        "layer1.0.conv",
        "layer1.0",
        "layer2.0.conv",
        "fc",
    ]
