"""Draw the pictures of docs/methods.md: ``python scripts/draw_methods.py`` draws those of methods that have none, with
names of methods those, with ``all`` every one."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import plotly.colors
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import gradviz_core as gv  # noqa: E402
from gradviz_core.errors import QuestionError  # noqa: E402
from gradviz_core.types import FloatArray, Pixels  # noqa: E402
from gradviz_core.types.colour_scales import DIVERGING, SEQUENTIAL  # noqa: E402
from gradviz_core.types.methods import METHODS  # noqa: E402

FOLDER = ROOT / "assets" / "methods"
MODEL, IMAGE = "preset/efficientnet-lite0", "sample/coffee"
OTHERS = (("preset/shapes-cnn", "sample/star"), ("preset/shapes-vit", "sample/star"))
"""For methods that refuse that network, the first of these that they take."""
ROWS = 14
"""Methods of layers are drawn at the last layer output with as many rows of positions."""
QUANTILE = 0.99
SIDE = 224


def main(names: list[str]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    chosen = list(METHODS) if names == ["all"] else names or [name for name in METHODS if not file(name).exists()]
    if not file("coffee").exists() or names == ["all"]:
        save("coffee", _answer("gradient").pixels)
    for name in chosen:
        save(name, picture(name))
    size = sum(each.stat().st_size for each in FOLDER.glob("*.webp"))
    print(f"{len(chosen)} drawn; all of them have {size / 1e3:.0f} kB")


def file(name: str) -> Path:
    return FOLDER / f"{name}.webp"


def save(name: str, pixels: Pixels) -> None:
    Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.NEAREST).save(file(name), quality=60, method=6)


@cache
def layer() -> gv.Site:
    survey = gv.answer(gv.SurveyQuestion(model=MODEL, image=IMAGE))
    return next(info.site for info in reversed(survey.sites) if info.layout == "maps" and info.shape[2] >= ROWS)


def _answer(method: str) -> gv.GradientAnswer:
    card = METHODS[method]
    places = ((MODEL, IMAGE), *OTHERS)
    for model, image in places[:-1] if card.where != "attention" else places[-1:]:
        site = layer() if card.where == "layer" else gv.INPUT
        try:
            return gv.answer(gv.GradientQuestion(model=model, image=image, method=method, wrt=(site,)))
        except QuestionError as refused:
            print(f"{method} at {model}: {refused}")
    raise SystemExit(f"{method} takes none of {', '.join(model for model, _ in places)}")


def picture(method: str) -> Pixels:
    """The map of a method, summed over the channels, in the colours of the app."""
    (made,) = _answer(method).attributions.values()
    values = made[0].astype(np.float64).sum(axis=0)
    return coloured(values, signed=bool((values < 0).any()))


def coloured(values: FloatArray, *, signed: bool) -> Pixels:
    """(H, W) numbers as colours; the scale ends at a quantile of the magnitudes."""
    limit = float(np.quantile(np.abs(values), QUANTILE)) or float(np.abs(values).max()) or 1.0
    share = np.clip(values / limit, -1, 1) / 2 + 0.5 if signed else np.clip(values / limit, 0, 1)
    scale = plotly.colors.get_colorscale((DIVERGING if signed else SEQUENTIAL).name)
    ends = [at for at, _ in scale]
    colours = np.array([_rgb(colour) for _, colour in scale])
    planes = [np.interp(share, ends, colours[:, channel]) for channel in range(3)]
    return np.stack(planes, axis=-1).round().astype(np.uint8)


def _rgb(colour: str) -> tuple[float, ...]:
    if colour.startswith("#"):
        return tuple(map(float, plotly.colors.hex_to_rgb(colour)))
    return tuple(map(float, plotly.colors.unlabel_rgb(colour)))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1:])
