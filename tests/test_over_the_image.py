"""Which layer outputs lie over the image: rows and columns of any convolution, and no windows with their tokens."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import MaxVit, SwinTransformer, VisionTransformer

from gradviz_core.tracing.trace import describe, forward
from gradviz_core.types import INPUT, SiteInfo, layouts
from gradviz_core.types.patches import Grid

Size = tuple[int, int]


def grids(module: nn.Module, size: Size) -> dict[SiteInfo, Grid | None]:
    """How each value with several positions lies over a picture of this size."""
    infos = describe(forward(module.eval(), torch.rand(1, 3, *size)))
    inside = [info for info in infos if info.site != INPUT and len(layouts.places(info)) in (1, 2)]
    return {info: layouts.over_image(layouts.places(info), layouts.channel_axis(info), size) for info in inside}


class ChannelsLast(nn.Module):
    """A step on pictures whose channels are the last axis."""

    def __init__(self, step: nn.Module, *, back: bool = True) -> None:
        super().__init__()
        self.step, self.back = step, back

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.step(x.permute(0, 2, 3, 1))
        return found.permute(0, 3, 1, 2) if self.back else found


def without_padding() -> nn.Module:
    """Five convolutions and three poolings lose positions at the borders of every layer."""
    layers: list[nn.Module] = []
    for number in range(5):
        layers += [nn.Conv2d(8 if number else 3, 8, 3), ChannelsLast(nn.LayerNorm(8))]
        layers += [nn.MaxPool2d(2)] if number < 3 else []
    return nn.Sequential(*layers)


def stepping() -> nn.Module:
    """Patches, then halves rounded up, as of Swin; each seen with the channels last."""
    halved = [part for _ in range(3) for part in (nn.Conv2d(8, 8, 3, 2, 1), ChannelsLast(nn.LayerNorm(8)))]
    return nn.Sequential(nn.Conv2d(3, 8, 4, 4), ChannelsLast(nn.LayerNorm(8)), *halved)


def along_one_side() -> nn.Module:
    """Halves rows alone, as models that read lines of text do."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, (4, 1), 1), nn.ReLU(), nn.Conv2d(8, 8, 3, (4, 2), 1), nn.AdaptiveAvgPool2d((1, 26))
    )


def swin() -> nn.Module:
    made: nn.Module = SwinTransformer([4, 4], 24, [2, 2], [2, 4], [4, 4])
    return made


SIZES: list[Size] = [(96, 96), (64, 128), (128, 64), (100, 75), (97, 131), (224, 300)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("make", [without_padding, stepping, along_one_side, swin])
def test_rows_and_columns_lie_over_the_image(make: Callable[[], nn.Module], size: Size) -> None:
    found = {info: grid for info, grid in grids(make(), size).items() if len(layouts.places(info)) == 2}
    assert len(found) > 3
    for info, grid in found.items():
        assert grid is not None, info
        assert (grid.apart, grid.rows, grid.columns) == (0, *layouts.places(info))


@pytest.mark.parametrize(("side", "partition"), [(64, 2), (32, 4)])
def test_windows_with_their_tokens_do_not(side: int, partition: int) -> None:
    """Where there are as many windows as tokens in each the shape alone tells nothing; here there are not."""
    model = MaxVit((side, side), 8, partition, [8, 8], [1, 1], 2, 0.0, num_classes=3)
    found = grids(model, (side, side))
    for info, grid in found.items():
        within = ".window_attention." in str(info.site) or ".grid_attention." in str(info.site)
        windowed = within and not str(info.site).endswith("departition_op")
        assert (grid is None) is windowed, info
        assert layouts.is_rows_and_columns(info, (side, side)) is not windowed, "nor can Grad-CAM be enlarged"
    every = describe(forward(model.eval(), torch.rand(1, 3, side, side)))
    assert layouts.picture_size(every) == (side, side)
    assert not [info for info in layouts.with_rows_and_columns(every) if found[info] is None]


def test_tokens_of_a_vision_transformer_do() -> None:
    model = VisionTransformer(image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=16)
    tokens = {grid for info, grid in grids(model, (32, 32)).items() if len(layouts.places(info)) == 1}
    assert tokens == {Grid(1, 4, 4)}


@pytest.mark.parametrize(
    ("places", "size", "lies"),
    [
        ((64, 4), (64, 64), False),
        ((4, 49), (224, 224), False),
        ((16, 49), (224, 224), False),
        ((64, 49), (224, 224), False),
        ((1, 4), (32, 32), False),
        ((4, 16), (64, 128), False),
        ((32, 4), (64, 128), False),
        ((7, 7), (224, 224), True),
        ((7, 9), (224, 300), True),
        ((228, 388), (412, 572), True),  # U-Net, without padding
        ((2, 2), (32, 40), True),
        ((1, 2), (32, 64), True),
    ],
)
def test_with_the_channels_last_the_proportions_decide(places: Size, size: Size, lies: bool) -> None:
    for (rows, columns), picture in ((places, size), (places[::-1], (size[1], size[0]))):
        assert (layouts.over_image((rows, columns), 3, picture) is not None) is lies
        assert layouts.over_image((rows, columns), 1, picture) is not None
