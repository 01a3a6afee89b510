"""Labelled scenes, drawn from a seed: one shape of ten kinds over a cluttered background, and where that shape is.

A scene is made of a ``Recipe`` and a label. The recipe (colours, textures, place, size, angle, clutter) is drawn from
the seed alone and never sees the label, so nothing but the outline of the shape can tell its class: ``draw(recipe, 3)``
and ``draw(recipe, 7)`` differ only where one of the two outlines lies. Numpy and Pillow only.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from gradviz_core.types import Pixels

LABELS = ("circle", "square", "triangle", "star", "ring", "cross", "heart", "crescent", "hexagon", "arrow")
SIZE = 96
"""Height and width of a scene, in pixels."""

_OVER = 3  # outlines are drawn this many times larger, then averaged down: that is the anti-aliasing
_RADIUS = (19.0, 36.0)

Points = npt.NDArray[np.float64]
Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Colour = tuple[float, float, float]

# ---------------------------------------------------------------------------------------------------------------- nouns


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the shape is: its centre of area, its farthest point from there (pixels), and its turn (radians)."""

    row: float
    column: float
    radius: float
    angle: float
    stretch: float
    """Width over height before the turn, 0.93 to 1.07."""
    detail: float
    """0 to 1: how thick a ring or the arms of a cross are, how deep a star is cut, and so on."""


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


# ------------------------------------------------------------------------------------------------------------- outlines


def _arc(start: float, stop: float, count: int = 40) -> Points:
    angles = np.linspace(start, stop, count)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _corners(count: int) -> Points:
    return _arc(-math.pi / 2, 1.5 * math.pi, count + 1)[:-1]


def _circle(detail: float) -> Points:
    return _corners(72)


def _square(detail: float) -> Points:
    return np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], dtype=np.float64)


def _triangle(detail: float) -> Points:
    return _corners(3)


def _star(detail: float) -> Points:
    points = _corners(10)
    points[1::2] *= 0.42 + 0.12 * detail
    return points


def _cross(detail: float) -> Points:
    a = 0.26 + 0.14 * detail
    quarter = np.array([(-a, -a), (-a, -1), (a, -1)], dtype=np.float64)
    turn = np.array([(0, 1), (-1, 0)], dtype=np.float64)
    return np.concatenate([quarter @ np.linalg.matrix_power(turn, k) for k in range(4)])


def _heart(detail: float) -> Points:
    t = np.linspace(0, 2 * math.pi, 72, endpoint=False)
    height = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([16 * np.sin(t) ** 3, -(0.95 + 0.1 * detail) * height], axis=1)


def _crescent(detail: float) -> Points:
    shift, bite = 0.42 + 0.12 * detail, 0.82
    where = math.acos((1 - bite**2 + shift**2) / (2 * shift))
    inner = math.atan2(math.sin(where), math.cos(where) - shift)
    hollow = _arc(2 * math.pi - inner, inner) * bite + (shift, 0)
    return np.concatenate([_arc(where, 2 * math.pi - where), hollow])


def _hexagon(detail: float) -> Points:
    return _corners(6)


def _arrow(detail: float) -> Points:
    a = 0.2 + 0.14 * detail
    head = 0.72
    half = [(1.0, 0.0), (0.05, head), (0.05, a), (-1.0, a)]
    return np.array(half + [(x, -y) for x, y in reversed(half[1:])], dtype=np.float64)


_OUTLINES: dict[str, Callable[[float], Points]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "ring": _circle,
    "cross": _cross,
    "heart": _heart,
    "crescent": _crescent,
    "hexagon": _hexagon,
    "arrow": _arrow,
}


def _centred(points: Points) -> Points:
    """The outline moved so that its centre of area is the origin, and scaled so that its farthest point is at 1."""
    following = np.roll(points, -1, axis=0)
    cross = points[:, 0] * following[:, 1] - following[:, 0] * points[:, 1]
    centre = ((points + following) * cross[:, None]).sum(axis=0) / (3 * cross.sum())
    moved = points - centre
    return np.asarray(moved / np.hypot(moved[:, 0], moved[:, 1]).max())


