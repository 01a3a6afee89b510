"""Keys: the names that models and images have in a question and in an address.

- ``preset/NAME`` and ``sample/NAME``: a model and an image that come with GradViz; ``preset/NAME@random-0`` is the same
  architecture with seeded random weights;
- ``torchvision/ARCHITECTURE@WEIGHTS``: ``torchvision/resnet18@IMAGENET1K_V1``, or with seeded random weights
  ``torchvision/resnet18@random-0``;
- ``timm/ARCHITECTURE@random-0``: an architecture of timm with seeded random weights, where timm is installed;
- ``upload/SHA-256``: an uploaded image by the digest of its bytes, an uploaded model by that of its recipe;
- ``sample/cup~sample/dog``: the two images of a network that takes two, in the order of its inputs. The first is looked
  at and the second held; with ``@2`` behind it the second is looked at and the first held.

An architecture that uploaded weights are loaded into is ``preset/NAME``, ``torchvision/ARCHITECTURE`` or
``timm/ARCHITECTURE``. The catalogue and the store say whether what a key names exists.
"""

from __future__ import annotations

import re

PRESET, SAMPLE, TORCHVISION, TIMM, UPLOAD = "preset", "sample", "torchvision", "timm", "upload"
_BESIDE, _SECOND = "~", "@2"
MOST_SEED = 2**31 - 1
"""The largest seed of random weights."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SEEDED = re.compile(r"random-(0|[1-9][0-9]{0,9})")

# ------------------------------------------------------------------------------------------------------------- written


def preset(name: str) -> str:
    """``preset/shapes-cnn``."""
    return f"{PRESET}/{name}"


def sample(name: str) -> str:
    """``sample/star``."""
    return f"{SAMPLE}/{name}"


def torchvision(architecture: str, weights: str = "") -> str:
    """``torchvision/resnet18@IMAGENET1K_V1``; without weights the architecture alone, ``torchvision/resnet18``."""
    return f"{TORCHVISION}/{architecture}{'@' if weights else ''}{weights}"


def timm(architecture: str, weights: str = "") -> str:
    """``timm/vit_tiny_patch16_224@random-0``; without weights the architecture alone."""
    return f"{TIMM}/{architecture}{'@' if weights else ''}{weights}"


def seeded(seed: int) -> str:
    """``random-0``, in the place of the weights' name."""
    return f"random-{seed}"


def upload(digest: str) -> str:
    """``upload/`` and the digest."""
    return f"{UPLOAD}/{digest}"


def pair(first: str, second: str, place: int = 0) -> str:
    """``sample/cup~sample/dog``; with ``place`` 1, where the second is looked at, ``sample/cup~sample/dog@2``."""
    return f"{first}{_BESIDE}{second}{_SECOND if place else ''}"


# ---------------------------------------------------------------------------------------------------------------- read


def split(key: str) -> tuple[str, str]:
    """What stands before the first slash, and what stands after it: ``("preset", "shapes-cnn")``."""
    kind, _, name = key.partition("/")
    return kind, name


def kind(key: str) -> str:
    """``preset``, ``sample``, ``torchvision``, ``timm`` or ``upload``; of any other text what stands before its first
    slash."""
    return split(key)[0]


def name(key: str) -> str:
    """What stands after the first slash."""
    return split(key)[1]


def split_weights(name: str) -> tuple[str, str]:
    """Architecture and weights of ``resnet18@IMAGENET1K_V1``; without an ``@`` the weights are empty."""
    architecture, _, weights = name.partition("@")
    return architecture, weights


def seed(weights: str) -> int | None:
    """The seed in ``random-<seed>``, 0 to ``MOST_SEED``; None for any other text."""
    found = _SEEDED.fullmatch(weights)
    return int(found[1]) if found and int(found[1]) <= MOST_SEED else None


def images(key: str) -> tuple[str, ...]:
    """The key of each image that an image's key names, in order: of a pair two, else the key itself."""
    return tuple(key.removesuffix(_SECOND).split(_BESIDE)) if _BESIDE in key else (key,)


def place(key: str) -> int:
    """Which image of a pair is looked at: 0 for the first, 1 for the second; 0 of a single image."""
    return int(_BESIDE in key and key.endswith(_SECOND))


def looked_at(key: str) -> str:
    """The key of the image that is looked at; of a single image the key itself."""
    return images(key)[place(key)]


def held(key: str) -> str:
    """The key of the image of a pair that is held; empty of a single image."""
    return images(key)[1 - place(key)] if _BESIDE in key else ""


def turned(key: str) -> str:
    """The key of the same two images with the other one looked at."""
    first, second = images(key)
    return pair(first, second, 1 - place(key))


def exchanged(key: str, image: str) -> str:
    """The key with another image in the place of the one that is looked at."""
    if not held(key):
        return image
    return pair(held(key), image, 1) if place(key) else pair(image, held(key))


def is_upload(key: str) -> bool:
    """Whether a key says that it names an upload, whatever stands after the slash; of a pair, that one of it is."""
    return any(kind(each) == UPLOAD for each in images(key))


def shortened(key: str) -> str:
    """Of the key of an upload the first six digits of its digest: ``upload/3f9a12``; any other text as it is."""
    return key[: len(UPLOAD) + 7] if digest(key) else key


def digest(key: str) -> str | None:
    """The digest in the key of an upload; None for any other key, and where it is no SHA-256 in small letters."""
    return name(key) if is_upload(key) and _DIGEST.fullmatch(name(key)) else None
