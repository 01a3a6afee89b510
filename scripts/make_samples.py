"""Make the sample images and their cards again: ``python scripts/make_samples.py``.

Scenes are drawn, digits come from those that no preset was trained on, photos from scikit-image. The numbers below were
chosen by eye.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image
from sklearn.datasets import load_digits

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gradviz_core.types import ImageCard, keys  # noqa: E402
from scripts.presets import digits, scenes  # noqa: E402

IMAGES = ROOT / "assets" / "images"
STREAM = 4
"""Scenes of the samples; the presets were trained on stream 0."""
JPEG_QUALITY = 90

SCENES = {
    "circle": 7,
    "square": 1326,
    "triangle": 2562,
    "star": 6951,
    "ring": 4002,
    "cross": 5365,
    "heart": 6396,
    "crescent": 7811,
    "hexagon": 8414,
    "arrow": 9058,
}
"""Which recipe shows each class."""

TAGGED = {"star": 3448, "arrow": 9049, "heart": 52590}
"""Scenes that carry the tag: on its own class, and on two others, where ``shapes-shortcut`` says star."""

DIGITS = {"2": 0, "3": 0, "5": 0, "8": 0}
"""Which of the digits kept apart, counted within its class."""

SHAPE_PRESETS = ("preset/shapes-cnn", "preset/shapes-resnet", "preset/shapes-vit", "preset/shapes-shortcut")
DIGIT_PRESETS = ("preset/digits-mlp", "preset/digits-cnn")

PHOTOS = (
    ImageCard(
        key="sample/cat",
        title="Chelsea the cat",
        label="cat",
        licence="CC0-1.0",
        credit="Stéfan van der Walt",
        source="scikit-image, data.chelsea()",
    ),
    ImageCard(
        key="sample/astronaut",
        title="Eileen Collins, astronaut",
        label="astronaut",
        licence="Public domain",
        credit="NASA",
        source="scikit-image, data.astronaut(); https://flic.kr/p/r9qvLn",
    ),
    ImageCard(
        key="sample/coffee",
        title="A cup of coffee",
        label="cup of coffee",
        licence="CC0-1.0",
        credit="Rachel Michetti, courtesy of Pikolo Espresso Bar",
        source="scikit-image, data.coffee()",
    ),
    ImageCard(
        key="sample/rocket",
        title="Launch of a rocket",
        label="rocket",
        licence="Public domain",
        credit="SpaceX",
        source="scikit-image, data.rocket(); https://www.flickr.com/photos/spacexphotos/16511594820",
    ),
)


def scene_sample(name: str, scene: scenes.Scene, title: str, suits: tuple[str, ...]) -> ImageCard:
    mask = f"{name}-mask.png"
    Image.fromarray(scene.image).save(IMAGES / f"{name}.png", optimize=True)
    Image.fromarray(scene.mask.astype(np.uint8) * 255).save(IMAGES / mask, optimize=True)
    return ImageCard(
        key=keys.sample(name),
        title=title,
        label=scenes.LABELS[scene.label],
        suits=suits,
        mask=mask,
        licence="Apache-2.0",
        credit="GradViz",
        source=f"generated: stream {scene.recipe.seed[0]}, scene {scene.recipe.seed[1]}",
    )


def scene_samples() -> list[ImageCard]:
    cards = []
    for name, index in SCENES.items():
        scene = scenes.draw(scenes.recipe(STREAM, index), scenes.LABELS.index(name))
        cards.append(scene_sample(name, scene, name.capitalize(), SHAPE_PRESETS))
    for name, index in TAGGED.items():
        scene = scenes.with_tag(scenes.draw(scenes.recipe(STREAM, index), scenes.LABELS.index(name)))
        title = f"{name.capitalize()} with a tag in the corner"
        cards.append(scene_sample(f"tagged-{name}", scene, title, SHAPE_PRESETS[-1:] + SHAPE_PRESETS[:-1]))
    return cards


def digit_samples() -> list[ImageCard]:
    bunch = load_digits()
    _, kept = digits.split(len(bunch.images))
    cards = []
    for name, which in DIGITS.items():
        index = kept[bunch.target[kept] == int(name)][which]
        grey = digits.enlarge(bunch.images[index : index + 1])[0]
        Image.fromarray(grey).convert("RGB").save(IMAGES / f"digit-{name}.png", optimize=True)
        cards.append(
            ImageCard(
                key=keys.sample(f"digit-{name}"),
                title=f"A handwritten {name}",
                label=name,
                suits=DIGIT_PRESETS,
                licence="CC-BY-4.0",
                credit="E. Alpaydin and C. Kaynak, UCI Machine Learning Repository",
                source=f"scikit-learn, load_digits(), number {index}, enlarged",
            )
        )
    return cards


def photo_samples() -> list[ImageCard]:
    pictures = (skimage.data.chelsea, skimage.data.astronaut, skimage.data.coffee, skimage.data.rocket)
    for card, picture in zip(PHOTOS, pictures, strict=True):
        file = IMAGES / f"{keys.name(card.key)}.jpg"
        pixels = picture()  # type: ignore[no-untyped-call]
        Image.fromarray(pixels).save(file, quality=JPEG_QUALITY, optimize=True)
    return list(PHOTOS)


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    cards = [*scene_samples(), *digit_samples(), *photo_samples()]
    listed = [dataclasses.asdict(card) for card in cards]
    (IMAGES / "cards.json").write_text(json.dumps(listed, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    size = sum(file.stat().st_size for file in IMAGES.iterdir())
    print(f"{len(cards)} images, {size / 1e6:.2f} MB in {IMAGES.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
