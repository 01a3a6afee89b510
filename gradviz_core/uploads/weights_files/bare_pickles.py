"""Pickles that Python wrote and torch did not: what lies in one, and what to do with it. They are never loaded."""

from __future__ import annotations

from gradviz_core.errors import BadModel
from gradviz_core.uploads import next_steps
from gradviz_core.uploads.weights_files import pickles
from gradviz_core.uploads.weights_files.pickle_values import Global, Stub

_OTHERS = frozenset(
    {"sklearn", "xgboost", "lightgbm", "catboost", "pandas", "numpy", "scipy", "tensorflow", "keras", "jax"}
)
"""Packages whose models are no PyTorch models."""


def refusal(data: bytes | memoryview) -> BadModel:
    """The error for a pickle without torch's frame around it."""
    what = "The file is a bare pickle without a zip archive"
    never = "loading it would run the code in it, so GradViz never does"
    kind = _class(memoryview(data))
    if kind.partition(".")[0] in _OTHERS:
        return BadModel(
            f"{what}. It holds a {kind[:80]!r}, which is not a PyTorch model. Choose a PyTorch model that takes images."
        )
    if kind.partition(".")[0] in next_steps.OF_PYTHON:
        return BadModel(
            f"{what}, and loading it would run {kind[:80]!r}. No model is saved so: do not load it elsewhere either. "
            "Choose another file."
        )
    inside = f" of an object of the class {kind[:80]!r}" if kind else ""
    return BadModel(f"{what}{inside}: {never}. Save it again with torch.save.", next_steps.save_pickled())


def _class(data: memoryview) -> str:
    """The class of what is pickled; empty for plain values, and where the pickle cannot be followed."""
    try:
        value = pickles.first(data).value
    except BadModel:
        return ""
    return value.name if isinstance(value, Stub | Global) else ""
