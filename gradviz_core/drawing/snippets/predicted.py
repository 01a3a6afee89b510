"""The code of a predicted map."""

from __future__ import annotations

from gradviz_core.drawing.snippets.program import Block, program
from gradviz_core.drawing.snippets.scores import forward
from gradviz_core.drawing.snippets.setting import Setting, model, numbers, picture
from gradviz_core.types.head_code import kind_of_head, share_of_map
from gradviz_core.types.heads import Head


def predicted_map(setting: Setting, head: Head) -> str:
    """``shown`` is the class with the largest score at each position, (H, W); of a single label whether its probability
    is over a half; of a single plain number the number."""
    info = setting.head_info(head, "map")
    kind = kind_of_head(info, head, as_shares=False)
    if info.classes > 1:
        about, shown = "The class with the largest score at each position.", "maps.argmax(0)"
    elif kind == "numbers":
        about, shown = "The number at each position.", "maps[0]"
    else:
        about, shown = (
            "The positions where the probability of the label is above 0.5.",
            f"({share_of_map(kind)} > 0.5).long()",
        )
    lines = (f"maps = {setting.output(info.item)}[0].detach()", f"shown = {shown}.numpy()")
    start = picture(setting), numbers(setting), model(setting, gradient=False), forward(setting, None)
    return program(about, *start, Block(lines))
