"""What is named by a key or by a file: a model, an image."""

from __future__ import annotations

from pathlib import Path

from gradviz_core.errors import BadImage, QuestionError, UnknownImage, UnknownModel
from gradviz_core.settings import settings
from gradviz_core.types import keys

_MODELS = (keys.PRESET, keys.TORCHVISION, keys.TIMM, keys.UPLOAD)
_IMAGES = (keys.SAMPLE, keys.UPLOAD)


def model_file(named: str) -> Path | None:
    """The file, where a model is named by one; None for a key. Raises ``UnknownModel`` where it is neither."""
    if keys.kind(named) in _MODELS:
        return None
    if not Path(named).is_file():
        raise UnknownModel(
            f"There is no model {named[:200]!r}: it is no key, and no file of that name is there. Choose a key, such "
            "as preset/shapes-cnn, or the name of a model file."
        )
    return Path(named)


def image(named: str) -> str:
    """The key of an image; a file is lent to this process. ``a.png~b.png`` are the two images of a model that takes
    two, each a key or a file; ``@2`` behind them looks at the second.

    Raises:
        UnknownImage: it is neither a key nor a file.
        BadImage: the file cannot be read, or is over a limit.
    """
    parts = keys.images(named)
    if len(parts) != 2 or not all(parts) or Path(named).is_file():
        return _one_image(named)
    return keys.pair(_one_image(parts[0]), _one_image(parts[1]), keys.place(named))


def _one_image(named: str) -> str:
    if keys.kind(named) in _IMAGES:
        return named
    if Path(named).is_dir():
        raise UnknownImage(
            f"{named[:200]} is a folder, and one image is asked about. Name a file in it, or ask about all of them "
            "with gradviz batch."
        )
    if not Path(named).is_file():
        raise UnknownImage(
            f"There is no image {named[:200]!r}: it is no key, and no file of that name is there. Choose a key, such "
            "as sample/star, or the name of an image file."
        )
    from gradviz_core import images
    from gradviz_core.uploads import own_files

    data = own_files.read(Path(named), settings().upload_bytes, BadImage)
    return keys.upload(own_files.lend(images.kept(data)))


def needed(named: str | None, flag: str) -> str:
    """What was typed after a flag. Raises ``QuestionError`` where nothing was."""
    if not named:
        raise QuestionError(f"No {flag.removeprefix('--')} is named. Name one with {flag}.")
    return named
