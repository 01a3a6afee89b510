"""Tensors made of those in a file, because another library lays the same numbers out in another way."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gradviz_core.uploads.weights_files.tensors import Loadable


@dataclass(frozen=True, slots=True)
class JoinedTensor:
    """Tensors of one shape and dtype, one behind the other along the first axis."""

    pieces: tuple[Loadable, ...]

    @property
    def dtype(self) -> torch.dtype:
        """That of each piece."""
        return self.pieces[0].dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The first axis is as long as all together."""
        first, *others = self.pieces[0].shape
        return (first * len(self.pieces), *others)

    def load(self) -> torch.Tensor:
        """All pieces in memory."""
        return torch.cat([piece.load() for piece in self.pieces])


@dataclass(frozen=True, slots=True)
class ReshapedTensor:
    """The same numbers in another shape."""

    tensor: Loadable
    shape: tuple[int, ...]

    @property
    def dtype(self) -> torch.dtype:
        """That of the tensor."""
        return self.tensor.dtype

    def load(self) -> torch.Tensor:
        """In memory, in the other shape."""
        return self.tensor.load().reshape(self.shape)


@dataclass(frozen=True, slots=True)
class WithFirstAdded:
    """A tensor (1, 1, D), and the first of the rows of another one (1, N, D) added to it."""

    tensor: Loadable
    rows: Loadable

    @property
    def dtype(self) -> torch.dtype:
        """That of the first."""
        return self.tensor.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the first."""
        return self.tensor.shape

    def load(self) -> torch.Tensor:
        """Their sum."""
        return self.tensor.load() + self.rows.load()[:, :1]


@dataclass(frozen=True, slots=True)
class WithoutFirst:
    """All rows of a tensor (1, N, D) but the first."""

    rows: Loadable

    @property
    def dtype(self) -> torch.dtype:
        """That of the rows."""
        return self.rows.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """One row less."""
        return (self.rows.shape[0], self.rows.shape[1] - 1, *self.rows.shape[2:])

    def load(self) -> torch.Tensor:
        """The other rows, in memory of their own."""
        return self.rows.load()[:, 1:].contiguous()
