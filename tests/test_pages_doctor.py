"""The doctor's page without a browser: nothing wrong in words, each finding with line and repair, the check."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from gradviz_core.compute import client, inline
from gradviz_core.doctor import verdicts
from gradviz_core.types import Answer, DiagnosisAnswer, DiagnosisQuestion, ProofAnswer, ProofQuestion, Question
from gradviz_core.types.cards import Recipe
from gradviz_core.types.findings import DirectionProof, Finding, Proof, Step
from gradviz_core.uploads import model_files, store
from pages.shell.answer_cache import answer_cache
from tests.doctor.test_exported import Blocks, Detached, Rounded
from tests.exported.files import exported_bytes
from tests.opening import answer_here, opened
from tests.test_uploads import forget

PAGE = "pages/learn/doctor.py"
MODEL, IMAGE = "preset/digits-mlp", "sample/star"
SOUND = "No problems found: the input and every parameter get a finite gradient."
HOSTILE = "<b>x</b> $y$ [z](http://a.b) :red[w]"
CUT = Finding(
    cause="detach",
    level="broken",
    where=f"layer1, {HOSTILE}",
    file="model.py",
    line=41,
    text="h = h.detach()",
    lost=("the input", "conv.weight"),
    weakened=(),
    sentence=f"The value is detached. {HOSTILE}",
    repair="h = layer(h)",
)
UNUSED = replace(
    CUT, cause="unused", level="note", where="idle", file="", line=0, text="", lost=("idle.bias",), repair="# Call it."
)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    """Questions are answered in this process; the list says which were."""
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


def found(monkeypatch: pytest.MonkeyPatch, *findings: Finding, proof: Proof | None = None) -> None:
    """Let the doctor find these, and the check give that."""
    ask = client.ask

    def told(question: Question) -> Answer:
        answer: Answer = ask(question)
        if isinstance(answer, DiagnosisAnswer):
            return replace(answer, diagnosis=replace(answer.diagnosis, findings=findings), notes=("A note.",))
        if isinstance(answer, ProofAnswer) and proof is not None:
            return replace(answer, proof=proof)
        return answer

    monkeypatch.setattr(client, "ask", told)


def headings(app: AppTest) -> list[str]:
    return [heading.value for heading in app.header]


def codes(app: AppTest) -> list[str]:
    return [code.value for code in app.code]


def test_nothing_is_wrong_with_a_preset(asked: list[Question]) -> None:
    app = opened(PAGE, model=MODEL, image=IMAGE, target="3")
    assert not app.error
    assert [box.value for box in app.success] == [SOUND]
    assert headings(app) == ["Check the gradient"]
    assert not any(isinstance(question, ProofQuestion) for question in asked), "the check is asked for by its button"
    units, leaves = (frame.value for frame in app.dataframe)
    answer = inline.ask(next(question for question in asked if isinstance(question, DiagnosisQuestion)))
    assert isinstance(answer, DiagnosisAnswer)
    assert list(units["layer"]) == [layer.where for layer in answer.diagnosis.layers] == ["relu1", "relu2"]
    assert list(units["dead or saturated"]) == ["63.3\u00a0%", "50.0\u00a0%"]
    assert list(leaves["name"]) == [leaf.name for leaf in answer.diagnosis.leaves]
    assert set(leaves["gradient"]) == {"finite"}


@pytest.mark.usefixtures("asked")
def test_calls_of_a_shared_layer_are_told_apart() -> None:
    app = opened(PAGE, model="preset/shapes-resnet", image=IMAGE)
    layers = list(app.dataframe[0].value["layer"])
    assert "layer1.0.relu, second call" in layers
    assert len(layers) == len(set(layers))


def test_each_finding_has_its_line_its_parameters_and_its_repair(monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, CUT, UNUSED)
    app = opened(PAGE, model=MODEL, image=IMAGE)
    assert not app.success
    assert [box.value for box in app.warning] == ["2 findings, in order of execution."]
    assert headings(app)[:2] == [
        "1. Broken: a value is detached",
        "2. Note: parameters that the score does not depend on",
    ]
    assert codes(app) == [
        "model.py:41\nh = h.detach()",
        "the input\nconv.weight",
        "h = layer(h)",
        "idle.bias",
        "# Call it.",
    ]
    texts = [text.value for text in app.markdown]
    assert not any("<b>" in text or "](" in text or " :red[" in text for text in texts), "text of a file is no markup"
    assert any("The value is detached" in text for text in texts)
    assert [box.value for box in app.info] == ["A note\\."]


def test_nothing_is_called_sound_whose_gradients_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = client.ask

    def without(question: Question) -> Answer:
        answer: Answer = ask(question)
        if not isinstance(answer, DiagnosisAnswer):
            return answer
        leaves = tuple(replace(leaf, gradient="zero") for leaf in answer.diagnosis.leaves[:2])
        return replace(answer, diagnosis=replace(answer.diagnosis, leaves=leaves))

    monkeypatch.setattr(client, "ask", without)
    app = opened(PAGE, model=MODEL, image=IMAGE)
    assert not app.success
    assert [box.value.partition(".")[0] for box in app.warning] == [
        "No cause was found, but 2 of 2 get no useful gradient"
    ]


def test_notes_alone_are_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, UNUSED)
    app = opened(PAGE, model=MODEL, image=IMAGE)
    assert not app.warning
    assert "1 finding. If this is intended, nothing is wrong." in [box.value for box in app.info]


def test_the_check_is_one_press_and_stands_in_the_address(asked: list[Question]) -> None:
    app = opened(PAGE, model=MODEL, image=IMAGE)
    (button,) = [b for b in app.button if b.label == "Check the gradient"]
    button.click().run()
    assert app.query_params["check"] == "1"
    _check_proof(app, asked)
    again = opened(PAGE, model=MODEL, image=IMAGE, check="1")
    _check_proof(again, asked)


def _check_proof(app: AppTest, asked: list[Question]) -> None:
    assert not app.error
    questions = [question for question in asked if isinstance(question, ProofQuestion)]
    assert [question.seed for question in questions] == [0, 1, 2]
    answers = [inline.ask(question) for question in questions]
    table = app.dataframe[0].value
    assert len(table) == 3 * 7
    assert list(table["automatic"][::7]) == [
        f"{one.derivative:.9g}".replace("-", "−") for answer in answers for one in answer.proof.directions
    ]
    assert any("agree in all 3 directions" in box.value for box in app.success)


def proof(*errors: float) -> Proof:
    steps = tuple(Step(10.0 ** -(3 + i), 1.0, error, 0.0) for i, error in enumerate(errors))
    return verdicts.proof([DirectionProof(".input", 1.0, steps)], 2.0)


@pytest.mark.parametrize(
    ("errors", "kinks"),
    [((1e-1, 1e-2, 1e-3, 1e-4), True), ((1e-1, 1e-1, 1e-1, 1e-1), False), ((2e-4, 2e-4, 2e-4, 2e-4), False)],
)
def test_kinks_are_told_from_a_wrong_gradient(
    monkeypatch: pytest.MonkeyPatch, errors: tuple[float, ...], kinks: bool
) -> None:
    assert proof(*errors).outcome == ("kinks" if kinks else "apart")
    found(monkeypatch, proof=proof(*errors))
    app = opened(PAGE, model=MODEL, image=IMAGE, check="1")
    assert [box.value.partition("\\:")[0] for box in app.error] == ([] if kinks else ["They disagree at the input"])
    assert not any("the doctor says" in box.value for box in app.error), "one is on its page"
    assert any("kinks" in box.value for box in app.info) == kinks


# ----------------------------------------------------------------------------------------------------- exported models


@pytest.fixture
def exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The key of an uploaded program: two blocks of one class whose branches are detached, and a gate between them."""
    monkeypatch.setenv("GRADVIZ_STORE", str(tmp_path))
    forget()
    torch.manual_seed(0)
    data = exported_bytes(Blocks(Detached(), Rounded(), Detached()), torch.zeros(1, 3, 16, 16))
    steps = model_files.inspect(data).preprocessing
    assert steps is not None
    recipe = Recipe(store.here().put(data), "", "My model", tuple("abcde"), steps)
    monkeypatch.setattr(client, "recipe", lambda _: recipe)
    yield f"upload/{store.here().keep_recipe(recipe)}"
    monkeypatch.undo()
    forget()


def test_an_exported_model_is_told_of_by_its_own_modules(exported: str) -> None:
    app = opened(PAGE, model=exported, image=IMAGE)
    assert not app.error
    ats = [text.value.removeprefix(":gray[at] ") for text in app.markdown if text.value.startswith(":gray[at] ")]
    assert ats == ["**one**", "**gate**", "**two**"]
    assert headings(app)[:-1] == [
        "1. Broken: a value is detached",
        "2. Broken: a derivative that is zero",
        "3. Broken: a value is detached",
    ]
    assert list(app.dataframe[0].value["layer"]) == ["one", "gate", "two", "the model itself"]
