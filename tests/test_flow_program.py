"""The program of the flow keeps each value once: a container that only passes a value on adds none, one that writes to
it does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from gradviz_core.drawing.snippets.flow import _HOOKS, _WATCH, RUN
from gradviz_core.drawing.snippets.program import MAP_TENSORS


class Container(nn.Module):
    """A linear layer, and what is done to its output."""

    def __init__(self, deed: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layer, self.deed = nn.Linear(3, 3), deed

    def forward(self, x: Tensor) -> Tensor:
        return self.deed(self.layer(x))


def handed_on(y: Tensor) -> Tensor:
    return y


def clamped_unseen(y: Tensor) -> Tensor:
    with torch.no_grad():
        y.clamp_(-0.1, 0.1)
    return y


def halved_while_detached(y: Tensor) -> Tensor:
    y.detach().mul_(0.5)
    return y


def written_over_with_itself(y: Tensor) -> Tensor:
    with torch.no_grad():
        y.mul_(1.0)
    return y


@pytest.mark.parametrize("fill", [1.0, torch.nan])
@pytest.mark.parametrize(
    ("deed", "values"),
    [(handed_on, 1), (clamped_unseen, 2), (halved_while_detached, 2), (written_over_with_itself, 2)],
)
@pytest.mark.parametrize("frozen", [False, True])
def test_each_value_is_kept_once(deed: Callable[[Tensor], Tensor], values: int, frozen: bool, fill: float) -> None:
    room = {"torch": torch, "model": Container(deed).requires_grad_(not frozen), "x": torch.full((1, 3), fill)}
    exec(f"{MAP_TENSORS}\n\n{_WATCH}\n{_HOOKS}\n{RUN}", room)
    assert len(room["kept"]) == values  # type: ignore[arg-type]
