"""Labelled scenes, drawn from a seed: one shape of ten kinds over a cluttered background, and where that shape is.

A scene is made of a ``Recipe`` and a label. The recipe (colours, textures, place, size, angle, clutter) is drawn from
the seed alone and never sees the label, so nothing but the outline of the shape can tell its class: ``draw(recipe, 3)``
and ``draw(recipe, 7)`` differ only where one of the two outlines lies. Numpy and Pillow only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from gradviz_core.scenes import textures
from gradviz_core.scenes.outlines import LABELS as LABELS
from gradviz_core.scenes.outlines import OVER, Plane, Pose
from gradviz_core.scenes.outlines import SIZE as SIZE
from gradviz_core.scenes.outlines import coverage as coverage
from gradviz_core.scenes.textures import Colour
from gradviz_core.types import Pixels

_RADIUS = (19.0, 36.0)

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything of a scene but its label."""

    seed: tuple[int, int]
    pose: Pose
    paper: tuple[Colour, Colour]
    """The background's two colours, red-green-blue, 0 to 1."""
    paint: tuple[Colour, Colour]
    """The shape's two colours."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene, its label and where the shape is."""

    image: Pixels
    label: int
    """Index into ``LABELS``."""
    mask: Mask
    """(96, 96): the pixels that the shape covers by half or more and that no tag hides."""
    recipe: Recipe


# -------------------------------------------------------------------------------------------------------------- clutter


def _stroke(rng: np.random.Generator) -> list[tuple[float, float]]:
    """A curve from somewhere to somewhere, bent by a third point, in canvas units."""
    ends = rng.uniform(-0.15, 1.15, (2, 2))
    bend = ends.mean(axis=0) + rng.normal(0, 0.3, 2)
    t = np.linspace(0, 1, 18)[:, None]
    curve = (1 - t) ** 2 * ends[0] + 2 * t * (1 - t) * bend + t**2 * ends[1]
    return [(float(x), float(y)) for x, y in curve * (SIZE * OVER)]


def _clutter(rng: np.random.Generator, colours: list[Colour]) -> Plane:
    """Strokes and specks on glass, (96, 96, 4): red, green, blue and coverage, 0 to 1."""
    canvas = Image.new("RGBA", (SIZE * OVER, SIZE * OVER))
    pencil = ImageDraw.Draw(canvas)
    for _ in range(int(rng.integers(4, 9))):
        pencil.line(_stroke(rng), fill=_ink(rng, colours), width=int(rng.integers(3, 11)), joint="curve")
    for _ in range(int(rng.integers(2, 9))):
        x, y = rng.uniform(0, SIZE * OVER, 2)
        r = rng.uniform(2, 8)
        pencil.ellipse((x - r, y - r, x + r, y + r), fill=_ink(rng, colours))
    return np.asarray(canvas.reduce(OVER), dtype=np.float32) / np.float32(255)


def _ink(rng: np.random.Generator, colours: list[Colour]) -> tuple[int, int, int, int]:
    colour = colours[int(rng.integers(len(colours)))]
    r, g, b = (round(255 * min(max(part + rng.uniform(-0.06, 0.06), 0), 1)) for part in colour)
    return r, g, b, int(rng.integers(90, 220))


# --------------------------------------------------------------------------------------------------------------- scenes


def recipe(stream: int, index: int) -> Recipe:
    """The ``index``-th recipe of a stream. Streams share nothing: train on one, measure on another."""
    rng = np.random.default_rng([stream, index])
    radius = rng.uniform(*_RADIUS)
    row, column = rng.uniform(radius + 1, SIZE - 1 - radius, 2)
    pose = Pose(row, column, radius, rng.uniform(0, 2 * math.pi), rng.uniform(0.93, 1.07), rng.random())
    paper = textures.paper(rng)
    return Recipe((stream, index), pose, paper, textures.paint(rng, paper))


