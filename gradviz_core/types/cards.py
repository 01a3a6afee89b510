"""What is known of models and images, including uploads. Immutable values; nothing here computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gradviz_core.types.heads import OutputKind

UploadKind = Literal["image", "model", "labels"]
"""What an uploaded file is to be."""


MOST_BANDS = 16
"""Channels of a network's input."""
MOST_SLICES = 512
"""Slices of a volume, or frames of a clip, at a network's input."""
MOST_SLICE_SIDE = 640
"""Height and width of one, in pixels."""
MOST_SLICE_BYTES = 20_000_000
"""Of a gradient by all slices, in 32 bits, and the slices as pictures of 8 bits: both travel to a page whole."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an image becomes the network's input: resize, crop the centre, scale to 0..1, then (x - mean) / std."""

    size: tuple[int, int]
    """Height and width of the input."""
    resize: int | None
    """Length that the shorter side is resized to before the centre is cropped; None resizes straight to ``size``."""
    mean: tuple[float, ...]
    """One number per channel; its length says how many channels the network takes: 1 is luma, 3 are colours, and any
    other number up to 16 are bands, whose numbers are not scaled to 0..1 first."""
    std: tuple[float, ...]
    interpolation: Literal["bilinear", "bicubic", "nearest", "box"] = "bilinear"
    channels: Literal["rgb", "bgr"] = "rgb"
    """Order of the colours at the network's input; ``mean`` and ``std`` are in the same order."""
    standardised: bool = False
    """Of bands: whether each has mean 0 and standard deviation 1 over the image, before ``mean`` and ``std``."""
    shown: tuple[int, ...] = ()
    """Of bands: the three that are shown as red, green and blue, or the one that is shown in grey; empty for the first
    three, or of two bands for the first."""
    slices: int = 0
    """How many slices of a volume, or frames of a clip, the network takes; 0 for a single picture."""
    slices_first: bool = False
    """Whether its input is (1, slices, channels, height, width), as clips often are; else the channels come first."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of the network's input: (1, C, H, W), or with slices (1, C, D, H, W) or (1, D, C, H, W)."""
        channels = len(self.mean)
        if not self.slices:
            return (1, channels, *self.size)
        return (1, *((self.slices, channels) if self.slices_first else (channels, self.slices)), *self.size)

    @property
    def channel_axis(self) -> int:
        """Which axis of the input counts channels."""
        return 2 if self.slices_first else 1

    @property
    def slice_axis(self) -> int:
        """Which axis of the input counts slices, where it has some."""
        return 1 if self.slices_first else 2

    @property
    def slice_bytes(self) -> int:
        """Bytes of a gradient by all slices, and of the slices as pictures."""
        height, width = self.size
        return (4 * len(self.mean) + 3) * self.slices * height * width

    @property
    def banded(self) -> bool:
        """Whether the network takes bands, neither grey nor colours."""
        return len(self.mean) not in (1, 3)

    @property
    def as_in_the_file(self) -> bool:
        """Whether the network gets the numbers of the bands unchanged."""
        return self.banded and not self.standardised and not any(self.mean) and set(self.std) == {1}

    @property
    def shown_bands(self) -> tuple[int, ...]:
        """The bands that are shown, counted from 0."""
        return self.shown or ((0, 1, 2) if len(self.mean) > 2 else (0,))

    def cut_away(self, rows: int, columns: int) -> tuple[float, float]:
        """The shares of the height and of the width of an upright picture that the network does not see.

        Of a side of n pixels it sees size · min(rows, columns) / resize; nothing is cut without ``resize``.
        """
        if self.resize is None:
            return 0.0, 0.0
        scale = min(rows, columns) / self.resize
        high, wide = (
            max(0.0, 1 - seen * scale / whole) for seen, whole in zip(self.size, (rows, columns), strict=True)
        )
        return high, wide


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of correct predictions on ``samples`` images that were not used for training."""

    value: float
    samples: int
    data: str
    """What the images were, in words."""


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A file that another Python package brings."""

    package: str
    """Its name in the package index."""
    version: str
    path: str
    """From the folder in which Python's packages lie."""


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
    """What the values that it returns mean, where that is known."""
    against: str = ""
    """For a model with a single output: the name of the other label, where it has one."""
    sample: str = ""
    """Of a preset: key of the sample image that it is shown with first; empty for the first that suits it."""
    weights: PackageFile | None = None
    """Of a preset: where its weights lie; None for a file beside its card."""
    inputs: tuple[str, ...] = ()
    """What the author calls the two images of a network that takes two; empty for one that takes one."""
    looked_at: int = 0
    """Which of the two ``preprocessing`` is for, 0 or 1; the other is held."""
    other: Preprocessing | None = None
    """How an image becomes the other input of a network that takes two."""

    @property
    def names(self) -> tuple[str, ...]:
        """All labels; of two for one number the negative comes first."""
        return (self.against, *self.labels) if self.against else self.labels


