"""What a file cannot say where several architectures have tensors of the same names and shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradviz_core.models import timm_shapes, torchvision_shapes
from gradviz_core.types import keys
from gradviz_core.types.cards import Preprocessing

_CHOOSE = "Under Architecture choose the one that was trained."


def of_timm(names: Sequence[str]) -> tuple[str, ...]:
    """Which of timm's architectures of these ``names`` is built, where torchvision has no such network."""
    if len(names) == 1:
        return (f"torchvision has no such network, so timm's {names[0]} is built for it.",)
    return (
        "torchvision has no such network, so one of timm's is built for it. The names and shapes are those of timm's "
        f"{', '.join(names)}, and the file does not say which it is. {_CHOOSE}",
        *_normalised({name: timm_shapes.table()[name].preprocessing for name in names}),
    )


def of_torchvision(name: str, names: Sequence[str], *, translated: bool) -> tuple[str, ...]:
    """Which of timm's architectures of these ``names`` a file for torchvision's could be as well. The first of them is
    torchvision's own network. ``translated`` says that the file has timm's names for the layers."""
    others = [other for other in names[1:] if not other.startswith("tf_")]  # a note of their own is on those
    said: tuple[str, ...] = ()
    if others:
        said = (
            f"The names and shapes are those of torchvision's {name} and of timm's {', '.join(others)}, and the file "
            f"does not say which it is. {_CHOOSE} If it is not offered there, export the model instead "
            "(torch.export.save).",
        )
    own = {} if translated else {name: torchvision_shapes.table()[name].preprocessing}
    of_timm = {other: timm_shapes.table()[other].preprocessing for other in (names if translated else names[1:])}
    return (*said, *_normalised(own | of_timm))


def proposed(architecture: str, names: Sequence[str]) -> Preprocessing | None:
    """What timm's weights for torchvision's architecture were trained with, ``names`` being timm's for it."""
    is_torchvision = keys.kind(architecture) == keys.TORCHVISION
    return timm_shapes.table()[names[0]].preprocessing if is_torchvision and names else None


def _normalised(steps: Mapping[str, Preprocessing]) -> tuple[str, ...]:
    """How the training images of each were normalised, where this differs."""
    ways: dict[str, list[str]] = {}
    for name, one in steps.items():
        ways.setdefault(f"mean {_numbers(one.mean)} and standard deviation {_numbers(one.std)}", []).append(name)
    if len(ways) < 2:
        return ()
    each = "; ".join(f"{way} for {', '.join(names)}" for way, names in ways.items())
    return (f"They were trained with images normalised in different ways: {each}.",)


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)
