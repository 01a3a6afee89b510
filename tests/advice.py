"""What a refusal may tell a person to do next. ``test_next_steps.py`` follows those that come with code; the others are
one line, or something that a person does with a file.

Files that programs wrote badly or that somebody made to do harm get the same advice as a damaged one, for nobody else
has them: to save or export the model again.
"""

from __future__ import annotations

import re

ADVICE = (
    r"Save it again with torch\.save or torch\.export\.save, and upload that file as it is\.",
    r'Save the state dict alone: torch\.save\(model\.state_dict\(\), "weights\.pt"\)\.',
    r"[Ss]ave the weights again( with safetensors\.torch\.save_file)?\.",
    r"Save it again with torch\.save\.",
    r"take the weights out of it, and choose the file that comes\.",
    r"Export it where you have its code: a \.pt2 file brings its own architecture\.",
    r"Export the model again\.",
    r"Export it again with torch 2\.9 or newer\.",
    r"(Rewrite that part of the model|Rename it|Rename one of them|Call model\.float\(\)), "
    r"and export (it|the model) again\.",
    r"docs/export\.md lists the supported operations; rewrite that part of the model\.",
    r"Export (it (without|for|with)|a (smaller|model|wrapper)|one model|model\.eval\(\)) ?[^.]*\.",
    r"Call model\.eval\(\)[^.]*\.",
    r"Call \.contiguous\(\) on it before exporting\.",
    r"[Cc]hoose (a|another|that|the|among)\b.*\.",
    r"Upload it where images are chosen\.",
    r"Put index and files into one archive without compression: .*",
)
"""Each as a regular expression for the end of a refusal."""
_END = [re.compile(rf"(?:{one})\Z", re.DOTALL) for one in ADVICE]


def ends_with_advice(refusal: str) -> bool:
    """Whether a refusal of a model says at its end what to do next."""
    return any(one.search(refusal) for one in _END)
