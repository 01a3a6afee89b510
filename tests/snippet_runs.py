"""Running the code of a picture, and what the picture itself draws."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

import gradviz_core as gv
from gradviz_core.answering import Answerer
from gradviz_core.drawing import fields, snippets
from gradviz_core.drawing.screen.site_maps import quantities
from gradviz_core.drawing.snippets import Setting
from gradviz_core.errors import QuestionError
from gradviz_core.settings import settings
from gradviz_core.types import MethodName, keys, layouts
from gradviz_core.types.controls import Number
from gradviz_core.types.methods import METHODS as CARDS
from gradviz_core.types.methods import OptionValues, offered_at
from gradviz_core.types.views import VIEWS
from gradviz_core.uploads import model_files, store

ROOT = Path(__file__).parents[1]
METHODS: tuple[MethodName, ...] = tuple(offered_at("input"))

OF_SOME_MODELS = ("deconvolution", "deeplift", "guided_backprop", "guided_grad_cam")
"""Methods that refuse a model whose activations they have no rule for."""

if TYPE_CHECKING:
    ask = gv.answer
else:  # the same, and the last pass is kept
    ask = Answerer("cpu").answer

View = tuple[str, str, np.ndarray]
"""What is shown, its code, and the array that is drawn."""


def own_store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """For a fixture: uploads have a store of their own in ``folder``, where programs run."""
    monkeypatch.setenv("GRADVIZ_STORE", str(folder / "uploads"))
    _forget()
    yield folder
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    settings.cache_clear()
    store.here.cache_clear()
    model_files._open.cache_clear()


def run(code: str, folder: Path) -> np.ndarray:
    """``shown``, as the program leaves it that is run in ``folder``."""
    names: dict[str, Any] = {}
    with chdir(folder), torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what torch warns of when it loads an exported model
        exec(compile(code, "snippet.py", "exec"), names)
    shown = names["shown"]
    assert isinstance(shown, np.ndarray)
    return shown


def error(found: np.ndarray, drawn: np.ndarray) -> float:
    """‖found - drawn‖₂ / ‖drawn‖₂, gaps at the same places left out; infinite where shapes or gaps differ."""
    if found.shape != drawn.shape or not np.array_equal(np.isnan(found), np.isnan(drawn)):
        return float("inf")
    there = ~np.isnan(drawn)
    found, drawn = found[there].astype(np.float64), drawn[there].astype(np.float64)
    return float(np.linalg.norm(found - drawn) / (np.linalg.norm(drawn) or 1.0))


def setting(model: str, image: str, architecture: str = "") -> Setting:
    survey = ask(gv.SurveyQuestion(model=model, image=image))
    looked_at = keys.looked_at(image)
    sample = "" if keys.is_upload(looked_at) else looked_at
    return Setting(
        survey.card,
        survey.sites,
        sample,
        survey.file,
        architecture,
        heads=survey.heads,
        draw=0 if survey.random else None,
        held=snippets.Held.of(survey),
    )


# --------------------------------------------------------------------------------------------------------------- views


def every_view(at: Setting, model: str, image: str) -> Iterator[View]:
    """The code of every picture of the app, and what the picture draws."""
    yield from seen(at, model, image)
    yield from saliency(at, model, image)
    for info in interesting(at, model, image):
        yield from feature_maps(at, model, image, info)
        yield from neurons(at, model, image, info)
        yield from without_classes(at, model, image, info)
    yield from flow(at, model, image)


def interesting(at: Setting, model: str, image: str) -> list[gv.SiteInfo]:
    """A few sites that a gradient reaches: one of each layout, of each later call, of each element of a tuple, and the
    one in the middle."""
    norms = ask(gv.FlowQuestion(model=model, image=image)).arrays["gradient_norm"]
    inner = [
        info
        for info, norm in zip(at.sites, norms, strict=True)
        if info.differentiable and info.site != gv.INPUT and np.isfinite(norm)
    ]
    found = {(info.layout, min(info.site.call, 2), info.site.item): info for info in inner}
    return list({info.site: info for info in (*found.values(), inner[len(inner) // 2])}.values())


def seen(at: Setting, model: str, image: str) -> Iterator[View]:
    survey = ask(gv.SurveyQuestion(model=model, image=image))
    yield "the image", snippets.seen(at), survey.pixels
    shares = np.array([100 * (p.probability or 0.0) for p in survey.prediction])
    yield "the classes", snippets.classes(at, len(shares)), shares


def saliency(at: Setting, model: str, image: str) -> Iterator[View]:
    for method in METHODS:
        options = few(method)
        try:
            answer = ask(gv.GradientQuestion(model=model, image=image, method=method, options=options))
        except QuestionError:
            assert method in OF_SOME_MODELS, f"{method} is for every model"
            continue
        made = answer.attributions[gv.INPUT]
        target = answer.target if snippets.asks_elsewhere(method) else gv.ClassScore()
        for view in VIEWS:
            code = snippets.saliency(at, target, method, view.name, options)
            drawn = made[0] if view.each_channel else fields.reduced(made, view.name).values
            yield f"{method}, {view.name}", code, drawn
    targets: tuple[gv.Target, ...] = (
        gv.ClassScore(1),
        gv.ClassScore(1, "log_probability"),
        gv.ClassScore(None, "probability"),
        gv.ClassDifference(None, 0 if answer.prediction[0].index else 1),
        gv.CrossEntropy(2),
    )
    for target in targets:
        answer = ask(gv.GradientQuestion(model=model, image=image, target=target))
        code = snippets.saliency(at, target, "gradient", "signed_sum")
        yield f"{target}", code, fields.signed_sum(answer.gradients[gv.INPUT]).values


def few(method: MethodName) -> OptionValues:
    """Three draws or steps of a method that takes some, or as few as it can."""
    counted = ("draws", "steps", "rows", "masks", "samples")
    return tuple(
        (one.name, max(3.0, one.low))
        for one in CARDS[method].options
        if one.name in counted and isinstance(one, Number)
    )


def feature_maps(at: Setting, model: str, image: str, info: gv.SiteInfo) -> Iterator[View]:
    answer = ask(gv.GradientQuestion(model=model, image=image, target=gv.ClassScore(1), wrt=(info.site,)))
    value, slope = answer.activations[info.site], answer.gradients[info.site]
    for kind, array in quantities(value, slope).items():
        maps = fields.planes(array, info.layout, info.axis).maps
        yield f"{kind} of {info.site}", snippets.feature_maps(at, gv.ClassScore(1), info, kind), maps
        last = len(maps) - 1
        code = snippets.feature_maps(at, gv.ClassScore(1), info, kind, last)
        yield f"{kind} of the last channel of {info.site}", code, maps[last]
    order = np.argsort(-fields.strength(maps), kind="stable")
    tiles, block = fields.coarser(maps, maps.size // 3)
    code = snippets.sheet(at, gv.ClassScore(1), info, "product", strongest_first=True, block=block)
    yield f"tiles of {info.site}, the strongest first, in blocks of {block}", code, tiles[order]


def without_classes(at: Setting, model: str, image: str, info: gv.SiteInfo) -> Iterator[View]:
    """Of the sum of what the model returns, as where it returns no class scores."""
    target = gv.SiteSum(next(info.site for info in at.sites if not info.site.path))
    slope = ask(gv.GradientQuestion(model=model, image=image, target=target, wrt=(info.site,))).gradients[info.site]
    maps = fields.planes(slope, info.layout, info.axis).maps
    yield f"of the sum, at {info.site}", snippets.feature_maps(at, target, info, "gradient"), maps
    norms = ask(gv.FlowQuestion(model=model, image=image, target=target))
    kept = [i for i, info in enumerate(norms.sites) if info.same_as is None and info.site != gv.INPUT]
    yield "the strip of the sum", snippets.strip(at, target), norms.arrays["gradient_norm"][kept]


def neurons(at: Setting, model: str, image: str, info: gv.SiteInfo) -> Iterator[View]:
    place = tuple(n // 2 for n in layouts.places(info))
    if not place and info.layout != "vector":
        unit = gv.Unit(info.site, tuple(n // 2 for n in info.shape[1:]))
    else:
        question = gv.UnitsQuestion(model=model, image=image, site=info.site, place=place, count=3)
        units = ask(question)
        maps = np.stack([fields.signed_sum(g).values for g in units.arrays["gradients"]])
        yield f"strongest of {info.site}", snippets.strongest(at, question, None), maps
        cut = (3, 7, 2, 11)
        yield f"strongest of {info.site}, cut", snippets.strongest(at, question, cut), maps[:, 3:8, 2:12]
        channel = int(units.arrays["channels"][0])
        unit = gv.Unit(info.site, layouts.index_of(info, channel, place))
    for target in (unit, gv.SiteSum(info.site), gv.ChannelMean(info.site, 0)):
        answer = ask(gv.GradientQuestion(model=model, image=image, target=target))
        code = snippets.saliency(at, target, "gradient", "signed_sum")
        yield str(target), code, fields.signed_sum(answer.gradients[gv.INPUT]).values


def flow(at: Setting, model: str, image: str) -> Iterator[View]:
    answer = ask(gv.FlowQuestion(model=model, image=image, parameters=True))
    kept = [i for i, info in enumerate(answer.sites) if info.same_as is None and info.site != gv.INPUT]
    rows = [answer.arrays[name][kept] for name in ("activation_norm", "gradient_norm", "dead_share")]
    yield "the strip", snippets.strip(at, gv.ClassScore()), rows[1]
    yield "the flow at sites", snippets.sites(at, gv.ClassScore()), np.column_stack(rows)
    columns = [answer.arrays[name] for name in ("parameter_gradient_norm", "parameter_norm")]
    yield "the flow at parameters", snippets.parameters(at, answer), np.column_stack(columns)
    most_likely = ask(gv.SurveyQuestion(model=model, image=image)).prediction[0].index
    for target in (gv.ClassDifference(None, int(most_likely == 0)), gv.CrossEntropy(1)):
        norms = ask(gv.FlowQuestion(model=model, image=image, target=target)).arrays["gradient_norm"]
        yield f"the strip of {target}", snippets.strip(at, target), norms[kept]
