"""How a model becomes a file that can be uploaded: the words of the page, some of which the dialog shows too."""

from __future__ import annotations

import streamlit as st

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
SIZES = """\
size = torch.export.Dim("side", min=64, max=512)
program = torch.export.export(model.eval(), (x,), dynamic_shapes=({2: size, 3: size},))
"""
LABELS = """\
crescent
heart
star
"""


def four_lines() -> None:
    """The lines that export a model, and those that save its weights."""
    st.markdown("Any architecture, as an exported program:")
    st.code(EXPORT, language="python", wrap_lines=True)
    st.markdown("Only the weights of one of torchvision's classification models or of a GradViz preset:")
    st.code(STATE_DICT + "# or\n" + SAFETENSORS, language="python", wrap_lines=True)
