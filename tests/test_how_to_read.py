"""How to read a picture: three sentences for each kind, the third saying what it does not show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import astuple, replace

import pytest
from streamlit.testing.v1.element_tree import Block

from gradviz_core.drawing import how_to_read
from gradviz_core.drawing.how_to_read import MOST, HowToRead
from gradviz_core.types import ClassScore, CrossEntropy, Field
from gradviz_core.types.map_kinds import MAP_KINDS
from gradviz_core.types.methods import METHODS
from gradviz_core.types.views import VIEWS
from tests.opening import MAPS, NEURONS, SALIENCY, answer_here, opened
from tests.test_captions import FIELD

BACKWARD, FLOW, JACOBIAN, PERTURBATION = (
    f"pages/understand/{name}.py" for name in ("backward_pass", "gradient_flow", "jacobian", "perturbation")
)
NEGATION = re.compile(r"\b(not|no|nor|never)\b")


def blocks(block: Block) -> Iterator[Block]:
    """All blocks of a page."""
    for child in block.children.values():
        if isinstance(child, Block):
            yield child
            yield from blocks(child)


def all_kinds() -> Iterator[tuple[str, HowToRead]]:
    yield from ((name, one) for name, one in vars(how_to_read).items() if isinstance(one, HowToRead))
    yield from ((f"near a {what}", how_to_read.near(what)) for what in ("pixel", "position"))
    yield from ((f"unit, box {solid}", how_to_read.unit_gradient(solid)) for solid in (True, False))
    yield from ((one.name, how_to_read.sheet(one.name)) for one in MAP_KINDS)
    yield from ((kind, how_to_read.lesson(kind)) for kind in ("heatmap", "tiles", "bars", "lines"))
    for view in VIEWS:
        for method in METHODS:
            field: Field = replace(FIELD, signed=view.signed)
            for target in (ClassScore(0), CrossEntropy(0)):
                yield f"{method}, {view.name}", how_to_read.saliency(method, view, field, target)


@pytest.mark.parametrize(("name", "read"), tuple(all_kinds()), ids=lambda one: one if isinstance(one, str) else "")
def test_each_kind_has_three_sentences_that_can_be_read_aloud(name: str, read: HowToRead) -> None:
    for sentence in astuple(read):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert not re.search(r"[.!?] ", sentence), "one sentence"
        assert len(sentence) <= MOST
    assert NEGATION.search(read.limits), "the third says what it does not show"


def test_a_change_of_length_1_is_said_to_count_to_first_order() -> None:
    assert "to first order" in how_to_read.SENSITIVITIES.shows


def test_a_rule_that_a_sentence_breaks_is_noticed() -> None:
    assert not NEGATION.search("It shows nothing but notes on another knot.")


def test_the_sentences_follow_the_view_the_sign_and_the_score() -> None:
    signed, magnitude, _, channel = VIEWS
    unsigned = replace(FIELD, signed=False)
    plain = how_to_read.saliency("gradient", signed, FIELD, ClassScore(0))
    assert "brighter there raises the score" in plain.look
    assert "raises the loss" in how_to_read.saliency("gradient", signed, FIELD, CrossEntropy(0)).look
    assert (
        "whether the score rises or falls"
        in how_to_read.saliency("gradient", magnitude, unsigned, ClassScore(0)).limits
    )
    assert "one channel" in how_to_read.saliency("gradient", channel, FIELD, ClassScore(0)).shows
    times = how_to_read.saliency("gradient_x_input", signed, FIELD, ClassScore(0))
    assert METHODS["gradient_x_input"].shows.startswith(times.shows)
    assert times.limits.startswith("It does not show what matters where the input is zero")


@pytest.mark.parametrize("page", [SALIENCY, NEURONS, MAPS, FLOW, JACOBIAN, PERTURBATION, BACKWARD])
def test_every_picture_of_a_page_says_how_to_read_it(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_here(monkeypatch)
    app = opened(page, model="preset/shapes-cnn", image="sample/star")
    charts = len(app.get("plotly_chart"))
    said = [
        block
        for block in blocks(app.main)
        if block.type == "popover" and block.proto.popover.label == "How to read this"
    ]
    assert charts
    assert len(said) == charts
    for block in said:
        (text,) = block.markdown
        assert [line[:3] for line in text.value.splitlines()] == 3 * ["1. "]
