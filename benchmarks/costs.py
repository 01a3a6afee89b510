"""What each operator takes, against what its cost promises: how many times as long as a product of as many operations.

A third of the way there and back again, or the way there, whichever is longer: a product takes as long again for each
of its two factors. A ratio above ``MOST`` would let an uploaded model run longer than it counts for.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from benchmarks import operators
from gradviz_core.uploads import cost
from gradviz_core.uploads.operation_costs import PER_OPERATOR

SIZES = (60_000, 1_000_000)
MOST = 4.0
"""Times as long as promised that nothing should take, on a busy machine."""


def rows(rounds: int) -> Iterator[str]:
    """A line for each operator, the worst first; beyond ``MOST`` it says so."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rate, found = _rate(rounds), []
    for name in operators.names():
        ratios = [_ratio(name, n, rate, min(rounds, 3)) for n in SIZES]
        found.append((max(ratios), name, ratios))
    yield f"  a product makes {rate / 1e9:.0f} operations in a nanosecond"
    for worst, name, ratios in sorted(found, reverse=True):
        told = "   longer than it counts for" if worst > MOST else ""
        yield f"  {name:<40}{'  '.join(f'{ratio:8.2f}' for ratio in ratios)}{told}"


def _ratio(name: str, n: int, rate: float, rounds: int) -> float:
    call = operators.call(name, n)
    return _seconds(call, rounds) * rate / promised(call)


def promised(call: operators.Call) -> int:
    """Operations that the cost model counts for a call."""
    fake, meter = FakeTensorMode(allow_fallback_kernels=False), cost._Meter(math.inf, math.inf)
    inputs = [fake.from_tensor(x, static_shapes=True) for x in call.inputs]
    with fake, meter:
        call.function(*inputs)
    return max(meter.operations, PER_OPERATOR)  # what passes its input on is none at all


def _seconds(call: operators.Call, rounds: int) -> float:
    inputs = [x.detach().requires_grad_() if x.is_floating_point() else x for x in call.inputs]
    wanted = [x for x in inputs if x.requires_grad]
    watched = operators.Call(call.function, inputs)

    def there_and_back() -> None:
        result = watched()
        torch.autograd.grad(result, wanted, torch.ones_like(result), allow_unused=True)

    there = _fastest(call, rounds)
    return max(there, _fastest(there_and_back, rounds) / 3) if _differentiable(watched) else there


def _differentiable(call: operators.Call) -> bool:
    try:
        result = call()
        if result.requires_grad:
            torch.autograd.grad(result.sum(), [x for x in call.inputs if x.requires_grad], allow_unused=True)
        return result.requires_grad
    except (RuntimeError, NotImplementedError):
        return False


def _rate(rounds: int) -> float:
    """Operations in a second of a product of two matrices."""
    left, right = torch.rand(512, 512), torch.rand(512, 512)
    return 2 * 512**3 / _fastest(lambda: left @ right, max(3, rounds))


def _fastest(run: Callable[[], object], rounds: int) -> float:
    times: Sequence[float] = []
    for _ in range(rounds):
        start = time.thread_time()
        run()
        times = [*times, time.thread_time() - start]
    return min(times)
