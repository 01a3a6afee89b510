"""The names that choices have in the address, and which of them mean nothing any more when another one changes.

A name never changes its meaning: addresses that people have kept go on showing what they showed.
"""

from __future__ import annotations

NAMES = (
    "model", "image", "target", "scale", "minus", "method", "view", "opacity", "site", "channel", "row", "col", "token",
    "maps", "sort", "follow", "norm", "epsilon", "steps", "way", "of", "wrt", "rows", "output", "model2", "image2",
    "lesson", "set", "guess", "check", "pixel", "draw", "head", "reads", "outrow", "direction", "element", "region",
    "reduce", "mrow", "mcol", "top", "bottom", "left", "right", "box", "skip", "boxaxis", "axis", "position", "slice",
    "options",
)  # fmt: skip

_PLACES = ("region", "mrow", "mcol", "top", "bottom", "left", "right")
_WITHIN_HEAD = ("target", "minus", "reads", "outrow", "direction", "element", *_PLACES, "reduce", "box", "skip",
                "boxaxis", "check")  # fmt: skip
_WITHIN_SITE = ("channel", "row", "col", "token", "position", "slice")
_WITHIN_MODEL = ("site", "axis", *_WITHIN_SITE, "of", "wrt", "rows", "output", "pixel", "draw")
_SCORE = ("scale", "minus", "outrow", "direction", "element", *_PLACES, "reduce", "box")
FALL_WITH = dict.fromkeys(_SCORE, ("check",)) | {
    "model": ("head", *_WITHIN_HEAD, *_WITHIN_MODEL),
    "image": ("box", "check"),
    "head": _WITHIN_HEAD,
    "reads": ("minus", "direction", "check"),
    "target": ("check",),
    "scale": ("minus", "direction", "check"),
    "skip": ("target", "minus", "box", "check"),
    "boxaxis": ("target", "minus", "box", "check"),
    "of": ("rows", "output"),
    "site": ("axis", *_WITHIN_SITE),
    "axis": _WITHIN_SITE,
    "norm": ("epsilon",),
    "method": ("options",),
    "lesson": ("set", "guess"),
    "pixel": ("row", "col", "token"),
}
"""Choices that mean nothing any more when another one changes."""

CARRIED = dict.fromkeys(("model", "head", "reads"), ("scale",))
"""Choices that stay when another one changes, but only as long as they fit what comes then."""
