"""The code of the pictures of a step of the backward pass: a plane of a value or of its gradient."""

from __future__ import annotations

from gradviz_core.drawing.captions import score_words
from gradviz_core.drawing.snippets.program import Block, comment, program
from gradviz_core.drawing.snippets.scores import forward, inside, score
from gradviz_core.drawing.snippets.setting import Setting, model, numbers, picture
from gradviz_core.types import INPUT, Site, Target
from gradviz_core.types.sites import site_name


def plane(
    setting: Setting,
    target: Target,
    site: Site,
    leading: tuple[int, ...],
    lines: tuple[int, int, int] | None,
    what: str,
) -> str:
    """``shown`` is a plane, (H, W), of the ``value`` at a site or of the ``gradient`` of the score there: the last two
    axes at the indices ``leading``. A vector is broken into ``lines``: how many, how long, and how many cells at the
    end stand for nothing."""
    back = what == "gradient"
    place = site_name(site)
    about = (
        f"The gradient of {score_words(target, setting.card.labels)} at {place}." if back else f"The value at {place}."
    )
    by_layer = site != INPUT or inside(target) is not None
    blocks = [
        picture(setting),
        numbers(setting),
        model(setting, by_layer=by_layer, gradient=back),
        forward(setting, site),
    ]
    if back:
        way = (
            comment("The gradient with respect to this value."),
            "(gradient,) = torch.autograd.grad(score, value)",
        )
        blocks += [score(target, setting), Block(way, ("import torch",))]
    index = ", ".join(map(str, (0, *leading)))
    found = f"{'gradient' if back else 'value.detach()'}[{index}]"
    return program(about, *blocks, Block(*_shown(found, lines)))


def _shown(found: str, lines: tuple[int, int, int] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if lines is None:
        return (f"shown = {found}.numpy()",), ()
    count, across, gaps = lines
    if not gaps:
        return (f"shown = {found}.reshape({count}, {across}).numpy()  # line by line",), ()
    padded = f'torch.nn.functional.pad({found}, (0, {gaps}), value=float("nan"))'
    return (
        comment("Line by line; the last cells stand for nothing."),
        f"shown = {padded}.reshape({count}, {across}).numpy()",
    ), ("import torch",)
