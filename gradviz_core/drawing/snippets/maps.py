"""The code of the pictures of a site: all its channels, or one of them."""

from __future__ import annotations

import math

from gradviz_core.drawing.captions import channel_word, score_words, shape_text
from gradviz_core.drawing.snippets.program import Block, comment, program
from gradviz_core.drawing.snippets.scores import forward, inside, score
from gradviz_core.drawing.snippets.setting import Setting, model, numbers, picture
from gradviz_core.types import SiteInfo, Target, layouts
from gradviz_core.types.map_kinds import map_kind
from gradviz_core.types.sites import site_name
from gradviz_core.types.views import view


def feature_maps(setting: Setting, target: Target, info: SiteInfo, kind: str, channel: int | None = None) -> str:
    """``shown`` is one kind of map of every channel of a site, (C, H, W), or of one, (H, W)."""
    last = Block((f"shown = maps{'' if channel is None else f'[{channel}]'}.numpy()",))
    return _of_site(setting, target, info, kind, channel, (last,))


def sheet(setting: Setting, target: Target, info: SiteInfo, kind: str, *, strongest_first: bool, block: int = 1) -> str:
    """``shown`` is the same at every channel, in the order of the tiles, (C, H, W): by number, or the largest L2 norm
    first. Where a cell is drawn for a square ``block`` of places, it holds their mean."""
    return _of_site(setting, target, info, kind, None, (in_order(info, strongest_first=strongest_first, block=block),))


def feature_map_over_image(setting: Setting, target: Target, info: SiteInfo, kind: str, reduction: str) -> str:
    """``shown`` is one kind of map of a site, its channels in the view ``reduction``, (H, W), where its positions lie
    over the image."""
    last = over_image(info, setting.card.preprocessing.size, reduction)
    return _of_site(setting, target, info, kind, None, (last,), as_maps=False)


def over_image(info: SiteInfo, size: tuple[int, int], reduction: str) -> Block:
    """``shown``, from ``found``: its channels in one view, as rows and columns over an image of this ``size``."""
    axis = layouts.channel_axis(info)
    grid = layouts.over_image(layouts.places(info), axis, size)
    assert grid is not None, "only maps that lie over the image are drawn over it"
    first = "found[0]" if axis == 1 else f"found[0].movedim({axis - 1}, 0)"
    apart = f"[:, {grid.apart} :]" if grid.apart else ""
    lines = (
        f"maps = {first}.flatten(1){apart}.reshape(-1, {grid.rows}, {grid.columns}).detach()  # channels first",
        f"shown = maps{view(reduction).code}.numpy()",
    )
    return Block(lines)


def in_order(info: SiteInfo, *, strongest_first: bool, block: int) -> Block:
    """``shown``, from ``maps``: in the order of the tiles, and in blocks."""
    lines = []
    if strongest_first:
        strength = "maps.nan_to_num().double().square().sum(dim=(1, 2))"
        lines += [
            comment("The strongest first."),
            f"maps = maps[{strength}.argsort(descending=True, stable=True)]",
        ]
    if block > 1:
        lines += _in_blocks(info, block)
    return Block((*lines, "shown = maps.numpy()"), ("import torch",))


def _in_blocks(info: SiteInfo, side: int) -> list[str]:
    said = comment(f"Too many positions to draw: the mean of each block of {side} by {side}.")
    pool = f"torch.nn.functional.avg_pool2d(%s[None], {side}, ceil_mode=True)[0]"
    if not _has_class_token(info):
        return [said, f"maps = {pool % 'maps'}"]
    rest = f"patches = {pool % 'maps[:, 2:]'}"
    return [said, rest, "maps = torch.cat([maps[:, :2, : patches.shape[2]], patches], dim=1)"]


def _of_site(
    setting: Setting,
    target: Target,
    info: SiteInfo,
    kind: str,
    channel: int | None,
    last: tuple[Block, ...],
    *,
    as_maps: bool = True,
) -> str:
    drawn, place, what = map_kind(kind), site_name(info.site, info.calls), channel_word(info)
    of = place if channel is None else f"{what} {channel} of {place}"
    each = f"each {what} of {place}" if channel is None else of
    about = drawn.words.format(score=score_words(target, setting.card.labels), of=of, each=each)
    loaded = model(setting, by_layer=True, gradient=drawn.needs_gradient)
    blocks = [picture(setting), numbers(setting), loaded, forward(setting, info.site)]
    found = f"found = {drawn.code}"
    if not drawn.needs_gradient:
        blocks.append(Block((found,)))
    else:
        assert inside(target) in (None, info.site), "only one inner value at a time"
        back = (
            comment("The gradient with respect to this value."),
            "(gradient,) = torch.autograd.grad(score, value)",
            found,
        )
        blocks += [score(target, setting), Block(back, ("import torch",))]
    return program(about, *blocks, *(as_pictures(info) if as_maps else ()), *last)


def as_pictures(info: SiteInfo) -> list[Block]:
    """``maps``, one picture for each channel, from ``found``, which has the shape of the site."""
    axis = layouts.drawn_axis(info.layout, len(info.shape), info.axis)
    if not axis:
        return [Block((f"maps = found.reshape(-1, 1, 1)  # the values of {shape_text(info.shape)}, one by one",))]
    if info.layout == "tokens":
        return [_tokens(info.shape[1], info)]
    first = "found[0]" if axis == 1 else f"found[0].movedim({-1 if axis == len(info.shape) - 1 else axis - 1}, 0)"
    said = "" if axis == 1 else "  # channels first"
    match layouts.places(info):
        case [_]:
            return [Block(("maps = found[0][:, None]  # one row for each channel",))]
        case [_, _]:
            return [Block((f"maps = {first}{said}",))]
        case slices, rows, columns:
            return [_volumes(first, info.shape[axis], slices, rows, columns)]
    raise AssertionError("no more than three axes of places are drawn")


def _volumes(first: str, channels: int, slices: int, rows: int, columns: int) -> Block:
    down, across = layouts.slices_on_a_sheet(slices, rows, columns)
    lines = (
        comment("The slices of each channel side by side, with a gap between them."),
        f"volumes = {first}",
        f'maps = torch.full(({channels}, {down * (rows + 1) - 1}, {across * (columns + 1) - 1}), float("nan"))',
        f"for number in range({slices}):",
        f"    top, left = number // {across} * {rows + 1}, number % {across} * {columns + 1}",
        f"    maps[:, top : top + {rows}, left : left + {columns}] = volumes[:, number]",
    )
    return Block(lines, ("import torch",))


def _tokens(count: int, info: SiteInfo) -> Block:
    features, side = info.shape[2], math.isqrt(count)
    if side > 1 and side * side == count:
        return Block((f"maps = found[0].T.reshape({features}, {side}, {side})  # the tokens as a grid of patches",))
    if _has_class_token(info):
        side = math.isqrt(count - 1)
        lines = (
            comment("The patches as a grid; above it, after a gap, the class token as one cell."),
            f'maps = torch.full(({features}, {side + 2}, {side}), float("nan"))',
            "maps[:, 0, 0] = found[0, 0]",
            f"maps[:, 2:] = found[0, 1:].T.reshape({features}, {side}, {side})",
        )
        return Block(lines, ("import torch",))
    return Block((f"maps = found[0].T.reshape({features}, 1, {count})  # the tokens in a row",))


def _has_class_token(info: SiteInfo) -> bool:
    """Whether the tokens are drawn as a grid of patches under a class token."""
    if info.layout != "tokens" or len(info.shape) != 3:
        return False
    count = info.shape[1]
    side = math.isqrt(count - 1)
    return side > 1 and side * side == count - 1