ImageGroup = Literal["photos", "shapes", "digits"]


@dataclass(frozen=True, slots=True)
class ImageCard:
    """What is known of a sample image."""

    key: str
    title: str
    label: str = ""
    """What it shows, in the words of the presets' labels where one fits."""
    group: ImageGroup = "photos"
    suits: tuple[str, ...] = ()
    """Keys of the presets trained on images of this kind."""
    note: str = ""
    """Why these name it wrongly, in a sentence; empty where they have a class for it and see it."""
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
    """As a person sees it, after the rotation stored in the file."""
    height: int
    format: str
    """Such as ``PNG``."""
    notes: tuple[str, ...]
    """What was done to it, one sentence each: rotated, laid over white, scaled from 16 bits, first frame taken."""


VolumeAxes = Literal["DHW", "CDHW", "DCHW", "DHWC"]
"""Slices or frames, channels, height and width, in their order."""


@dataclass(frozen=True, slots=True)
class ArrayFile:
    """How a NumPy array was read as a picture, or as a volume or clip."""

    axes: Literal["HW", "HWC", "CHW"] | VolumeAxes
    """Height, width and channels, in their order; of bands these are the channels."""
    channels: int
    batched: bool
    """Whether there were axes of length one before these."""
    value_range: tuple[float, float] | None
    """The values that became 0 and 255; None where the array holds 8-bit integers."""


@dataclass(frozen=True, slots=True)
class SliceFile:
    """How a DICOM slice was read as a picture."""

    value_range: tuple[float, float] | None
    """The values, after slope and intercept, that became 0 and 255; None for colours."""
    inverted: bool
    """Whether the lowest value is white."""
    frames: int
    """Frames in the file, of which this is the first."""
    colours: Literal["grey", "rgb", "palette"]
    bits: int
    """Of one number of a colour."""


Choice = Literal["all", "file", "largest", "person"]
"""How black and white were chosen: all bits are used; or by the file, by the largest value, or by a person."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Which values of an image of 9 to 16 bits became 0 and 255."""

    bits: int
    """Of one number in the file."""
    low: float
    high: float
    chosen: Choice
    levels: int
    """How many distinct grey values, or values of all colours together, are left."""
    outside: int = 0
    """Values outside the range that were clipped to it."""

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
    """How an uploaded image is stored in its file, as far as a program that opens it must know."""

    format: str
    """Such as ``PNG``; ``NPY`` for an array, ``DICOM`` for a slice."""
    bits: int = 8
    """Of one sample."""
    white_is_zero: bool = False
    """Whether grey of more than 8 bits counts from white."""
    array: ArrayFile | None = None
    scaling: Scaling | None = None
    """Of a picture of more than 8 bits."""
    mode: str = ""
    """Pillow's name for how such a picture stores its colours, such as ``I;16`` or ``RGB``."""
    slice: SliceFile | None = None
    frames: int = 1
    """Of what a volume or a clip is made of: slices of the array, or frames or pages of the file."""


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
    """A proposal: the preprocessing that the architecture's own weights were trained with."""
    part: str = ""
    """Which weights of the file these are, where it holds several sets: ``model_ema``, or ``state_dict/student.``."""
    features: bool = False
    """Whether the file has no head: then the model returns ``classes`` features, which are plain numbers."""


@dataclass(frozen=True, slots=True)
class ModelReport:
    """What was found in an uploaded model file, without running any of it."""

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
    inputs: tuple[str, ...] = ()
    """As in ``ModelCard``."""
    second_shape: tuple[int | None, ...] = ()
    """Of an ``exported`` model that takes two images: shape of the second."""
    other: Preprocessing | None = None
    """The same proposal for the second image."""


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
    """One for each class; empty numbers them. A model with a single output may have two, the negative first, like the
    labels 0 and 1 in training."""
    preprocessing: Preprocessing
    reading: OutputKind | None = None
    """What the values that the model returns mean; None takes it from the graph, or guesses."""
    part: str = ""
    """As in ``Fit``; empty for the first or only set of weights in the file."""
    inputs: tuple[str, ...] = ()
    """As in ``ModelCard``."""
    other: Preprocessing | None = None
    """How an image becomes the second input of a model that takes two."""
