"""Connections that have not proved their key: the one that has been silent longest makes room."""

from __future__ import annotations

import socket

import pytest

from gradviz_core.compute import unauthenticated
from gradviz_core.compute.unauthenticated import Unauthenticated


def test_the_connection_that_has_waited_longest_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unauthenticated, "MOST", 2)
    waiting, pairs = Unauthenticated(), [socket.socketpair() for _ in range(4)]
    proved = waiting.add(pairs[0][0])
    waiting.add(pairs[1][0])
    waiting.remove(proved)  # it has proved its key, and counts no longer
    last = [waiting.add(service) for service, _ in pairs[2:]]
    for _, client in pairs:
        client.setblocking(False)
    assert pairs[1][1].recv(1) == b"", "the longest silent of three is closed"
    for _, client in (pairs[0], pairs[2], pairs[3]):
        with pytest.raises(BlockingIOError):
            client.recv(1)
    for number in last:
        waiting.remove(number)
    for pair in pairs:
        for end in pair:
            end.close()
