"""The code of the pictures of an input gradient."""

from __future__ import annotations

from gradviz_core.drawing.captions import Reduction, score_words
from gradviz_core.drawing.snippets.program import Block, comment, program
from gradviz_core.drawing.snippets.scores import forward, inside, score
from gradviz_core.drawing.snippets.setting import Setting, model, numbers, picture
from gradviz_core.types import MethodName, Target

_REDUCED: dict[Reduction, tuple[str, str]] = {
    "signed_sum": (".sum(dim=0)", "summed over the channels, with its sign"),
    "magnitude_l2": (".square().sum(dim=0).sqrt()", "the root of its squares summed over the channels"),
    "magnitude_max": (".abs().amax(dim=0)", "its largest size over the channels"),
    "channel": ("", "channel by channel"),
}


def saliency(setting: Setting, target: Target, method: MethodName, reduction: Reduction) -> str:
    """``shown`` is the (H, W) field of an input gradient; all its channels (C, H, W) where none are reduced."""
    code, words = _REDUCED[reduction]
    times = ", times the input" if method == "gradient_x_input" else ""
    about = f"How {score_words(target, setting.card.labels)} changes with each pixel{times}: {words}."
    site = inside(target)
    gradient = ["(gradient,) = torch.autograd.grad(score, x)"]
    if times:
        gradient.append("gradient = x.detach() * gradient")
    back = Block((comment("Back to the image."), *gradient, f"shown = gradient[0]{code}.numpy()"), ("import torch",))
    return program(
        about,
        picture(setting),
        numbers(setting),
        model(setting, by_layer=site is not None),
        forward(setting, site),
        score(target, setting),
        back,
    )
