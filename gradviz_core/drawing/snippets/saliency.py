"""The code of the pictures of an input gradient."""

from __future__ import annotations

from collections.abc import Sequence

from gradviz_core.drawing import method_words
from gradviz_core.drawing.snippets import bands, beside, volumes
from gradviz_core.drawing.snippets.program import Block, comment, program, quoted
from gradviz_core.drawing.snippets.scores import forward, gradient_at, inside, score, score_at, score_from, score_of
from gradviz_core.drawing.snippets.setting import Setting, model, numbers, picture
from gradviz_core.types import MethodName, Target
from gradviz_core.types.methods import OptionValues, card_of
from gradviz_core.types.tokens import TokenNumbers
from gradviz_core.types.views import view

_ELSEWHERE = {"gradient_at": gradient_at, "score_at": score_at, "score_from": score_from, "score_of": score_of}
"""Functions that a method's code may call, and what writes them."""
_PARTS = ("model.modules()", "model.get_submodule(")
"""How a method's code gets at the author's layers."""


def saliency(
    setting: Setting,
    target: Target,
    method: MethodName,
    reduction: str,
    options: OptionValues = (),
    *,
    tokens: TokenNumbers | None = None,
    blocks: Sequence[str] = (),
) -> str:
    """``shown`` is the (H, W) field of what a method makes of an input gradient in the view ``reduction``; all its
    channels (C, H, W) where they are drawn one by one. The target of a method that ``asks_elsewhere`` names its class.
    Of a method over attention ``tokens`` has the grid, and ``blocks`` the names of the blocks.
    """
    words = view(reduction).words.format(over="over the channels", channel="each channel separately")
    what = method_words.sentence(method, options, target, setting.card.labels)
    made = map_of_input(setting, target, method, reduction, options, tokens=tokens, blocks=blocks)
    return program(
        f"{what}: {words}.",
        picture(setting),
        numbers(setting),
        *beside.other_image(setting, method, options),
        model(setting, by_layer=by_layer(setting, target, method, options)),
        *made,
    )


def map_of_input(
    setting: Setting,
    target: Target,
    method: MethodName,
    reduction: str,
    options: OptionValues,
    *,
    tokens: TokenNumbers | None = None,
    blocks: Sequence[str] = (),
) -> tuple[Block, ...]:
    """From ``model`` and ``x`` to ``shown``."""
    names = f"[{', '.join(map(quoted, blocks))}]"
    there = {} if tokens is None else {"patches": in_rows(tokens, "tokens"), "blocks": names}
    layer = beside.layer(setting, method, options)
    lines = method_words.code(method, options, *beside.axes(layer), tokens=there)
    steps = setting.card.preprocessing
    lines = volumes.with_levels(steps, lines) if steps.slices else bands.with_levels(steps, lines)
    functions = [at(setting, target) for name, at in _ELSEWHERE.items() if _calls(method, name)]
    back = dict.fromkeys(block for blocks in functions for block in blocks) or (
        forward(setting, inside(target)),
        score(target, setting),
    )
    if card_of(method).takes_gradient:
        gradient: tuple[str, ...] = ()
    elif functions:
        gradient = (comment("At the image itself."), "gradient = gradient_at(x)")
    else:
        gradient = (comment("The gradient with respect to the image."), "(gradient,) = torch.autograd.grad(score, x)")
    imports = ("import torch", *card_of(method).imports)
    gradient_of_it = f"gradient{volumes.one(steps, setting.slice)}"
    last = Block((*gradient, *lines, f"shown = {gradient_of_it}[0]{view(reduction).code}.numpy()"), imports)
    return *beside.hook(setting, layer), *back, *beside.value_and_slope(setting, layer), last


def by_layer(setting: Setting, target: Target, method: MethodName, options: OptionValues) -> bool:
    """Whether the program needs the author's layers of the model."""
    if inside(target) is not None or beside.layer(setting, method, options) is not None:
        return True
    return any(part in line for line in card_of(method).code for part in _PARTS)


def in_rows(tokens: TokenNumbers, name: str) -> str:
    """The map of the patches, (1, 1, rows, columns), in code, from a tensor with a number for each token."""
    there = [int(at) for at in tokens.patches]
    first = there.index(0)
    size = f"reshape(1, 1, {tokens.rows}, {tokens.columns})"
    count = tokens.rows * tokens.columns
    if there[first : first + count] == list(range(count)):
        end = first + count
        part = f"[{first or ''}:{'' if end == len(there) else end}]"
        return f"{name}{part if part != '[:]' else ''}.{size}"
    return f"{name}[{[there.index(patch) for patch in range(count)]}].{size}"


def of_part(part: str, code: str) -> str:
    """The program, which computes the whole sum, and above it what the picture shows: ``part`` names the first of its
    terms, and is empty where all are there."""
    return f"{comment(f'All terms: the picture shows {part}.')}\n{code}" if part else code


def asks_elsewhere(method: MethodName) -> bool:
    """Whether a method takes gradient or score at other inputs than the image, where another class may be predicted."""
    return any(_calls(method, name) for name in _ELSEWHERE)


def _calls(method: MethodName, function: str) -> bool:
    return any(f"{function}(" in line for line in card_of(method).code)
