"""The outlines of the ten shapes, and how much of each pixel one covers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

LABELS = ("circle", "square", "triangle", "star", "ring", "cross", "heart", "crescent", "hexagon", "arrow")
SIZE = 96
"""Height and width of a scene, in pixels."""
OVER = 3
"""Outlines are drawn this many times larger, then averaged down: that is the anti-aliasing."""

Points = npt.NDArray[np.float64]
Plane = npt.NDArray[np.float32]


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
    canvas = Image.new("L", (SIZE * OVER, SIZE * OVER))
    pencil = ImageDraw.Draw(canvas)
    pencil.polygon(_on_canvas(points + centre), fill=255)
    if name == "ring":
        pencil.polygon(_on_canvas(points * (0.72 - 0.24 * pose.detail) + centre), fill=0)
    return np.asarray(canvas.reduce(OVER), dtype=np.float32) / np.float32(255)


def _on_canvas(points: Points) -> list[tuple[float, float]]:
    return [(x * OVER, y * OVER) for x, y in points]
