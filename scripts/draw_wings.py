"""Draw the wings of gradviz_core into docs/architecture.md, from the imports: ``python scripts/draw_wings.py``.

An arrow leads from a wing to one that it imports. What an arrow says already, by way of others, is not drawn; nor are
the files at the root that all may import.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.reading_imports import imports, module_name, sources, wing  # noqa: E402

DOCUMENT = ROOT / "docs" / "architecture.md"
BEGIN, END = "```mermaid\n", "```\n"
LEFT_OUT = frozenset({"errors", "folders", "memory", "settings", "version"})
NAMES = {"__init__": "gradviz_core"}

Arrows = dict[str, set[str]]


def main() -> None:
    DOCUMENT.write_text(redrawn(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")


def redrawn(document: str) -> str:
    """The document with the picture as the imports are now."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{begin}{picture(arrows(ROOT))}{end}{after}"


def arrows(root: Path) -> Arrows:
    """What each wing imports."""
    found: Arrows = {}
    for path in (path for path in sources(root) if path.parts[0] == "gradviz_core"):
        here = wing(module_name(path))
        modules = imports(root, path, into_functions=True)
        there = {wing(module) for module in modules if module.startswith("gradviz_core.")}
        found.setdefault(here, set()).update(there - {here} - LEFT_OUT)
    return {here: there for here, there in found.items() if here not in LEFT_OUT}


def reached(arrows: Arrows, start: str) -> set[str]:
    """All that can be come to from ``start`` by one arrow or more."""
    waiting, seen = list(arrows[start]), set(arrows[start])
    while waiting:
        new = arrows[waiting.pop()] - seen
        seen |= new
        waiting += new
    return seen


def picture(arrows: Arrows) -> str:
    """The arrows that follow from no others, as a Mermaid flowchart."""
    lines = ["flowchart TD"]
    for here in sorted(arrows):
        implied = {name for there in arrows[here] for name in reached(arrows, there)}
        lines += [f"    {NAMES.get(here, here)} --> {there}" for there in sorted(arrows[here] - implied)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
