"""The code of the image as the network sees it, and of the bars of the most likely classes."""

from __future__ import annotations

from dataclasses import replace

from gradviz_core.drawing.snippets import bands, volumes
from gradviz_core.drawing.snippets.program import Block, comment, program
from gradviz_core.drawing.snippets.scores import forward
from gradviz_core.drawing.snippets.setting import Setting, model, numbers, picture
from gradviz_core.types.head_code import kind_of_head, shares
from gradviz_core.types.head_code import row as row_of
from gradviz_core.types.heads import USUAL_HEAD, Head, OutputKind


def seen(setting: Setting) -> str:
    """``shown`` is the picture, (H, W, 3), 0 to 255."""
    if (slices := setting.card.preprocessing.slices) > 0:
        number = slices // 2 if setting.slice is None else setting.slice
        last = volumes.shown(setting.card.preprocessing, setting.upload, number)
        return program(f"Slice {number} as the network sees it, before normalisation.", picture(setting), last)
    setting = replace(setting, held=None)
    if setting.card.preprocessing.banded:
        about = "The bands that are shown, each from its 2nd percentile to its 98th."
        return program(about, picture(setting), bands.shown(setting.card.preprocessing))
    last = Block(('shown = np.asarray(image.convert("RGB"))',), ("import numpy as np",))
    return program("The image as the network sees it, before normalisation.", picture(setting), last)


def both_sides(count: int, kind: OutputKind) -> tuple[str, ...]:
    """The line that puts the complement under the probability of a single label."""
    if count > 1 or kind in ("softmax_logits", "numbers"):
        return ()
    return ("shown = np.concatenate([shown, 100 - shown])  # and the complement",)


def classes(setting: Setting, count: int, head: Head = USUAL_HEAD) -> str:
    """``shown`` holds the probabilities of the most likely classes, in percent, and of a single label 1 - p as well; of
    plain numbers the largest ones."""
    kind = kind_of_head(setting.head_info(head, "row"), head, as_shares=False)
    name, row = row_of(setting, head, kind)
    why = {
        "softmax_logits": "Softmax turns the scores into probabilities.",
        "sigmoid_logits": "The sigmoid turns each score into a probability.",
    }.get(kind, "The values that the model returns.")
    times = "" if kind == "numbers" else "100 * "
    lines = (
        comment(why),
        *row,
        f"index = {name}.detach().sort(descending=True, stable=True).indices[:{count}]",
        f"shown = {times}{shares(f'{name}.detach()', kind)}[index].numpy()",
        *both_sides(count, kind),
    )
    about = f"The {count} largest numbers." if kind == "numbers" else f"The {count} most likely classes, in percent."
    return program(
        about,
        picture(setting),
        numbers(setting),
        model(setting, gradient=False),
        forward(setting, None),
        Block(lines, ("import numpy as np",) if both_sides(count, kind) else ()),
    )
