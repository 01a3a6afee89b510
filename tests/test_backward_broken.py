"""The backward pass with something broken on purpose: what is left of it, and that the doctor names the fault."""

from __future__ import annotations

from typing import get_args

import pytest

import gradviz_core as gv
from gradviz_core.compute import inline
from gradviz_core.errors import QuestionError
from gradviz_core.types import BackwardAnswer, BackwardQuestion, Site
from gradviz_core.types.backward import Break

CNN, STAR = "preset/shapes-cnn", "sample/star"


def _broken(how: Break, at: str, model: str = CNN) -> BackwardAnswer:
    return inline.ask(BackwardQuestion(model=model, image=STAR, broken=how, broken_at=Site.parse(at)))


def test_detach_stops_the_gradient_before_it_and_nothing_else() -> None:
    whole, cut = inline.ask(BackwardQuestion(model=CNN, image=STAR)), _broken("detach", "features.7")
    assert cut.score == whole.score
    assert [step.name for step in cut.steps] == [step.name for step in whole.steps]
    for number, (step, before) in enumerate(zip(cut.steps, whole.steps, strict=True)):
        if number >= 7:
            assert step.norm == before.norm
        else:
            assert step.norm != step.norm
    assert cut.steps[7].why == "This step passes no gradient on to its input: the path is cut here."


def test_freezing_changes_no_gradient_of_the_image() -> None:
    whole, frozen = inline.ask(BackwardQuestion(model=CNN, image=STAR)), _broken("freeze", "features.6")
    assert frozen.steps == whole.steps
    found = inline.ask(gv.DiagnosisQuestion(model=CNN, image=STAR, broken="freeze", broken_at=Site("features.6")))
    (finding,) = found.diagnosis.findings
    assert (finding.cause, finding.lost) == ("frozen", ("features.6.weight",))


def test_a_dead_relu_passes_zero() -> None:
    dead = _broken("dead", "features.8")
    assert [step.norm_in for step in dead.steps[:9]] == [0.0] * 9
    assert dead.steps[8].norm > 0
    assert dead.steps[8].why.startswith("The input is shifted below zero")
    with pytest.raises(QuestionError, match=r"features\.7 is no ReLU, so it cannot be dead"):
        _broken("dead", "features.7")


def test_overwriting_what_is_needed_leaves_no_gradient_at_all() -> None:
    spoilt = _broken("in_place", "features.6")
    assert "overwritten in place" in spoilt.refused
    assert len(spoilt.steps) == 21
    assert all(step.norm != step.norm for step in spoilt.steps)


IN_PLACE = [
    *((CNN, at) for at in ("pool", "classifier", "features.0")),
    *(("preset/shapes-vit", at) for at in ("layers.0.attention[0]", "layers.0.mlp.0")),
    ("preset/digits-mlp", "fc1"),
]


@pytest.mark.parametrize(("model", "at"), IN_PLACE)
def test_where_the_doctor_finds_an_overwritten_value_there_is_no_gradient(model: str, at: str) -> None:
    question = gv.DiagnosisQuestion(model=model, image=STAR, broken="in_place", broken_at=Site.parse(at))
    causes = [finding.cause for finding in inline.ask(question).diagnosis.findings]
    assert "in_place_needed" in causes
    assert "overwritten in place" in _broken("in_place", at, model).refused


def test_nothing_is_overwritten_that_no_derivative_needs() -> None:
    with pytest.raises(QuestionError, match="No derivative needs the value that is overwritten at flatten"):
        _broken("in_place", "flatten")


CAUSES: dict[Break, tuple[str, str]] = {
    "detach": ("features.7", "detach"),
    "freeze": ("features.6", "frozen"),
    "dead": ("features.8", "dead"),
    "in_place": ("features.6", "in_place_needed"),
}


@pytest.mark.parametrize("how", [how for how in get_args(Break) if how])
def test_the_doctor_names_what_was_broken_and_where(how: Break) -> None:
    at, cause = CAUSES[how]
    question = gv.DiagnosisQuestion(model=CNN, image=STAR, broken=how, broken_at=Site.parse(at))
    found = inline.ask(question).diagnosis.findings
    assert cause in [finding.cause for finding in found]
    assert at in [finding.where for finding in found]


def test_the_second_call_of_a_layer_is_broken_alone() -> None:
    cut = _broken("detach", "layer1.0.relu:1", "preset/shapes-resnet")
    by_name = {step.name: step for step in cut.steps}
    assert by_name["layer1.0.relu, second call"].norm > 0
    assert by_name["layer1.0.relu, second call"].norm_in != by_name["layer1.0.relu, second call"].norm_in
    assert by_name["layer1.0.relu, first call"].norm != by_name["layer1.0.relu, first call"].norm
