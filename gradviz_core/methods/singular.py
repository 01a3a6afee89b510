"""The largest singular values and the Frobenius norm of a Jacobian, from its products with a few vectors."""

from __future__ import annotations

import torch
from torch import Tensor

from gradviz_core.errors import QuestionError
from gradviz_core.methods.jacobian import SEED, Part, Products, finite, span

CONVERGED = 1e-4
"""A singular value has converged when the last step changed it by at most this share."""
MOST_VALUES = 32
"""Most singular values of one iteration."""
MOST_HELD = 100_000_000
"""Most values that an iteration holds in its two bases: 400 MB of float32."""
PROBES = 8
"""Random directions that the part of ‖J‖_F outside the basis is estimated from."""


class Spectrum:
    """The largest singular values of J[rows, :], by products with blocks of directions that grow step by step.

    Randomised block iteration that keeps every block: each step multiplies the newest directions P by J, adds what is
    new of it to an orthonormal basis Q, multiplies that by Jᵀ, and takes the singular values of Qᵀ J = Rᵀ Pᵀ from the
    small R. Up to rounding they never exceed the true ones and only grow. Where the bases would hold more than
    ``MOST_HELD`` numbers they are replaced by the singular vectors found so far, which keeps the values. A step costs
    ``count`` products with J and as many with Jᵀ.

    Sources: Halko, Martinsson & Tropp 2011 (arXiv:0909.4061), algorithm 4.4; that blocks are kept is Musco & Musco 2015
    (arXiv:1504.05477), how they are thrown away Baglama & Reichel 2005 (SIAM J. Sci. Comput. 27, 19-42).
    """

    def __init__(self, products: Products, count: int, rows: Part | None = None) -> None:
        """Prepare to compute ``count`` singular values; nothing is computed yet.

        Raises:
            QuestionError: the rows do not exist, or three blocks of directions would not fit into ``MOST_HELD``.
        """
        self._products = products
        self._rows = span(rows, products.rows, "Rows")
        height, width = len(self._rows), products.columns
        self.smaller = min(height, width)
        """How many singular values there are."""
        self.count = min(count, self.smaller)
        self._most = min(self.smaller, MOST_HELD // (height + width))
        if self._most < min(self.smaller, 3 * self.count):
            raise QuestionError(
                f"{self.count} singular values of a matrix of {height:,} rows and {width:,} columns do not fit into "
                f"memory: with three times as many directions they take {3 * self.count * (height + width):,} numbers, "
                f"and the limit is {MOST_HELD:,}. Choose fewer rows or values, or a smaller site."
            )
        self.steps = 0
        self.values = torch.zeros(self.count, dtype=products.dtype)
        """(count,) the largest first."""
        self.changes = torch.ones_like(self.values)
        """(count,) how much each grew in the last step, as a share of itself."""
        self.left = torch.zeros(height, self.count, dtype=products.dtype)
        """(rows, count), orthonormal: the outputs that change together."""
        self.right = torch.zeros(width, self.count, dtype=products.dtype)
        """(columns, count), orthonormal: the directions that change them most; the largest entry of each is
        positive."""
        self._q = _Basis(height, products.dtype)
        self._p = _Basis(width, products.dtype)
        self._r = torch.zeros(0, 0, dtype=torch.float64)
        self._probes = torch.zeros(0, height, dtype=products.dtype)

    @property
    def complete(self) -> bool:
        """Whether the basis spans the whole space, so that all values are exact up to rounding."""
        return self._q.size == self.smaller

    @property
    def settled(self) -> int:
        """How many values, from the largest on, changed by less than ``CONVERGED`` of themselves in the last step. This
        does not bound their error: where many true values are close together, they grow slowly for a long time."""
        if self.complete:
            return self.count
        return int((self.changes <= CONVERGED).long().cumprod(0).sum())

    def length(self) -> tuple[float, float]:
        """‖J‖_F and its standard error.

        ‖J‖² = ‖QᵀJ‖² + ‖A‖² with A = (I - QQᵀ)J: the first is Σ σ² of all values found, the second the mean of |Aω|²
        over ``PROBES`` random ω that the basis does not come from. The variance of |Aω|² is 2‖AᵀA‖², and (Aω · Aω′)²
        of two different ω has the mean ‖AᵀA‖². Source: Meyer, Musco, Musco & Woodruff 2021 (arXiv:2010.09649).
        """
        known = float(self._r.square().sum())
        if self.complete:
            return known**0.5, 0.0
        rest = self._q.without(self._probes).double()
        inner = (rest @ rest.T).fill_diagonal_(0)
        error = (2 * float(inner.square().sum()) / (PROBES * (PROBES - 1)) / PROBES) ** 0.5
        length = (known + float(rest.square().sum()) / PROBES) ** 0.5
        return length, error / (2 * length) if length else 0.0

    def advance(self) -> None:
        """One more step.

        Raises:
            NoForwardProducts, Unreachable, QuestionError: as ``Products`` does.
        """
        generator = torch.Generator().manual_seed(SEED + self.steps)
        if not self.steps:
            directions = torch.randn(self._products.columns, self.count + PROBES, generator=generator).T
            pushed = self._push(directions.to(self._products.dtype))
            block, self._probes = pushed[: self.count], pushed[self.count :]
        else:
            block = self._push(self._p.newest)
        if self._q.size + len(block) > self._most < self.smaller:
            block = self._q.without(block)
            self._forget(2 * self.count)
        new = self._q.add(block[: self.smaller - self._q.size], generator)
        pulled = finite(torch.stack([self._products.pull(self._widened(u)) for u in new]))
        self._p.add(pulled, generator)
        self._r = torch.nn.functional.pad(self._r, (0, len(new), 0, len(new)))
        self._r[:, -len(new) :] = self._p.of(pulled)
        of_p, values, of_q = torch.linalg.svd(self._r)
        found = values[: self.count].to(self._products.dtype)
        self.changes = _changes(self.values, found)
        self.values = found
        right = self._p.combined(of_p.T[: self.count])
        signs = _signs(right.T)
        self.right, self.left = right.T * signs, self._q.combined(of_q[: self.count]).T * signs
        self.steps += 1

    def _forget(self, count: int) -> None:
        """Keep ``count`` singular vectors of either side instead of all directions."""
        of_p, values, of_q = torch.linalg.svd(self._r)
        self._p.replace(of_p.T[:count])
        self._q.replace(of_q[:count])
        self._r = values[:count].diag()

    def _push(self, directions: Tensor) -> Tensor:
        return torch.stack([self._products.push(v)[self._rows.start : self._rows.stop] for v in directions])

    def _widened(self, weights: Tensor) -> Tensor:
        """Weights of the rows asked for, as weights of all of them."""
        wide = torch.zeros(self._products.rows, dtype=weights.dtype)
        wide[self._rows.start : self._rows.stop] = weights
        return wide


class _Basis:
    """Orthonormal vectors of ``length`` numbers, as rows."""

    def __init__(self, length: int, dtype: torch.dtype) -> None:
        self._blocks: list[Tensor] = []
        self.newest = torch.zeros(0, length, dtype=dtype)

    @property
    def size(self) -> int:
        return sum(map(len, self._blocks))

    def add(self, vectors: Tensor, generator: torch.Generator) -> Tensor:
        """Add the part of ``vectors`` that is outside the basis, and return it: as many orthonormal vectors, random
        where nothing new is left."""
        scale = vectors.norm(dim=1).amax()
        for _ in range(3):  # what one projection leaves behind by rounding, the next takes away
            vectors, upper = torch.linalg.qr(self.without(vectors).T)
            vectors = vectors.T.contiguous()
            lost = upper.diagonal().abs() <= 100 * torch.finfo(vectors.dtype).eps * scale
            vectors[lost] = torch.randn(int(lost.sum()), vectors.shape[1], generator=generator).to(vectors)
            scale = scale.new_tensor(1.0)
        self.newest = vectors
        self._blocks.append(vectors)
        return vectors

    def of(self, vectors: Tensor) -> Tensor:
        """Their coordinates (size, n), double."""
        return torch.cat([block @ vectors.T for block in self._blocks]).double()

    def without(self, vectors: Tensor) -> Tensor:
        """What is left of the vectors outside the basis."""
        for block in self._blocks:
            vectors = vectors - (vectors @ block.T) @ block
        return vectors

    def combined(self, weights: Tensor) -> Tensor:
        """Sums of the basis, one for each row of weights."""
        total = torch.zeros(len(weights), self.newest.shape[1], dtype=self.newest.dtype)
        first = 0
        for block in self._blocks:
            total += weights[:, first : first + len(block)].to(block) @ block
            first += len(block)
        return total

    def replace(self, weights: Tensor) -> None:
        """The sums of the basis take its place; ``newest`` stays."""
        self._blocks = [self.combined(weights)]


def _signs(vectors: Tensor) -> Tensor:
    """For each column 1 or -1: the sign of its entry of largest size, the first of equals."""
    largest = vectors.gather(0, vectors.abs().argmax(dim=0, keepdim=True))[0]
    return torch.where(largest < 0, -1, 1).to(vectors.dtype)


def _changes(before: Tensor, now: Tensor) -> Tensor:
    """The change of each value as a share of it; none for a value that is lost in the rounding of the largest one."""
    matter = now > 1e-6 * now[:1]
    return torch.where(matter, (now - before).abs() / torch.where(matter, now, 1), 0)
