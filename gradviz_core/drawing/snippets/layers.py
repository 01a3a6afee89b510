"""The code of what a method makes of a layer output."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace

from gradviz_core.drawing import method_words
from gradviz_core.drawing.snippets import bands, beside
from gradviz_core.drawing.snippets.flow import passes, wrapped
from gradviz_core.drawing.snippets.maps import as_pictures, in_order, over_image
from gradviz_core.drawing.snippets.program import MAP_TENSORS, Block, comment, program
from gradviz_core.drawing.snippets.scores import forward, hooked, imports_of_hook, inside, score
from gradviz_core.drawing.snippets.setting import Setting, model, numbers, output_item, picture
from gradviz_core.types import INPUT, ClassScore, MethodName, Site, SiteInfo, Target, head_code, layouts
from gradviz_core.types.keeping import STRONGEST
from gradviz_core.types.layouts import Grid
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
    one = card_of(method).one_map
    grid = layouts.grid(info, setting.card.preprocessing.size)
    if one and grid is not None and (grid.apart or grid.order or grid.shown):
        line = f"shown = {_in_rows(grid)}.detach().numpy()"
        return _made(setting, target, info, method, options, Block((line,)), as_maps=False)
    which = "[0]" if one else "" if channel is None else f"[{channel}]"
    return _made(setting, target, info, method, options, Block((f"shown = maps{which}.numpy()",)))


def layer_over_image(
    setting: Setting, target: Target, info: SiteInfo, method: MethodName, options: OptionValues, reduction: str
) -> str:
    """``shown`` is what a method makes of the channels of a site in the view ``reduction``, (H, W), where its positions
    lie over the image."""
    last = over_image(info, setting.card.preprocessing.size, reduction)
    return _made(setting, target, info, method, options, last, as_maps=False)


def layer_sheet(
    setting: Setting,
    target: Target,
    info: SiteInfo,
    method: MethodName,
    options: OptionValues,
    *,
    strongest_first: bool,
    block: int = 1,
) -> str:
    """``shown`` is every channel of what a method makes of a site, in the order of the tiles, (C, H, W): by number, or
    the largest L2 norm first. Where a cell is drawn for a square ``block`` of places, it holds their mean."""
    return _made(setting, target, info, method, options, in_order(info, strongest_first=strongest_first, block=block))


def _made(
    setting: Setting,
    target: Target,
    info: SiteInfo,
    method: MethodName,
    options: OptionValues,
    last: Block,
    *,
    as_maps: bool = True,
) -> str:
    what = method_words.sentence(method, options, target, setting.card.labels, site_name(info.site, info.calls))
    return program(
        f"{what}.",
        picture(setting),
        numbers(setting),
        *beside.other_image(setting, method, options),
        model(setting, by_layer=True),
        *_found(setting, target, info, method, options, last, as_maps=as_maps),
    )


def _found(
    setting: Setting,
    target: Target,
    info: SiteInfo,
    method: MethodName,
    options: OptionValues,
    last: Block,
    *,
    as_maps: bool,
) -> tuple[Block, ...]:
    """From ``model`` and ``x`` to what ``last`` makes of ``found``, or of its ``maps``."""
    axis, card = layouts.channel_axis(info), card_of(method)
    places = tuple(each for each in range(info.shape[0] == 1, len(info.shape)) if each != axis)
    code = method_words.code(method, options, str(axis), repr(places))
    lines = bands.with_levels(setting.card.preprocessing, code)
    shape = tuple(1 if card.one_map and each == axis else size for each, size in enumerate(info.shape))
    assert inside(target) in (None, info.site), "only one inner value at a time"
    return (
        *(_along(setting, target, info.site) if asks_along(method) else _here(setting, target, info.site, lines)),
        Block(lines, ("import torch", *card.imports)),
        *(as_pictures(replace(info, shape=shape)) if as_maps else ()),
        last,
    )


def map_of_layer(
    setting: Setting, target: Target, info: SiteInfo, method: MethodName, options: OptionValues
) -> tuple[Block, ...]:
    """From ``model`` and ``x`` to ``shown``, the one map of a site: as rows and columns where it lies over the picture,
    else as it is drawn."""
    grid = layouts.grid(info, setting.card.preprocessing.size)
    if grid is None:
        return _found(setting, target, info, method, options, Block(("shown = maps[0].numpy()",)), as_maps=True)
    line = f"shown = {_in_rows(grid)}.detach().numpy()"
    return _found(setting, target, info, method, options, Block((line,)), as_maps=False)


def _in_rows(grid: Grid) -> str:
    """``found``, the one map of a layer, as rows and columns."""
    patches = f"[{list(grid.order)}]" if grid.order else f"[{grid.apart} :]" if grid.apart else ""
    return f"found.flatten(){patches}.reshape({grid.rows}, {grid.columns})"


def _positions(grid: Grid) -> str:
    """Which of its positions are patches, as an index."""
    return str(list(grid.order)) if grid.order else f"slice({grid.apart}, None)"


def asks_along(method: MethodName) -> bool:
    """Whether a method takes the gradient with other inputs or values than those of the image."""
    return any("along(" in line for line in card_of(method).code)


def _here(setting: Setting, target: Target, site: Site, lines: Sequence[str]) -> tuple[Block, ...]:
    """``value`` and ``gradient`` at the image."""
    stays = ", retain_graph=True" if again(lines) else ""
    back = (
        comment("The gradient with respect to this value."),
        f"(gradient,) = torch.autograd.grad(score, value{stays})",
    )
    first = forward(setting, site), score(target, setting), *all_scores(setting, target, lines)
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
    setting: Setting,
    target: Target,
    infos: Sequence[SiteInfo],
    method: MethodName,
    options: OptionValues,
    cells: int,
    *,
    each: bool,
) -> str:
    """``shown`` is the map of each of the sites, ``each`` divided by its largest magnitude or as it is, (N, cells,
    cells): the nearest position is taken for each cell."""
    scaled = " / (np.abs(found).max() or 1)" if each else ""
    body = (
        *_each_layer(setting, infos, method, options),
        "    down, across = (((np.arange(CELLS) + 0.5) * n / CELLS).astype(int) for n in (rows, columns))".replace(
            "CELLS", str(cells)
        ),
        "    found = found.numpy()",
        f"    shown.append(found[down][:, across]{scaled})",
        "shown = np.stack(shown)",
    )
    return _of_layers(setting, target, method, options, body)


def layer_regions(
    setting: Setting, target: Target, infos: Sequence[SiteInfo], method: MethodName, options: OptionValues
) -> str:
    """``shown`` has a row for each of the sites: by how much the score changes with the region of its map kept alone,
    and with it dropped. The target names its class."""
    imports = ("import math", *score(target, setting).imports)
    return _of_layers(setting, target, method, options, region_lines(setting, target, infos, method, options), imports)


def region_lines(
    setting: Setting, target: Target, infos: Sequence[SiteInfo], method: MethodName, options: OptionValues
) -> tuple[str, ...]:
    """From ``kept`` and ``gradients`` to ``shown``, as ``layer_regions`` has it."""
    here = score(target, setting)
    return (
        "",
        "@torch.no_grad()",
        "def score_at(x):",
        "    output = model(x)",
        *(textwrap.indent(line, "    ") for line in here.lines),
        "    return score.item()",
        "",
        "",
        "whole = score_at(x)",
        *_each_layer(setting, infos, method, options),
        comment("The pixels where the map, enlarged, is larger than at three quarters of all.", indent="    "),
        "    size, places = x.shape[-2:], x.shape[-2] * x.shape[-1]",
        '    large = torch.nn.functional.interpolate(found[None, None], size, mode="bilinear")[0, 0]',
        f"    region = large > large.flatten().kthvalue(math.ceil({1 - STRONGEST} * places)).values",
        "    shown.append([score_at(x * region) - whole, score_at(x * ~region) - whole])",
        "shown = np.array(shown)",
    )


def _each_layer(
    setting: Setting, infos: Sequence[SiteInfo], method: MethodName, options: OptionValues
) -> tuple[str, ...]:
    """The beginning of a loop over the sites, with ``found``, the map as rows and columns."""
    every = [info.site for info in setting.sites if info.same_as is None and info.site != INPUT]
    rows = []
    for info in infos:
        axis = layouts.channel_axis(info)
        grid = layouts.grid(info, setting.card.preprocessing.size)
        assert grid is not None, "only maps that lie over the image are in the strip"
        rows.append(f"({every.index(info.site)}, {axis}, {_positions(grid)}, {grid.rows}, {grid.columns})")
    return (
        "",
        "def layer_map(value, gradient, axis):",
        "    places = [d for d in range(value.dim()) if d != axis and value.shape[d] > (d == 0)]",
        *(f"    {line}" for line in method_words.code(method, options, "axis", "places")),
        "    return found.detach()",
        "",
        "",
        comment("For each layer: which value, its channel axis, which positions are patches, rows and columns."),
        f"layers = {wrapped(rows)}",
        "shown = []",
        "for number, axis, patches, rows, columns in layers:",
        "    found = layer_map(kept[number], gradients[number], axis).flatten()[patches].reshape(rows, columns)",
    )


def _of_layers(
    setting: Setting,
    target: Target,
    method: MethodName,
    options: OptionValues,
    body: tuple[str, ...],
    imports: tuple[str, ...] = (),
) -> str:
    about = method_words.sentence(method, options, target, setting.card.labels, "each layer output")
    last = Block(body, ("import numpy as np", "import torch", *imports, *card_of(method).imports))
    return program(f"{about}.", *passes(setting, target, again=again(body)), *all_scores(setting, target, body), last)


def again(lines: Sequence[str]) -> bool:
    """Whether they take a gradient too."""
    return any("autograd.grad(" in line for line in lines)


def all_scores(setting: Setting, target: Target, lines: Sequence[str]) -> tuple[Block, ...]:
    """``scores``, the row of all classes, for a method that compares them."""
    if not isinstance(target, ClassScore) or not any("scores" in line for line in lines):
        return ()
    kind = head_code.kind_of_head(setting.head_info(target.head, "row"), target.head, as_shares=False)
    return (Block((f"scores = {head_code.row(setting, target.head, kind)[0]}",)),)
