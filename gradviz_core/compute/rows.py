"""A long sum as a row of questions, each for a part of its terms: what the parts make so far, and when the rest will
be there.

The parts are answered by whichever worker is free, two at a time, and are added here in their order. Each is a question
like any other: it has the deadline to itself, gives way to others, and is as long as fits into ``PART_S`` by the time
that those before it took. It begins at a multiple of ``GRID``, so that the same terms are computed together however
long the parts are: the sum is that of the whole question, but for rounding in float64.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from gradviz_core.compute.connection_pool import Cancelled
from gradviz_core.types import GradientAnswer, GradientQuestion, Receipt
from gradviz_core.types.methods import card_of, terms
from gradviz_core.types.series import GRID, Sums

PART_S = 2.0
"""Seconds that a part should take: so often the picture changes, and so soon a worker is free for others."""
SHORT_S = 1.0
"""Seconds of worker time up to which a sum is asked for as one question."""
AT_ONCE = 2
"""Parts that are on their way at one time: two workers compute side by side, and none waits for this process."""


class Sent(Protocol):
    """A part that was asked for, as ``client.Asked`` is."""

    def answer(self) -> GradientAnswer:
        """Wait for it."""

    def drop(self) -> None:
        """It is not wanted any more."""


@dataclass(frozen=True, slots=True)
class _OnItsWay:
    question: GradientQuestion
    sent: Sent


class Row:
    """The parts of one question, about one site. Any thread may use it: of two runs of a page the second may begin
    before the first has ended."""

    def __init__(
        self,
        question: GradientQuestion,
        send: Callable[[GradientQuestion], Sent],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is asked yet. ``send`` asks for a part without waiting for its answer."""
        self.question = question
        self.count = len(terms(question.method, question.options, None))
        """Terms of the whole sum."""
        self.stopped = False
        """Whether somebody wants no more of it for now."""
        self._send, self._clock = send, clock
        self._lock = threading.RLock()
        self._under_way: deque[_OnItsWay] = deque()
        self._first: GradientAnswer | None = None
        self._sums: Sums | None = None
        self._receipt: Receipt | None = None
        self.each_s = 0.0
        """Seconds of a worker that a term took last."""
        self._since: float | None = None
        self._seconds = 0.0

    # ------------------------------------------------------------------------------------------------ the first term

    @property
    def first(self) -> GradientQuestion:
        """What a row begins with: the first term alone, which soon gives a picture, and tells how long a term takes."""
        return replace(self.question, part=(0, 1))

    def begin(self, answer: GradientAnswer) -> None:
        """Take the answer to ``first``. The term counts again with the part that it belongs to."""
        self._first = answer
        self.each_s = answer.receipt.milliseconds / 1e3

    @property
    def has_begun(self) -> bool:
        """Whether the first term is there."""
        return self._first is not None

    @property
    def is_short(self) -> bool:
        """Whether the whole sum takes so little that it is asked for as one question. Known once the row has begun."""
        return self.count * self.each_s <= SHORT_S

    # ---------------------------------------------------------------------------------------------------- its parts

    def ask(self) -> None:
        """Have as many parts on their way as there may be. Raises ``ServiceStarting`` as asking does."""
        with self._lock:
            if self._since is None:
                self._since = self._clock()
            while len(self._under_way) < AT_ONCE and self._asked < self.count:
                part = (self._asked, self._asked + self._size(self._asked))
                question = replace(self.question, part=part)
                self._under_way.append(_OnItsWay(question, self._send(question)))

    def take(self) -> None:
        """Wait for the next part, and add it; the others stay on their way. Where another thread has left it meanwhile,
        nothing is added.

        Raises:
            GradVizError: as asking does. The parts that are there stay; no other is on its way then.
        """
        with self._lock:
            self.ask()
            part = self._under_way[0]
        try:
            answer = part.sent.answer()
        except BaseException as error:
            with self._lock:
                dropped = not self._is_next(part)  # by another thread
                if not dropped:
                    self._under_way.popleft()  # it can be read once
                    self.pause()
            if dropped and isinstance(error, Cancelled):
                return
            raise
        with self._lock:
            if self._is_next(part):
                self._add(self._under_way.popleft().question, answer)
                self.ask()

    def pause(self) -> None:
        """Leave the parts that are on their way: the service stops them, and they are asked for again by ``ask``."""
        with self._lock:
            self._count_time()
            self._since = None
            while self._under_way:
                self._under_way.popleft().sent.drop()

    def stop(self) -> None:
        """The same, until ``go_on``."""
        self.stopped = True
        self.pause()

    def go_on(self) -> None:
        """Somebody wants the rest after all."""
        self.stopped = False

    def _is_next(self, part: _OnItsWay) -> bool:
        return bool(self._under_way) and self._under_way[0] is part

    def _add(self, question: GradientQuestion, answer: GradientAnswer) -> None:
        (site,) = question.wrt
        sums = answer.sums(site)
        self._sums = sums if self._sums is None else self._sums.then(sums)
        self._receipt = answer.receipt if self._receipt is None else _together(self._receipt, answer.receipt)
        self.each_s = answer.receipt.milliseconds / 1e3 / (sums.last - sums.first)
        self._count_time()

    def _count_time(self) -> None:
        if self._since is not None:
            now = self._clock()
            self._seconds, self._since = self._seconds + now - self._since, now

    @property
    def _asked(self) -> int:
        """The number of the first term that nobody was asked for."""
        if self._under_way:
            part = self._under_way[-1].question.part
            assert part is not None
            return part[1]
        return self._sums.last if self._sums is not None else 0

    def _size(self, first: int) -> int:
        """Terms of the part that begins there: no more than fit into its time, than are there already, and than are
        left for each that computes."""
        rest = self.count - first
        fit = int(PART_S / self.each_s) if self.each_s else rest
        share = -(-rest // AT_ONCE)
        most = max(GRID, min(fit // GRID * GRID, first, -(-share // GRID) * GRID))
        return min(most, rest)

    # ------------------------------------------------------------------------------------------------ what is there

    @property
    def done(self) -> int:
        """Terms of the picture that is there; 0 where there is none yet."""
        return self._sums.last if self._sums is not None else int(self._first_is_a_picture)

    @property
    def is_whole(self) -> bool:
        """Whether all terms are there."""
        return self.done == self.count

    @property
    def seconds(self) -> float:
        """Seconds that it took so far, without those in which it was stopped."""
        return self._seconds

    @property
    def seconds_left(self) -> float:
        """About how many the rest will take."""
        if self._sums is None:
            return self.count * self.each_s / AT_ONCE
        return self._seconds / self._sums.last * (self.count - self._sums.last)

    def answer(self) -> GradientAnswer:
        """The answer to the question; or, while terms are missing, what those that are there make: of draws that is the
        answer to the question with so many draws, of steps the part of the path so far."""
        assert self._first is not None, "the row has begun"
        (site,) = self.question.wrt
        sums, receipt = self._sums or self._first.sums(site), self._receipt or self._first.receipt
        return self._first.completed(self._question_of(sums.last), sums, receipt)

    def _question_of(self, done: int) -> GradientQuestion:
        card, options = card_of(self.question.method), dict(self.question.options)
        if done == self.count:
            return self.question
        if card.counts == "draws":
            return replace(self.question, options=tuple((options | {card.counts: float(done)}).items()))
        return replace(self.question, part=(0, done))

    @property
    def _first_is_a_picture(self) -> bool:
        """Whether one term says something by itself: there is no variance of one number."""
        return self._first is not None and card_of(self.question.method).gathered == "mean"


def _together(one: Receipt, other: Receipt) -> Receipt:
    """Of two parts of one answer."""
    return replace(
        one,
        milliseconds=one.milliseconds + other.milliseconds,
        guarded=tuple(sorted({*one.guarded, *other.guarded})),
    )