def coverage(label: int, pose: Pose) -> Plane:
    """How much of each pixel the shape covers, shape (96, 96), 0 to 1."""
    name = LABELS[label]
    points = _OUTLINES[name](pose.detail) * (math.sqrt(pose.stretch), 1 / math.sqrt(pose.stretch))
    cos, sin = math.cos(pose.angle), math.sin(pose.angle)
    points = _centred(points) @ np.array([(cos, sin), (-sin, cos)]) * pose.radius
    centre = (pose.column, pose.row)
    canvas = Image.new("L", (SIZE * _OVER, SIZE * _OVER))
    pencil = ImageDraw.Draw(canvas)
    pencil.polygon(_on_canvas(points + centre), fill=255)
    if name == "ring":
        pencil.polygon(_on_canvas(points * (0.72 - 0.24 * pose.detail) + centre), fill=0)
    return np.asarray(canvas.reduce(_OVER), dtype=np.float32) / np.float32(255)


def _on_canvas(points: Points) -> list[tuple[float, float]]:
    return [(x * _OVER, y * _OVER) for x, y in points]


# -------------------------------------------------------------------------------------------------------------- colours


def _hsv(hue: float, saturation: float, value: float) -> Colour:
    return colorsys.hsv_to_rgb(hue % 1.0, min(max(saturation, 0.0), 1.0), min(max(value, 0.0), 1.0))


def _luma(colour: Colour) -> float:
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def _paper(rng: np.random.Generator) -> tuple[Colour, Colour]:
    hue, dark = rng.random(), rng.random() < 0.5
    value = rng.uniform(0.16, 0.38) if dark else rng.uniform(0.68, 0.95)
    saturation = rng.uniform(0.25, 0.6) if dark else rng.uniform(0.08, 0.38)
    second = value + rng.uniform(0.06, 0.16) * (1 if dark else -1)
    return _hsv(hue, saturation, value), _hsv(hue + rng.uniform(-0.12, 0.12), saturation + 0.08, second)


def _paint(rng: np.random.Generator, paper: tuple[Colour, Colour]) -> tuple[Colour, Colour]:
    """Two shades of one hue that stand out from the paper in brightness, so that the outline is there to be seen."""
    floor = 0.24
    while True:
        hue, saturation, value = rng.random(), rng.uniform(0.45, 0.95), rng.uniform(0.3, 1.0)
        first = _hsv(hue, saturation, value)
        second = _hsv(hue + rng.uniform(-0.07, 0.07), saturation - 0.12, value * rng.uniform(0.78, 0.9))
        if min(abs(_luma(a) - _luma(b)) for a in (first, second) for b in paper) > floor:
            return first, second
        floor *= 0.98  # some papers leave little room; the loop must end


# ------------------------------------------------------------------------------------------------------------- textures

_ROWS, _COLUMNS = (axis.astype(np.float32) for axis in np.mgrid[0:SIZE, 0:SIZE])


def _waves(rng: np.random.Generator, period: float) -> Plane:
    """A sine wave of this period (pixels) in a random direction, -1 to 1."""
    angle, phase = rng.uniform(0, 2 * math.pi, 2)
    along = _COLUMNS * np.float32(math.cos(angle)) + _ROWS * np.float32(math.sin(angle))
    return np.asarray(np.sin(along * np.float32(2 * math.pi / period) + np.float32(phase)), dtype=np.float32)


def _crisp(plane: Plane, gain: float) -> Plane:
    return np.asarray(np.clip(plane * np.float32(gain), -1, 1), dtype=np.float32)


def _stripes(rng: np.random.Generator) -> Plane:
    return _crisp(_waves(rng, rng.uniform(6, 15)), 2.5)


def _dots(rng: np.random.Generator) -> Plane:
    angle, period = rng.uniform(0, math.pi / 2), rng.uniform(7, 13)
    step = np.float32(2 * math.pi / period)
    along = (_COLUMNS * np.float32(math.cos(angle)) + _ROWS * np.float32(math.sin(angle))) * step
    across = (_ROWS * np.float32(math.cos(angle)) - _COLUMNS * np.float32(math.sin(angle))) * step
    return _crisp(np.cos(along) + np.cos(across) - np.float32(0.7), 2.0)


