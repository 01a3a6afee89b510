"""What is known of models and images, those that were uploaded among them. Frozen values; nothing here computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gradviz_core.types.heads import OutputKind

UploadKind = Literal["image", "model", "labels"]
"""What an uploaded file is to be."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an image becomes the network's input: resize, crop the centre, scale to 0..1, then (x - mean) / std."""

    size: tuple[int, int]
    """Height and width of the input."""
    resize: int | None
    """Length that the shorter side is resized to before the centre is cropped; None resizes straight to ``size``."""
    mean: tuple[float, ...]
    """One number per channel; its length says how many channels the network takes (1 is luma)."""
    std: tuple[float, ...]
    interpolation: Literal["bilinear", "bicubic", "nearest", "box"] = "bilinear"
    channels: Literal["rgb", "bgr"] = "rgb"
    """Order of the colours at the network's input; ``mean`` and ``std`` are in the same order."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of right answers on ``samples`` images never trained on."""

    value: float
    samples: int
    data: str
    """What the images were, in words."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What is known of a model."""

    key: str
    title: str
    summary: str
    parameters: int
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    accuracy: tuple[Accuracy, ...] = ()
    digest: str = ""
    """SHA-256 of the weights file, in hexadecimal; empty for seeded random weights."""
    licence: str = ""
    provenance: str = ""
    reading: OutputKind | None = None
    """What the numbers that it returns mean, where that is known."""
    against: str = ""
    """What the one number of a model speaks against, where that has a name: its other label."""

    @property
    def names(self) -> tuple[str, ...]:
        """All labels; of two for one number the negative comes first."""
        return (self.against, *self.labels) if self.against else self.labels


@dataclass(frozen=True, slots=True)
class ImageCard:
    """What is known of a sample image."""

    key: str
    title: str
    label: str = ""
    """What it shows, in the words of the presets' labels where one fits."""
    suits: tuple[str, ...] = ()
    """Keys of the presets trained on images of this kind; empty for photos."""
    mask: str = ""
    """File name of the mask of the shape's pixels, where there is one."""
    licence: str = ""
    credit: str = ""
    source: str = ""


# ------------------------------------------------------------------------------------------------------------- uploads

FileFormat = Literal["exported", "state_dict", "safetensors"]
"""``exported`` is a ``.pt2`` file, which holds its own architecture; the other two hold weights alone."""


@dataclass(frozen=True, slots=True)
class ImageReport:
    """What was found in an uploaded image."""

    key: str
    """``upload/<sha256>``, as questions name it."""
    width: int
    """As the person sees it: after any rotation that the file asks for."""
    height: int
    format: str
    """Such as ``PNG``."""
    notes: tuple[str, ...]
    """What was done to it, each a sentence: turned, laid over white, scaled from 16 bits, first frame taken."""


@dataclass(frozen=True, slots=True)
class ArrayFile:
    """How a NumPy array was read as a picture."""

    axes: Literal["HW", "HWC", "CHW"]
    """Height, width and channels, in their order."""
    channels: int
    batched: bool
    """Whether axes of length one stood before these."""
    value_range: tuple[float, float] | None
    """The numbers that became 0 and 255; None where they are whole numbers of 8 bits already."""


Choice = Literal["all", "file", "largest", "person"]
"""Who says which numbers of a picture are black and white: all bits are used; or its file, or its largest number, or a
person says so."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Which numbers of a picture of 9 to 16 bits became 0 and 255."""

    bits: int
    """Of one number in the file."""
    low: float
    high: float
    chosen: Choice
    levels: int
    """Different numbers that are left of grey, or of the colours together."""
    outside: int = 0
    """Numbers that lie outside the range, and were cut to it."""

    @property
    def used(self) -> int | None:
        """How many bits the range takes: 12 for 0 to 4095; None for a range that is not 0 to 2^k - 1."""
        bits = int(self.high).bit_length()
        return bits if (self.low, self.high) == Scaling.range_of(bits) else None

    @staticmethod
    def range_of(bits: int) -> tuple[float, float]:
        """0 and 2^bits - 1."""
        return 0.0, 2.0**bits - 1


@dataclass(frozen=True, slots=True)
class ImageFile:
    """How an uploaded picture lies in its file, as far as a program that opens it must know."""

    format: str
    """Such as ``PNG``; ``NPY`` for an array."""
    bits: int = 8
    """Of one sample."""
    white_is_zero: bool = False
    """Whether grey of more than 8 bits counts from white."""
    array: ArrayFile | None = None
    scaling: Scaling | None = None
    """Of a picture of more than 8 bits."""
    mode: str = ""
    """Pillow's name for how such a picture stores its colours, such as ``I;16`` or ``RGB``."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a file of weights fits one architecture."""

    architecture: str
    """Key of the architecture without weights, such as ``torchvision/resnet18`` or ``preset/shapes-cnn``."""
    classes: int
    """Classes of the head in the file."""
    matching: int
    """Tensors of the architecture that are in the file with the right shape."""
    differences: int
    """Tensors that are missing, left over, or of another shape; 0 is a perfect fit."""
    preprocessing: Preprocessing
    """What the architecture's own weights were trained with: a proposal."""


@dataclass(frozen=True, slots=True)
class ModelReport:
    """What was found in an uploaded model file, before anything of it has run."""

    file: str
    """SHA-256 of the bytes, in hexadecimal."""
    format: FileFormat
    parameters: int
    fits: tuple[Fit, ...]
    """Architectures that the weights fit, best first; empty for ``exported``."""
    input_shape: tuple[int | None, ...]
    """Shape of the input of an ``exported`` model, None where any size goes; empty for weights alone."""
    classes: int | None
    """Length of the output of an ``exported`` model, where it is one vector of scores; 1 where it is a single number,
    or a map of single numbers."""
    preprocessing: Preprocessing | None
    """A proposal for an ``exported`` model: its own size, and the usual mean and std; None for weights alone."""
    notes: tuple[str, ...]
    """What a person should know, each a sentence: unwrapped from ``state_dict``, NaN in two tensors."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an uploaded file becomes a model. Its own digest is the model's key, ``upload/<sha256 of the recipe>``, so a
    question says with one name which file, as which architecture, with which labels and preprocessing."""

    file: str
    """SHA-256 of the model file."""
    architecture: str
    """As in ``Fit``; empty for an exported model."""
    title: str
    labels: tuple[str, ...]
    """One for each class; empty calls them by number. A model of one number may have two, the negative first, as the
    labels 0 and 1 of its training were."""
    preprocessing: Preprocessing
    reading: OutputKind | None = None
    """What the numbers that the model returns mean; None reads it off the graph, or guesses."""
