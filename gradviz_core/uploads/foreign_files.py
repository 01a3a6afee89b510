"""What a file is that is no model GradViz reads, told from its first bytes or from the names in its archive, and what
its owner can do next."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from gradviz_core.errors import BadModel
from gradviz_core.uploads import next_steps

_FROM_PYTORCH = (
    f"GradViz cannot turn it into a PyTorch model. If it was made from one, go back to that. {next_steps.EXPORT}"
)
_ANOTHER = "Choose a model that takes images, as a .pt2, .safetensors, .pt or .pth file."
_IMAGES = (
    *(b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    *(b"\x00\x00\x00\x0cjP  ", b"8BPS"),
)
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"\x28\xb5\x2f\xfd")
_ONNX_FIELDS = (b"\x12", b"\x1a", b"\x22", b"\x3a", b"\x42")
_LFS = b"version https://git-lfs.github.com/spec/"
LONGEST_START = 1_000
"""Bytes that are looked at."""
_TAR_AT, _DICOM_AT, _BOX_AT = 257, 128, 4


@dataclass(frozen=True, slots=True)
class Foreign:
    """A kind of file that is not read here."""

    name: str
    """As in ``The file is ...``."""
    begins: Callable[[bytes], bool]
    """Whether the first bytes are those of this kind."""
    advice: str
    """What can be done, and where nothing can, that."""
    code: str = ""
    endings: tuple[str, ...] = ()
    """Extensions that only such files have."""

    def refusal(self) -> BadModel:
        """The error that names it."""
        return BadModel(f"The file is {self.name}. {self.advice}", self.code)


def _starting(*first: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(first)


def _at(place: int, *what: bytes) -> Callable[[bytes], bool]:
    return lambda data: data[place:].startswith(what)


def _text(pattern: str) -> Callable[[bytes], bool]:
    compiled = re.compile(pattern.encode(), re.IGNORECASE)
    return lambda data: compiled.match(data.removeprefix(b"\xef\xbb\xbf").lstrip()) is not None


KINDS = (
    Foreign(
        "a Keras or other HDF5 file",
        _starting(b"\x89HDF\r\n\x1a\n"),
        _FROM_PYTORCH,
        next_steps.export(),
        ("h5", "hdf5", "keras"),
    ),
    Foreign("an image, not a model", _starting(*_IMAGES), "Upload it where images are chosen."),
    Foreign(
        "an image, not a model",
        _at(_BOX_AT, b"ftypavif", b"ftypheic", b"ftypheix", b"ftypmif1"),
        "Upload it where images are chosen.",
    ),
    Foreign("a DICOM image, not a model", _at(_DICOM_AT, b"DICM"), "Upload it where images are chosen."),
    Foreign("a NumPy array, not a model", _starting(b"\x93NUMPY"), "Upload it where images are chosen."),
    Foreign(
        "GGUF, the weights of a language model",
        _starting(b"GGUF", b"ggml", b"ggjt"),
        _ANOTHER,
        endings=("gguf", "ggml"),
    ),
    Foreign("a TensorFlow Lite model", _at(4, b"TFL3"), _FROM_PYTORCH, next_steps.export(), ("tflite",)),
    Foreign("a TensorFlow SavedModel", _starting(b"\x08\x01\x12"), _FROM_PYTORCH, next_steps.export(), ("pb",)),
    Foreign(
        "an ONNX model",
        lambda data: data[:1] == b"\x08" and data[2:3] in _ONNX_FIELDS,
        _FROM_PYTORCH,
        next_steps.export(),
        ("onnx",),
    ),
    Foreign(
        "a Git LFS pointer, a note of where the model lies",
        _starting(_LFS),
        "Fetch the model itself: git lfs pull in the folder of the repository. Then choose the same file again.",
    ),
    Foreign(
        "a web page that was saved in the place of the model",
        _text(r"<(!doctype html|html|head|\?xml[^>]*>\s*<!doctype html)"),
        "Use the page's own link for downloading, often called Download or Raw, and choose the file that comes.",
        endings=("html", "htm"),
    ),
    Foreign(
        "a packed archive",
        lambda data: data.startswith(_PACKED) or data[_TAR_AT : _TAR_AT + 5] == b"ustar",
        "Unpack it, and choose the model file in it.",
    ),
    Foreign("a PDF document", _starting(b"%PDF"), _ANOTHER, endings=("pdf",)),
    Foreign(
        "Python source code, which is never run here",
        _text(r"(#!.*python|import \w|from [\w.]+ import |\"\"\"|class \w+)"),
        f"Run it yourself. {next_steps.EXPORT}",
        next_steps.export(),
        ("py", "ipynb"),
    ),
)
"""From the surest sign to the least sure one."""

IN_ARCHIVES = (
    (
        re.compile(r"(config\.json|model\.weights\.h5)$"),
        Foreign("a Keras model", bool, _FROM_PYTORCH, next_steps.export()),
    ),
    (
        re.compile(r"(.*/)?saved_model\.pb$"),
        Foreign("a TensorFlow SavedModel", bool, _FROM_PYTORCH, next_steps.export()),
    ),
    (
        re.compile(r"(.*/)?[^/]+\.mlmodel$|(.*/)?Manifest\.json$"),
        Foreign("a Core ML model", bool, _FROM_PYTORCH, next_steps.export()),
    ),
    (
        re.compile(r"[^/]+\.npy$"),
        Foreign("a NumPy archive (.npz)", bool, "Save the weights with torch.", next_steps.save_arrays()),
    ),
    (
        re.compile(r"MAR-INF/"),
        Foreign("an archive of TorchServe", bool, "Unpack it, and choose the model file in it."),
    ),
    (
        re.compile(r"(.*/)?[^/]+\.(pt|pth|pt2|ckpt|bin|onnx)$"),
        Foreign("a zip archive with a model in it", bool, "Unpack it, and choose the model file in it."),
    ),
)
"""By the name of a member of a zip archive that no program of torch's wrote."""


def check_start(data: bytes) -> None:
    """Raise ``BadModel`` for a file whose first bytes are those of another kind."""
    first = data[:LONGEST_START]
    for kind in KINDS:
        if kind.begins(first):
            raise kind.refusal()


def check_names(names: tuple[str, ...]) -> None:
    """Raise ``BadModel`` for a zip archive that another program than torch wrote."""
    if any(name.endswith("/data.pkl") for name in names):
        return
    for pattern, kind in IN_ARCHIVES:
        if any(pattern.match(name) for name in names):
            raise kind.refusal()


def by_ending() -> tuple[tuple[str, str], ...]:
    """What is said of files with other extensions, so that nobody waits until one has come."""
    return tuple((ending, f"{kind.name}. {kind.advice}") for kind in KINDS for ending in kind.endings)