def _weave(rng: np.random.Generator) -> Plane:
    return np.asarray(_waves(rng, rng.uniform(5, 10)) * _waves(rng, rng.uniform(5, 10)), dtype=np.float32)


def clouds(rng: np.random.Generator, cells: int) -> Plane:
    """Smooth noise with about ``cells`` hills along a side, (96, 96), about -1 to 1."""
    small = rng.uniform(-1.0, 1.0, (cells + 3, cells + 3)).astype(np.float32)
    return np.asarray(Image.fromarray(small).resize((SIZE, SIZE), Image.Resampling.BICUBIC), dtype=np.float32)


def _clouds(rng: np.random.Generator) -> Plane:
    return clouds(rng, int(rng.integers(2, 6)))


def _marble(rng: np.random.Generator) -> Plane:
    return np.asarray(np.sin(_waves(rng, rng.uniform(30, 60)) * 2 + clouds(rng, 5) * 4), dtype=np.float32)


def _grain(rng: np.random.Generator) -> Plane:
    return clouds(rng, int(rng.integers(22, 34)))


_TEXTURES = (_stripes, _dots, _weave, _clouds, _marble, _grain)


def _textured(rng: np.random.Generator, colours: tuple[Colour, Colour], strength: float) -> Plane:
    """Two colours mixed by a random texture and large soft hills, (96, 96, 3), 0 to 1."""
    texture = _TEXTURES[int(rng.integers(len(_TEXTURES)))](rng)
    mix = np.float32(0.5) + np.float32(strength) * texture + np.float32(0.3) * clouds(rng, 2)
    first, second = (np.array(colour, dtype=np.float32) for colour in colours)
    return np.asarray(first + np.clip(mix, -0.2, 1.2)[..., None] * (second - first), dtype=np.float32)


# -------------------------------------------------------------------------------------------------------------- clutter


def _stroke(rng: np.random.Generator) -> list[tuple[float, float]]:
    """A curve from somewhere to somewhere, bent by a third point, in canvas units."""
    ends = rng.uniform(-0.15, 1.15, (2, 2))
    bend = ends.mean(axis=0) + rng.normal(0, 0.3, 2)
    t = np.linspace(0, 1, 18)[:, None]
    curve = (1 - t) ** 2 * ends[0] + 2 * t * (1 - t) * bend + t**2 * ends[1]
    return [(float(x), float(y)) for x, y in curve * (SIZE * _OVER)]


def _clutter(rng: np.random.Generator, colours: list[Colour]) -> Plane:
    """Strokes and specks on glass, (96, 96, 4): red, green, blue and coverage, 0 to 1."""
    canvas = Image.new("RGBA", (SIZE * _OVER, SIZE * _OVER))
    pencil = ImageDraw.Draw(canvas)
    for _ in range(int(rng.integers(4, 9))):
        pencil.line(_stroke(rng), fill=_ink(rng, colours), width=int(rng.integers(3, 11)), joint="curve")
    for _ in range(int(rng.integers(2, 9))):
        x, y = rng.uniform(0, SIZE * _OVER, 2)
        r = rng.uniform(2, 8)
        pencil.ellipse((x - r, y - r, x + r, y + r), fill=_ink(rng, colours))
    return np.asarray(canvas.reduce(_OVER), dtype=np.float32) / np.float32(255)


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
    paper = _paper(rng)
    return Recipe((stream, index), pose, paper, _paint(rng, paper))


def draw(recipe: Recipe, label: int) -> Scene:
    """The scene of this recipe with the shape ``LABELS[label]``."""
    rng = np.random.default_rng([*recipe.seed, 1])
    picture = _textured(rng, recipe.paper, 0.35)
    inks = [*recipe.paper, *recipe.paint, _hsv(rng.random(), 0.6, 0.8)]
    strokes = _clutter(rng, inks)
    picture += strokes[..., 3:] * (strokes[..., :3] - picture)
    covered = coverage(label, recipe.pose)
    paint = _textured(rng, recipe.paint, 0.5) * _relief(covered)[..., None]
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
    return np.float32(1) + np.float32(0.08) * _waves(rng, 4 * SIZE)


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
