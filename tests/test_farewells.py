"""What a session held is let go of when it has ended, and not before."""

from __future__ import annotations

from gradviz_core.serving.farewells import Farewells


def test_what_a_session_held_is_let_go_of_once() -> None:
    done: list[str] = []
    farewells = Farewells()
    for session, name, what in (("a", "one", "old"), ("a", "one", "new"), ("a", "two", "other"), ("b", "one", "b's")):
        farewells.when_gone(session, name, lambda what=what: done.append(what))  # type: ignore[misc]
    assert not farewells.look(["a", "b", "c"])
    assert farewells.look({"b": True})
    assert sorted(done) == ["new", "other"]
    assert not farewells.look(["b"])
    assert farewells.look([])
    assert sorted(done) == ["b's", "new", "other"]
