"""What is said of the slices of a volume and the frames of a clip."""

from __future__ import annotations

from dataclasses import replace

from gradviz_core.drawing import captions, how_to_read
from gradviz_core.drawing.captions import Caption
from gradviz_core.drawing.how_to_read import HowToRead
from gradviz_core.types.cards import ImageFile, Preprocessing
from gradviz_core.types.picked_slices import picked

_ALONG = HowToRead(
    "Each point is the L2 norm of the map in one slice, over its pixels and channels.",
    "Look for slices where it is large, and move the slider there; its scale is logarithmic.",
    "It does not show where in a slice the map is large, nor its sign.",
)


_AXES = {"D": "slices", "C": "channels", "H": "height", "W": "width"}
_TIMES = {1: "once", 2: "twice"}
_NAMED = 12
"""Slices that are named, at most."""
_NUMBERS = (
    "number: pixel / 255 of a picture or of whole numbers of 8 bits, else as it is in the array",
    "an array is drawn from the 2nd percentile of all its numbers to the 98th",
)


def word(steps: Preprocessing) -> str:
    """What one is called: a frame where they come before the channels, as in clips."""
    return "frame" if steps.slices_first else "slice"


def counted(steps: Preprocessing) -> str:
    """How many there are: ``16 frames``, ``1 slice``."""
    return f"{steps.slices} {word(steps)}{'' if steps.slices == 1 else 's'}"


def seen(steps: Preprocessing) -> Caption:
    """Under the picture of one of them as the network sees it."""
    return Caption(
        f"One {word(steps)} as the network sees it.",
        r"x = (\text{number} - \mu)/\sigma",
        (*facts(steps), *_NUMBERS),
        how_to_read.NETWORK_SEES,
    )


def facts(steps: Preprocessing) -> tuple[str, ...]:
    """How many there are and how large, in which order their axes lie, and how each is prepared."""
    of_pictures = captions.seen(replace(steps, slices=0, slices_first=False))
    count = len(steps.mean)
    channels = {1: "grey", 3: "RGB"}.get(count, f"{count} channels")
    size = f"{counted(steps)} of {steps.size[0]}×{steps.size[1]}, {channels}"
    axes = "frames before channels" if steps.slices_first else "channels before slices"
    return (size, axes, *of_pictures.facts[1:])


def guessed(steps: Preprocessing) -> str:
    """What was guessed of a model's input, and what to do."""
    numbers = "those of Kinetics-400" if any(steps.mean) else "those that leave the numbers as they are"
    return (
        f"The input was read as {counted(steps)} of {len(steps.mean)} "
        f"channel{'s' if len(steps.mean) > 1 else ''}. Mean and standard deviation are {numbers}, as a guess: the file "
        "does not say how the training data were normalised. Change them if your model was trained with others; "
        "otherwise the scores mean little."
    )


def read_as(steps: Preprocessing) -> str:
    """One of the ways to read the axes of an input: ``16 frames, 3 channels (frames first)``."""
    count = len(steps.mean)
    first = "frames first" if steps.slices_first else "channels first"
    return f"{counted(steps)}, {count} channel{'s' if count > 1 else ''} ({first})"


def named(steps: Preprocessing, number: int) -> str:
    """``Slice 5 of 0 to 15``; with a full stop where it stands as a sentence of its own."""
    return f"{word(steps).capitalize()} {number} of 0 to {steps.slices - 1}"


def scale(steps: Preprocessing) -> str:
    """What the colours are a scale of."""
    return f"one scale for all {counted(steps)}" if steps.slices > 1 else ""


def made_of(steps: Preprocessing, file: ImageFile | None) -> str:
    """How the slices that the network takes are made of those of the file, in sentences."""
    read = ""
    if file is not None and file.array is not None and "D" in file.array.axes:
        read = f"The array was read as {' × '.join(_AXES[axis] for axis in file.array.axes)}. "
    return (read + _picked(steps, file)).strip()


def _picked(steps: Preprocessing, file: ImageFile | None) -> str:
    frames, each = (1 if file is None else file.frames), word(steps)
    if frames == 1 and steps.slices > 1:
        return f"The network takes {steps.slices} {each}s: this one picture stands in each of them."
    if frames == steps.slices:
        return f"All {frames} {each}s of the file." if frames > 1 else ""
    said = f"The file has {frames:,} {each}s and the network takes {steps.slices}: "
    if frames > steps.slices:
        return f"{said}of so many equal parts of the whole, the middle one of each."
    times = [picked(frames, steps.slices).count(number) for number in range(frames)]
    least, most = (_TIMES.get(count, f"{count} times") for count in (min(times), max(times)))
    if least == most:
        return f"{said}each comes {least}."
    often = [str(number) for number, count in enumerate(times) if count == max(times)]
    which = f"{each}{'s' if len(often) > 1 else ''} {', '.join(often)}" if len(often) <= _NAMED else f"{len(often)}"
    return f"{said}each comes {least}, and {which} {most}."


def along(steps: Preprocessing, in_text: str, unit: str) -> Caption:
    """Under the norm of the map in each slice."""
    each = word(steps)
    return Caption(
        f"Where along the {each}s: the L2 norm of {in_text} in each. Click a point to see its {each}.",
        r"\lVert m_k \rVert_2 = \sqrt{\sum_{c,i,j} m_{k,c,i,j}^2}",
        (unit, f"{each}s are counted from 0", "logarithmic scale"),
        _ALONG,
    )
