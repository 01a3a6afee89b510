"""Files of labels: text, one a line, or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from gradviz_core.errors import BadModel
from gradviz_core.text.codec import LONGEST_TEXT, MOST_LABELS
from gradviz_core.text.readers import reading
from gradviz_core.text.shown_text import is_one_line

MOST_BYTES = 1_000_000


@reading("file of labels", BadModel)
def read(data: bytes) -> tuple[str, ...]:
    """Labels from a text file, one a line, or from JSON: a list, ``{"0": "cat"}`` or ``{"cat": 0}``.

    Raises:
        BadModel: it is no such file, or a label is empty, too long or cannot be shown.
    """
    if len(data) > MOST_BYTES:
        raise BadModel(
            f"The label file has {len(data) / 1e6:.1f} MB; the limit is {MOST_BYTES / 1e6:.0f} MB. Write one "
            "label a line, and nothing else."
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadModel("The label file is not UTF-8 text. Save it as UTF-8, one label a line.") from None
    labels = _labels_in_json(text) if text.lstrip()[:1] in ("[", "{") else tuple(text.rstrip().splitlines())
    if not labels or len(labels) > MOST_LABELS:
        raise BadModel(
            f"The file holds {len(labels):,} labels; there must be at least 1 and at most {MOST_LABELS:,}. "
            "Write one label a line."
        )
    return tuple(_label(number, label.strip()) for number, label in enumerate(labels))


def check(labels: Sequence[str], classes: int | None) -> None:
    """Refuse labels that are not one for each class; a single number may have two.

    Raises:
        BadModel: there are too many or too few.
    """
    if not labels or classes is None or len(labels) == classes or (classes, len(labels)) == (1, 2):
        return
    if classes == 1:
        raise BadModel(
            f"There are {len(labels):,} labels, but the model has a single output. Enter one label, two labels "
            "(first the negative one, then the positive one), or none."
        )
    raise BadModel(
        f"There are {len(labels):,} labels, but the model has {classes:,} classes. Enter one label per class in the "
        "order of the model's outputs, or none."
    )


def _labels_in_json(text: str) -> tuple[str, ...]:
    try:
        value = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise BadModel(
            "The label file starts like JSON but is not valid JSON, or has a duplicate key. Write one label a line."
        ) from None
    if isinstance(value, dict) and isinstance(value.get("id2label"), dict):
        value = value["id2label"]
    if isinstance(value, dict):
        value = {number: _last_word(name) for number, name in value.items()}
        if all(isinstance(name, str) for name in value.values()):
            pairs = [(_number(number), name) for number, name in value.items()]
        else:
            pairs = [(number if type(number) is int else -1, name) for name, number in value.items()]
        if sorted(number for number, _ in pairs) != list(range(len(pairs))):
            raise BadModel(
                "The keys of the JSON object must be 0, 1, 2 and so on without gaps. Renumber them, or write a list."
            )
        value = [name for _, name in sorted(pairs)]
    if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
        raise BadModel('The JSON is not a list of text labels, such as ["cat", "dog"]. Write one label a line.')
    return tuple(value)


def _last_word(name: object) -> object:
    """``["n02124075", "Egyptian_cat"]``, as ImageNet's own index has it, is the label ``Egyptian_cat``."""
    return name[-1] if isinstance(name, list) and len(name) == 2 else name


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def _label(number: int, label: str) -> str:
    if not label or len(label) > LONGEST_TEXT or not is_one_line(label):
        raise BadModel(
            f"Label {number} is {label[:40]!r}, {len(label):,} characters; a label is one line of 1 to {LONGEST_TEXT} "
            "characters without control characters."
        )
    return label
