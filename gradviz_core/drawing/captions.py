"""Question and answer -> words and formulas: what is differentiated with respect to what, how it is reduced, in which
unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradviz_core.drawing import how_to_read, method_words
from gradviz_core.drawing.how_to_read import HowToRead
from gradviz_core.types import (
    Blocks,
    Field,
    MethodName,
    Site,
    SiteInfo,
    Target,
    Unit,
    layouts,
)
from gradviz_core.types.cards import Preprocessing
from gradviz_core.types.class_words import PLAIN_LABEL
from gradviz_core.types.class_words import class_text as class_text
from gradviz_core.types.indices import everywhere, subscript, unit_place
from gradviz_core.types.map_kinds import map_kind
from gradviz_core.types.methods import PLAIN, OptionValues
from gradviz_core.types.sites import site_name
from gradviz_core.types.views import VIEWS, View, view

_COLOURS = {"rgb": ("red", "green", "blue"), "bgr": ("blue", "green", "red")}


LEAST_CUT = 0.001
"""Share of a side of a picture below which it is not said to be cut away."""


@dataclass(frozen=True, slots=True)
class Caption:
    """The caption under a picture."""

    sentence: str
    """Plain words that can be read aloud."""
    formula: str
    """LaTeX."""
    facts: tuple[str, ...]
    """Site, shape, unit, reduction, scale."""
    read: HowToRead
    """How to read the picture."""

    @property
    def alt(self) -> str:
        """One line of alternative text."""
        return f"{self.sentence} {', '.join(self.facts)}."


# ------------------------------------------------------------------------------------------------------ names of things


def shape_text(shape: Sequence[int]) -> str:
    """``64×24×24``, without the batch axis, which is always 1."""
    return "×".join(str(n) for n in (shape[1:] if len(shape) > 1 and shape[0] == 1 else shape))


def site_text(info: SiteInfo) -> str:
    """``layer2.0.relu, second call · ReLU · 128×28×28``."""
    return f"{site_name(info.site, info.calls)} · {info.kind} · {shape_text(info.shape)}"


def channel_word(info: SiteInfo) -> str:
    """What the channels of a site are called: ``feature`` for tokens and for values that are drawn one by one; else
    ``channel``."""
    return "channel" if info.layout != "tokens" and layouts.places(info) else "feature"


def channel_names(steps: Preprocessing) -> tuple[str, ...]:
    """The names of the channels at the network's input, in their order."""
    count = len(steps.mean)
    if count == 1:
        return ("grey",)
    return _COLOURS[steps.channels] if count == 3 else tuple(f"band {i}" for i in range(count))


def count_text(count: int) -> str:
    """``194 k``, ``11.7 M``."""
    for size, suffix in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.3g} {suffix}"
    return str(count)


def share_text(share: float) -> str:
    """``98.2 %``; never 100 % for less than 1, nor 0 % for more than 0. With a non-breaking space."""
    if 0 < share < 0.0005:
        return "< 0.1\u00a0%"
    if 0.9995 <= share < 1:
        return "> 99.9\u00a0%"
    return f"{100 * share:.1f}\u00a0%"


def number_text(value: float, digits: int = 3) -> str:
    """The number with ``digits`` significant digits and a typographic minus sign; zero has no sign."""
    return f"{value or 0.0:.{digits}g}".replace("-", "−")


def time_text(milliseconds: float) -> str:
    """``41 ms``; seconds from one second on."""
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


# ---------------------------------------------------------------------------------------------------- scores and units


def score_words(target: Target, labels: Sequence[str]) -> str:
    """The scalar that is differentiated, as a person says it: ``the logit of star (5)``."""
    return target.words(labels)


def score_symbol(target: Target, labels: Sequence[str]) -> str:
    r"""The same in LaTeX: ``z_{\text{star}}``."""
    return target.symbol(labels)


def score_unit(target: Target) -> str:
    """Its unit: ``logit``, ``nat``, ``probability``, ``output unit`` or ``activation``."""
    return target.unit()


