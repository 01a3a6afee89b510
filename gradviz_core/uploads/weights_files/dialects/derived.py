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
