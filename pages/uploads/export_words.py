"""How a model becomes a file that can be uploaded: the words of the page, some of which the dialog shows too."""

from __future__ import annotations

import textwrap

import streamlit as st

from pages.shell import narrow

EXPORT = """\
import torch
x = torch.randn(1, 3, 224, 224)  # your size
program = torch.export.export(model.eval(), (x,))
torch.export.save(program, "model.pt2")
"""
STATE_DICT = """\
torch.save(model.state_dict(), "weights.pt")
"""
SAFETENSORS = """\
from safetensors.torch import save_file
save_file(model.state_dict(), "weights.safetensors")
"""
SHARDS = """\
import glob, zipfile
with zipfile.ZipFile("weights.zip", "w") as archive:
    for file in glob.glob("*.safetensors*"):
        archive.write(file)
"""
SIZES = """\
size = torch.export.Dim("side", min=64, max=512)
program = torch.export.export(model.eval(), (x,), dynamic_shapes=({2: size, 3: size},))
"""
LABELS = """\
crescent
heart
star
"""
_PROGRAMS = (EXPORT, SIZES, STATE_DICT, SAFETENSORS, SHARDS)
_ON_A_PHONE = 36
"""Characters in a line of a program there."""


def program(text: str) -> None:
    """One of the programs, on the page."""
    with st.container(key=f"program_{_PROGRAMS.index(text)}"):
        st.code(text, language="python", wrap_lines=True)


def _room(width: int) -> str:
    """Style that keeps the height of the programs free, in lines of so many characters: Streamlit fetches late what
    draws them."""
    lines = [sum(len(textwrap.wrap(line, width)) for line in text.splitlines()) for text in _PROGRAMS]
    return " ".join(f".st-key-program_{i} {{ min-height: {1.4 * count + 2:.1f}rem; }}" for i, count in enumerate(lines))


STYLE = f"{_room(200)} @media (max-width: {narrow.WIDEST}px) {{ {_room(_ON_A_PHONE)} }}"


def four_lines() -> None:
    """The lines that export a model, and those that save its weights."""
    st.markdown("Any architecture, as an exported program:")
    st.code(EXPORT, language="python", wrap_lines=True)
    st.markdown("Only the weights of one of torchvision's classification models or of a GradViz preset:")
    st.code(STATE_DICT + "# or\n" + SAFETENSORS, language="python", wrap_lines=True)
