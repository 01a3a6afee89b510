"""What is not a file of a model or a picture: addresses, lists of labels, and the choices round an uploaded model."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from tests.hostile.case import CODE, Case

SCRIPT = "<script>alert(1)</script>"
SALIENCY, NEURONS, MAPS = "pages/explore/saliency.py", "pages/explore/neurons.py", "pages/explore/feature_maps.py"
BACKWARD = "pages/understand/backward_pass.py"
HUGE = "9" * 5000


@dataclass(frozen=True, slots=True)
class Address:
    """An address that somebody has typed, or was sent."""

    name: str
    page: str
    choices: tuple[tuple[str, str], ...]
    says: str


def _address(name: str, page: str, says: str, **choices: str) -> Address:
    return Address(name, page, tuple(choices.items()), says)


ADDRESSES = (
    _address("class-out-of-range", SALIENCY, "Class 10 does not exist", target="10"),
    _address("class-minus-1", SALIENCY, "Class -1 does not exist", target="-1"),
    _address("class-of-5000-digits", SALIENCY, "Class 9+ does not exist", target=HUGE),
    _address("class-is-code", SALIENCY, "does not exist", target=CODE),
    _address("scale-unknown", SALIENCY, "Score cannot be", scale=SCRIPT),
    _address("site-that-never-ran", NEURONS, "There is no site", site="layer9"),
    _address("site-is-a-dunder", NEURONS, "There is no site", site="__class__"),
    _address("site-is-a-script", NEURONS, "There is no site", site=SCRIPT),
    _address("row-out-of-range", NEURONS, "Row cannot be 99", row="99"),
    _address("channel-2^63", NEURONS, "Channel cannot be 9223372036854775808", channel=str(2**63)),
    _address("step-out-of-range", BACKWARD, "Step cannot be 9+", step=HUGE),
    _address("number-is-code", BACKWARD, "Number cannot be", number=CODE),
    _address("number-out-of-range", BACKWARD, "has no number", number="999999999,0,0"),
    _address("fault-at-a-dunder", BACKWARD, "There is no site", **{"break": "detach@__class__"}),
    _address("fault-is-a-script", BACKWARD, "Break cannot be", **{"break": SCRIPT}),
    _address("speed-is-infinite", BACKWARD, "Speed cannot be", speed="inf"),
    _address("model-is-a-path", SALIENCY, "There is no model", model="../../../../etc/passwd"),
    _address("model-is-a-module", SALIENCY, "There is no model", model="os/system"),
    _address("model-not-uploaded", SALIENCY, "(?i)upload it again|no longer", model="upload/" + "0" * 64),
    _address("model-upload-is-a-path", SALIENCY, "(?i)there is no|no longer", model="upload/../../../etc/passwd"),
    _address("model-seed-2^64", SALIENCY, "has no weights", model=f"torchvision/resnet18@random-{2**64}"),
    _address("image-is-a-path", SALIENCY, "Unknown image", image="/etc/passwd"),
    _address("image-upload-is-a-path", SALIENCY, "Unknown image", image="upload/../../../etc/passwd"),
    _address("image-not-uploaded", SALIENCY, "(?i)upload it again", image="upload/" + "f" * 64),
    _address("image-with-a-nul", SALIENCY, "Unknown image", image="upload/\0"),
)


def _broken_lists() -> list[tuple[str, str, bytes, str]]:
    names = json.dumps(["a"] * 9)
    return [
        ("labels-too-few", "labels.txt", b"a\nb\n", "10|labels"),
        ("labels-too-few-in-json", "labels.json", names.encode(), "10|labels"),
        ("labels-a-million-lines", "labels.txt", b"x\n" * 1_000_000, "lines|labels|MB|limit"),
        ("labels-one-of-900000-characters", "labels.txt", b"x" * 900_000 + b"\n" * 9, "900,000 characters"),
        ("labels-of-30-MB", "labels.txt", b"cat\n" * 7_500_000, "MB|limit|lines"),
        ("labels-not-utf-8", "labels.txt", b"\xff\xfe\x00\xd8" * 10, "UTF-8|text"),
        ("labels-empty", "labels.txt", b"", "empty|labels"),
        ("labels-numbers-in-json", "labels.json", b"[1, 2, 3]", "text|labels|list"),
        ("labels-nested-100000-deep", "labels.json", b"[" * 100_000 + b"]" * 100_000, "JSON"),
        ("labels-json-cut-short", "labels.json", b'["a", "b', "JSON"),
        ("labels-number-of-100000-digits", "labels.json", b"[" + b"9" * 100_000 + b"]", "JSON|text|list"),
        ("labels-an-object-of-far-numbers", "labels.json", b'{"0": "a", "999999999999": "b"}', "labels|number|list"),
    ]


def _labels(data: bytes) -> Callable[[], bytes]:
    return lambda: data


LABELS = tuple(Case(name, file, _labels(data), says) for name, file, data, says in _broken_lists())
"""Lists of labels for a model of ten classes."""
HOSTILE_LABELS = Case(
    "labels-of-scripts",
    "labels.txt",
    lambda: (f"{SCRIPT}\n[a](javascript:alert(1))\n**b**\n:red[c]\n$d$\n" + "\n".join("efghi")).encode(),
    "script",
    "kept",
)
