"""The pictures of the gradient flow page, and the choice of what to compare with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go

from gradviz_core.drawing import axis_names, captions, flow_figures, how_to_read, log_scale
from gradviz_core.drawing.captions import Caption
from gradviz_core.drawing.flow_figures import Line
from gradviz_core.drawing.log_scale import norm_text
from gradviz_core.models import catalogue
from gradviz_core.types import FloatArray, FlowAnswer, FlowQuestion, ParameterInfo, SiteInfo, keys
from gradviz_core.types.sites import site_name
from pages.layout.frame import ScoredChoice
from pages.shell import address, widgets
from pages.shell.panel import Picture
from pages.shell.parameters import Parameter
from pages.understand import flow_clicks
from pages.understand.flow_clicks import drawn_sites
from pages.uploads import images, models, uploaded

PARAMETERS = (Parameter("model2"), Parameter("image2"))
_WHOLE = "whole numbers"


def compared(choice: ScoredChoice) -> FlowQuestion | None:
    """What to compare with; None for the same model and image.

    Raises:
        NoSuchChoice: the address names a model or an image that is not there.
    """
    model = _other("Compare with model", "model2", models.offered(address.read("model2")))
    image = _other("Compare with image", "image2", _images())
    model = model or choice.model
    image = images.of_model(image or choice.image, model)
    return None if (model, image) == (choice.model, choice.image) else question(model, image, choice)


def _other(label: str, name: str, words: Mapping[str, str]) -> str:
    """The key that is chosen; empty for the same."""
    chosen = address.read(name)
    widgets.select(label, name, ["", *words], chosen, lambda key: words.get(key, "The same"))
    if chosen and chosen not in words:
        raise address.NoSuchChoice(
            f"There is nothing called {chosen[:60]!r} to compare with. Choose from the list.", name
        )
    return chosen


def _images() -> dict[str, str]:
    named = address.read("image2")
    own = {key: f"Uploaded image · {uploaded.short(key)}" for key in (named, *uploaded.image_reports())}
    if keys.held(named):
        own[named] = images.words(named)
    samples = {card.key: card.title for card in catalogue.sample_images()}
    return {key: words for key, words in own.items() if uploaded.is_key(key) or keys.held(key)} | samples


def question(model: str, image: str, choice: ScoredChoice) -> FlowQuestion:
    """The question of the flow of the chosen score, including the parameters."""
    return FlowQuestion(model=model, image=image, target=choice.target, parameters=True, seed=choice.draw)


def over_sites(
    flow: FlowAnswer, other: FlowAnswer | None, labels: Sequence[str], theirs: Sequence[str], chosen: str
) -> Picture:
    """Norms of activation and gradient at every layer output, and the shares of dead units below them; a click opens
    the feature maps. ``theirs`` are the labels of the model to compare with."""
    lines, shares = _at_sites(flow, _name(flow, other), second=False)
    if other is not None:
        more, others = _at_sites(other, _name(other, flow), second=True)
        lines, shares = [*lines, *more], [*shares, *others]
    names = [str(flow.sites[i].site) for i in drawn_sites(flow)]
    figure = flow_figures.along(
        lines,
        shares,
        unit="L2 norm",
        places="layer outputs in order of execution",
        share_unit="dead, %",
        chosen=names.index(chosen) if chosen in names else None,
        height=480,
    )
    _name_points(figure, _site_names(flow), None if other is None else _site_names(other))
    words = _sites_caption(flow, other, labels, theirs)
    words = replace(words, facts=(*words.facts, *_odd_marks(lines)))
    return Picture(figure, words, flow_clicks.open_site(flow, other))


def over_parameters(flow: FlowAnswer, other: FlowAnswer | None, labels: Sequence[str]) -> Picture:
    """Norms of every parameter and of its gradient; a click on one opens the feature maps of the layer that
    holds it."""
    lines = _at_parameters(flow, _name(flow, other), second=False)
    if other is not None:
        lines += _at_parameters(other, _name(other, flow), second=True)
    figure = flow_figures.along(lines, unit="L2 norm", places="parameters in order of execution", height=380)
    names, theirs = _parameter_names(flow), None if other is None else _parameter_names(other)
    _name_points(figure, names, theirs)
    symbol = captions.score_symbol(flow.target, labels)
    caption = Caption(
        f"How strongly {captions.score_words(flow.target, labels)} depends on each parameter: the L2 norm of its "
        "gradient and, in a paler colour, of the parameter itself.",
        rf"\left\lVert \frac{{\partial {symbol}}}{{\partial \theta}} \right\rVert_2,\quad \lVert \theta \rVert_2",
        (
            f"{captions.score_unit(flow.target)} per unit of the parameter",
            "logarithmic scale",
            *_gaps(flow),
            *_odd_marks(lines),
        ),
        how_to_read.PARAMETERS,
    )
    return Picture(figure, caption, flow_clicks.open_holder(flow, other))


def _name_points(figure: go.Figure, names: Sequence[str], theirs: Sequence[str] | None) -> None:
    """Write the names below each network."""
    panels = 1 if theirs is None else 2
    axis_names.write(figure, names, flow_figures.positions(len(names)), panels=panels)
    if theirs is not None:
        axis_names.write(figure, theirs, flow_figures.positions(len(theirs)), axis="xaxis2", panels=panels)


def _site_names(flow: FlowAnswer) -> list[str]:
    infos = [flow.sites[i] for i in drawn_sites(flow)]
    return [site_name(info.site, info.calls) for info in infos]


def _parameter_names(flow: FlowAnswer) -> list[str]:
    return [one.name for one in flow.parameters]


def facts_of(flow: FlowAnswer, info: SiteInfo) -> tuple[tuple[str, str], ...]:
    """The exact values of one layer output."""
    at = [other.site for other in flow.sites].index(info.site)
    value, slope, dead = (float(flow.arrays[n][at]) for n in ("activation_norm", "gradient_norm", "dead_share"))
    return (
        ("norm of the activation", norm_text(value, _WHOLE)),
        ("norm of the gradient", norm_text(slope)),
        ("dead units", "" if np.isnan(dead) else captions.share_text(dead)),
    )


def range_of(flow: FlowAnswer) -> tuple[tuple[str, str], ...]:
    """Where the gradient is largest and where it is smallest, which may be zero or not finite."""
    norms = flow.arrays["gradient_norm"][drawn_sites(flow)]
    infos = [flow.sites[i] for i in drawn_sites(flow)]
    there = np.flatnonzero(~np.isnan(norms))
    if not there.size:
        return ()
    ends = {"largest": there[norms[there].argmax()], "smallest": there[norms[there].argmin()]}
    said = {name: (_short(float(norms[at])), infos[at]) for name, at in ends.items()}
    return tuple(
        (f"{name} gradient", f"{number} at {site_name(info.site, info.calls)}") for name, (number, info) in said.items()
    )


def _short(norm: float) -> str:
    return captions.number_text(norm) if np.isfinite(norm) else "NaN or infinity"


def most_dead(flow: FlowAnswer) -> tuple[str, str]:
    """The layer output with the largest share of dead units; empty if no unit is dead."""
    shares = np.nan_to_num(flow.arrays["dead_share"])
    at = int(shares.argmax())
    info = flow.sites[at]
    text = f"{captions.share_text(float(shares[at]))} of {site_name(info.site, info.calls)}" if shares[at] else ""
    return "most dead units", text


# ---------------------------------------------------------------------------------------------------------------- lines


def _at_sites(flow: FlowAnswer, name: str, *, second: bool) -> tuple[list[Line], list[Line]]:
    rows = drawn_sites(flow)
    infos = [flow.sites[i] for i in rows]
    activation, gradient, dead = (flow.arrays[n][rows] for n in ("activation_norm", "gradient_norm", "dead_share"))
    hovers = [
        [
            captions.site_text(info),
            *([name.strip(", ")] if name else []),
            f"gradient {norm_text(float(g))}",
            f"activation {norm_text(float(a), _WHOLE)}",
            *([] if np.isnan(d) else [f"dead units {captions.share_text(float(d))}"]),
        ]
        for info, a, g, d in zip(infos, activation, gradient, dead, strict=True)
    ]
    lines = [
        Line(f"gradient{name}", gradient, hovers, main=True, second=second),
        Line(f"activation{name}", activation, hovers, main=False, second=second),
    ]
    return lines, [Line(f"dead units{name}", dead, hovers, main=True, second=second)]


def _at_parameters(flow: FlowAnswer, name: str, *, second: bool) -> list[Line]:
    sizes, gradients = flow.arrays.get("parameter_norm"), flow.arrays.get("parameter_gradient_norm")
    if sizes is None or gradients is None:
        return []
    hovers = [
        _parameter_hover(one, name, float(size), float(gradient))
        for one, size, gradient in zip(flow.parameters, sizes, gradients, strict=True)
    ]
    return [
        Line(f"gradient{name}", gradients, hovers, main=True, second=second),
        Line(f"parameter{name}", sizes, hovers, main=False, second=second),
    ]


def _parameter_hover(one: ParameterInfo, name: str, size: float, gradient: float) -> list[str]:
    shape = "×".join(map(str, one.shape)) or "one value"
    lines = [f"{one.name} · {shape}", *([name.strip(", ")] if name else []), f"gradient {norm_text(gradient)}"]
    return [*lines, f"parameter {norm_text(size)}"]


def _name(flow: FlowAnswer, other: FlowAnswer | None) -> str:
    """What differs from the other, after a comma: the model, the image, or both."""
    if other is None:
        return ""
    mine, yours = flow.question, other.question
    pairs = ((mine.model, yours.model), (mine.image, yours.image))
    differing = [" and ".join(map(_name_of, keys.images(key))) for key, its in pairs if key != its]
    return f", {' on '.join(differing)}"


def _name_of(key: str) -> str:
    return uploaded.short(key) if uploaded.is_key(key) else keys.name(key)


# ------------------------------------------------------------------------------------------------------------- captions


def _sites_caption(flow: FlowAnswer, other: FlowAnswer | None, labels: Sequence[str], theirs: Sequence[str]) -> Caption:
    score = captions.score_words(flow.target, labels)
    symbol = captions.score_symbol(flow.target, labels)
    against = ""
    if other is not None:
        against = " Right, with diamonds: the comparison, on the same scales"
        differs = (their_score := captions.score_words(other.target, theirs)) != score
        against += f", where it is {their_score}." if differs else "."
    return Caption(
        f"The L2 norm of the gradient of {score} at each layer output and, in a paler colour, of the activation. "
        f"Bars: the share of units that are zero at every position of this image.{against}",
        rf"\left\lVert \frac{{\partial {symbol}}}{{\partial a}} \right\rVert_2,\quad \lVert a \rVert_2",
        (
            f"{captions.score_unit(flow.target)} per unit of activation, and activation",
            "over all values of a layer output",
            "logarithmic scale",
            "a gap where no gradient reaches the layer",
            "no bar where an output has negative values",
        ),
        how_to_read.GRADIENT_FLOW,
    )


def _gaps(flow: FlowAnswer) -> tuple[str, ...]:
    norms: FloatArray = flow.arrays.get("parameter_gradient_norm", np.zeros(0))
    found = {
        "no gradient reaches": np.isnan(norms),
        "the gradient is zero at": norms == 0,
        "NaN or infinity in the gradient of": np.isinf(norms),
    }
    return tuple(
        f"{words} {int(there.sum())} of {len(norms)} parameters" for words, there in found.items() if any(there)
    )


def _odd_marks(lines: Sequence[Line]) -> tuple[str, ...]:
    return log_scale.odd_marks(*(line.values for line in lines))