def gradient_unit(
    target: Target,
    site: Site,
    method: MethodName = PLAIN,
    options: OptionValues = (),
    steps: Preprocessing | None = None,
) -> str:
    """Unit of the gradient at a site, or of what a method makes of it: ``logit per normalised-pixel unit``."""
    return method_words.unit(method, target, site, options, steps)


def scale_text(field: Field) -> str:
    """``linear scale, ±0.12, 1.0 % of the values are clipped``."""
    beyond = f", {100 * field.clipped:.2g}\u00a0% of the values are clipped" if field.clipped else ""
    return f"linear scale, {ends_text(field)}{beyond}"


def ends_text(field: Field) -> str:
    """``±0.12``, or ``0 to 0.12``: where its colour scale ends."""
    return f"{'±' if field.signed else '0 to '}{number_text(field.limit)}"


# ------------------------------------------------------------------------------------------------------------- captions


def blocks_text(blocks: Blocks | None, what: str = "pixels") -> tuple[str, ...]:
    """What each cell of a picture stands for, if that is more than one position."""
    if blocks is None:
        return ()
    if blocks.picked is None:
        return (f"each cell is the mean of {blocks.size} {what}",)
    return (f"each cell is the value of largest magnitude among {blocks.size} {what}, with its sign",)


def first_of(drawn: int, count: int) -> tuple[str, ...]:
    """How many channels are drawn, if not all of them."""
    return (f"the first {drawn:,} of {count:,}",) if drawn < count else ()


def near(corner: Sequence[int], field: Field, what: str = "pixel") -> Caption:
    """Under the exact values around the chosen pixel or position."""
    rows, columns = (f"{first} to {first + n - 1}" for first, n in zip(corner, field.values.shape, strict=True))
    unit = (field.unit,) if field.unit else ()
    return Caption(
        f"All {what}s around the chosen one: rows {rows}, columns {columns}. Click one to choose it.",
        "",
        (*unit, f"{scale_text(field)}, the same as in the whole picture"),
        how_to_read.near(what),
    )


def seen(steps: Preprocessing) -> Caption:
    """Under the image as the network sees it."""
    size = f"{steps.size[0]}×{steps.size[1]}"
    step = (
        f"resized to {size}: a picture of other proportions is squeezed"
        if steps.resize is None
        else f"shorter side resized to {steps.resize}, centre crop to {size}: the rest is cut off"
    )
    mean, std = (", ".join(f"{v:.3g}" for v in values) for values in (steps.mean, steps.std))
    if steps.banded:
        return _bands_seen(steps, f"{len(steps.mean)} bands of {size}", step, mean, std)
    names = channel_names(steps)
    order = (f"channels in the order {', '.join(names)}",) if steps.channels == "bgr" and len(names) == 3 else ()
    facts = (
        f"{size} {'RGB' if len(names) == 3 else 'grey'}",
        step,
        *order,
        f"mean {mean}",
        f"standard deviation {std}: the part of the range from black to full colour that is one normalised-pixel unit"
        + (", in each channel" if len(names) > 1 else ""),
    )
    return Caption(
        "The image as the network sees it, before normalisation.",
        r"x = (\text{pixel}/255 - \mu)/\sigma",
        facts,
        how_to_read.NETWORK_SEES,
    )


def beside(steps: Preprocessing) -> Caption:
    """Under the same image where it stands beside another picture for comparison."""
    return (
        seen(steps) if steps.banded else Caption("The image as the network sees it.", "", (), how_to_read.NETWORK_SEES)
    )


def _bands_seen(steps: Preprocessing, size: str, step: str, mean: str, std: str) -> Caption:
    shown, scaled = steps.shown_bands, "scaled from the 2nd percentile of its numbers to the 98th"
    which = (
        f"Band {shown[0]} in grey, {scaled}"
        if len(shown) == 1
        else f"Bands {shown[0]}, {shown[1]} and {shown[2]} as red, green and blue, each {scaled}"
    )
    as_in_the_file = not any(steps.mean) and set(steps.std) == {1}
    facts = (
        *(("each band to mean 0 and standard deviation 1 over this image",) if steps.standardised else ()),
        *(() if as_in_the_file else (f"mean {mean}", f"standard deviation {std}")),
    )
    return Caption(
        f"{which}.",
        r"x = (\text{number} - \mu)/\sigma" if facts else r"x = \text{number}",
        (size, step, *(facts or ("numbers as they are in the file",)), "bands are counted from 0"),
        how_to_read.NETWORK_SEES,
    )


