"""The forward pass, with a hook where a value inside is wanted, up to the number that is differentiated."""

from __future__ import annotations

import textwrap
from typing import assert_never

from gradviz_core.drawing.snippets.of_heads import of_boxes, of_map, of_row, output_item
from gradviz_core.drawing.snippets.program import MAP_TENSORS, Block, comment, quoted
from gradviz_core.drawing.snippets.setting import Setting
from gradviz_core.types import (
    INPUT,
    BoxScore,
    ChannelMean,
    ClassDifference,
    ClassScore,
    Combination,
    CrossEntropy,
    RegionScore,
    Site,
    SiteInfo,
    SiteSum,
    Target,
    Term,
    Unit,
    layouts,
)
from gradviz_core.types.sites import in_words, ordinal

_TRAP = (
    "The hook passes a clone on: the next in-place ReLU or += then overwrites the clone, and not what was kept. "
    "Without it many layers of a ResNet show another layer's values and gradients."
)


_MOST_TERMS = 4
"""Terms that are added up on one line."""


def inside(target: Target) -> Site | None:
    """The site a target is read from, unless that is what the model returns."""
    match target:
        case Unit(site=site) | ChannelMean(site=site) | SiteSum(site=site) | Combination(site=site):
            return site if site.path else None
        case ClassScore() | ClassDifference() | CrossEntropy() | RegionScore() | BoxScore():
            return None
        case _:
            assert_never(target)


def forward(setting: Setting, site: Site | None) -> Block:
    """``output = model(x)``; and ``value``, what ``site`` gave, exactly, before anything writes to it."""
    if site is None or site == INPUT:
        return Block((comment("Forward."), *_run(site)))
    hook = _hook(setting, site)
    return Block((*hook.lines, *_run(site)), hook.imports, hook.functions)


def gradient_at(setting: Setting, target: Target) -> tuple[Block, ...]:
    """A function of this name: the gradient of the score by the input, wherever that is. The target names its class."""
    site = inside(target)
    hooks = () if site is None or site == INPUT else (_hook(setting, site),)
    here = score(target, setting)
    body = ["x = x.detach().requires_grad_()", *(["kept.clear()"] if hooks else []), *_run(site), *here.lines]
    lines = (
        "",
        "def gradient_at(x):",
        *(textwrap.indent(line, "    ") for line in body),
        "    return torch.autograd.grad(score, x)[0]",
        "",
    )
    return (*hooks, Block(lines, ("import torch", *here.imports), here.functions))


def _run(site: Site | None) -> tuple[str, ...]:
    run = "output = model(x)"
    if site is None:
        return (run,)
    if site == INPUT:
        return (run, "value = x")
    which = f"  # the {ordinal(site.call)} call" if site.call else ""
    return (run, f"value = kept[{site.call}]{which}")


def _hook(setting: Setting, site: Site) -> Block:
    """What keeps the value of a site inside on the way."""
    passed_on = "map_tensors(torch.clone, output)" if site.item else "output.clone()"
    lines = (
        comment(f"Forward, and on the way keep what {in_words(site)} gives. {_TRAP}"),
        "kept = []",
        "",
        "",
        "def keep(module, inputs, output):",
        f"    kept.append(output{output_item(site.item)})",
        f"    return {passed_on}",
        "",
        "",
        *_hooked(setting, site),
    )
    imports = (*(("import torch",) if site.item else ()), *(("import re",) if _has_copies(setting, site) else ()))
    return Block(lines, imports, (MAP_TENSORS,) if site.item else ())


def _hooked(setting: Setting, site: Site) -> tuple[str, ...]:
    if not _has_copies(setting, site):
        return (f"model.get_submodule({quoted(site.path)}).register_forward_hook(keep)",)
    return (
        "for name, module in model.named_modules():",
        f'    if re.sub(r"@\\d+", "", name) == {quoted(site.path)}:  # also relu@1, its next call',
        "        module.register_forward_hook(keep)",
    )


def _has_copies(setting: Setting, site: Site) -> bool:
    """Whether ``torch.export.unflatten`` may have made a layer of its own for each of the calls."""
    return setting.exported and (site.call > 0 or info_of(setting, site).calls > 1)


def score(target: Target, setting: Setting) -> Block:
    """``score``, the number that is differentiated, from ``output`` or ``value``."""
    match target:
        case ClassScore() | ClassDifference() | CrossEntropy():
            return of_row(target, setting)
        case RegionScore():
            return of_map(target, setting)
        case BoxScore():
            return of_boxes(target, setting)
        case Combination(site=site, terms=terms):
            return Block(_combined(_value(site), terms))
        case Unit(site=site, index=index):
            return Block((f"score = {_value(site)}[0, {', '.join(map(str, index))}]",))
        case ChannelMean(site=site, channel=channel, axis=axis):
            return Block((f"score = {_value(site)}[0{_channel(setting, site, channel, axis)}].mean()",))
        case SiteSum(site=site):
            return Block((f"score = {_value(site)}.sum()",))
        case _:
            assert_never(target)


def _combined(value: str, terms: tuple[Term, ...]) -> tuple[str, ...]:
    def one(term: Term) -> str:
        times = "" if term.weight == 1 else f"{term.weight!r} * "
        return f"{times}{value}[{', '.join(map(str, term.index))}]" if term.index else f"{times}{value}"

    if len(terms) <= _MOST_TERMS:
        return (f"score = {' + '.join(map(one, terms))}",)
    return ("score = 0", *(f"score = score + {one(term)}" for term in terms))


def info_of(setting: Setting, site: Site) -> SiteInfo:
    """What the survey says of a site."""
    return next(info for info in setting.sites if info.site == site)


def _value(site: Site) -> str:
    return "value" if site.path else f"output{output_item(site.item)}"


def _channel(setting: Setting, site: Site, channel: int, axis: int | None) -> str:
    info = info_of(setting, site)
    before = (axis or layouts.channel_axis(info)) - 1
    return ", :" * before + f", {channel}"
