"""The code of the pictures of an input gradient."""

from __future__ import annotations

from gradviz_core.drawing.captions import score_words
from gradviz_core.drawing.snippets.program import Block, comment, program
from gradviz_core.drawing.snippets.scores import forward, inside, score
from gradviz_core.drawing.snippets.setting import Setting, model, numbers, picture
from gradviz_core.types import MethodName, Target
from gradviz_core.types.views import view


def saliency(setting: Setting, target: Target, method: MethodName, reduction: str) -> str:
    """``shown`` is the (H, W) field of an input gradient in the view ``reduction``; all its channels (C, H, W)
    where they are drawn one by one."""
    drawn = view(reduction)
    words = drawn.words.format(over="over the channels", channel="each channel")
    times = ", times the input" if method == "gradient_x_input" else ""
    about = f"How {score_words(target, setting.card.labels)} changes with each pixel{times}, {words}."
    site = inside(target)
    gradient = ["(gradient,) = torch.autograd.grad(score, x)"]
    if times:
        gradient.append("gradient = x.detach() * gradient")
    shown = f"shown = gradient[0]{drawn.code}.numpy()"
    back = Block((comment("Back to the image."), *gradient, shown), ("import torch",))
    return program(
        about,
        picture(setting),
        numbers(setting),
        model(setting, by_layer=site is not None),
        forward(setting, site),
        score(target, setting),
        back,
    )
