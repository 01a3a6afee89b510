"""Tensors that have a shape and a type but no memory, on which a model is run dry.

Without them the cost of an upload cannot be told, and a model whose cost is not known is not run.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, cast

from gradviz_core.tracing.torch_private.names import found, missing

_FILE = "torch._subclasses.fake_tensor"


def _errors(*names: str) -> tuple[type[Exception], ...]:
    return tuple(error for name in names if (error := found(_FILE, name)) is not None)


DEPENDS_ON_VALUES = _errors("DataDependentOutputException", "DynamicOutputShapeException")
"""What an operator raises whose result cannot be told without values."""
CANNOT_RUN = _errors("UnsupportedOperatorException", "UnsupportedFakeTensorException")
"""What one raises that does not run without values."""
_Mode, _Copying = found(_FILE, "FakeTensorMode"), found(_FILE, "FakeCopyMode")
_Fake = found(_FILE, "FakeTensor")
_cache_info, _clear_cache = found(_FILE, "FakeTensorMode.cache_info"), found(_FILE, "FakeTensorMode.cache_clear")


def mode() -> Any:
    """Within it, tensors that are made have no memory; ``from_tensor`` gives one that is like another.

    Raises:
        QuestionError: there are none.
    """
    if _Mode is None or _Copying is None or len(DEPENDS_ON_VALUES) + len(CANNOT_RUN) < 4:
        raise missing("FakeTensorMode", "tells what an upload would cost")
    return _Mode(allow_fallback_kernels=False)


def copying(fake: Any) -> AbstractContextManager[object]:
    """Within it, ``copy.deepcopy`` makes such tensors of all."""
    return cast("AbstractContextManager[object]", _Copying(fake))


def is_fake(tensor: object) -> bool:
    """Whether it is such a tensor."""
    return _Fake is not None and isinstance(tensor, _Fake)


def forget_beyond(most: int) -> None:
    """Forget the shapes of results that are remembered, where they are more than ``most``."""
    if _cache_info is not None and _clear_cache is not None and _cache_info().size > most:
        _clear_cache()


def is_told_by(error: BaseException) -> bool:
    """Whether an error is one of theirs."""
    return type(error).__module__.startswith("torch._subclasses")