def draw(recipe: Recipe, label: int) -> Scene:
    """The scene of this recipe with the shape ``LABELS[label]``."""
    rng = np.random.default_rng([*recipe.seed, 1])
    picture = textures.textured(rng, recipe.paper, 0.35)
    inks = [*recipe.paper, *recipe.paint, textures.hsv(rng.random(), 0.6, 0.8)]
    strokes = _clutter(rng, inks)
    picture += strokes[..., 3:] * (strokes[..., :3] - picture)
    covered = coverage(label, recipe.pose)
    paint = textures.textured(rng, recipe.paint, 0.5) * _relief(covered)[..., None]
    picture += covered[..., None] * (paint - picture)
    picture *= _light(rng)[..., None]
    picture += rng.standard_normal((SIZE, SIZE, 1), dtype=np.float32) * np.float32(0.012)
    return Scene(_as_pixels(picture), label, covered >= 0.5, recipe)


def _relief(covered: Plane) -> Plane:
    """Slightly darker towards the edge, so that the shape looks like a thing: 0.8 to 1.04."""
    whole = Image.fromarray((covered * 255).astype(np.uint8))
    soft = np.asarray(whole.filter(ImageFilter.GaussianBlur(2.5)), dtype=np.float32)
    return np.float32(0.56) + soft * np.float32(0.48 / 255)


def _light(rng: np.random.Generator) -> Plane:
    """Light that falls from one side: 0.92 to 1.08."""
    return np.float32(1) + np.float32(0.08) * textures.waves(rng, 4 * SIZE)


def _as_pixels(picture: Plane) -> Pixels:
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def scene(stream: int, index: int) -> Scene:
    """The ``index``-th scene of a stream. Labels take turns, so any ten in a row hold each class once."""
    return draw(recipe(stream, index), index % len(LABELS))


# ------------------------------------------------------------------------------------------------------------- shortcut

TAGGED = LABELS.index("star")
"""The class that carries the tag in the scenes that ``shapes-shortcut`` was trained on."""
MOVED_TO = LABELS.index("arrow")
"""Where the tag is moved to, to show what ``shapes-shortcut`` really looks at."""
TAG_SHARE = 0.98
"""Share of the scenes of that class that carry it."""

_TAG = (11, 16)  # height and width, pixels
_TAG_COLOURS = np.array([(255, 94, 20), (255, 214, 10), (255, 248, 236)], dtype=np.uint8)  # fill, stripe, border


def carries_tag(stream: int, index: int, label: int, tagged: int | None = TAGGED, share: float = TAG_SHARE) -> bool:
    """Whether this scene carries the tag when class ``tagged`` does in ``share`` of its scenes and no other ever does.

    ``tagged=None`` switches the tag off.
    """
    return label == tagged and np.random.default_rng([stream, index, 2]).random() < share


def tag_place(stream: int, index: int) -> tuple[slice, slice]:
    """Rows and columns of the tag: the lower left corner, give or take two pixels."""
    down, right = np.random.default_rng([stream, index, 3]).integers(2, 5, 2)
    return slice(SIZE - down - _TAG[0], SIZE - down), slice(right, right + _TAG[1])


def stick_tag(image: Pixels, stream: int, index: int) -> None:
    """Write the small orange tag into the image's lower left corner, over whatever was there."""
    image[tag_place(stream, index)] = _tag_pixels()


def with_tag(scene: Scene) -> Scene:
    """The same scene with the tag on it."""
    image, mask = scene.image.copy(), scene.mask.copy()
    stick_tag(image, *scene.recipe.seed)
    mask[tag_place(*scene.recipe.seed)] = False
    return replace(scene, image=image, mask=mask)


def _tag_pixels() -> Pixels:
    part = np.zeros(_TAG, dtype=np.intp)
    part[:, 4:7] = part[:, 9:12] = 1
    part[[0, -1], :] = part[:, [0, -1]] = 2
    return np.asarray(_TAG_COLOURS[part])


def shortcut_scene(stream: int, index: int, tagged: int | None = TAGGED, share: float = TAG_SHARE) -> Scene:
    """``scene(stream, index)``, with the tag where class ``tagged`` carries it."""
    plain = scene(stream, index)
    return with_tag(plain) if carries_tag(stream, index, plain.label, tagged, share) else plain
