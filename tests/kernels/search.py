"""PyTorch's own gradients where numbers lie in memory in every order: ``make kernels``.

    python -m tests.kernels.search --seconds 60                    a minute for each precision and batch
    python -m tests.kernels.search --only 'norm' --seed 7          some operations, from another start
    python -m tests.kernels.search --unguarded                     without what GradViz does about known faults

Each operation is run forwards and backwards on values laid out at random, inputs and incoming gradients alike, and on
the same values laid out plainly. The two must agree; so must, for a sample, the gradient of the plain ones with finite
differences in float64, and products of a backward pass through the backward pass. The program ends with 1 where
anything differs. A seed and a number of rounds give the same comparisons again.
"""

# ruff: noqa: T201 - this is a program

from __future__ import annotations

import argparse
import math
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from itertools import product
from random import Random
from typing import Literal

import torch
from torch import Tensor

from gradviz_core.errors import QuestionError
from gradviz_core.tracing.device import exact_arithmetic
from gradviz_core.tracing.kernel_guards import guarded, unguarded
from gradviz_core.tracing.nested import tensors
from tests.kernels import layouts
from tests.kernels.draw import Draw, Function, Operation
from tests.kernels.elements import ELEMENTS, SELECTING
from tests.kernels.layers import LAYERS
from tests.kernels.maps import MAPS

