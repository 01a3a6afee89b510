"""Large answers are drawn a few at a time: in order, with room for others, and never for ever."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.web.server.starlette.starlette_websocket import StarletteSessionClient

from gradviz_core.compute import client
from gradviz_core.compute.protocol import LARGE
from gradviz_core.types import Question
from pages.shell import turns as page_turns
from pages.shell.answer_cache import answer_cache
from pages.shell.turns import NotYet, Turns, turns
from pages.streamlit_private import sessions
from tests import own_loop
from tests.compute.conftest import until
from tests.opening import answer_here, errors, opened


class Person(threading.Thread):
    """Wants a turn; has it until told to go."""

    def __init__(
        self, turns: Turns, address: str, wait_s: float = 5.0, glance: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(daemon=True)
        self._turns, self._address, self._wait_s = turns, address, wait_s
        self._glance = glance
        self.has: bool | None = None
        self.may_go = threading.Event()
        self.start()

    def run(self) -> None:
        try:
            self.has = self._turns.take(self._address, self._wait_s, self._glance)
        except ConnectionError:
            self.has = False
        self.may_go.wait(60)
        self._turns.give_back()


@pytest.fixture
def people() -> Iterator[list[Person]]:
    made: list[Person] = []
    yield made
    for person in made:
        person.may_go.set()
        person.join(5)


def waiting(person: Person) -> bool:
    time.sleep(0.05)
    return person.has is None


def test_a_few_at_a_time_in_the_order_in_which_they_came(people: list[Person]) -> None:
    line = Turns(at_once=2, here=2)
    for address in "ab":
        people.append(Person(line, address))
        assert until(lambda: people[-1].has)
    for address in "cd":
        people.append(Person(line, address))
        assert waiting(people[-1])
    people[0].may_go.set()
    assert until(lambda: people[2].has)
    assert waiting(people[3])
    people[1].may_go.set()
    assert until(lambda: people[3].has)


def test_one_address_leaves_a_turn_for_others(people: list[Person]) -> None:
    line = Turns(at_once=3, here=2)
    for _ in range(4):
        people.append(Person(line, "same"))
    assert until(lambda: [person.has for person in people].count(True) == 2)
    people.append(Person(line, "other"))
    assert until(lambda: people[-1].has)


def test_who_has_a_turn_has_it_already() -> None:
    line = Turns(at_once=1)
    assert line.take("a", 0)
    assert line.take("a", 0)
    line.give_back()
    line.give_back()


def test_who_waits_too_long_hears_of_it_and_holds_nobody_up(people: list[Person]) -> None:
    line = Turns(at_once=1)
    people += [Person(line, "a")]
    assert until(lambda: people[0].has)
    people += [Person(line, "b", wait_s=0.1), Person(line, "c")]
    assert until(lambda: people[1].has is False)
    people[0].may_go.set()
    assert until(lambda: people[2].has)


def test_who_leaves_while_waiting_holds_nobody_up(people: list[Person]) -> None:
    def leave() -> None:
        raise ConnectionError

    line = Turns(at_once=1)
    people += [Person(line, "a")]
    assert until(lambda: people[0].has)
    people += [Person(line, "b", glance=leave), Person(line, "c")]
    assert until(lambda: people[1].has is False)
    people[0].may_go.set()
    assert until(lambda: people[2].has)


def test_a_turn_ends_with_its_thread() -> None:
    line = Turns(at_once=1)
    thread = threading.Thread(target=line.take, args=("a", 1))
    thread.start()
    thread.join()
    assert line.take("b", 1)
    line.give_back()


def test_a_turn_lasts_until_the_page_was_taken_and_not_for_ever() -> None:
    line, taken = Turns(at_once=1), list[bool]()
    assert line.take("a", 1)
    line.give_back(over=lambda: bool(taken), within_s=60)
    assert not line.take("b", 0.2)
    taken.append(True)
    assert line.take("b", 1)
    line.give_back(over=lambda: False, within_s=0.3)
    assert not line.take("c", 0.1)
    assert line.take("c", 1)
    line.give_back()


def test_a_page_counts_as_taken_once_streamlit_has_sent_the_last_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit keeps what is to be sent in a queue that has no public name, so here is its own client of a tab."""
    monkeypatch.setattr(page_turns, "HAND_OVER_S", 0.0)

    async def trial() -> list[bool]:
        reads = asyncio.Event()

        async def send(_: Message) -> None:
            await reads.wait()

        async def receive() -> Message:
            raise AssertionError

        scope = {"type": "websocket", "path": "/", "query_string": b"", "headers": [], "client": ("127.0.0.1", 1)}
        websocket = WebSocket(scope, receive, send)
        websocket.application_state = WebSocketState.CONNECTED
        tab = StarletteSessionClient(websocket)
        there = SimpleNamespace(get_client=lambda _: tab)
        monkeypatch.setattr(sessions, "_runtime", lambda: there)
        taken, found = page_turns._taken("one"), list[bool]()
        for _ in range(2):
            tab.write_forward_msg(ForwardMsg(script_finished=ForwardMsg.FINISHED_SUCCESSFULLY))
        for _ in range(2):
            await asyncio.sleep(0.02)
            found.append(taken())
            reads.set()
        await tab.aclose()
        return found

    assert own_loop.run(trial()) == [False, True]


# ------------------------------------------------------------------------------------------------------------ on a page


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    answer_cache.clear()
    turns.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()
    turns.clear()


@pytest.fixture
def others(asked: list[Question]) -> Iterator[list[Person]]:
    """Somebody else has all turns there are."""
    people = [Person(turns(), str(number), wait_s=0) for number in range(page_turns.AT_ONCE)]
    assert until(lambda: all(person.has for person in people))
    yield people
    for person in people:
        person.may_go.set()
        person.join(5)


def test_an_answer_whose_turn_does_not_come_is_asked_for_once_more(
    asked: list[Question], others: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, let_go = client.ask, list[Question]()

    def ask(question: Question) -> object:
        if question.kind == "gradient" and not let_go:
            let_go.append(question)
            others[0].may_go.set()
            raise NotYet
        return answer(question)

    monkeypatch.setattr(client, "ask", ask)
    app = opened(image="sample/star")
    assert not errors(app)
    assert len(let_go) == 1
    assert let_go[0] in asked
    assert turns().take("x", 0), "the page gave its turn back"
    turns().give_back()


def test_a_page_whose_turn_never_comes_says_so(others: list[Person], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_turns, "LONGEST_S", 0.1)
    monkeypatch.setattr("pages.shell.turns.LARGE", 1)
    app = opened(image="sample/star")
    assert any("so yours was not drawn" in error for error in errors(app))


def test_small_answers_take_no_turn(others: list[Person]) -> None:
    assert not errors(opened(image="sample/star"))
    assert LARGE > 1_400_000, "an ImageNet model at 224 pixels"
