"""Whether a pass attends, told from its operations alone: it agrees with the pass that forms the weights."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from gradviz_core.tracing.attends import Attends
from gradviz_core.tracing.torch_private.dispatch import TorchDispatchMode


class Watched(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Lets ``attends`` see each operation."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.attends = Attends()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        returned = func(*args, **(kwargs or {}))
        if isinstance(returned, Tensor):
            self.attends.see(func.__name__.partition(".")[0], [*args, *(kwargs or {}).values()], returned)
        elif isinstance(returned, tuple):
            self.attends.see(func.__name__.partition(".")[0], list(args), returned[0])
        return returned


def attends(run: Callable[[Tensor], Tensor]) -> bool:
    with Watched() as watched, torch.no_grad():
        run(torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0)))
    found: bool = watched.attends.found
    return found


MATRIX = torch.randn(6, 4, generator=torch.Generator().manual_seed(1))
ATTEND: dict[str, Callable[[Tensor], Tensor]] = {
    "a fused kernel": lambda t: functional.scaled_dot_product_attention(t, t, t),
    "heads": lambda t: t.softmax(-1) @ t,
    "one product of all images": lambda t: t[:, 0].softmax(-1) @ MATRIX,
    "after a reshape": lambda t: torch.bmm(t.softmax(-1).reshape(6, 6, 6), t.reshape(6, 6, 6)),
    "from the right": lambda t: t.transpose(-2, -1) @ t.softmax(-1).transpose(-2, -1),
    "masked, scaled and in half precision": lambda t: (t.softmax(-1).masked_fill(t > 2, 0) * 2).half() @ t.half(),
}
DO_NOT: dict[str, Callable[[Tensor], Tensor]] = {
    "no softmax": lambda t: t @ t,
    "a softmax that nothing takes": lambda t: t.softmax(-1) * t,
    "over another axis": lambda t: t.softmax(-2) @ t,
    "probabilities of classes into a matrix": lambda t: t[0, 0].softmax(-1) @ MATRIX,
    "a product over another axis": lambda t: t @ t.softmax(-1),
    "forgotten on the way": lambda t: t.softmax(-1).cumsum(-1) @ t,
}


@pytest.mark.parametrize("name", ATTEND)
def test_attends(name: str) -> None:
    assert attends(ATTEND[name])


@pytest.mark.parametrize("name", DO_NOT)
def test_does_not_attend(name: str) -> None:
    assert not attends(DO_NOT[name])
