"""A score as one short text, for the address of a page."""

from __future__ import annotations

import json
from dataclasses import fields

from pydantic import ConfigDict, TypeAdapter, ValidationError

from gradviz_core.errors import QuestionError
from gradviz_core.types import ClassScore, Target

PREDICTED = "predicted"
_TARGETS: TypeAdapter[Target] = TypeAdapter(Target, config=ConfigDict(extra="forbid", strict=True))


def to_text(target: Target) -> str:
    """``predicted``, ``3``, ``3.probability`` for the score of one class; JSON for any other, of which fields at their
    default are left out."""
    if isinstance(target, ClassScore) and target == ClassScore(target.index, target.scale):
        index = PREDICTED if target.index is None else str(target.index)
        return index if target.scale == "logit" else f"{index}.{target.scale}"
    said = _TARGETS.dump_python(target, mode="json")
    usual = {f.name for f in fields(target) if f.name != "kind" and getattr(target, f.name) == f.default}  # type: ignore[arg-type]
    return json.dumps({k: v for k, v in said.items() if k not in usual}, sort_keys=True, separators=(",", ":"))


def from_text(text: str) -> Target:
    """The score that ``to_text`` wrote.

    Raises:
        QuestionError: the text is none.
    """
    index, _, scale = text.partition(".")
    if index == PREDICTED or (index.isascii() and index.isdigit() and len(index) < 10):
        said = json.dumps(
            {"kind": "class", "index": None if index == PREDICTED else int(index), "scale": scale or "logit"}
        )
    else:
        said = text
    try:
        return _TARGETS.validate_json(said)
    except ValidationError:
        rule = f"it is {PREDICTED}, or the number of a class, and after a dot logit, log_probability or probability"
        raise QuestionError(f"There is no score {text[:60]!r}: {rule}. Choose another.") from None
