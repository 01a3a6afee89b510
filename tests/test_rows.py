"""A long sum as a row of questions: how its parts are cut, what they make, and what is kept where it stops."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from gradviz_core.compute import inline, rows
from gradviz_core.compute.connection_pool import Cancelled
from gradviz_core.compute.rows import Row
from gradviz_core.drawing import method_words
from gradviz_core.drawing.screen import fit, takes_parts
from gradviz_core.errors import DeadlineExceeded, QuestionError
from gradviz_core.types import INPUT, ClassScore, GradientAnswer, GradientQuestion, Receipt, Site, blocks
from gradviz_core.types.looks import USUAL
from gradviz_core.types.methods import METHODS, OptionValues
from gradviz_core.types.series import GRID, Gathered

LAYER = Site("features.3")
STEPS_AT_A_LAYER = [name for name, card in METHODS.items() if card.where == "layer" and card.counts]
DRAWS = [name for name, card in METHODS.items() if card.counts == "draws"]


def about(method: str = "smoothgrad", *, options: OptionValues = (), **count: float) -> GradientQuestion:
    return GradientQuestion(
        model="preset/digits-cnn",
        image="sample/digit-8",
        target=ClassScore(7),
        method=method,
        options=(*count.items(), *options),
    )


def answered(question: GradientQuestion, each_ms: float = 100.0) -> GradientAnswer:
    """A part of a sum of ones; each term takes so long."""
    assert question.part is not None
    first, last = question.part
    sums = np.full((1, 1, 2, 2), float(last - first))
    return GradientAnswer(
        question=question,
        target=question.target,
        score=0.0,
        prediction=(),
        receptive_field=None,
        notes=(),
        receipt=Receipt("cpu", (), each_ms * (last - first), ("batch norm",) if first == 8 else ()),
        arrays={f"terms/{INPUT}": sums, f"squares/{INPUT}": 2 * sums} | ({"pixels": sums} if first == 0 else {}),
    )


@dataclass
class Later:
    """A part on its way."""

    question: GradientQuestion
    each_ms: float = 100.0
    fate: str = ""
    error: BaseException | None = None
    meanwhile: Callable[[], object] = tuple
    """Called while it is waited for."""
    keep: bool = False
    """Whether dropping it does nothing: it is being read."""

    def answer(self) -> GradientAnswer:
        assert not self.fate
        self.meanwhile()
        self.fate = "read"
        if self.error is not None:
            raise self.error
        return answered(self.question, self.each_ms)

    def drop(self) -> None:
        if not self.keep:
            assert not self.fate
            self.fate = "dropped"


@dataclass
class Service:
    """Answers each part when it is read."""

    each_ms: float = 100.0
    sent: list[Later] = field(default_factory=list)
    clock: float = 0.0

    def send(self, question: GradientQuestion) -> Later:
        self.sent.append(Later(question, self.each_ms))
        return self.sent[-1]

    def row(self, question: GradientQuestion) -> Row:
        row = Row(question, self.send, lambda: self.clock)
        row.begin(answered(row.first, self.each_ms))
        return row

    @property
    def parts(self) -> list[tuple[int, int] | None]:
        return [one.question.part for one in self.sent]


def to_the_end(row: Row) -> GradientAnswer:
    while not row.is_whole:
        row.take()
    return row.answer()


def test_parts_double_and_begin_at_multiples_of_eight() -> None:
    service = Service(each_ms=1.0)
    to_the_end(service.row(about(draws=256.0)))
    ends = [8, 16, 32, 64, 128, 192, 224, 240, 248, 256]  # at the end halves of what is left, for two workers
    assert service.parts == list(itertools.pairwise([0, *ends]))


def test_a_part_takes_no_longer_than_it_may_and_never_has_less_than_eight_terms() -> None:
    service = Service(each_ms=100.0)
    to_the_end(service.row(about(draws=100.0)))
    assert service.parts == [(0, 8), (8, 16), *((n, n + 16) for n in (16, 32, 48, 64, 80)), (96, 100)]
    slow = Service(each_ms=9_000.0)
    to_the_end(slow.row(about(draws=20.0)))
    assert slow.parts == [(0, 8), (8, 16), (16, 20)]


def test_two_parts_are_on_their_way_and_no_more() -> None:
    service = Service()
    row = service.row(about(draws=64.0))
    row.ask()
    row.ask()
    assert service.parts == [(0, 8), (8, 16)]
    row.take()
    assert [one.fate for one in service.sent] == ["read", "", ""]


def test_what_is_stopped_is_kept_and_asked_for_again_from_there() -> None:
    service = Service()
    row = service.row(about(draws=64.0))
    row.take()
    row.stop()
    assert [(one.question.part, one.fate) for one in service.sent] == [
        ((0, 8), "read"),
        ((8, 16), "dropped"),
        ((16, 32), "dropped"),
    ]
    assert (row.stopped, row.done, row.answer().question) == (True, 8, about(draws=8.0))
    row.go_on()
    assert to_the_end(row).question == about(draws=64.0)
    assert service.parts[3:5] == [(8, 16), (16, 32)]


def test_an_error_leaves_what_is_there_and_nothing_on_its_way() -> None:
    service = Service()
    row = service.row(about(draws=64.0))
    row.take()
    service.sent[1].error = DeadlineExceeded("too long")
    with pytest.raises(DeadlineExceeded):
        row.take()
    assert [one.fate for one in service.sent] == ["read", "read", "dropped"]
    assert row.done == 8
    assert to_the_end(row).attributions[INPUT].max() == 1.0


def test_a_part_that_another_thread_has_left_is_not_added() -> None:
    """Of two runs of a page the second begins before the first has ended."""
    service = Service()
    row = service.row(about(draws=64.0))

    def again() -> None:
        row.pause()
        row.ask()

    row.ask()
    service.sent[0].meanwhile, service.sent[0].keep = again, True
    row.take()
    assert row.done == 1
    assert service.parts == [(0, 8), (8, 16), (0, 8), (8, 16)]

    service.sent[2].meanwhile, service.sent[2].keep = again, True
    service.sent[2].error = DeadlineExceeded("too long")
    with pytest.raises(DeadlineExceeded):
        row.take()
    assert [one.fate for one in service.sent[4:]] == ["", ""]  # those of the second run
    assert to_the_end(row).attributions[INPUT].max() == 1.0


def test_a_part_that_another_thread_drops_while_it_is_read_is_no_failure() -> None:
    service = Service()
    row = service.row(about(draws=64.0))
    row.ask()
    first = service.sent[0]
    first.meanwhile, first.keep, first.error = row.stop, True, Cancelled()
    row.take()
    assert (row.stopped, row.done) == (True, 1)
    row.go_on()
    assert to_the_end(row).attributions[INPUT].max() == 1.0

    service = Service()
    row = service.row(about(draws=64.0))
    row.ask()
    service.sent[0].error = Cancelled()
    with pytest.raises(Cancelled):  # nobody dropped it: whoever reads it has left
        row.take()


def test_a_row_says_how_long_the_rest_takes_and_does_not_count_the_time_in_which_it_is_stopped() -> None:
    service = Service(each_ms=500.0)
    row = service.row(about(draws=64.0))
    assert row.seconds_left == 16.0  # two workers, half a second for each term
    row.ask()
    service.clock = 4.0
    row.take()
    assert (row.seconds, row.seconds_left) == (4.0, 28.0)
    row.stop()
    service.clock = 100.0
    row.go_on()
    row.ask()
    service.clock = 104.0
    row.take()
    assert (row.seconds, row.seconds_left) == (8.0, 24.0)


def test_a_sum_is_short_by_the_time_of_its_first_term() -> None:
    limit_ms = 1e3 * rows.SHORT_S / 64
    assert Service(each_ms=limit_ms).row(about(draws=64.0)).is_short
    assert not Service(each_ms=1.01 * limit_ms).row(about(draws=64.0)).is_short


def test_receipts_are_added() -> None:
    answer = to_the_end(Service().row(about(draws=64.0)))
    assert (answer.receipt.milliseconds, answer.receipt.guarded) == (6_400.0, ("batch norm",))


@pytest.fixture
def of_steps(monkeypatch: pytest.MonkeyPatch) -> Callable[[Gathered], GradientQuestion]:
    """A method like SmoothGrad, whose terms are steps of something, gathered in one way or another."""
    card = METHODS["smoothgrad"]
    options = (replace(card.options[0], name="steps"), *card.options[1:])

    def named(gathered: Gathered) -> GradientQuestion:
        made = replace(card, counts="steps", options=options, gathered=gathered)
        monkeypatch.setitem(METHODS, "of_steps", made)
        return about("of_steps", steps=64.0)

    return named


def test_of_steps_the_part_that_is_there_is_named(of_steps: Callable[[Gathered], GradientQuestion]) -> None:
    question = of_steps("sum")
    row = Service().row(question)
    assert row.done == 0  # one step of a path is no picture of it
    row.take()
    row.take()
    assert row.answer().question == replace(question, part=(0, 16))
    assert row.answer().attributions[INPUT].max() == 16.0
    assert method_words.part(row.answer().question) == "the first 16 of 64 steps"
    assert method_words.part(question) == ""


def test_of_a_variance_one_term_is_no_picture(of_steps: Callable[[Gathered], GradientQuestion]) -> None:
    row = Service().row(of_steps("variance"))
    assert row.done == 0
    row.take()
    assert row.done == 8
    assert row.answer().attributions[INPUT].max() == 1.0  # of squares of two, less one


# ------------------------------------------------------------------------------------------------------- exact sums


@pytest.mark.parametrize("method", DRAWS)
def test_parts_make_what_the_whole_question_gives_and_less_draws_are_the_question_with_fewer(method: str) -> None:
    question = about(method, draws=36.0)
    row = Row(question, lambda part: _Now(inline.ask(part)))
    row.begin(inline.ask(row.first))
    row.take()
    row.take()
    sixteen = row.answer()
    assert sixteen.question == replace(question, options=(("draws", 16.0),))
    assert_same(sixteen, inline.ask(sixteen.question))
    assert_same(to_the_end(row), inline.ask(question))


@pytest.mark.parametrize("method", STEPS_AT_A_LAYER)
def test_parts_at_a_layer_make_what_the_whole_question_gives(method: str) -> None:
    """The same points come together in every part: also the end of a step of conductance, where the next begins."""
    question = replace(about(method, steps=44.0), wrt=(LAYER,))
    row = Row(question, lambda part: _Now(inline.ask(part)))
    row.begin(inline.ask(row.first))
    row.take()
    row.take()
    assert row.done == 16
    assert row.answer().question == replace(question, part=(0, 16))
    assert_same(to_the_end(row), inline.ask(question))


def assert_same(one: GradientAnswer, other: GradientAnswer) -> None:
    """But for rounding of the sum in float64, which may turn the last bit of a number in float32."""
    assert one.arrays.keys() == other.arrays.keys()
    assert (one.target, one.score, one.notes, one.totals) == (other.target, other.score, other.notes, other.totals)
    for name, array in other.arrays.items():
        found = one.arrays[name]
        assert found.dtype == array.dtype
        if name.startswith("attribution/"):
            np.testing.assert_allclose(found, array, rtol=1.2e-7, atol=1e-14 * float(np.abs(array).max()))
        else:
            assert np.array_equal(found, array)


@dataclass
class _Now:
    found: GradientAnswer

    def answer(self) -> GradientAnswer:
        return self.found

    def drop(self) -> None:
        pass


def test_a_part_that_is_not_the_first_holds_its_sums_alone() -> None:
    first, second = (inline.ask(replace(about(draws=16.0), part=part)) for part in ((0, GRID), (GRID, 2 * GRID)))
    assert second.arrays.keys() == {f"terms/{INPUT}"}
    assert first.arrays.keys() == {"pixels", f"activation/{INPUT}", f"gradient/{INPUT}", f"terms/{INPUT}"}


def test_sums_that_cannot_travel_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert takes_parts(600, 600, squares=False)
    assert not takes_parts(600, 600, squares=True)
    assert not takes_parts(640, 640, squares=False)
    assert takes_parts(224, 224, squares=False, values=1_200_000)
    assert not takes_parts(224, 224, squares=False, values=1_250_000)
    assert not takes_parts(2000, 2000, squares=False, values=10)
    part = inline.ask(replace(about(draws=16.0), part=(0, GRID)))
    assert fit(part, USUAL) is part
    monkeypatch.setattr(blocks, "MOST_SIDE", 10)
    assert not takes_parts(28, 28, squares=False)
    with pytest.raises(QuestionError, match="Ask for the whole answer"):
        fit(part, USUAL)
