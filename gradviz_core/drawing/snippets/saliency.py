"""The code of the pictures of an input gradient."""

from __future__ import annotations

from gradviz_core.drawing import method_words
from gradviz_core.drawing.snippets.program import Block, comment, program
from gradviz_core.drawing.snippets.scores import forward, gradient_at, inside, score
from gradviz_core.drawing.snippets.setting import Setting, model, numbers, picture
from gradviz_core.types import MethodName, Target
from gradviz_core.types.methods import OptionValues, card_of
from gradviz_core.types.views import view


def saliency(setting: Setting, target: Target, method: MethodName, reduction: str, options: OptionValues = ()) -> str:
    """``shown`` is the (H, W) field of what a method makes of an input gradient in the view ``reduction``; all its
    channels (C, H, W) where they are drawn one by one. The target of a method that ``asks_elsewhere`` names its class.
    """
    drawn = view(reduction)
    words = drawn.words.format(over="over the channels", channel="each channel separately")
    what = method_words.sentence(method, options, target, setting.card.labels)
    lines, site = method_words.code(method, options), inside(target)
    if asks_elsewhere(method):
        back = gradient_at(setting, target)
        gradient = (comment("At the image itself."), "gradient = gradient_at(x)")
    else:
        back = (forward(setting, site), score(target, setting))
        gradient = (comment("The gradient with respect to the image."), "(gradient,) = torch.autograd.grad(score, x)")
    imports = ("import torch", *card_of(method).imports)
    return program(
        f"{what}: {words}.",
        picture(setting),
        numbers(setting),
        model(setting, by_layer=site is not None),
        *back,
        Block((*gradient, *lines, f"shown = gradient[0]{drawn.code}.numpy()"), imports),
    )


def asks_elsewhere(method: MethodName) -> bool:
    """Whether a method takes the gradient at other inputs than the image, where another class may be predicted."""
    return any("gradient_at(" in line for line in card_of(method).code)
