"""The author's own line that computed a value, out of the stack trace that torch.export keeps."""

from __future__ import annotations

import re

LONGEST_LINE = 120
_LONGEST_TRACE = 20_000
_FRAME = re.compile(r'File "(?P<file>[^"\n]+)", line (?P<line>\d{1,7}), in [^\n]*\n(?P<text>[^\n]*)')
_TORCH = re.compile(r"[\\/](site|dist)-packages[\\/]torch[\\/]|[\\/]torch[\\/](nn|fx|_\w+)[\\/]|^torch[\\/]")


def author_line(stack_trace: str) -> str:
    """``model.py:41  return self.fc(x)``: the innermost frame that is not torch's own; empty if there is none.

    The folder is left out, for it is the author's and of no use to others.
    """
    frames = [frame for frame in _FRAME.finditer(stack_trace[-_LONGEST_TRACE:]) if not _TORCH.search(frame["file"])]
    if not frames:
        return ""
    frame = frames[-1]
    file = re.split(r"[\\/]", frame["file"])[-1]
    text = f"{file}:{frame['line']}  {frame['text'].strip()}"
    return "".join(letter if letter.isprintable() else " " for letter in text[:LONGEST_LINE])