def cropped(steps: Preprocessing, upright: tuple[int, int]) -> str:
    """What the network does not see of a picture of so many rows and columns: ``Cropped to the middle: 22 % of the
    width is not seen.`` Empty where it sees all of it, or where the size is not known."""
    if 0 in upright:
        return ""
    high, wide = steps.cut_away(*upright)
    shares = (("height", high), ("width", wide))
    said = [f"{100 * share:.2g}\u00a0% of the {side}" for side, share in shares if share >= LEAST_CUT]
    if not said:
        return ""
    return f"Cropped to the middle: {' and '.join(said)} {'is' if len(said) == 1 else 'are'} not seen."


def saliency(
    target: Target,
    labels: Sequence[str],
    *,
    method: MethodName,
    reduction: str,
    field: Field,
    shape: Sequence[int],
    channel: str = "",
    options: OptionValues = (),
) -> Caption:
    """Under a picture of what a method makes of the input gradient, in the view ``reduction``. ``shape`` is the
    input's, with its batch axis; ``channel`` names the channel, if only one is shown."""
    drawn = view(reduction)
    what = method_words.sentence(method, options, target, labels)
    index = f"{_channel_symbol(channel) if drawn.each_channel else 'c'},i,j"
    one = method_words.formula(method, options, target, labels, index)
    facts = (_input(shape, field), field.unit, scale_text(field))
    return Caption(
        f"{what}: {_reduced(drawn, shape, channel)}. {method_words.colours(method, field, target)}",
        drawn.formula.format(g=one),
        (*facts, *method_words.facts(method, options)),
        how_to_read.saliency(method, drawn, field, target),
    )


def _input(shape: Sequence[int], field: Field) -> str:
    """``the input, 3×96×96, normalised``: without the last word where the unit is that of a file."""
    return f"the input, {shape_text(shape)}" + ("" if "unit of the file" in field.unit else ", normalised")


def _reduced(drawn: View, shape: Sequence[int], channel: str = "") -> str:
    count = shape[1] if len(shape) == 4 else shape[0]
    over = f"over the {count} channels" if count > 1 else "over the single channel"
    return drawn.words.format(over=over, channel=f"{channel} only" if channel else "each channel separately")


def _channel_symbol(channel: str) -> str:
    return rf"\text{{{channel}}}" if PLAIN_LABEL.fullmatch(channel) else "c"


def classes(sentence: str) -> Caption:
    """Under the bars of the classes; ``sentence`` says which they are, and what a click does."""
    return Caption(sentence, "", (), how_to_read.CLASSES)


def activation(info: SiteInfo, channel: int | None, field: Field) -> Caption:
    """Under the picture of one channel's values, or of each channel's where ``channel`` is None."""
    which = f"each {channel_word(info)}" if channel is None else f"{channel_word(info)} {channel}"
    sentence = f"Activation of {which} of {site_name(info.site, info.calls)}{everywhere(info.layout)}."
    formula = f"a_{{{subscript(info.layout, channel)}}}"
    facts = (site_text(info), "activation", scale_text(field))
    return Caption(sentence, formula, facts, how_to_read.ACTIVATION)


def unit_gradient(
    target: Unit,
    info: SiteInfo,
    field: Field,
    *,
    input_shape: Sequence[int],
    solid: tuple[int, int, int, int] | None = None,
    dashed: tuple[int, int, int, int] | None = None,
) -> Caption:
    """Under the input gradient of one unit; ``solid`` and ``dashed`` are the boxes that are drawn, of its receptive
    field and of most of the gradient."""
    sentence = (
        f"How unit {unit_place(target.index, info.layout)} of {site_name(info.site, info.calls)} changes "
        f"with each pixel: {_reduced(VIEWS[0], input_shape)}."
    )
    if solid:
        sentence += " Solid box: the receptive field."
    most = "at least 95 % of the gradient's magnitude"
    if dashed:
        sentence += f" The box with {most} coincides with it." if dashed == solid else f" Dashed box: {most}."
    slope = rf"\frac{{\partial {score_symbol(target, ())}}}{{\partial x_{{c,i,j}}}}"
    facts = (_input(input_shape, field), field.unit, scale_text(field))
    return Caption(sentence, rf"\sum_c {slope}", facts, how_to_read.unit_gradient(solid is not None))


