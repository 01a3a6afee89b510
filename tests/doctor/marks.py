"""What a model's own source says the doctor must find: lines that end in ``# <- cause``."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

from torch import nn

from gradviz_core.types.findings import Diagnosis

Named = tuple[str, str]
"""A cause, and where: ``broken.py:57``; for what is frozen or unused the parameter's or module's name, because the
line that built it cannot be known from a forward pass."""

_MARK = re.compile(r"# <- (\w+)$")
_BUILT = re.compile(r"self\.([\w.]+?)(?:\.requires_grad_\(| = )")
BY_NAME = frozenset({"frozen", "unused"})


def expected(kind: type[nn.Module]) -> set[Named]:
    """The marks in the source of a class, and of what else in its file it mentions: a helper, a part."""
    found = _marks(kind)
    words = set(re.findall(r"\w+", inspect.getsource(kind)))
    for name, other in vars(sys.modules[kind.__module__]).items():
        is_case = isinstance(other, type) and hasattr(other, "x")
        if name in words and not is_case and getattr(other, "__module__", "") == kind.__module__:
            found |= _marks(other)
    return found


def _marks(thing: object) -> set[Named]:
    if not inspect.isclass(thing) and not inspect.isfunction(thing):
        return set()
    lines, start = inspect.getsourcelines(thing)
    file = Path(inspect.getsourcefile(thing) or "").name
    found = set()
    for number, line in enumerate(lines, start):
        if mark := _MARK.search(line.rstrip()):
            built = _BUILT.search(line)
            by_name = mark[1] in BY_NAME and built is not None
            found.add((mark[1], built[1] if by_name and built else f"{file}:{number}"))
    return found


def named(diagnosis: Diagnosis) -> set[Named]:
    """What the doctor found, in the same words."""
    found = set()
    for finding in diagnosis.findings:
        where = {"frozen": ", ".join(finding.lost), "unused": finding.where}.get(finding.cause, finding.at)
        found.add((str(finding.cause), where))
    return found
