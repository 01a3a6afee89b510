"""What is not a file of a model or a picture: addresses, labels, preprocessing and recipes out of range."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from gradviz_core.errors import GradVizError
from gradviz_core.types import (
    ClassScore,
    CrossEntropy,
    GradientQuestion,
    Question,
    Site,
    SurveyQuestion,
    Unit,
    UnitsQuestion,
)
from gradviz_core.types.cards import Preprocessing, Recipe
from tests.hostile import driving, exported_files, parameters, weights
from tests.hostile.case import CODE, Case
from tests.hostile.conftest import World
from tests.hostile.test_uploads import nothing_happens

SCRIPT = "<script>alert(1)</script>"


def said_of(app: AppTest) -> str:
    """All errors, unescaped."""
    assert not app.exception
    assert driving.private(driving.texts(app)) == []
    return "\n".join(re.sub(r"\\(.)", r"\1", e.value) for e in app.error)


@pytest.mark.parametrize("address", parameters.ADDRESSES, ids=lambda a: a.name)
def test_address(app_of: World, address: parameters.Address) -> None:
    with nothing_happens(app_of):
        app = driving.opened(address.page, **dict(address.choices))
    said = said_of(app)
    assert re.search(address.says, said), said
    assert len(said) < 1000


# ------------------------------------------------------------------------------------------------ the form of a model


@pytest.fixture
def form(app_of: World) -> AppTest:
    """The dialog, with a sound file of weights in it."""
    app = driving.opened()
    app.button(key="bring").click().run()
    case = Case("sound", "weights.pt", weights.sound, "")
    driving.choose_model(app, case.file, case.make())
    return app


@pytest.mark.parametrize("case", parameters.LABELS, ids=lambda case: case.name)
def test_labels(app_of: World, form: AppTest, case: Case) -> None:
    with nothing_happens(app_of):
        driving.upload_labels(form, case.file, case.make())
        if not form.error:
            driving.use(form)
    assert "model" not in form.query_params
    assert re.search(case.says, said_of(form)), said_of(form)


def test_labels_that_are_markup_are_shown_as_text(app_of: World, form: AppTest) -> None:
    case = parameters.HOSTILE_LABELS
    driving.upload_labels(form, case.file, case.make())
    driving.use(form)
    assert said_of(form) == ""
    assert form.query_params["model"].startswith("upload/")
    raw = [str(getattr(e, "value", "")) for kind in ("markdown", "caption") for e in form.get(kind)]
    raw = [text for text in raw if "alert" in text]
    assert all(r"\<script\>" in text for text in raw), raw


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("mean", "nan", "not finite"),
        ("mean", "1e400", "not finite"),
        ("mean", "1e300", "not finite|cannot be"),
        ("mean", "-1e5", "mean"),
        ("mean", "0.5, 0.5, 0.5", "has 3 numbers"),
        ("mean", "", "has 0 numbers"),
        pytest.param("mean", CODE[:190], "not a list of numbers", id="mean-is-code"),
        ("mean", SCRIPT, "not a list of numbers"),
        ("std", "0", "not above 0"),
        ("std", "-1", "not above 0"),
        ("std", "1e-300", "standard deviation"),
        ("std", "inf", "not finite"),
    ],
)
def test_mean_and_deviation(app_of: World, form: AppTest, field: str, value: str, says: str) -> None:
    with nothing_happens(app_of):
        driving.fill(form, field, value)
        driving.use(form)
    assert "model" not in form.query_params
    assert re.search(says, said_of(form)), said_of(form)


# ------------------------------------------------------------------------- what speaks to the service without the pages


def _recipe(world: World, **changes: Any) -> Recipe:
    report = world.client.upload_model(exported_files.sound())
    assert report.preprocessing is not None
    steps = {name: changes.pop(name) for name in list(changes) if name in Preprocessing.__dataclass_fields__}
    made = Recipe(report.file, "", "sound", (), replace(report.preprocessing, **steps))
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"size": (0, 0)}, "size|side"),
        ({"size": (10**6, 10**6)}, "1 to 4,096"),
        ({"size": (-1, 5)}, "side"),
        ({"resize": 10**9}, "1 to 4,096"),
        ({"mean": (float("nan"),) * 3}, "mean"),
        ({"mean": (1e30,) * 3}, "mean"),
        ({"std": (0.0,) * 3}, "standard deviation"),
        ({"std": (float("inf"),) * 3}, "standard deviation"),
        ({"mean": (), "std": ()}, "0 means"),
        ({"mean": (0.5,) * 1000, "std": (0.5,) * 1000}, "1000 means|1,000 means"),
        ({"mean": (0.5,), "std": (0.5,)}, "input of"),
        ({"interpolation": "os.system"}, "interpolation|valid"),
        ({"labels": ("x",) * 50_000}, "50,000 labels"),
        ({"labels": ("x" * 1000,) * 3}, "300 characters"),
        ({"labels": ("a\nb",) * 3}, "one line"),
        ({"labels": ("a",)}, "1 labels|1 label"),
        ({"title": "t" * 5000}, "300 characters"),
        ({"architecture": "os.system"}, "architecture|Choose none"),
        ({"architecture": "preset/../../etc/passwd"}, "architecture|Choose none"),
        ({"file": "0" * 64}, "(?i)upload it again"),
        ({"file": "../../../../etc/passwd"}, "(?i)upload it again"),
    ],
)
def test_recipe(world: World, changes: dict[str, Any], says: str) -> None:
    def ask() -> None:
        key = world.client.keep_recipe(_recipe(world, **changes))
        world.client.ask(SurveyQuestion(model=key, image="sample/digit-3"))

    _refused(world, ask, says)


SITE = Site("conv")


@pytest.mark.parametrize(
    ("question", "says"),
    [
        (lambda key: GradientQuestion(model=key, image="sample/star", target=ClassScore(3)), "3"),
        (lambda key: GradientQuestion(model=key, image="sample/star", target=ClassScore(2**40)), "2147483647"),
        (lambda key: GradientQuestion(model=key, image="sample/star", target=CrossEntropy(99)), "99"),
        (lambda key: GradientQuestion(model=key, image="sample/star", target=Unit(SITE, (9, 0, 0))), "9"),
        (lambda key: GradientQuestion(model=key, image="sample/star", wrt=(Site("__class__"),)), "__class__"),
        (lambda key: GradientQuestion(model=key, image="sample/star", wrt=(Site(SCRIPT),)), "script"),
        (lambda key: GradientQuestion(model=key, image="sample/star", wrt=(SITE,) * 5000), "5,000"),
        (lambda key: UnitsQuestion(model=key, image="sample/star", site=SITE, place=(999, 0)), "999"),
        (lambda key: UnitsQuestion(model=key, image="sample/star", site=SITE, place=(0, 0), count=10**6), "000"),
        (lambda key: SurveyQuestion(model=key + "0", image="sample/star"), "(?i)no model|upload"),
    ],
)
def test_question_about_an_uploaded_model(world: World, question: Callable[[str], Question], says: str) -> None:
    key = world.client.keep_recipe(_recipe(world))
    _refused(world, lambda: world.client.ask(question(key)), says)


def _refused(world: World, act: Callable[[], object], says: str) -> None:
    with nothing_happens(world), pytest.raises(GradVizError) as caught:
        act()
    said = str(caught.value)
    assert re.search(says, said), said
    assert len(said) < 1000
    assert driving.private([said]) == []
