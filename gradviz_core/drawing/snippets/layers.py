"""The code of what a method makes of a layer output."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace

from gradviz_core.drawing import method_words
from gradviz_core.drawing.snippets.flow import passes, wrapped
from gradviz_core.drawing.snippets.maps import as_pictures
from gradviz_core.drawing.snippets.program import MAP_TENSORS, Block, comment, program
from gradviz_core.drawing.snippets.scores import forward, hooked, imports_of_hook, inside, score
from gradviz_core.drawing.snippets.setting import Setting, model, numbers, output_item, picture
from gradviz_core.types import INPUT, ClassScore, MethodName, Site, SiteInfo, Target, head_code, layouts
from gradviz_core.types.methods import OptionValues, card_of
from gradviz_core.types.sites import site_name


def layer_map(
    setting: Setting,
    target: Target,
    info: SiteInfo,
    method: MethodName,
    options: OptionValues = (),
    channel: int | None = None,
) -> str:
    """``shown`` is what a method makes of a site: its one map, (H, W); else every channel, (C, H, W), or one. The
    target of a method that ``asks_along`` names its class."""
    axis, card = layouts.channel_axis(info), card_of(method)
    what = method_words.sentence(method, options, target, setting.card.labels, site_name(info.site, info.calls))
    places = tuple(each for each in range(1, len(info.shape)) if each != axis)
    lines = method_words.code(method, options, str(axis), repr(places))
    shape = tuple(1 if card.one_map and each == axis else size for each, size in enumerate(info.shape))
    which = "[0]" if card.one_map else "" if channel is None else f"[{channel}]"
    assert inside(target) in (None, info.site), "only one inner value at a time"
    return program(
        f"{what}.",
        picture(setting),
        numbers(setting),
        model(setting, by_layer=True),
        *(_along(setting, target, info.site) if asks_along(method) else _here(setting, target, info.site, lines)),
        Block(lines, ("import torch", *card.imports)),
        *as_pictures(replace(info, shape=shape)),
        Block((f"shown = maps{which}.numpy()",)),
    )


def asks_along(method: MethodName) -> bool:
    """Whether a method takes the gradient with other inputs or values than those of the image."""
    return any("along(" in line for line in card_of(method).code)


def _here(setting: Setting, target: Target, site: Site, lines: Sequence[str]) -> tuple[Block, ...]:
    """``value`` and ``gradient`` at the image."""
    stays = ", retain_graph=True" if _again(lines) else ""
    back = (
        comment("The gradient with respect to this value."),
        f"(gradient,) = torch.autograd.grad(score, value{stays})",
    )
    first = forward(setting, site), score(target, setting), *_scores(setting, target, lines)
    return *first, Block(back, ("import torch",))


def _along(setting: Setting, target: Target, site: Site) -> tuple[Block, ...]:
    """The functions ``along`` and ``instead``."""
    here = score(target, setting)
    why = (
        f"Keeps what {site_name(site)} gives; the layers after it get a clone, so that no operation in place "
        "overwrites it. Where put holds a value, they get that one instead."
    )
    lines = (
        comment(why),
        "kept, put = [], []",
        "",
        "",
        "def keep(module, inputs, output):",
        f"    value = output{output_item(site.item)}",
        f"    here = put[0] if put and len(kept) == {site.call} else value",
        "    kept.append(here)",
        "    return map_tensors(lambda one: (here if one is value else one).clone(), output)",
        "",
        "",
        "def along(x):  # value and gradient with this input",
        "    kept.clear()",
        "    output = model(x.detach().requires_grad_())",
        f"    value = kept[{site.call}]",
        *(textwrap.indent(line, "    ") for line in here.lines),
        "    return value.detach(), torch.autograd.grad(score, value)[0]",
        "",
        "",
        "def instead(value):  # the gradient where the layer gives this value for the image",
        "    put.append(value.detach().requires_grad_())",
        "    gradient = along(x)[1]",
        "    put.clear()",
        "    return gradient",
        "",
        "",
        *hooked(setting, site),
    )
    return (
        Block(lines, (*imports_of_hook(setting, site), "import torch", *here.imports), (MAP_TENSORS, *here.functions)),
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


def _scores(setting: Setting, target: Target, lines: Sequence[str]) -> tuple[Block, ...]:
    """``scores``, the row of all classes, for a method that compares them."""
    if not isinstance(target, ClassScore) or not any("scores" in line for line in lines):
        return ()
    kind = head_code.kind_of_head(setting.head_info(target.head, "row"), target.head, as_shares=False)
    return (Block((f"scores = {head_code.row(setting, target.head, kind)[0]}",)),)
