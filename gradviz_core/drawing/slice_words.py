"""What is said of the slices of a volume and the frames of a clip."""

from __future__ import annotations

from gradviz_core.drawing.captions import Caption
from gradviz_core.drawing.how_to_read import HowToRead
from gradviz_core.types.cards import ImageFile, Preprocessing

_ALONG = HowToRead(
    "Each point is the L2 norm of the map in one slice, over its pixels and channels.",
    "Look for slices where it is large, and move the slider there; its scale is logarithmic.",
    "It does not show where in a slice the map is large, nor its sign.",
)


def word(steps: Preprocessing) -> str:
    """What one is called: a frame where they come before the channels, as in clips."""
    return "frame" if steps.slices_first else "slice"


def named(steps: Preprocessing, number: int) -> str:
    """``Slice 5 of 0 to 15``; with a full stop where it stands as a sentence of its own."""
    return f"{word(steps).capitalize()} {number} of 0 to {steps.slices - 1}"


def scale(steps: Preprocessing) -> str:
    """What the colours are a scale of."""
    return f"one scale for all {steps.slices} {word(steps)}s" if steps.slices > 1 else ""


def made_of(steps: Preprocessing, file: ImageFile | None) -> str:
    """How the slices that the network takes are made of those of the file, a sentence."""
    frames, each = (1 if file is None else file.frames), word(steps)
    if frames == 1 and steps.slices > 1:
        return f"The network takes {steps.slices} {each}s: this one picture stands in each of them."
    if frames == steps.slices:
        return f"All {frames} {each}s of the file." if frames > 1 else ""
    middle = "the middle one of each" if frames > steps.slices else "the nearest to each"
    return (
        f"The file has {frames:,} {each}s and the network takes {steps.slices}: of so many equal parts of the whole, "
        f"{middle}."
    )


def along(steps: Preprocessing, in_text: str, unit: str) -> Caption:
    """Under the norm of the map in each slice."""
    each = word(steps)
    return Caption(
        f"Where along the {each}s: the L2 norm of {in_text} in each. Click a point to see its {each}.",
        r"\lVert m_k \rVert_2 = \sqrt{\sum_{c,i,j} m_{k,c,i,j}^2}",
        (unit, f"{each}s are counted from 0", "logarithmic scale"),
        _ALONG,
    )
