"""A method is two files of one name: a function and a card from which all that is said of it is filled in."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

import gradviz_core as gv
from gradviz_core.drawing import captions, fields, method_words, snippets
from gradviz_core.errors import QuestionError
from gradviz_core.methods.attributions import GradFn, Options, function_of
from gradviz_core.text.codec import (
    answer_from_bytes,
    answer_to_bytes,
    answer_to_json,
    question_from_json,
    question_to_json,
    shown_from_json,
    shown_to_json,
)
from gradviz_core.types import Receipt
from gradviz_core.types.controls import Choice, Number, Option, value_text
from gradviz_core.types.looks import Look
from gradviz_core.types.methods import METHODS, PLAIN, settled
from scripts import write_methods
from tests import snippet_runs

ROOT = Path(__file__).parents[1]
TAKES = ["oracle", "value", "options"]
SUMS = [*TAKES, "which"]
every_method = pytest.mark.parametrize("method", METHODS)

# -------------------------------------------------------------------------------------------------------------- pairs


def unpaired(root: Path) -> list[str]:
    """Files of methods that have no other file of their name."""
    cards = {path.stem for path in (root / "types" / "methods").glob("*.py")} - {"__init__"}
    functions = {path.stem for path in (root / "methods").glob("*.py") if has_function(path)}
    return [f"{name} has no function" for name in sorted(cards - functions)] + [
        f"{name} has no card" for name in sorted(functions - cards)
    ]


def has_function(path: Path) -> bool:
    """Whether a file has a function of its own name that takes what a method takes."""
    functions = (node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef))
    return any(f.name == path.stem and [a.arg for a in f.args.args] in (TAKES, SUMS) for f in functions)


def test_each_method_has_its_pair() -> None:
    assert unpaired(ROOT / "gradviz_core") == []
    assert set(METHODS) == {path.stem for path in (ROOT / "gradviz_core/types/methods").glob("*.py")} - {"__init__"}


def test_a_card_and_a_function_that_stand_alone_are_found(tmp_path: Path) -> None:
    for name, text in {
        "types/methods/card.py": "CARD = None\n",
        "methods/card.py": "def other(oracle, value, options): ...\n",
        "methods/function.py": "def function(oracle, value, options): ...\n",
        "methods/jacobian.py": "def jacobian(trace): ...\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert unpaired(tmp_path) == ["card has no function", "function has no card"]


@every_method
def test_a_function_is_found_by_the_name_of_its_card(method: str) -> None:
    function = function_of(method)
    assert list(inspect.signature(function).parameters) == (SUMS if METHODS[method].counts else TAKES)
    assert function.__module__ == f"gradviz_core.methods.{method}"


@pytest.mark.parametrize("name", ["receptive_field", "os", "..errors", "", "x" * 500])
def test_no_other_name_is_looked_up(name: str) -> None:
    with pytest.raises(QuestionError, match=r"There is no method '.*'\. Choose one of gradient, ") as e:
        function_of(name)
    assert len(str(e.value)) < 200 + len(", ".join(METHODS))


# -------------------------------------------------------------------------------------------------------------- cards


@every_method
def test_a_card_is_complete(method: str) -> None:
    card = METHODS[method]
    for sentence in (card.colours, card.brightness, card.shows, card.limits):
        assert sentence.endswith(".")
    assert not card.sentence.endswith(".")
    assert card.link.startswith("https://")
    assert len({control.name for control in card.options}) == len(card.options)
    for control in card.options:
        assert control.meaning.endswith(".")
    assert settled(method, ()) == {control.name: control.default for control in card.options}


@every_method
def test_every_word_of_a_card_is_filled_in(method: str) -> None:
    target, labels = gv.ClassScore(1), ("circle", "$tar")
    for signed in (True, False):
        field = fields.field(np.ones((2, 2)), signed=signed, unit=method_words.unit(method, target, gv.INPUT))
        caption = captions.saliency(
            target, labels, method=method, reduction="signed_sum", field=field, shape=(1, 3, 2, 2)
        )
        assert "$" not in caption.alt.replace("$tar", "")
        assert "$" not in caption.formula
    assert not any("$" in line for line in method_words.code(method, (), tokens={"patches": "p", "blocks": "b"}))


@pytest.mark.parametrize(
    ("method", "options", "signed", "unit"),
    [
        ("fullgrad", (), False, "relative"),
        ("fullgrad", (("map", "signed"),), True, "logit"),
        ("legrad", (), False, "0 to 1"),
        ("legrad", (("scale", "raw"),), False, "logit per unit of attention"),
    ],
)
def test_an_option_decides_the_sign_and_the_unit(
    method: str, options: tuple[tuple[str, str], ...], signed: bool, unit: str
) -> None:
    assert method_words.is_signed(method, options) == signed
    assert captions.gradient_unit(gv.ClassScore(1), gv.INPUT, method, options) == unit


@every_method
def test_what_is_one_question_has_no_more_steps_or_samples_than_fit_its_deadline(method: str) -> None:
    card = METHODS[method]
    for control in () if card.counts else card.options:
        if isinstance(control, Number) and control.name in ("steps", "samples"):
            assert control.high <= {"steps": 200, "samples": 512}[control.name]


@every_method
def test_one_of_what_an_option_counts_is_in_the_singular(method: str) -> None:
    counted = [control for control in METHODS[method].options if isinstance(control, Number) and control.unit]
    for control in counted:
        assert control.one, "what a unit names is counted"
        assert value_text(control, 1) == f"1 {control.one}"
        assert f"{control.high} {control.unit}" in method_words.facts(method, ((control.name, control.high),))


def test_the_document_is_what_the_cards_say() -> None:
    document = write_methods.DOCUMENT.read_text(encoding="utf-8")
    assert document == write_methods.text(), "run python scripts/write_methods.py"
    for card in METHODS.values():
        assert f"## {card.name}\n" in document
        row = next(line for line in document.splitlines() if line.startswith(f"| {card.name} |"))
        assert row.count("|") == 6, "a stroke in a formula ends its cell"


# ------------------------------------------------------------------------------------------------- a card with options

DRAWS = Number(
    "draws", "Draws", 1, 64, 1, 3, whole=True, unit="noisy copies", one="noisy copy", meaning="How many are averaged."
)
NOISE = Choice("noise", "Noise", (Option("flat", "flat"), Option("normal", "normal")), "normal", "How it is drawn.")
SPREAD = Number("spread", "Spread", 0.0, 1.0, 0.05, 0.2, meaning="Its size.")
SMOOTH = replace(
    METHODS[PLAIN],
    name="Smooth",
    in_text="smooth",
    sentence="How $score changes with each pixel, averaged over $draws",
    formula=r"\frac{1}{\text{$draws}} \sum_n $slope",
    unit="($score per $value)²",
    code=(
        "torch.manual_seed(0)",
        'noise = {"flat": torch.rand_like, "normal": torch.randn_like}[$noise]',
        "copies = [x.detach() + $spread * noise(x.detach()) for _ in range($draws)]",
        "gradient = sum(gradient_at(copy) for copy in copies) / $draws",
    ),
    options=(DRAWS, NOISE, SPREAD),
)


def smooth(oracle: GradFn, value: Tensor, options: Options) -> Tensor:
    """What the code of the card does, with an oracle."""
    count, spread = options["draws"], options["spread"]
    assert isinstance(count, int)
    assert isinstance(spread, float)
    noise = torch.rand_like if options["noise"] == "flat" else torch.randn_like
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        copies = [value + spread * noise(value) for _ in range(count)]
    return torch.stack([oracle(copy) for copy in copies]).mean(0)


@pytest.fixture
def with_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "smooth", SMOOTH)
    monkeypatch.setitem(sys.modules, "gradviz_core.methods.smooth", SimpleNamespace(smooth=smooth))


@pytest.mark.usefixtures("with_options")
def test_options_are_settled_from_the_card_whole_numbers_as_such() -> None:
    assert settled("smooth", ()) == {"draws": 3, "noise": "normal", "spread": 0.2}
    found = settled("smooth", (("spread", 1), ("draws", 2.0)))
    assert found == {"draws": 2, "noise": "normal", "spread": 1.0}
    assert [type(value) for value in found.values()] == [int, str, float]


def test_options_of_a_method_are_in_the_text_only_where_there_are_some() -> None:
    plain = gv.GradientQuestion(model="m", image="i")
    told = replace(plain, options=(("draws", 3), ("noise", "flat")))
    assert '"options"' not in question_to_json(plain) + shown_to_json(plain, Look())
    for text in (question_to_json(told), shown_to_json(told, Look())):
        assert '"method":"gradient","model":"m","options":[["draws",3.0],["noise","flat"]],"seed":0' in text
    assert question_from_json(question_to_json(told)) == told
    assert shown_from_json(shown_to_json(told, Look())) == (told, Look())


def test_an_answer_says_the_options_only_where_there_are_some() -> None:
    receipt = Receipt("cpu", (), 1.0)
    answer = gv.GradientAnswer(
        question=gv.GradientQuestion(model="m", image="i"),
        target=gv.ClassScore(1),
        score=1.0,
        prediction=(),
        receptive_field=None,
        notes=(),
        receipt=receipt,
        arrays={},
    )
    told = replace(answer, question=replace(answer.question, options=(("draws", 3.0),)))
    assert "options" not in answer_to_json(answer)
    assert '"options":[["draws",3.0]]' in answer_to_json(told)
    assert answer_from_bytes(answer_to_bytes(told)) == told
    assert answer_from_bytes(answer_to_bytes(answer)) == answer


@pytest.mark.usefixtures("with_options")
@pytest.mark.parametrize(
    ("method", "options", "said"),
    [
        ("smooth", (("draws", 65.0),), r"draws cannot be 65\.0\. Choose a whole number from 1 to 64\."),
        ("smooth", (("draws", 2.5),), r"draws cannot be 2\.5: it must be a whole number"),
        ("smooth", (("draws", "3"),), r"draws cannot be '3'"),
        ("smooth", (("spread", float("nan")),), r"spread cannot be nan"),
        ("smooth", (("noise", "pink"),), r"noise cannot be 'pink'\. Choose one of flat, normal\."),
        ("smooth", (("steps", 3.0),), r"smooth has no option 'steps'\. Choose one of draws, noise, spread"),
        ("smooth", (("draws", 2.0), ("draws", 3.0)), r"An option of smooth is given more than once"),
        ("gradient", (("draws", 2.0),), r"gradient has no option 'draws'\. It has none: leave it out\."),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_runs(
    method: str, options: tuple[tuple[str, float | str], ...], said: str
) -> None:
    with pytest.raises(QuestionError, match=said):
        gv.answer(gv.GradientQuestion(model="preset/none", image="sample/none", method=method, options=options))


@pytest.mark.usefixtures("with_options")
def test_a_caption_a_title_and_a_unit_say_the_options() -> None:
    options = (("noise", "flat"), ("draws", 8.0))
    field = fields.field(np.ones((2, 2)), signed=True, unit=method_words.unit("smooth", gv.ClassScore(1), gv.INPUT))
    caption = captions.saliency(
        gv.ClassScore(1), (), method="smooth", options=options, reduction="channel", field=field, shape=(1, 1, 2, 2)
    )
    assert "changes with each pixel, averaged over 8 noisy copies: each channel separately." in caption.sentence
    assert caption.formula.startswith(r"\frac{1}{\text{8 noisy copies}} \sum_n \frac{\partial z_{1}}")
    assert caption.facts[1] == "(logit per normalised-pixel unit)²"
    assert caption.facts[-3:] == ("8 noisy copies", "noise flat", "spread 0.2")
    assert method_words.facts("smooth", (("draws", 1.0),))[0] == "1 noisy copy"
    title = method_words.title("smooth", options, gv.ClassScore(1), ("disk", "box"))
    assert title == "smooth of the logit of box (1), 8 noisy copies, noise flat, spread 0.2"


@pytest.mark.usefixtures("with_options")
@pytest.mark.parametrize(
    "target",
    [gv.ClassScore(), gv.ClassScore(2, "log_probability"), gv.ChannelMean(gv.Site("layer1.0.relu", 1), 3)],
)
def test_a_program_that_asks_elsewhere_gives_the_array_of_the_method(target: gv.Target, tmp_path: Path) -> None:
    """Where the noise is so large that another class is predicted, too: the target of the answer names the class."""
    model, image = "preset/shapes-resnet", "sample/star"
    options = (("draws", 4.0), ("spread", 0.9))
    question = gv.GradientQuestion(model=model, image=image, target=target, method="smooth", options=options)
    answer = gv.answer(question)
    at = snippet_runs.setting(model, image)
    assert snippets.asks_elsewhere("smooth")
    assert not snippets.asks_elsewhere("gradient_x_input")
    code = snippets.saliency(at, answer.target, "smooth", "channel", options)
    drawn = answer.attributions[gv.INPUT][0]
    assert snippet_runs.error(snippet_runs.run(code, tmp_path), drawn) < 1e-5
    plain: Mapping[gv.Site, np.ndarray] = answer.gradients
    assert snippet_runs.error(plain[gv.INPUT][0], drawn) > 0.1
