"""A compute service that answers for uploads from a few reports, and the dialog opened with it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from gradviz_core.compute import client, inline
from gradviz_core.compute.askers import Asker
from gradviz_core.drawing.screen import fit
from gradviz_core.errors import GradVizError, UnknownImage, UnknownModel
from gradviz_core.types import AboutAModel, Answer, Question, SurveyAnswer
from gradviz_core.types.cards import Fit, ImageReport, ModelReport, Preprocessing, Recipe, UploadKind
from gradviz_core.types.looks import Look
from tests import handing_in
from tests.opening import STATUS, not_ahead, opened

IMAGENET = Preprocessing((96, 96), 110, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
FITS = (
    Fit("torchvision/resnet18", 10, 122, 0, IMAGENET),
    Fit("torchvision/resnet34", 10, 120, 98, replace(IMAGENET, size=(64, 64), resize=64)),
)
WEIGHTS = ModelReport("a" * 64, "state_dict", 11_200_000, FITS, (), None, None, ("Unwrapped from 'state_dict'.",))
EXPORTED = ModelReport("b" * 64, "exported", 5_187, (), (1, 3, 96, 96), 10, IMAGENET, ())
LABELS = tuple(f"name {i}" for i in range(10))


@dataclass
class Fake:
    """What the compute service would do: reads nothing, answers for every kept model as the first preset does."""

    recipes: dict[str, Recipe] = field(default_factory=dict)
    images: dict[str, ImageReport] = field(default_factory=dict)
    report: ModelReport = WEIGHTS
    error: GradVizError | None = None
    """Raised by the next request."""
    sent: list[tuple[str, Any]] = field(default_factory=list)

    def _hear(self, word: str, what: object) -> None:
        self.sent.append((word, what))
        error, self.error = self.error, None
        if error is not None:
            raise error

    def deliver(self, kind: UploadKind, size: int, asker: Asker) -> FakeDelivery:
        return FakeDelivery(self)

    def upload_model(self, data: bytes) -> ModelReport:
        self._hear("upload_model", data)
        return self.report

    def upload_image(self, data: bytes, value_range: tuple[float, float] | None = None) -> ImageReport:
        self._hear("upload_image", value_range)
        key = f"upload/{hashlib.sha256(data).hexdigest()}"
        self.images[key] = ImageReport(key, 4032, 3024, "JPEG", ("It was turned upright.",))
        return self.images[key]

    def read_labels(self, data: bytes) -> tuple[str, ...]:
        self._hear("read_labels", data)
        return tuple(data.decode().splitlines())

    def keep_recipe(self, recipe: Recipe) -> str:
        self._hear("keep_recipe", recipe)
        key = f"upload/{hashlib.sha256(repr(recipe).encode()).hexdigest()}"
        self.recipes[key] = recipe
        return key

    def recipe(self, key: str) -> Recipe:
        self._hear("recipe", key)
        if key not in self.recipes:
            raise UnknownModel("The uploaded model of this address has been removed. Upload it again.")
        return self.recipes[key]

    def ask(self, question: Question) -> Answer:
        self._hear("ask", question)
        if not isinstance(question, AboutAModel):
            return inline.ask(question)
        image = question.image if question.image not in self.images else "sample/heart"
        if image.startswith("upload/"):
            raise UnknownImage("The uploaded image of this address has been removed. Upload it again.")
        if not question.model.startswith("upload/"):
            found: Answer = inline.ask(replace(question, image=image))
            return found
        recipe = self.recipe(question.model)
        found = inline.ask(replace(question, model="preset/shapes-cnn", image=image))
        if isinstance(found, SurveyAnswer):
            card = replace(
                found.card,
                key=question.model,
                title=recipe.title,
                labels=recipe.labels,
                digest=recipe.file,
                preprocessing=recipe.preprocessing,
            )
            return replace(found, card=card)
        return found

    def show(self, question: Question, look: Look) -> Answer:
        return fit(self.ask(question), look)

    def words(self) -> list[str]:
        return [word for word, _ in self.sent if word != "ask"]


@dataclass
class FakeDelivery:
    """A file that the fake looks at."""

    fake: Any
    """Has ``upload_image`` and the like."""
    data: bytes = b""

    def write(self, part: bytes) -> None:
        self.data += part

    def image(self, value_range: tuple[float, float] | None = None) -> ImageReport:
        report: ImageReport = self.fake.upload_image(self.data, value_range)
        return report

    def model(self) -> ModelReport:
        report: ModelReport = self.fake.upload_model(self.data)
        return report

    def labels(self) -> tuple[str, ...]:
        labels: tuple[str, ...] = self.fake.read_labels(self.data)
        return labels

    def close(self) -> None:
        self.data = b""


def stand_in(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """A fake in the client's place."""
    made = Fake()
    handing_in.forget()
    for name in ("deliver", "read_labels", "keep_recipe", "recipe", "ask", "show"):
        monkeypatch.setattr(client, name, getattr(made, name))
    monkeypatch.setattr(client, "begin", not_ahead)
    monkeypatch.setattr(client, "check", lambda question, left, asker: None)
    monkeypatch.setattr(client, "stop_check", lambda: None)
    monkeypatch.setattr(client, "start", lambda: None)
    monkeypatch.setattr(client, "status", lambda: STATUS)
    return made


def dialog(name: str = "my model.pt", data: bytes = b"weights", **choices: str) -> AppTest:
    """The dialog, after this file was chosen."""
    app = opened(**choices)
    app.button(key="bring").click().run()
    handing_in.choose(app.file_uploader(key="model_file_0"), name, data)
    assert not app.exception
    return app


def press(app: AppTest, label: str) -> AppTest:
    (button,) = [b for b in app.button if b.label == label]
    button.click().run()
    assert not app.exception
    return app


def field_of(app: AppTest, label: str) -> Any:
    (found,) = [w for w in (*app.text_input, *app.text_area, *app.number_input, *app.selectbox) if w.label == label]
    return found


def kept_recipe(fake: Fake) -> Recipe:
    """The recipe that was kept last."""
    recipe: Recipe = [what for word, what in fake.sent if word == "keep_recipe"][-1]
    return recipe


def bring_closed(app: AppTest) -> None:
    app.session_state["draft"].open = False
