"""What a session held is let go of when it has ended, and not before."""

from __future__ import annotations

from gradviz_core.serving.session_cleanup import SessionCleanup


def test_what_a_session_held_is_let_go_of_once() -> None:
    done: list[str] = []
    cleanup = SessionCleanup()
    for session, name, what in (("a", "one", "old"), ("a", "one", "new"), ("a", "two", "other"), ("b", "one", "b's")):
        cleanup.when_ended(session, name, lambda what=what: done.append(what))  # type: ignore[misc]
    assert not cleanup.run(["a", "b", "c"])
    assert cleanup.run({"b": True})
    assert sorted(done) == ["new", "other"]
    assert not cleanup.run(["b"])
    assert cleanup.run([])
    assert sorted(done) == ["b's", "new", "other"]
