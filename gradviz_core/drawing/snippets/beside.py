"""The code of what a method reads besides, by the names in its options: another image, a layer output."""

from __future__ import annotations

from gradviz_core.drawing.snippets import bands, volumes
from gradviz_core.drawing.snippets.opening import opened
from gradviz_core.drawing.snippets.program import MAP_TENSORS, Block, comment
from gradviz_core.drawing.snippets.scores import hooked, imports_of_hook
from gradviz_core.drawing.snippets.setting import Setting, output_item
from gradviz_core.types import Site, SiteInfo, keys, layouts
from gradviz_core.types.controls import Named
from gradviz_core.types.methods import OptionValues, card_of, settled
from gradviz_core.types.sites import ordinal, site_name


def other_image(setting: Setting, method: str, options: OptionValues) -> tuple[Block, ...]:
    """``other``, what the network receives for the image that is the baseline."""
    values = settled(method, options)
    if values.get("baseline") != "image":
        return ()
    if setting.card.preprocessing.slices:
        return (volumes.other(setting.card, setting.upload, str(values["baseline_image"])),)
    if setting.card.preprocessing.banded:
        return (bands.other(),)
    key = str(values["baseline_image"])
    start = opened(setting.card, key if keys.kind(key) == keys.SAMPLE else "", None)
    said = comment("The other image, prepared in the same way.")
    lines = (line.replace("your-image", "other-image") for line in start.lines)
    return (Block((said, *lines, "other = prepare(fit(image))[None]"), start.imports),)


def layer(setting: Setting, method: str, options: OptionValues) -> SiteInfo | None:
    """The layer output that a method of the input reads; None where it reads none."""
    named = next((one for one in card_of(method).options if isinstance(one, Named) and one.what == "layer"), None)
    if named is None:
        return None
    name = str(settled(method, options)[named.name])
    if name:
        return setting.site_info(Site.parse(name))
    return layouts.last_with_rows_and_columns(setting.sites, layouts.picture_size(setting.sites))


def axes(info: SiteInfo | None) -> tuple[str, str]:
    """Its axis of channels, and those of positions, in code."""
    axis = 1 if info is None else layouts.channel_axis(info)
    return str(axis), repr(tuple(each for each in (1, 2, 3) if each != axis))


def hook(setting: Setting, info: SiteInfo | None) -> tuple[Block, ...]:
    """What keeps its value on the way forward."""
    if info is None:
        return ()
    site, passed_on = info.site, "map_tensors(torch.clone, output)" if info.site.item else "output.clone()"
    why = f"Keeps what {site_name(site, info.calls)} gives; the layers after it get a clone, so that no operation in "
    lines = (
        comment(f"{why}place overwrites it."),
        "beside = []",
        "",
        "",
        "def keep_beside(module, inputs, output):",
        f"    beside.append(output{output_item(site.item)})",
        f"    return {passed_on}",
        "",
        "",
        *hooked(setting, site, "keep_beside"),
    )
    imports = (*(("import torch",) if site.item else ()), *imports_of_hook(setting, site))
    return (Block(lines, imports, (MAP_TENSORS,) if site.item else ()),)


def value_and_slope(setting: Setting, info: SiteInfo | None) -> tuple[Block, ...]:
    """``value`` of the layer output, and ``slope``, the gradient of the score there."""
    if info is None:
        return ()
    which = f"  # the {ordinal(info.site.call)} call" if info.site.call else ""
    lines = (
        comment(f"What {site_name(info.site, info.calls)} gave, and the gradient of the score there."),
        f"value = beside[{info.site.call}]{which}",
        "(slope,) = torch.autograd.grad(score, value, retain_graph=True)",
    )
    return (Block(lines, ("import torch",)),)
