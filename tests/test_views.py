"""The tables of views and of kinds of maps: every entry is whole, and one that is added needs nothing else."""

from __future__ import annotations

import string

import numpy as np
import pytest
import torch

from gradviz_core.drawing import captions, fields
from gradviz_core.drawing.screen import over_input, site_maps
from gradviz_core.text.codec import shown_from_json, shown_to_json
from gradviz_core.types import ClassScore, Field, GradientQuestion, Layout, Site, SiteInfo, map_kinds, views
from gradviz_core.types.looks import Look
from gradviz_core.types.map_kinds import MAP_KINDS, MapKind
from gradviz_core.types.views import VIEWS, View

GRADIENT = np.random.default_rng(0).standard_normal((3, 5, 7)).astype(np.float32)
QUESTION = GradientQuestion(model="preset/shapes-cnn", image="sample/star")
DRAWN = Field(np.ones((2, 2), np.float32), signed=False, unit="", limit=1.0)
LAYOUT: Layout = "maps"
INFO = SiteInfo(Site("relu"), "ReLU", (1, 3, 5, 7), "float32", LAYOUT)


def in_torch(code: str, **names: torch.Tensor) -> np.ndarray:
    found = eval(code, {"torch": torch}, names)
    return np.asarray(found)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_the_code_of_a_view_is_its_function(view: View) -> None:
    drawn = GRADIENT if view.reduce is None else view.reduce(GRADIENT)
    assert view.each_channel == (drawn.shape == GRADIENT.shape)
    np.testing.assert_allclose(in_torch(f"g{view.code}", g=torch.from_numpy(GRADIENT)), drawn, rtol=1e-6)
    assert view.signed == bool((drawn < 0).any())
    assert placeholders(view.formula) == {"g"}
    assert placeholders(view.words) == ({"channel"} if view.each_channel else {"over"})


@pytest.mark.parametrize("kind", MAP_KINDS, ids=lambda kind: kind.name)
def test_the_code_of_a_map_is_its_function(kind: MapKind) -> None:
    value, slope = torch.tensor([2.0, -3.0, 0.5]), torch.tensor([-1.0, 4.0, 8.0])
    found = kind.of(value.numpy(), slope.numpy())
    np.testing.assert_array_equal(in_torch(kind.code, value=value, gradient=slope), found)
    assert kind.needs_gradient == (not np.array_equal(kind.of(value.numpy(), 2 * slope.numpy()), found))
    assert placeholders(kind.formula) <= {"a", "g"}
    assert placeholders(kind.words) <= {"score", "of", "each"}


def test_names_are_given_once() -> None:
    assert len({view.name for view in VIEWS}) == len({view.address for view in VIEWS}) == len(VIEWS)
    assert len({kind.name for kind in MAP_KINDS}) == len(MAP_KINDS)


def test_a_name_that_is_not_there_is_refused_and_the_others_are_named() -> None:
    with pytest.raises(ValueError, match=r"There is no view 'mean'\. Choose one of signed_sum, magnitude_l2"):
        Look(reduction="mean")
    with pytest.raises(ValueError, match=r"There is no map 'hessian'\. Choose one of activation, gradient, product"):
        Look(maps="hessian")


def test_one_entry_makes_a_view(monkeypatch: pytest.MonkeyPatch) -> None:
    smallest = View(
        name="smallest",
        address="smallest",
        label="Smallest",
        formula=r"\min_c {g}",
        words="smallest value {over}",
        reduce=lambda g: g.min(axis=0),
        code=".amin(dim=0)",
        signed=True,
    )
    monkeypatch.setattr(views, "VIEWS", (*VIEWS, smallest))
    np.testing.assert_array_equal(fields.reduced(GRADIENT, "smallest").values, GRADIENT.min(axis=0))
    look = Look(reduction="smallest")
    assert shown_from_json(shown_to_json(QUESTION, look)) == (QUESTION, look)
    assert over_input.OverInput(GRADIENT[None]).field("smallest", unit="").signed
    caption = captions.saliency(
        ClassScore(1), (), method="gradient", reduction="smallest", field=DRAWN, shape=(1, 3, 5, 7)
    )
    assert "each pixel: smallest value over the 3 channels." in caption.sentence
    assert caption.formula.startswith(r"\min_c \frac{\partial z")


def test_one_entry_makes_a_kind_of_map(monkeypatch: pytest.MonkeyPatch) -> None:
    size = MapKind(
        name="size",
        label="Size",
        formula=r"\left|{g}\right|",
        words="How much {score} changes with each value of {of}.",
        of=lambda a, g: np.abs(g),
        code="gradient.abs()",
        unit="slope",
        how_to_read=("Each tile is one channel.", "Bright: large.", "It does not show the sign."),
    )
    monkeypatch.setattr(map_kinds, "MAP_KINDS", (*MAP_KINDS, size))
    monkeypatch.setattr(site_maps, "MAP_KINDS", (*MAP_KINDS, size))
    found = site_maps.site_maps(
        {"activation/relu": GRADIENT[None], "gradient/relu": -GRADIENT[None]}, INFO.site, Look(maps="size"), INFO.shape
    )
    np.testing.assert_array_equal(found.sheet[list(found.numbers).index(1)], np.abs(GRADIENT[1]))
    caption = captions.feature_maps("size", ClassScore(1), (), INFO, DRAWN)
    assert caption.sentence == "How much the logit of class 1 changes with each value of relu."
    assert caption.read.limits == "It does not show the sign."
    assert captions.map_unit("size", ClassScore(1), INFO.site) == "logit per unit of activation"