OPERATIONS: dict[str, Operation] = {**LAYERS, **MAPS, **ELEMENTS}
PRECISIONS = (torch.float32, torch.float64)
BATCHES = (1, 2)
APART = {torch.float32: 2e-3, torch.float64: 1e-8}
"""Relative error from which two results differ: sums in another order are far below it."""
FROM_DIFFERENCES = 1e-4
SAMPLE = 10
"""One in so many is compared with finite differences, and one with a backward pass through the backward pass."""
Pass = Literal["forward", "backward", "twice", "differences"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One operation whose result depends on how its arguments lie in memory."""

    operation: str
    where: Pass
    dtype: torch.dtype
    batch: int
    error: float
    example: str


@dataclass(slots=True)
class Tally:
    """What a search has done."""

    compared: int = 0
    differenced: int = 0
    refused: set[str] = field(default_factory=set)
    """Operations that raised an error on some layout; that is no wrong answer."""
    faults: list[Fault] = field(default_factory=list)


# ------------------------------------------------------------------------------------------------------ one comparison


def results(function: Function, given: Sequence[Tensor]) -> list[Tensor]:
    """The results of real numbers that a gradient leads back from."""
    found = tensors(function(*given)).values()
    return [one for one in found if one.is_floating_point() and one.requires_grad]


def backward(outputs: Sequence[Tensor], inputs: Sequence[Tensor], incoming: Sequence[Tensor]) -> list[Tensor]:
    with ExitStack() as guards:
        for output in outputs:
            guards.enter_context(guarded(output))
        found = torch.autograd.grad(outputs, inputs, incoming, allow_unused=True, materialize_grads=True)
    return [one.detach() for one in found]


def pushed(outputs: Sequence[Tensor], inputs: Sequence[Tensor], incoming: Sequence[Tensor]) -> list[Tensor]:
    """The derivative of Σ |gradient|²/2 by what comes in: a backward pass through the backward pass."""
    weights = [one.detach().requires_grad_() for one in incoming]
    with ExitStack() as guards:
        for output in outputs:
            guards.enter_context(guarded(output))
        slopes = torch.autograd.grad(
            outputs, inputs, weights, create_graph=True, allow_unused=True, materialize_grads=True
        )
    slopes = tuple(slope for slope in slopes if slope.requires_grad)
    return backward(slopes, weights, [slope.detach() for slope in slopes]) if slopes else []


def leaves(values: Sequence[Tensor]) -> list[Tensor]:
    return [value.detach().requires_grad_() for value in values]


def apart(found: Sequence[Tensor], true: Sequence[Tensor], size: float) -> float:
    """The largest ‖found - true‖ / (‖true‖ + 1e-2 · size); infinite where either is no number alone."""
    worst = 0.0
    for one, other in zip(found, true, strict=True):
        distance = float((one.detach() - other.detach()).double().norm()) if one.shape == other.shape else math.inf
        if math.isnan(distance) and torch.equal(one.isnan(), other.isnan()):
            distance = float((one.nan_to_num() - other.nan_to_num()).double().norm())
        worst = max(worst, math.inf if math.isnan(distance) else distance / (length([other]) + 1e-2 * size))
    return worst


def length(values: Sequence[Tensor]) -> float:
    return math.sqrt(sum(float(value.detach().double().nan_to_num().square().sum()) for value in values)) or 1.0


def plainly(values: Sequence[Tensor]) -> list[Tensor]:
    return [value.detach().clone(memory_format=torch.contiguous_format) for value in values]


@dataclass(frozen=True, slots=True)
class Trial:
    """An operation on one set of values, laid out in one way."""

    name: str
    draw: Draw
    function: Function
    inputs: list[Tensor]
    incoming: list[Tensor]
    example: str

    def faults(self, tally: Tally, sampled: int) -> Iterator[Fault]:
        """Where the two ways of laying out the values differ."""
        bound = APART[self.draw.dtype]
        x, y = leaves(plainly(self.inputs)), leaves(self.inputs)
        true, found = results(self.function, x), results(self.function, y)
        plain = plainly(self.incoming)
        numbers = sum(one.numel() for one in true)
        yield from self._fault("forward", apart(found, true, 100 * math.sqrt(numbers)), bound)
        slopes = backward(true, x, plain)
        size = length(plain)
        again = backward(found, y, self.incoming)
        yield from self._fault("backward", apart(again, slopes, size), bound)
        tally.compared += 2
        if sampled == 0 and self.draw.dtype == torch.float64:
            tally.differenced += 1
            yield from self._fault("differences", self._from_differences(x, plain, slopes), FROM_DIFFERENCES)
        if sampled == 1:
            true, found = results(self.function, x), results(self.function, y)
            try:
                once = pushed(true, x, plain)
            except RuntimeError:  # it cannot be differentiated twice
                return
            tally.compared += 1
            yield from self._fault("twice", apart(pushed(found, y, self.incoming), once, size), bound)

    def _from_differences(self, x: list[Tensor], incoming: list[Tensor], slopes: list[Tensor]) -> float:
        """Of the plain gradient along a random direction; the best of three steps, for a kink may lie within one."""
        directions = [self.draw.normal(*one.shape) for one in x]
        promised = sum(float((slope * way).sum()) for slope, way in zip(slopes, directions, strict=True))
        size = (length(slopes) + 1e-2 * length(incoming)) * length(directions)
        return min(abs(promised - self._difference(x, incoming, directions, h)) / size for h in (1e-6, 1e-7, 1e-5))

    def _difference(self, x: list[Tensor], incoming: list[Tensor], directions: list[Tensor], h: float) -> float:
        ends = []
        for step in (h, -h):
            moved = [(one.detach() + step * way).requires_grad_() for one, way in zip(x, directions, strict=True)]
            ends.append(results(self.function, moved))
        changes = [(up - down).detach() for up, down in zip(*ends, strict=True)]
        return sum(float((change * weight).sum()) for change, weight in zip(changes, incoming, strict=True)) / (2 * h)

    def _fault(self, where: Pass, error: float, bound: float) -> Iterator[Fault]:
        if not error <= bound:
            yield Fault(self.name, where, self.draw.dtype, self.draw.batch, error, self.example)


def trial(name: str, draw: Draw) -> Trial:
    """The operation on values at random, each of them laid out at random."""
    function, values = OPERATIONS[name](draw)
    allowed = [way for way in layouts.AT_RANDOM if way is not layouts.expanded or name not in SELECTING]
    ways = [draw.random.choice(allowed) for _ in values]
    inputs = [way(value, draw.random) for way, value in zip(ways, values, strict=True)]
    shapes = [tuple(one.shape) for one in results(function, leaves(plainly(inputs)))]
    back = [draw.random.choice(layouts.AT_RANDOM) for _ in shapes]
    incoming = [way(draw.normal(*shape), draw.random) for way, shape in zip(back, shapes, strict=True)]
    said = ", ".join(
        f"{way.__name__} {tuple(one.shape)} by {one.stride()}"
        for way, one in zip((*ways, *back), (*inputs, *incoming), strict=True)
    )
    return Trial(name, draw, function, inputs, incoming, said)


# ---------------------------------------------------------------------------------------------------------- the search


def search(
    names: Sequence[str],
    seed: int,
    device: torch.device,
    go_on: Callable[[int], bool],
    tally: Tally,
    dtype: torch.dtype,
    batch: int,
) -> None:
    """Round after round, every operation once in each, as long as ``go_on`` says of the number of a round."""
    number = 0
    while go_on(number):
        for name in names:
            start = f"{seed} {name} {number} {dtype} {batch}"
            random = Random(start)
            draw = Draw(batch, dtype, device, random, torch.Generator().manual_seed(random.getrandbits(62)))
            compare(name, draw, tally, number % SAMPLE)
        number += 1


def seconds(count: float) -> Callable[[int], bool]:
    """Go on for so long."""
    until = time.monotonic() + count
    return lambda _: time.monotonic() < until


def compare(name: str, draw: Draw, tally: Tally, sampled: int) -> None:
    """One trial; an error of PyTorch's on a layout is noted."""
    try:
        one = trial(name, draw)
    except (RuntimeError, ValueError, IndexError) as error:
        raise RuntimeError(f"{name} does not run on plain values: {error}") from error
    try:
        with warnings.catch_warnings(action="ignore"):
            tally.faults += list(one.faults(tally, sampled))  # none of them, where the guard refuses
    except (RuntimeError, QuestionError) as error:
        tally.refused.add(f"{name}: {str(error).splitlines()[0][:110]}")


def table(faults: Sequence[Fault]) -> str:
    """A row for each operation, pass, precision and batch, with the largest error and an example of it."""
    groups: dict[tuple[str, Pass, str, int], list[Fault]] = {}
    for one in faults:
        key = (one.operation, one.where, str(one.dtype).removeprefix("torch."), one.batch)
        groups.setdefault(key, []).append(one)
    lines = [f"{'operation':36}{'pass':13}{'precision':11}{'batch':>5}{'differ':>8}{'largest error':>15}"]
    for (name, where, dtype, batch), several in sorted(groups.items()):
        worst = max(several, key=lambda one: one.error)
        lines.append(f"{name:36}{where:13}{dtype:11}{batch:5}{len(several):8}{worst.error:15.1e}")
        lines.append(f"    {worst.example}")
    return "\n".join(lines)


def main() -> None:
    """Search until the time is over; 1 if anything differs."""
    parser = argparse.ArgumentParser(description="Search PyTorch's kernels for results that depend on memory.")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each precision and batch")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", default="", help="operations with this regular expression in their name")
    parser.add_argument("--unguarded", action="store_true", help="PyTorch as it is, faults and all")
    options = parser.parse_args()
    names = [name for name in OPERATIONS if re.search(options.only, name)]
    tally, start = Tally(), time.monotonic()
    with exact_arithmetic(), unguarded() if options.unguarded else nullcontext():
        for dtype, batch in product(PRECISIONS, BATCHES):
            search(names, options.seed, torch.device(options.device), seconds(options.seconds), tally, dtype, batch)
    if tally.faults:
        print(table(tally.faults))
    for said in sorted(tally.refused):
        print(f"refused: {said}")
    print(
        f"{tally.compared:,} comparisons and {tally.differenced:,} finite differences of {len(names)} operations in "
        f"{time.monotonic() - start:.0f} s, {len(tally.faults):,} differ; torch {torch.__version__}, {options.device}, "
        f"seed {options.seed}{', unguarded' if options.unguarded else ''}"
    )
    sys.exit(1 if tally.faults else 0)


if __name__ == "__main__":
    main()
