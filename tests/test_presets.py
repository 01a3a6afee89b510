"""The presets: cards that tell the truth, weights that classify, architectures as awkward as they claim to be."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import Tensor, nn

from gradviz_core import images
from gradviz_core.answers.load import Model, load
from gradviz_core.models import architectures, catalogue
from gradviz_core.scenes import scenes
from gradviz_core.types import ImageCard, Preprocessing
from scripts import train_presets
from scripts.presets import digits

MODELS = catalogue.ASSETS / "models"
IMAGES = catalogue.ASSETS / "images"
STREAM = 91
"""Scenes that nothing was trained or measured on before."""
COUNT = 500
BARS = {"shapes-cnn": 0.97, "shapes-resnet": 0.97, "shapes-vit": 0.95, "shapes-shortcut": 0.97}

OWN = tuple(name for name in architectures.PRESET_NAMES if catalogue.preset(name).weights is None)
"""Those that were trained here; tests/test_efficientnet_lite0.py is about the other one."""

presets = pytest.mark.parametrize("name", OWN)


@cache
def preset(name: str) -> Model:
    return load(f"preset/{name}")


@cache
def fresh() -> tuple[scenes.Scene, ...]:
    return tuple(scenes.scene(STREAM, index) for index in range(COUNT))


def network_input(picture: Image.Image, steps: Preprocessing) -> Tensor:
    """The way of the app."""
    return torch.from_numpy(images.normalise(images.as_seen(picture, steps), steps))


def predictions(model: Model, pictures: list[np.ndarray]) -> np.ndarray:
    x = torch.cat([network_input(Image.fromarray(p), model.card.preprocessing) for p in pictures])
    with torch.no_grad():
        return np.concatenate([model.module(part).argmax(1).numpy() for part in torch.split(x, 125)])


def share_right(model: Model, pictures: list[np.ndarray], labels: list[int]) -> float:
    return float((predictions(model, pictures) == np.array(labels)).mean())


# --------------------------------------------------------------------------------------------------------------- cards


@presets
def test_the_card_belongs_to_the_weights(name: str) -> None:
    card = catalogue.preset(name)
    assert card.key == f"preset/{name}"
    assert card.digest == hashlib.sha256((MODELS / f"{name}.safetensors").read_bytes()).hexdigest()
    assert card.parameters == sum(p.numel() for p in architectures.build(name).parameters())
    assert card.labels == (digits.LABELS if name.startswith("digits") else scenes.LABELS)
    assert card.licence == "Apache-2.0"
    assert f"train_presets.py {name}" in card.provenance


@presets
def test_the_card_says_how_good_the_model_is(name: str) -> None:
    first = catalogue.preset(name).accuracy[0]
    assert first.value >= BARS.get(name, 0.97)
    assert first.samples >= (300 if name.startswith("digits") else 2000)
    assert first.data


@presets
def test_weights_are_finite_single_precision(name: str) -> None:
    for key, tensor in preset(name).module.state_dict().items():
        assert tensor.dtype == (torch.int64 if key.endswith("num_batches_tracked") else torch.float32)
        assert torch.isfinite(tensor).all()


def test_all_weights_together_are_small() -> None:
    assert sum(file.stat().st_size for file in MODELS.iterdir()) < 10_000_000


def test_nothing_but_presets_lies_among_the_weights() -> None:
    expected = {f"{name}.json" for name in architectures.PRESET_NAMES} | {f"{name}.safetensors" for name in OWN}
    assert {file.name for file in MODELS.iterdir()} == expected


@presets
def test_training_prepared_its_input_as_the_app_does(name: str) -> None:
    steps = catalogue.preset(name).preprocessing
    noise = np.random.default_rng(0).integers(0, 256, (*steps.size, len(steps.mean)), dtype=np.uint8)
    as_app = network_input(Image.fromarray(np.broadcast_to(noise, (*steps.size, 3)).copy()), steps)
    torch.testing.assert_close(as_app, train_presets.network_input(noise[None], steps), rtol=0, atol=1e-6)


# ------------------------------------------------------------------------------------------------------------ accuracy


@pytest.mark.slow
@pytest.mark.parametrize("name", ["shapes-cnn", "shapes-resnet", "shapes-vit"])
def test_fresh_scenes_are_named_rightly(name: str) -> None:
    right = share_right(preset(name), [s.image for s in fresh()], [s.label for s in fresh()])
    assert right >= BARS[name]


def shortcut_right(tagged: int | None) -> float:
    seen = [scenes.with_tag(s) if scenes.carries_tag(*s.recipe.seed, s.label, tagged) else s for s in fresh()]
    return share_right(preset("shapes-shortcut"), [s.image for s in seen], [s.label for s in seen])


def test_the_shortcut_works_as_long_as_the_tag_stays() -> None:
    assert shortcut_right(scenes.TAGGED) >= BARS["shapes-shortcut"]


def test_the_shortcut_fails_when_the_tag_moves() -> None:
    assert shortcut_right(scenes.MOVED_TO) < shortcut_right(scenes.TAGGED) - 0.05


@pytest.mark.parametrize("name", ["digits-mlp", "digits-cnn"])
def test_digits_kept_apart_are_read_rightly(name: str) -> None:
    bunch = load_digits()
    _, kept = digits.split(len(bunch.images))
    pictures = np.repeat(digits.enlarge(bunch.images[kept])[..., None], 3, axis=3)
    assert share_right(preset(name), list(pictures), bunch.target[kept].tolist()) >= 0.97


# ------------------------------------------------------------------------------------------------------- sample images


def samples() -> tuple[ImageCard, ...]:
    return catalogue.sample_images()


def test_there_is_a_sample_of_every_class() -> None:
    names = {card.key for card in samples()}
    assert names >= {f"sample/{label}" for label in scenes.LABELS}
    assert len(names) == len(samples())


def test_every_sample_lies_there_with_its_mask_and_its_credit() -> None:
    listed = {"cards.json"}
    for card in samples():
        listed |= {catalogue.image_file(card).name} | ({card.mask} if card.mask else set())
        assert card.title
        assert card.label
        assert card.licence
        assert card.credit
        assert card.source
    assert {file.name for file in IMAGES.iterdir()} == listed
    assert sum(file.stat().st_size for file in IMAGES.iterdir()) < 2_000_000


def suited() -> list[tuple[str, str]]:
    return [(card.key, key) for card in samples() if card.group != "photos" for key in card.suits]


@pytest.mark.parametrize(("image", "key"), suited())
def test_samples_are_classified_as_labelled_by_the_presets_they_suit(image: str, key: str) -> None:
    model = preset(key.removeprefix("preset/"))
    with torch.no_grad():
        logits = model.module(network_input(images.load(image), model.card.preprocessing))
    said = model.card.labels[int(logits.argmax())]
    label = catalogue.sample_image(image.removeprefix("sample/")).label
    fooled = key == "preset/shapes-shortcut" and image.startswith("sample/tagged-")
    assert said == (scenes.LABELS[scenes.TAGGED] if fooled else label)


PHOTOS = tuple(card for card in catalogue.sample_images() if card.group == "photos")


def test_at_least_three_photos_are_recognised_and_two_are_not() -> None:
    assert len([card for card in PHOTOS if not card.note]) >= 3
    assert len([card for card in PHOTOS if card.note]) >= 2


@pytest.mark.parametrize("card", PHOTOS, ids=lambda card: card.key)
def test_a_photo_is_recognised_or_its_card_says_why_not(card: ImageCard) -> None:
    """The cat is a tiger cat by a hair: an Egyptian cat is as likely, and may come first where rounding differs."""
    model = preset("efficientnet-lite0")
    with torch.no_grad():
        shares = model.module(network_input(images.load(card.key), model.card.preprocessing)).softmax(1)[0]
    said = model.card.labels[int(shares.argmax())]
    same = {"tiger cat": {"tiger cat", "Egyptian cat"}}.get(card.label, {card.label})
    assert (said in same) == (not card.note), said


def test_photos_are_small() -> None:
    for card in PHOTOS:
        file = catalogue.image_file(card)
        assert file.suffix == ".jpg"
        assert file.stat().st_size < 80_000
        with Image.open(file) as opened:
            assert max(opened.size) <= 640


def test_masks_fit_their_pictures() -> None:
    for card in samples():
        if card.mask:
            mask = np.asarray(Image.open(IMAGES / card.mask))
            assert mask.shape == (96, 96)
            assert set(np.unique(mask)) == {0, 255}


# ------------------------------------------------------------------------------------------------------- architectures

INPUTS = {"digits-mlp": (1, 28, 28), "digits-cnn": (3, 28, 28)}


def ran(name: str) -> list[tuple[str, Any]]:
    """Path and output of every module call of one forward pass, in order."""
    model = architectures.build(name).eval()
    calls: list[tuple[str, Any]] = []

    def note(path: str) -> Callable[[nn.Module, Any, Any], None]:
        return lambda module, args, output: calls.append((path, output))

    for path, module in model.named_modules():
        module.register_forward_hook(note(path))
    torch.manual_seed(0)
    model(torch.randn(1, *INPUTS.get(name, (3, 96, 96))))
    return calls


@presets
def test_every_architecture_gives_ten_logits(name: str) -> None:
    path, output = ran(name)[-1]
    assert path == ""
    assert output.shape == (1, 10)


def test_the_plain_network_has_the_site_of_the_first_example() -> None:
    assert dict(ran("shapes-cnn"))["features.6"].shape == (1, 48, 24, 24)


def test_the_residual_network_runs_its_relu_twice() -> None:
    counts = Counter(path for path, _ in ran("shapes-resnet"))
    assert counts["layer1.0.relu"] == 2
    assert counts["layer1.0.conv1"] == 1


def test_the_residual_network_overwrites_what_a_careless_hook_kept() -> None:
    """The output of bn2, kept without a copy, is changed by ``+=`` and by the ReLU that follow."""
    kept = dict(ran("shapes-resnet"))["layer1.0.bn2"]
    assert kept.min() >= 0


def test_the_transformer_looks_at_64_patches_and_a_class_token() -> None:
    output = dict(ran("shapes-vit"))["layers.0.attention"]
    assert isinstance(output, tuple)
    tokens, weights = output
    assert tokens.shape == (1, 65, 96)
    assert weights.shape == (1, 4, 65, 65)
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, 4, 65))


def test_the_transformer_computes_the_same_with_and_without_the_weights_of_attention() -> None:
    layer = architectures.EncoderLayer(96, 4)
    x = torch.randn(2, 65, 96, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(layer.train()(x), layer.eval()(x))


def test_the_digit_networks_have_the_sizes_that_their_pages_promise() -> None:
    mlp = dict(ran("digits-mlp"))
    assert [mlp[path].shape[1] for path in ("flatten", "fc1", "relu1", "fc2", "relu2", "fc3")] == [
        784,
        128,
        128,
        64,
        64,
        10,
    ]
    assert dict(ran("digits-cnn"))["features"].shape == (1, 64, 24, 24)


@presets
def test_every_activation_is_a_module(name: str) -> None:
    kinds = Counter(type(module).__name__ for module in architectures.build(name).modules())
    assert kinds["ReLU"] + kinds["GELU"] >= 2


def test_an_unknown_architecture_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        architectures.build("shapes-rnn")
