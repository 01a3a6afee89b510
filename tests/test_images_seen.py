"""The network sees what torchvision's own steps would show it, in the order of channels that its card says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torchvision
from hypothesis import given
from hypothesis import settings as settings_for_tests
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from torchvision.transforms import functional

from gradviz_core import images
from gradviz_core.models import catalogue
from gradviz_core.types.cards import ModelCard, Preprocessing
from tests.image_files import encoded, noise

CLASSIC = Preprocessing((224, 224), 256, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.mark.parametrize("shape", [(1, 1), (1, 10_000), (10_000, 1)])
def test_thin_images_are_read_and_seen(shape: tuple[int, int]) -> None:
    pixels = noise(*shape)
    image = images.decode(encoded(Image.fromarray(pixels)))
    np.testing.assert_array_equal(np.asarray(image), pixels)
    assert images.as_seen(image, CLASSIC).shape == (224, 224, 3)


def test_a_long_strip_is_seen_in_the_middle_and_not_enlarged_to_gigabytes() -> None:
    length = images.MOST_PIXELS - 1
    strip = Image.new("RGB", (1, length), (10, 20, 30))
    strip.putpixel((0, length // 2), (250, 20, 30))
    seen = images.as_seen(strip, CLASSIC)
    assert (seen[112, :, 0] == 250).all()
    assert (seen[..., 1] == 20).all()


def torchvision_sees(image: Image.Image, steps: Preprocessing) -> npt.NDArray[np.uint8]:
    """What torchvision's own steps make of the image before normalising it."""
    assert steps.resize is not None
    scaling = functional.InterpolationMode(steps.interpolation)
    resized = functional.resize(image, [steps.resize], interpolation=scaling)
    return np.asarray(functional.center_crop(resized, list(steps.size)))


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "vit_b_16", "inception_v3", "efficientnet_b0", "swin_v2_b"])
def test_the_network_gets_what_torchvision_would_give_it(name: str) -> None:
    for weights in torchvision.models.get_model_weights(name):
        theirs = weights.transforms()
        steps = Preprocessing(
            size=(theirs.crop_size[0], theirs.crop_size[0]),
            resize=theirs.resize_size[0],
            mean=tuple(theirs.mean),
            std=tuple(theirs.std),
            interpolation=theirs.interpolation.value,
        )
        for height, width in ((480, 640), (601, 333), (7, 5), (225, 224), (1, 1), (256, 256), (299, 1001)):
            image = Image.fromarray(noise(height, width, seed=height))
            ours = images.normalise(images.as_seen(image, steps), steps)
            np.testing.assert_array_equal(ours[0], theirs(image).numpy(), err_msg=f"{weights} {height}x{width}")
            assert ours.dtype == np.float32


@settings_for_tests(max_examples=60)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 60), st.integers(1, 60), st.integers(1, 60))
def test_any_crop_is_torchvisions(height: int, width: int, resize: int, rows: int, columns: int) -> None:
    steps = Preprocessing((rows, columns), resize, (0.5,) * 3, (0.5,) * 3, "bicubic")
    image = Image.fromarray(noise(height, width))
    np.testing.assert_array_equal(images.as_seen(image, steps), torchvision_sees(image, steps))


def test_a_network_of_one_channel_gets_luma() -> None:
    steps = Preprocessing((1, 3), None, (0.25,), (0.5,))
    primaries = Image.fromarray(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8))
    seen = images.as_seen(primaries, steps)
    np.testing.assert_array_equal(seen, np.repeat([[[76], [150], [29]]], 3, axis=2))  # 0.299, 0.587, 0.114 of 255
    expected = (np.array([[[[76, 150, 29]]]], np.float32) / 255 - 0.25) / 0.5
    np.testing.assert_allclose(images.normalise(seen, steps), expected, rtol=1e-6)


def test_without_resize_the_whole_image_is_stretched() -> None:
    image = Image.fromarray(noise(40, 60))
    seen = images.as_seen(image, Preprocessing((28, 20), None, (0.5,) * 3, (0.5,) * 3, "box"))
    np.testing.assert_array_equal(seen, np.asarray(image.resize((20, 28), Image.Resampling.BOX)))


def test_a_network_of_blue_green_red_gets_its_channels_in_that_order() -> None:
    pixels = noise(8, 10)
    steps = Preprocessing((8, 10), None, (0.1, 0.2, 0.3), (0.5, 0.25, 2.0), channels="bgr")
    found = images.normalise(pixels, steps)
    for channel, colour in enumerate((2, 1, 0)):
        expected = (pixels[..., colour].astype(np.float32) / np.float32(255) - np.float32(steps.mean[channel])) / (
            np.float32(steps.std[channel])
        )
        np.testing.assert_array_equal(found[0, channel], expected)
    np.testing.assert_array_equal(images.as_seen(Image.fromarray(pixels), steps), pixels)
    mirrored = replace(steps, mean=steps.mean[::-1], std=steps.std[::-1], channels="rgb")
    np.testing.assert_array_equal(images.normalise(pixels, mirrored)[:, ::-1], found)


def test_a_grey_network_has_no_order_of_channels() -> None:
    pixels = np.repeat(noise(5, 5, 1), 3, axis=2)
    steps = Preprocessing((5, 5), None, (0.5,), (0.5,))
    np.testing.assert_array_equal(
        images.normalise(pixels, replace(steps, channels="bgr")), images.normalise(pixels, steps)
    )


@pytest.mark.parametrize("card", catalogue.presets(), ids=lambda card: card.key)
def test_no_preset_squeezes_a_picture(card: ModelCard) -> None:
    """A disc in the middle of a wide picture and of a high one is as wide as it is high to the network."""
    for width, height in ((600, 300), (300, 600)):
        picture = Image.new("L", (width, height))
        ImageDraw.Draw(picture).circle((width / 2, height / 2), 100, fill=255)
        inside = images.as_seen(picture.convert("RGB"), card.preprocessing)[..., 0] > 127
        rows, columns = (int(inside.any(axis=axis).sum()) for axis in (1, 0))
        assert rows == columns > 0


def test_the_share_that_is_cut_away_is_what_no_pixel_comes_from() -> None:
    columns = np.broadcast_to(np.arange(250, dtype=np.uint8)[None, :, None], (100, 250, 3))
    steps = Preprocessing((80, 50), 100, (0.5,) * 3, (0.5,) * 3, "nearest")
    seen = images.as_seen(Image.fromarray(np.ascontiguousarray(columns)), steps)
    assert steps.cut_away(100, 250) == pytest.approx((0.2, 1 - len(np.unique(seen)) / 250))
