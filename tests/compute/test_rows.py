"""A long sum through the service: its parts run side by side, stop when nobody wants them, and begin again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gradviz_core.compute.client import Client
from gradviz_core.compute.rows import Row
from gradviz_core.types import INPUT, ClassScore, GradientAnswer, GradientQuestion
from tests.compute.conftest import until


def lines(board: Path) -> list[str]:
    return board.read_text().split("\n")[:-1] if board.exists() else []


def begun(client: Client, board: Path) -> Row:
    """A row of 64 draws whose first term is there; nothing that follows is ready before ``board.go`` is there."""
    go = Path(f"{board}.go")
    go.touch()
    question = GradientQuestion(
        model="ones", image=str(board), target=ClassScore(0), method="smoothgrad", options=(("draws", 64.0),)
    )
    row = Row(question, client.begin)
    first = client.ask(row.first)
    assert isinstance(first, GradientAnswer)
    row.begin(first)
    go.unlink()
    board.unlink()
    return row


def test_two_parts_stop_as_soon_as_they_are_told_and_their_workers_live_on(client: Client, tmp_path: Path) -> None:
    board = tmp_path / "board"
    row = begun(client, board)
    before = client.status()
    row.ask()
    assert until(lambda: lines(board) == ["0 begins", "8 begins"] or lines(board) == ["8 begins", "0 begins"])
    row.stop()
    assert until(lambda: {"0 stops", "8 stops"} <= set(lines(board)))
    assert until(lambda: client.status().busy == 0)
    assert (row.done, row.stopped) == (1, True)
    assert client.status().ready == before.ready

    row.go_on()
    Path(f"{board}.go").touch()
    while not row.is_whole:
        row.take()
    answer = row.answer()
    assert answer.question == row.question
    assert np.array_equal(answer.attributions[INPUT], np.ones((1, 3, 2, 2), np.float32))
    assert answer.receipt.milliseconds == 1e3 * lines(board)[4:].__len__()
