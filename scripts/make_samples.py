"""Make the sample images and their cards again: ``python scripts/make_samples.py``.

Scenes are drawn, digits come from those that no preset was trained on, photos come from scikit-image, scikit-learn
and SciPy. The numbers below were chosen by eye.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image
from sklearn.datasets import load_digits, load_sample_image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gradviz_core.scenes import scenes  # noqa: E402
from gradviz_core.types import ImageCard, keys  # noqa: E402
from scripts.presets import digits  # noqa: E402

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

PHOTO_PRESETS = ("preset/efficientnet-lite0",)


def photo(name: str, title: str, label: str, licence: str, credit: str, source: str, note: str = "") -> ImageCard:
    key = keys.sample(name)
    return ImageCard(key, title, label, "photos", PHOTO_PRESETS, note, licence=licence, credit=credit, source=source)


PHOTOS = (
    photo("cat", "Chelsea the cat", "tiger cat", "CC0-1.0", "Stéfan van der Walt", "scikit-image, data.chelsea()"),
    photo(
        "coffee",
        "A cup of coffee",
        "espresso",
        "CC0-1.0",
        "Rachel Michetti, courtesy of Pikolo Espresso Bar",
        "scikit-image, data.coffee()",
    ),
    photo("photographer", "A man with a camera", "tripod", "CC0-1.0", "Lav Varshney", "scikit-image, data.camera()"),
    photo(
        "palace",
        "A tower of the Summer Palace in Beijing",
        "palace",
        "CC-BY-2.0",
        "Daniel Büchele (danielbuechele)",
        "scikit-learn, china.jpg, cut; https://www.flickr.com/photos/danielbuechele/6061409035",
    ),
    photo(
        "dahlia",
        "A dahlia",
        "dahlia",
        "CC-BY-2.0",
        "vultilion",
        "scikit-learn, flower.jpg, made smaller; https://www.flickr.com/photos/vultilion/6056698931",
        "ImageNet has no class for a dahlia: a daisy is the nearest that it has.",
    ),
    photo(
        "raccoon",
        "A raccoon",
        "raccoon",
        "Public domain",
        "public-domain-image.com",
        "SciPy 1.9, misc.face(), made smaller",
        "ImageNet has no class for a raccoon: other animals have its grey fur and its mask.",
    ),
    photo(
        "clock",
        "A clock, blurred",
        "wall clock",
        "Public domain",
        "Stéfan van der Walt",
        "scikit-image, data.clock()",
        "The camera moved: neither hands nor numbers are left of this wall clock.",
    ),
    photo(
        "astronaut",
        "Eileen Collins, astronaut",
        "astronaut",
        "Public domain",
        "NASA",
        "scikit-image, data.astronaut(); https://flic.kr/p/r9qvLn",
        "ImageNet has no class for an astronaut: what is left to name is her helmet.",
    ),
    photo(
        "rocket",
        "Launch of a rocket",
        "rocket",
        "Public domain",
        "SpaceX",
        "scikit-image, data.rocket(); https://www.flickr.com/photos/spacexphotos/16511594820",
        "ImageNet has no class for a rocket: a missile is the nearest that it has.",
    ),
)
LONGEST_SIDE = 512
TOWER = (60, 20, 340, 300)
"""Left, top, right and bottom of the tower in its photo."""


def scene_sample(name: str, scene: scenes.Scene, title: str, suits: tuple[str, ...]) -> ImageCard:
    mask = f"{name}-mask.png"
    Image.fromarray(scene.image).save(IMAGES / f"{name}.png", optimize=True)
    Image.fromarray(scene.mask.astype(np.uint8) * 255).save(IMAGES / mask, optimize=True)
    return ImageCard(
        key=keys.sample(name),
        title=title,
        label=scenes.LABELS[scene.label],
        group="shapes",
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
                group="digits",
                suits=DIGIT_PRESETS,
                licence="CC-BY-4.0",
                credit="E. Alpaydin and C. Kaynak, UCI Machine Learning Repository",
                source=f"scikit-learn, load_digits(), number {index}, enlarged",
            )
        )
    return cards


def new_photos() -> dict[str, Image.Image]:
    """Those whose source is among the packages of the tests; the raccoon came from an older SciPy, and is kept."""
    pixels = {
        "cat": skimage.data.chelsea(),  # type: ignore[no-untyped-call]
        "astronaut": skimage.data.astronaut(),  # type: ignore[no-untyped-call]
        "coffee": skimage.data.coffee(),  # type: ignore[no-untyped-call]
        "rocket": skimage.data.rocket(),  # type: ignore[no-untyped-call]
        "photographer": skimage.data.camera(),  # type: ignore[no-untyped-call]
        "clock": skimage.data.clock(),  # type: ignore[no-untyped-call]
        "palace": load_sample_image("china.jpg"),
        "dahlia": load_sample_image("flower.jpg"),
    }
    pictures = {name: Image.fromarray(picture).convert("RGB") for name, picture in pixels.items()}
    pictures["palace"] = pictures["palace"].crop(TOWER)
    pictures["dahlia"].thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    return pictures


def photo_samples() -> list[ImageCard]:
    for name, picture in new_photos().items():
        picture.save(IMAGES / f"{name}.jpg", quality=JPEG_QUALITY, optimize=True)
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