def gallery(
    info: SiteInfo, place: Sequence[int], at: str, field: Field, *, cut: tuple[int, int, int, int] | None, why: str
) -> Caption:
    """Under the gallery of the most active channels at a position, ``at`` in words. ``cut`` is the part of the input
    that is shown, and ``why`` says what it is."""
    sentence = (
        f"The {channel_word(info)}s of {site_name(info.site, info.calls)} with the largest activation{at}, strongest "
        "first, and how each changes with each pixel: signed sum over the input's channels. All share one scale."
    )
    part = (f"rows {cut[0]} to {cut[1]}, columns {cut[2]} to {cut[3]}: {why}",) if cut else ()
    slope = rf"\frac{{\partial a_{{{subscript(info.layout, place=place)}}}}}{{\partial x_{{c,i,j}}}}"
    facts = (site_text(info), field.unit, scale_text(field), *part)
    return Caption(sentence, rf"\sum_c {slope}", facts, how_to_read.GALLERY)


def feature_maps(
    kind: str, target: Target, labels: Sequence[str], info: SiteInfo, field: Field, *, block: int = 1
) -> Caption:
    """Under the sheet of all channels of a site, in one kind of map. ``block`` is the side of the squares that were
    averaged."""
    place, score = site_name(info.site, info.calls), score_words(target, labels)
    value = f"a_{{{subscript(info.layout)}}}"
    slope = rf"\frac{{\partial {score_symbol(target, labels)}}}{{\partial {value}}}"
    each = f"each {channel_word(info)} of {place}{everywhere(info.layout)}"
    sentence = map_kind(kind).words.format(score=score, of=place, each=each)
    formula = map_kind(kind).formula.format(a=value, g=slope)
    coarse = (f"each cell is the mean of {block}×{block} positions",) if block > 1 else ()
    facts = (site_text(info), field.unit, f"{scale_text(field)}, the same for all tiles", *coarse)
    return Caption(sentence, formula, facts, how_to_read.sheet(kind))


def channel_gradient(target: Target, labels: Sequence[str], info: SiteInfo, channel: int, field: Field) -> Caption:
    """Under the picture of the gradient at one channel of a layer."""
    which = f"{channel_word(info)} {channel} of {site_name(info.site, info.calls)}"
    sentence = f"How {score_words(target, labels)} changes with {which}{everywhere(info.layout)}."
    formula = rf"\frac{{\partial {score_symbol(target, labels)}}}{{\partial a_{{{subscript(info.layout, channel)}}}}}"
    facts = (site_text(info), field.unit, scale_text(field))
    return Caption(sentence, formula, facts, how_to_read.CHANNEL_GRADIENT)


def map_unit(kind: str, target: Target, site: Site) -> str:
    """Unit of a sheet of maps of this kind: activation, score per unit of activation, or the score's own."""
    units = {"activation": "activation", "slope": gradient_unit(target, site), "score": score_unit(target)}
    return units[map_kind(kind).unit]


def strip(target: Target, labels: Sequence[str]) -> Caption:
    """Under the strip of all sites."""
    score = score_words(target, labels)
    return Caption(
        f"How strongly {score} depends on each layer output, in order of execution: the L2 norm of its gradient there. "
        "Activations of different layers have different units, so compare layers with care.",
        rf"\left\lVert \frac{{\partial {score_symbol(target, labels)}}}{{\partial a}} \right\rVert_2",
        (
            f"{score_unit(target)} per unit of activation",
            "over all values of a layer output",
            "logarithmic scale",
            "a gap where no gradient reaches the layer",
        ),
        how_to_read.STRIP,
    )
