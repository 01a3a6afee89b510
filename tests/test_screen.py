"""What a page may weigh: every family of answers has a bound in bytes, and what fits a screen goes as it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from gradviz_core.compute import inline, worker
from gradviz_core.drawing import screen
from gradviz_core.drawing.screen import is_coarse
from gradviz_core.drawing.screen.arrays import WINDOW, put_window, window_of
from gradviz_core.drawing.screen.over_input import over_input
from gradviz_core.drawing.screen.seen import seen
from gradviz_core.drawing.screen.site_maps import site_maps
from gradviz_core.errors import QuestionError
from gradviz_core.text.codec import (
    answer_from_bytes,
    answer_to_bytes,
    error_from_json,
    question_to_json,
    shown_from_json,
    shown_to_json,
)
from gradviz_core.types import (
    INPUT,
    KINDS,
    Answer,
    Arrays,
    AttendingQuestion,
    BackwardQuestion,
    CamsQuestion,
    DiagnosisQuestion,
    FlowQuestion,
    GradientAnswer,
    GradientQuestion,
    InsertionQuestion,
    JacobianQuestion,
    KeepingQuestion,
    LessonQuestion,
    OutputAnswer,
    OutputQuestion,
    PathQuestion,
    PerturbationQuestion,
    ProofQuestion,
    Question,
    RandomisedQuestion,
    Site,
    SpectrumQuestion,
    SurveyQuestion,
    TokensQuestion,
    UnitsQuestion,
    blocks,
)
from gradviz_core.types.looks import Look

MODEL, IMAGE = "preset/digits-mlp", "sample/digit-3"
SITE = Site("relu1")
SIDE = 1300
QUESTIONS: Mapping[str, Question] = {
    "gradient": GradientQuestion(model=MODEL, image=IMAGE),
    "units": UnitsQuestion(model=MODEL, image=IMAGE, site=SITE, place=()),
    "survey": SurveyQuestion(model=MODEL, image=IMAGE),
    "flow": FlowQuestion(model=MODEL, image=IMAGE),
    "path": PathQuestion(model=MODEL, image=IMAGE, parts=2, steps=2),
    "perturbation": PerturbationQuestion(model=MODEL, image=IMAGE),
    "jacobian": JacobianQuestion(model=MODEL, image=IMAGE),
    "spectrum": SpectrumQuestion(model=MODEL, image=IMAGE, count=2),
    "lesson": LessonQuestion(lesson="partial-derivatives"),
    "diagnosis": DiagnosisQuestion(model=MODEL, image=IMAGE),
    "backward": BackwardQuestion(model=MODEL, image=IMAGE),
    "tokens": TokensQuestion(model=MODEL, image=IMAGE),
    "attending": AttendingQuestion(model="preset/shapes-vit", image="sample/star"),
    "proof": ProofQuestion(model=MODEL, image=IMAGE, directions=1),
    "cams": CamsQuestion(model=MODEL, image=IMAGE),
    "randomised": RandomisedQuestion(model=MODEL, image=IMAGE, layer=1),
    "insertion": InsertionQuestion(model=MODEL, image=IMAGE, steps=2),
    "keeping": KeepingQuestion(model="preset/digits-cnn", image=IMAGE, sites=(Site("features.1"),)),
}


def _grey(*shape: int) -> np.ndarray:
    return np.broadcast_to(np.arange(shape[-1]).astype(np.float32), shape).copy()


PIXELS = np.zeros((SIDE, SIDE, 3), np.uint8)
LARGE: Mapping[str, Arrays] = {
    "gradient": {
        "pixels": PIXELS,
        f"activation/{INPUT}": _grey(1, 3, SIDE, SIDE),
        f"gradient/{INPUT}": _grey(1, 3, SIDE, SIDE),
    },
    "units": {"channels": np.arange(3), "values": np.ones(3, np.float32), "gradients": _grey(3, 3, SIDE, SIDE)},
    "survey": {"pixels": PIXELS},
    "tokens": {"pixels": PIXELS, "queries/a": np.arange(9, dtype=np.int32)[None]},
    "attending": {"pixels": PIXELS, "weights/a": np.ones((2, 9), np.float32), "keys/a": np.arange(9, dtype=np.int32)},
    "perturbation": {"pixels": PIXELS, "after": PIXELS, "gradient": _grey(1, 3, SIDE, SIDE)}
    | {f"{what}_{kind}": np.ones(3) for what in ("curve", "path") for kind in ("size", "predicted", "actual")},
    "spectrum": {"singular_values": np.ones(8, np.float32), "left": _grey(8, 10), "right": _grey(8, 10**6)},
    "cams": {"map/a": _grey(1, 1, 2 * SIDE, 2 * SIDE), "map/b": _grey(1, SIDE, SIDE, 1), "map/c": _grey(1, 197, 1)},
    "randomised": {
        f"attribution/{INPUT}": _grey(1, 3, SIDE, SIDE),
        "similarity": np.ones(3),
        "ranges": np.ones(2),
        "largest": np.ones(2),
    },
    "output": {"classes": np.zeros((SIDE, SIDE), np.int64), "scores": _grey(SIDE, SIDE)},
    # these cannot be drawn with fewer numbers: more than the limit is an error
    "flow": {"activation_norm": np.ones(3_000_000)},
    "jacobian": {"row_norms": np.ones(3), "matrix": _grey(3, 2_000_000)},
    "lesson": {"x": np.ones(3_000_000)},
    "diagnosis": {"x": np.ones(3_000_000)},
    "backward": {"incoming/0": np.ones((3_000, 1_000))},
    "proof": {"x": np.ones(3_000_000)},
    "insertion": {"share": np.ones(3_000_000)},
    "keeping": {"kept": np.ones(3_000_000)},
    "path": {"pixels": PIXELS, "added": _grey(20, 3, 300, 300)},
}
REFUSED = {"flow", "jacobian", "lesson", "diagnosis", "proof", "backward", "keeping", "insertion", "path"}


@cache
def small(kind: str) -> Any:
    if kind != "output":
        return inline.ask(QUESTIONS[kind])
    found = inline.ask(SurveyQuestion(model=MODEL, image=IMAGE))
    question = OutputQuestion(model=MODEL, image=IMAGE)
    return OutputAnswer(question=question, head=found.heads[0], notes=(), receipt=found.receipt, arrays={})


class Gives:
    """Answers with the answer it was made with."""

    def __init__(self, answer: Answer) -> None:
        self.answer: Callable[..., Answer] = lambda question, told_to_stop=None: answer
        self.check: Callable[..., Answer] = lambda question, told_to_stop: answer

    def warm_up(self) -> None:
        """There is nothing to wait for."""


def sent(answer: Answer, look: Look | None = None) -> tuple[str, bytes]:
    return worker.reply(Gives(answer), "show", shown_to_json(answer.question, look or Look()).encode())


def test_every_family_of_answers_is_named_here_and_there() -> None:
    assert set(KINDS) == set(LARGE) == {*QUESTIONS, "output"}
    assert set(screen._CUT) == {KINDS[kind].answer for kind in set(KINDS) - REFUSED}


@pytest.mark.parametrize("kind", sorted(LARGE))
def test_whatever_an_answer_holds_what_travels_is_bounded(kind: str) -> None:
    answer = replace(small(kind), arrays=LARGE[kind])
    word, body = sent(answer)
    if kind in REFUSED:
        assert word == "error"
        assert isinstance(error_from_json(body), QuestionError)
        assert "20 MB" in str(error_from_json(body))
        return
    assert word == "ok"
    assert len(body) < worker.LONGEST_ANSWER < 26_000_000
    found = answer_from_bytes(body)
    assert is_coarse(found.arrays)
    assert screen.weight(found.arrays) < min(screen.MOST_BYTES, screen.weight(answer.arrays))


@pytest.mark.parametrize("kind", sorted(QUESTIONS))
def test_what_fits_a_screen_goes_as_it_is(kind: str) -> None:
    answer = small(kind)
    assert screen.fit(answer, Look(reduction="magnitude_max", pixel=(3, 4))) is answer
    assert sent(answer) == worker.reply(Gives(answer), "ask", question_to_json(answer.question).encode())
    assert sent(answer) == ("ok", answer_to_bytes(answer))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_difference_of_two_pictures_has_all_channels_of_the_network(
    channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "MOST_SIDE", 40)
    rng = np.random.default_rng(0)
    pixels, after = (rng.integers(0, 256, (90, 80, 3), np.uint8) for _ in range(2))
    arrays = {**LARGE["perturbation"], "pixels": pixels, "after": after, "gradient": _grey(1, channels, 90, 80)}
    answer = replace(small("perturbation"), arrays=arrays)
    found = over_input(screen.fit(answer, Look(reduction="channel", pixel=(70, 9))).arrays, "difference")
    assert found.shape == (1, channels, 90, 80)
    np.testing.assert_array_equal(found.at((70, 9)), (after.astype(np.float32) - pixels)[70, 9, :channels])


@pytest.mark.parametrize("kind", sorted(LARGE))
def test_words_are_bounded_in_every_family(kind: str) -> None:
    answer = replace(small(kind), notes=("x" * 5_000_000,)) if kind != "lesson" else None
    if answer is None:
        steps = tuple(replace(step, source="x" * 5_000_000) for step in small(kind).steps)
        answer = replace(small(kind), steps=steps)
    word, body = sent(answer)
    assert word == "error"
    assert "the limit is 4 MB" in str(error_from_json(body))


def test_the_picture_over_the_input_names_each_pixel_and_has_the_numbers_round_the_chosen_one() -> None:
    rng = np.random.default_rng(0)
    gradient = rng.standard_normal((1, 3, SIDE, SIDE)).astype(np.float32)
    pixels = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    answer = replace(small("gradient"), arrays={"pixels": pixels, f"gradient/{INPUT}": gradient})
    chosen = (1299, 640)
    word, body = sent(answer, Look(reduction="magnitude_l2", pixel=chosen))
    arrays = answer_from_bytes(body).arrays
    found, picture = over_input(arrays, f"gradient/{INPUT}"), seen(arrays)
    assert word == "ok"
    assert found.size == picture.size == (SIDE, SIDE)
    assert found.blocks is not None
    assert (found.blocks.height, found.numbers.shape) == (3, (1, 3, 434, 434))
    np.testing.assert_array_equal(found.at(chosen), gradient[0, :, 1299, 640])
    assert picture.colour(chosen) == tuple(pixels[chosen])
    with pytest.raises(IndexError):
        found.at((0, 0))
    with pytest.raises(IndexError):
        picture.colour((0, 0))


@pytest.mark.parametrize("place", [(0, 0), (1, WINDOW), (WINDOW, 2 * WINDOW), (3 * WINDOW - 1, 4 * WINDOW - 1)])
def test_a_window_holds_the_numbers_round_a_place_and_refuses_those_before_it(place: tuple[int, int]) -> None:
    rows, columns = 3 * WINDOW, 4 * WINDOW
    whole = np.arange(2 * rows * columns).reshape(2, rows, columns)
    made: dict[str, np.ndarray] = {}
    put_window(made, "name", whole, place)
    window = window_of(made, "name")
    assert window is not None
    assert window.numbers.shape == (2, WINDOW, WINDOW)
    top, left = window.corner
    for row, column in (place, (top, left), (top + WINDOW - 1, left + WINDOW - 1)):
        np.testing.assert_array_equal(window.at((row, column)), whole[:, row, column])
    for outside in ((top - 1, left), (top, left - 1), (top + WINDOW, left), (top, left + WINDOW)):
        with pytest.raises(IndexError):
            window.at(outside)


@pytest.mark.parametrize("place", [None, (-1, 0), (0, -1), (5, 0), (0, 6)])
def test_of_a_place_that_is_not_there_no_window_is_sent(place: tuple[int, int] | None) -> None:
    made: dict[str, np.ndarray] = {}
    put_window(made, "name", np.zeros((1, 5, 6)), place)
    assert made == {}


def test_what_is_drawn_of_a_site_does_not_depend_on_where_it_was_made() -> None:
    rng = np.random.default_rng(0)
    value, slope = (rng.standard_normal((1, 70, 300, 290)).astype(np.float32) for _ in range(2))
    site = Site("conv")
    whole: Arrays = {"pixels": np.zeros((8, 8, 3), np.uint8), f"activation/{site}": value, f"gradient/{site}": slope}
    answer = replace(
        small("gradient"),
        question=replace(small("gradient").question, wrt=(site,)),
        arrays=whole,
    )
    for look in (Look(maps="product", place=(3, 4)), Look(channel=5, place=(299, 0), strongest_first=False)):
        there = screen.fit(answer, look)
        assert is_coarse(there.arrays)
        here, found = (site_maps(arrays, site, look, value.shape) for arrays in (whole, there.arrays))
        for name in ("sheet", "numbers", "block", "channel", "strongest", "scale", "exact", "signed", "beyond"):
            np.testing.assert_array_equal(getattr(here, name), getattr(found, name))
        np.testing.assert_array_equal(found.one.values, here.one.values)
    index = (0, 5, 299, 0)
    assert found.exact == {
        "activation": value[index],
        "gradient": slope[index],
        "product": value[index] * slope[index],
    }
    assert isinstance(answer, GradientAnswer)


def test_one_large_channel_keeps_its_largest_numbers_and_knows_their_places() -> None:
    value = np.zeros((1, 2, 1300, 1290), np.float32)
    value[0, 1, 1299, 1289], value[0, 1, 4, 4], value[0, 1, 600, 3] = -7.0, 2.0, np.inf
    answer = replace(
        small("gradient"),
        question=replace(small("gradient").question, wrt=(Site("conv"),)),
        unreached=(Site("conv"),),
        arrays={"pixels": PIXELS, "activation/conv": value},
    )
    look = Look(channel=1, place=(4, 4))
    found = site_maps(screen.fit(answer, look).arrays, Site("conv"), look, value.shape)
    blocks = found.one.blocks
    assert blocks is not None
    assert (blocks.height, found.one.values.shape) == (3, (434, 430))
    for place in ((1299, 1289), (4, 4), (600, 3)):
        cell = blocks.cell(*place)
        assert blocks.place(*cell) == place
        assert found.one.values[cell] == value[0, 1][place]
    assert found.exact == {"activation": 2.0}
    assert found.near is not None
    assert found.near.at((4, 4)) == 2.0


def test_of_very_many_channels_the_first_in_order_are_drawn() -> None:
    value = np.arange(40_000, dtype=np.float32)[None]
    look = Look(layout="vector", place=())
    found = site_maps({"activation/head": value}, Site("head"), look, value.shape)
    assert found.numbers == tuple(range(39_999, 9_999, -1))
    np.testing.assert_array_equal(found.sheet[:, 0, 0], value[0, list(found.numbers)])
    assert found.strongest == 39_999


def test_a_look_travels_with_its_question_and_is_read_strictly() -> None:
    question = QUESTIONS["gradient"]
    look = Look(reduction="channel", pixel=(3, 4), maps="product", axis=1, channel=5, place=(1, 2), shape=(1, 3))
    assert shown_from_json(shown_to_json(question, look)) == (question, look)
    for name, wrong in (("pixel", [3]), ("pixel", [-1, 2]), ("reduction", "mean"), ("channel", 1.5), ("more", 1)):
        spoilt = json.loads(shown_to_json(question, look))
        spoilt[1][name] = wrong
        with pytest.raises(QuestionError):
            shown_from_json(json.dumps(spoilt))
