"""The code of what a method makes of a layer output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradviz_core.drawing import method_words
from gradviz_core.drawing.snippets.flow import passes, wrapped
from gradviz_core.drawing.snippets.maps import as_pictures
from gradviz_core.drawing.snippets.program import Block, comment, program
from gradviz_core.drawing.snippets.scores import forward, inside, score
from gradviz_core.drawing.snippets.setting import Setting, model, numbers, picture
from gradviz_core.types import INPUT, ClassScore, MethodName, SiteInfo, Target, head_code, layouts
from gradviz_core.types.methods import OptionValues, card_of
from gradviz_core.types.sites import site_name


def layer_map(setting: Setting, target: Target, info: SiteInfo, method: MethodName, options: OptionValues = ()) -> str:
    """``shown`` is the class activation map of a site, (H, W)."""
    axis = layouts.channel_axis(info)
    what = method_words.sentence(method, options, target, setting.card.labels, site_name(info.site, info.calls))
    places = tuple(each for each in range(1, len(info.shape)) if each != axis)
    lines = method_words.code(method, options, str(axis), repr(places))
    back = (
        comment("The gradient with respect to this value."),
        f"(gradient,) = torch.autograd.grad(score, value{', retain_graph=True' if _again(lines) else ''})",
    )
    assert inside(target) in (None, info.site), "only one inner value at a time"
    shape = tuple(1 if each == axis else size for each, size in enumerate(info.shape))
    return program(
        f"{what}.",
        picture(setting),
        numbers(setting),
        model(setting, by_layer=True),
        forward(setting, info.site),
        score(target, setting),
        *_scores(setting, target, lines),
        Block((*back, *lines), ("import torch", *card_of(method).imports)),
        *as_pictures(replace(info, shape=shape)),
        Block(("shown = maps[0].numpy()",)),
    )


def layer_maps(
    setting: Setting, target: Target, infos: Sequence[SiteInfo], method: MethodName, options: OptionValues, cells: int
) -> str:
    """``shown`` is the map of each of the sites, each divided by its largest magnitude, (N, cells, cells): the nearest
    position is taken for each cell."""
    kept = [info.site for info in setting.sites if info.same_as is None and info.site != INPUT]
    lines = method_words.code(method, options, "axis", "places")
    size = setting.card.preprocessing.size
    rows = []
    for info in infos:
        grid = layouts.over_image(layouts.places(info), layouts.channel_axis(info), size)
        assert grid is not None, "only maps that lie over the image are in the strip"
        rows.append(
            f"({kept.index(info.site)}, {layouts.channel_axis(info)}, {grid.apart}, {grid.rows}, {grid.columns})"
        )
    body = (
        "",
        "def layer_map(value, gradient, axis):",
        "    places = [d for d in range(1, value.dim()) if d != axis]",
        *(f"    {line}" for line in lines),
        "    return found",
        "",
        "",
        comment("For each layer: which value, its channel axis, tokens that stand apart, rows and columns of the map."),
        f"layers = {wrapped(rows)}",
        "shown = []",
        "for number, axis, apart, rows, columns in layers:",
        "    found = layer_map(kept[number], gradients[number], axis)",
        "    found = found.detach().flatten()[apart:].reshape(rows, columns).numpy()",
        f"    down, across = (((np.arange({cells}) + 0.5) * n / {cells}).astype(int) for n in (rows, columns))",
        "    shown.append(found[down][:, across] / (np.abs(found).max() or 1))",
        "shown = np.stack(shown)",
    )
    about = method_words.sentence(method, options, target, setting.card.labels, "each layer output")
    last = Block(body, ("import numpy as np", "import torch", *card_of(method).imports))
    return program(f"{about}.", *passes(setting, target, again=_again(lines)), *_scores(setting, target, lines), last)


def _again(lines: Sequence[str]) -> bool:
    """Whether they take a gradient too."""
    return any("autograd.grad(" in line for line in lines)


def _scores(setting: Setting, target: Target, lines: tuple[str, ...]) -> tuple[Block, ...]:
    """``scores``, the row of all classes, for a method that compares them."""
    if not isinstance(target, ClassScore) or not any("scores" in line for line in lines):
        return ()
    kind = head_code.kind_of_head(setting.head_info(target.head, "row"), target.head, as_shares=False)
    return (Block((f"scores = {head_code.row(setting, target.head, kind)[0]}",)),)
