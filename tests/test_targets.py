"""Targets: each kind is a pair of files of one name, and says of itself what captions, programs and passes need."""

from __future__ import annotations

from pathlib import Path

import pytest

import gradviz_core as gv
from gradviz_core.text.codec import question_from_json, question_to_json
from gradviz_core.tracing.scores import targets
from gradviz_core.types.targets import KINDS, OfHead, OfSite, Target

ROOT = Path(__file__).parents[1] / "gradviz_core"
SITE = gv.Site("layer1", 1, "0")
ONE_OF_EACH: tuple[Target, ...] = (
    gv.ClassScore(3),
    gv.ClassDifference(3, 1),
    gv.CrossEntropy(3),
    gv.RegionScore(3),
    gv.BoxScore(3, 5),
    gv.Combination((gv.Term((0, 2), 2.0),), SITE),
    gv.Unit(SITE, (1, 2)),
    gv.ChannelMean(SITE, 3),
    gv.SiteSum(SITE),
)


def test_each_kind_has_its_formula_in_a_file_of_the_same_name() -> None:
    files = {file.stem for file in (ROOT / "types/targets").glob("*.py")} - {"__init__"}
    assert files == {kind.__module__.rpartition(".")[2] for kind in KINDS}
    for kind in KINDS:
        formula = targets._FORMULAS[kind]
        assert formula.__module__ == f"gradviz_core.tracing.scores.{kind.__module__.rpartition('.')[2]}"
    assert {type(one) for one in ONE_OF_EACH} == set(KINDS)


@pytest.mark.parametrize("target", ONE_OF_EACH, ids=lambda one: type(one).__name__)
def test_each_kind_comes_back_from_json_as_itself(target: Target) -> None:
    question = gv.GradientQuestion(model="m", image="i", target=target)
    found = question_from_json(question_to_json(question))
    assert found == question
    assert isinstance(found, gv.GradientQuestion)
    assert type(found.target) is type(target)


@pytest.mark.parametrize("target", ONE_OF_EACH, ids=lambda one: type(one).__name__)
def test_a_target_is_read_from_a_head_or_from_a_site(target: Target) -> None:
    assert isinstance(target, OfHead) != isinstance(target, OfSite)
    assert target.at == (SITE if isinstance(target, OfSite) else None)
    assert target.needs_axes == isinstance(target, gv.ChannelMean)
    assert target.may_stop == isinstance(target, gv.Unit | gv.SiteSum | gv.Combination)


def test_a_pass_does_not_stop_at_the_input() -> None:
    assert not gv.Unit(gv.INPUT, (0, 0, 0)).may_stop


def test_the_class_that_is_explained() -> None:
    explained = {type(one): one.explains for one in (*ONE_OF_EACH, gv.ClassScore())}
    assert explained.pop(gv.ClassScore) is None
    assert {kind for kind, index in explained.items() if index == 3} == {gv.ClassDifference, gv.CrossEntropy}


def test_the_loss_alone_is_no_score() -> None:
    assert [type(one) for one in ONE_OF_EACH if one.noun == "loss"] == [gv.CrossEntropy]
