"""Putting a program together: its first comment, its imports, its blocks of code."""

from __future__ import annotations

import re
import textwrap

from gradviz_core.text.shown_text import visible, written_out
from gradviz_core.types.target import Block as Block

WIDTH = 80
"""Longest line of a comment."""
INSTALL = "install it, or run the program in its folder with PYTHONPATH=. before python."
"""How a program finds GradViz, in its comments."""
GRADVIZ = "import gradviz_core as gv"
MAP_TENSORS = """def map_tensors(function, value):  # of each tensor in what a layer returns
    if isinstance(value, torch.Tensor):
        return function(value)
    if isinstance(value, dict):
        return {key: map_tensors(function, part) for key, part in value.items()}
    if not isinstance(value, (tuple, list)):
        return value
    parts = [map_tensors(function, part) for part in value]
    return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)"""
"""A function that many programs need."""
_STANDARD = ("copy", "math", "re")
_ENCODING = re.compile("coding(?=[:=])")


def program(about: str, *blocks: Block) -> str:
    """A whole program: a comment that says what it computes, the imports, the functions, the blocks with an empty line
    between."""
    needed = {line for block in blocks for line in block.imports}
    groups = [sorted((line for line in needed if _group(line) == group), key=_order) for group in range(3)]
    imports = "\n\n".join("\n".join(group) for group in groups if group)
    functions = [f"\n{text}\n" for text in dict.fromkeys(text for block in blocks for text in block.functions)]
    return "\n\n".join([comment(about), imports, *functions, *(block.text for block in blocks)]) + "\n"


def comment(text: str, *, indent: str = "") -> str:
    """The text as comment lines. What cannot be seen in a name from an upload is written as its number, and no name
    says in which encoding Python reads the file, as ``coding:`` in its first two lines would."""
    shown = _ENCODING.sub("coding ", visible(text))
    lines = textwrap.wrap(shown, WIDTH - 2 - len(indent), break_on_hyphens=False)
    return "\n".join(f"{indent}# {line}" for line in lines)


def quoted(text: str) -> str:
    """The text as a literal of Python, in double quotes where it can be; what cannot be seen is escaped."""
    literal = written_out(repr(text), lambda letter: ascii(letter)[1:-1])
    return f'"{text}"' if literal == f"'{text}'" and '"' not in text else literal


def _group(line: str) -> int:
    """Python's own modules, then others, then GradViz."""
    root = line.split()[1].partition(".")[0]
    return 0 if root in _STANDARD else 2 if root == "gradviz_core" else 1


def _order(line: str) -> tuple[bool, str]:
    return line.startswith("from"), line.lower()
