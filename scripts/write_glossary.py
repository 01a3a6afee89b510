"""Write docs/glossary.md from the definitions that the app shows: ``python scripts/write_glossary.py``."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gradviz_core.text.glossary import SECTIONS  # noqa: E402

DOCUMENT = ROOT / "docs" / "glossary.md"
OPENING = """# Glossary

The terms of GradViz. The app shows the same sentences as tooltips. This page is written by `scripts/write_glossary.py`
from `gradviz_core/text/glossary.py`: change them there.
"""


def main() -> None:
    DOCUMENT.write_text(written(), encoding="utf-8")


def written() -> str:
    """The whole document, as Markdown."""
    lines = [OPENING]
    for title, terms in SECTIONS.items():
        lines.append(f"## {title}\n")
        lines += [entry(term, meaning) for term, meaning in sorted(terms.items(), key=lambda pair: pair[0].lower())]
        lines.append("")
    return "\n".join(lines)


def entry(term: str, meaning: str) -> str:
    """One item of a list, in lines of at most 120 characters."""
    return textwrap.fill(f"- **{term}**: {meaning}", 120, subsequent_indent="  ", break_on_hyphens=False)


if __name__ == "__main__":
    main()
