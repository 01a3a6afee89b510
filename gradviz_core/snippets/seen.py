"""The code of the picture that the network sees, and of the bars of the likeliest classes."""

from __future__ import annotations

from gradviz_core.snippets.program import Block, comment, program
from gradviz_core.snippets.scores import class_row, forward
from gradviz_core.snippets.setting import Setting, model, numbers, picture


def seen(setting: Setting) -> str:
    """``shown`` is the picture, (H, W, 3), 0 to 255."""
    last = Block(('shown = np.asarray(image.convert("RGB"))',), ("import numpy as np",))
    return program("The image as the network sees it, before it is normalised.", picture(setting), last)


def classes(setting: Setting, count: int) -> str:
    """``shown`` holds the probabilities of the likeliest classes, in percent."""
    lines = (
        comment("Softmax turns the scores into probabilities."),
        f"logits = {class_row(setting)}[0].detach()",
        f"index = logits.sort(descending=True, stable=True).indices[:{count}]  # the classes",
        "shown = 100 * logits.double().softmax(dim=0)[index].numpy()",
    )
    about = f"The {count} likeliest classes, in percent."
    return program(
        about, picture(setting), numbers(setting), model(setting, gradient=False), forward(setting, None), Block(lines)
    )
