"""The Jacobian of one value of a forward pass with respect to another: entry by entry where it is small, and through
products with a few vectors where it is not.

J[i, j] = ∂of_i / ∂wrt_j, where rows and columns index the two flattened values. One backward pass gives a row; a double
backward pass gives the product with a vector.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gradviz_core.errors import QuestionError, Unreachable
from gradviz_core.tracing.device import plain_attention
from gradviz_core.tracing.trace import Trace, differentiate_along, differentiate_weighted
from gradviz_core.types import MOST_ENTRIES, MOST_PASSES, Site, sites

SEED = 20_111
"""Random directions are the same each time."""
BALANCE = 1e-3
"""How far uᵀ(J v) and (Jᵀu)ᵀv may differ, as a share of |J v| + |Jᵀu|, for normal u and v; in float32 they agree to
1e-6, in narrower types to some of their own roundings."""
DRAWS = 3
"""Pairs u and v that are tried: where a share s of J is lost, in the Frobenius norm, none shows it with about the
probability (2 BALANCE / s)³."""

Mode = Literal["reverse", "forward"]
Part = tuple[int, int]
"""First, and the one after the last."""


class NoForwardProducts(QuestionError):
    """An operation of the model cannot be differentiated twice, so J v cannot be computed from this graph."""


# ------------------------------------------------------------------------------------------------------------- products


class Products:
    """Products of the Jacobian ∂of/∂wrt with directions, from the graph of one trace."""

    def __init__(self, trace: Trace, of: Site, wrt: Site, again: Callable[[], Trace] | None = None) -> None:
        """Look up the two values. ``again`` repeats the pass: where fused attention in ``trace`` prevents J v, it is
        computed from a pass without fused attention.

        Raises:
            UnknownSite: a site never ran.
            QuestionError: a value is not made of real numbers.
        """
        self._of, self._wrt = _real(trace, of), _real(trace, wrt)
        self._sites = of, wrt
        self._again = again
        self._along: Callable[[Tensor], Tensor] | None = None
        self.rows, self.columns = self._of.numel(), self._wrt.numel()
        self.dtype = torch.float64 if self._of.dtype == torch.float64 else torch.float32

    def pull(self, weights: Tensor) -> Tensor:
        """Jᵀu for ``weights`` u of shape (rows,): shape (columns,), on the CPU.

        Raises:
            Unreachable: no differentiable path leads from ``wrt`` to ``of``.
            QuestionError: as ``trace.differentiate`` does.
        """
        slope = differentiate_weighted(self._of, weights.to(self._of).view_as(self._of), self._wrt)
        if slope is None:
            of, wrt = (sites.site_name(site) for site in self._sites)
            raise Unreachable(
                f"No gradient of {of} reaches {wrt}: no differentiable path leads from there to {of}. Choose a layer "
                "output before it, or look for a detach or an integer operation in between."
            )
        return slope.detach().flatten().to("cpu", self.dtype)

    def push(self, direction: Tensor) -> Tensor:
        """J v for a ``direction`` v of shape (columns,): shape (rows,), on the CPU.

        Raises:
            NoForwardProducts: an operation of the model cannot be differentiated twice.
            Unreachable, QuestionError: as ``pull`` does.
        """
        if self._along is None:
            self._along = self._followed()
        return self._pushed(self._along, direction)

    def _followed(self) -> Callable[[Tensor], Tensor]:
        try:
            return self._balanced(self._of, self._wrt)
        except NoForwardProducts:
            if self._again is None:
                raise
        with plain_attention():
            trace = self._again()
        return self._balanced(*(trace.value(site) for site in self._sites))

    def _pushed(self, along: Callable[[Tensor], Tensor], direction: Tensor) -> Tensor:
        return along(direction.to(self._wrt).view_as(self._wrt)).detach().flatten().to("cpu", self.dtype)

    def _balanced(self, of: Tensor, wrt: Tensor) -> Callable[[Tensor], Tensor]:
        """The double backward pass, after checking uᵀ(J v) = (Jᵀu)ᵀv for random u and v: an operation whose backward
        pass is not recorded would silently drop out of J v."""
        generator = torch.Generator().manual_seed(SEED)
        loose = max(BALANCE, 16 * torch.finfo(of.dtype).eps, 16 * torch.finfo(wrt.dtype).eps)
        along: Callable[[Tensor], Tensor] | None = None
        for _ in range(DRAWS):
            u, v = (torch.randn(n, generator=generator, dtype=self.dtype) for n in (self.rows, self.columns))
            pulled = finite(self.pull(u)).double()
            try:
                along = along or differentiate_along(of, wrt)
                pushed = self._pushed(along, v).double()
            except (QuestionError, RuntimeError) as error:
                raise NoForwardProducts(
                    "An operation of this model can be differentiated only once, so the products of its Jacobian with "
                    "vectors cannot be computed. Choose fewer rows, so that each can be computed separately."
                ) from error
            if not abs(u.double() @ pushed - pulled @ v.double()) <= loose * (pushed.norm() + pulled.norm()):
                raise NoForwardProducts(
                    "An operation of this model has a backward pass that PyTorch cannot follow, so the products of its "
                    "Jacobian with vectors cannot be trusted. Choose fewer rows, so that each can be computed "
                    "separately."
                )
        assert along is not None
        return along


def finite(products: Tensor) -> Tensor:
    """The products themselves, after a check.

    Raises:
        QuestionError: they hold NaN or infinity.
    """
    if not products.isfinite().all():
        raise QuestionError(
            "The Jacobian holds values that are not finite, so it has no singular values. The Gradient flow page "
            "shows where they first occur."
        )
    return products


def _real(trace: Trace, site: Site) -> Tensor:
    value = trace.value(site)
    if not value.is_floating_point():
        raise QuestionError(
            f"{sites.site_name(site)} holds {str(value.dtype).removeprefix('torch.')} values, which have no "
            "derivative. Choose a layer output of real numbers."
        )
    return value


# ------------------------------------------------------------------------------------------------------- entry by entry


@dataclass(frozen=True, slots=True)
class Block:
    """Part of a Jacobian."""

    row_norms: Tensor
    """Shape (rows,), double: √Σ_j J[i, j]² over the columns of this part; infinite where the row holds NaN or
    infinity there."""
    matrix: Tensor | None
    """Shape (rows, columns); None where it has more than ``MOST_ENTRIES`` entries."""
    mode: Mode


def mode_for(rows: int, columns: int) -> Mode:
    """Reverse mode takes one backward pass for each row, forward mode one double backward pass for each column:
    whichever takes fewer."""
    return "reverse" if rows <= columns else "forward"


def block(products: Products, rows: Part | None = None, columns: Part | None = None) -> Block:
    """J[rows, columns], exact; None takes all rows or columns. Up to ``MOST_ENTRIES`` entries are kept, norms always.

    At most one row or column is held besides what is returned. Where there are fewer columns but an operation has no
    second derivative, the rows are computed all the same.

    Raises:
        QuestionError: the part does not exist, or takes more than ``MOST_PASSES`` passes.
        Unreachable: no differentiable path leads from ``wrt`` to ``of``.
    """
    down, across = span(rows, products.rows, "Rows"), span(columns, products.columns, "Columns")
    height, width = len(down), len(across)
    small = height * width <= MOST_ENTRIES
    mode = mode_for(height, width)
    _check_passes(height, width, height if mode == "reverse" else width)
    if mode == "forward":
        with contextlib.suppress(NoForwardProducts):
            return _by_columns(products, down, across, small)
        _check_passes(height, width, height)
    return _by_rows(products, down, across, small)


def _check_passes(height: int, width: int, passes: int) -> None:
    if passes > MOST_PASSES:
        raise QuestionError(
            f"These {height:,} rows and {width:,} columns take {passes:,} backward passes; the limit is "
            f"{MOST_PASSES:,}. Ask for fewer at a time."
        )


def _by_columns(products: Products, rows: range, columns: range, small: bool) -> Block:
    matrix = torch.empty(len(rows), len(columns), dtype=products.dtype) if small else None
    squares = torch.zeros(len(rows), dtype=torch.float64)
    for place, j in enumerate(columns):
        column = products.push(_unit(products.columns, j, products.dtype))[rows.start : rows.stop]
        squares += column.double().square()
        if matrix is not None:
            matrix[:, place] = column
    return Block(_infinite(squares.sqrt()), matrix, "forward")


def _by_rows(products: Products, rows: range, columns: range, small: bool) -> Block:
    matrix = torch.empty(len(rows), len(columns), dtype=products.dtype) if small else None
    norms = torch.empty(len(rows), dtype=torch.float64)
    for place, i in enumerate(rows):
        row = products.pull(_unit(products.rows, i, products.dtype))[columns.start : columns.stop]
        norms[place] = row.double().norm()
        if matrix is not None:
            matrix[place] = row
    return Block(_infinite(norms), matrix, "reverse")


def _infinite(norms: Tensor) -> Tensor:
    """Replaces NaN by infinity."""
    return norms.nan_to_num(nan=torch.inf, posinf=torch.inf)


def span(part: Part | None, count: int, what: str) -> range:
    """The rows or columns of a part, out of ``count``.

    Raises:
        QuestionError: they do not exist.
    """
    first, end = part or (0, count)
    if not 0 <= first < end <= count:
        raise QuestionError(f"{what} {first} to {end - 1} do not exist: there are {count:,}, numbered from 0.")
    return range(first, end)


def _unit(count: int, index: int, dtype: torch.dtype) -> Tensor:
    unit = torch.zeros(count, dtype=dtype)
    unit[index] = 1
    return unit
