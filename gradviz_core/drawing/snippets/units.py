"""The code of the gallery of the strongest channels at a position."""

from __future__ import annotations

from gradviz_core.drawing.captions import channel_word
from gradviz_core.drawing.snippets import volumes
from gradviz_core.drawing.snippets.program import Block, comment, program
from gradviz_core.drawing.snippets.scores import forward
from gradviz_core.drawing.snippets.setting import Setting, model, numbers, picture
from gradviz_core.types import UnitsQuestion, layouts
from gradviz_core.types.sites import site_name


def strongest(setting: Setting, question: UnitsQuestion, cut: tuple[int, int, int, int] | None) -> str:
    """``shown`` is the input gradient of each of the most active channels at a place, (K, H, W), strongest first.

    ``cut`` is the part of the input that is shown: first row, last row, first column, last column; None for all.
    """
    info = setting.site_info(question.site)
    if question.axis is not None:
        info = layouts.turned(info, question.axis)
    what = channel_word(info)
    axis = layouts.channel_axis(info) - 1
    count = min(question.count, info.shape[axis + 1])
    about = (
        f"The {count} {what}s of {site_name(info.site, info.calls)} with the largest activation at one position, "
        "strongest first, and how each changes with each pixel: signed sum over the input's channels."
    )
    before, after = question.place[:axis], question.place[axis:]
    here = ", ".join(["0", *map(str, before), ":", *map(str, after)])
    lines = [
        comment(f"The gradient of each of the strongest {what}s with respect to the image."),
        f"here = value[{here}]",
        "rows = []",
        f"for channel in here.topk({count}).indices.tolist():",
        "    (gradient,) = torch.autograd.grad(here[channel], x, retain_graph=True)",
        f"    rows.append(gradient{volumes.one(setting.card.preprocessing, setting.slice)}[0].sum(dim=0))",
        "shown = torch.stack(rows).numpy()",
    ]
    if cut is not None:
        top, bottom, left, right = cut
        why = "elsewhere they are zero" if setting.card.preprocessing.slices else "the receptive field of these units"
        lines.append(f"shown = shown[:, {top}:{bottom + 1}, {left}:{right + 1}]  # {why}")
    return program(
        about,
        picture(setting),
        numbers(setting),
        model(setting, by_layer=True),
        forward(setting, question.site),
        Block(tuple(lines), ("import torch",)),
    )
