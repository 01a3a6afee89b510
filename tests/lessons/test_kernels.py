"""No lesson leads through an operation whose gradient PyTorch by itself may get wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from torch.utils._python_dispatch import TorchDispatchMode

from gradviz_core.lessons.running import STEPS, run

GUARDED = ("batch_norm", "instance_norm", "2d_aa")
"""Parts of the names of what ``kernel_guards.py`` looks at. Convolutions in groups are left out: no lesson has one."""


class Seen(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: object, args: Sequence[object] = (), kwargs: Mapping[str, object] | None = None
    ) -> object:
        self.names.add(str(func.overloadpacket))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("lesson", STEPS)
def test_no_lesson_needs_a_guard(lesson: str) -> None:
    with Seen() as seen:
        run(lesson, {})
    assert seen.names, "the lesson ran elsewhere, and nothing was seen"
    found = sorted(name for name in seen.names if any(part in name for part in GUARDED))
    assert not found, f"{found}: choose another operation, or show the lines of snippets/guarding.py"
