"""What PyTorch keeps for the backward pass, and whoever writes over it.

PyTorch notices only when it comes to use the value, and refuses. Here the value is copied just before it is
overwritten, so that the backward pass goes on, and the writer is known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gradviz_core.doctor.flow import Event, Now
from gradviz_core.tracing.torch_private import functorch
from gradviz_core.tracing.torch_private.dispatch import TorchDispatchMode, arguments, is_mutable
from gradviz_core.tracing.torch_private.versions import version


@dataclass(slots=True, eq=False)
class _Saved:
    """What a node of PyTorch's graph holds. It must not lead back to the node, or neither is ever freed: Python's
    collector cannot see into the graph."""

    tensor: Tensor
    """Detached, with the memory and the version of what was saved."""
    version: int
    by: Event | None
    copy: Tensor | None = None
    writer: Event | None = None
    needed: bool = False
    noticed: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Overwritten:
    """A value that the backward pass needs and that is gone."""

    saved_by: Event | None
    writer: Event
    noticed: bool
    """Whether PyTorch would notice; it does not where ``.data`` was written to, and gives a wrong gradient."""


class SavedValues(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While it is on, each value that is kept for the backward pass survives being written to."""

    def __init__(self, now: Now) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = now
        self._by_memory: defaultdict[int, list[_Saved]] = defaultdict(list)
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._pack, _unpack)

    def __enter__(self) -> SavedValues:
        self._hooks.__enter__()
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        self._hooks.__exit__(*error)
        for saved in self._all():
            if saved.copy is not None:
                saved.noticed = version(saved.tensor) != saved.version
                saved.gone = saved.noticed or not torch.equal(saved.copy, saved.tensor)

    def _all(self) -> Iterator[_Saved]:
        for kept in self._by_memory.values():
            yield from kept

    def _pack(self, tensor: Tensor) -> _Saved:
        with functorch.unseen_by_modes():
            saved = _Saved(tensor.detach(), version(tensor), self.now.event)
        self._by_memory[memory(tensor)].append(saved)
        return saved

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Copy what is about to be overwritten."""
        kwargs = kwargs or {}
        if is_mutable(func):
            for place, argument in enumerate(arguments(func)):
                value = args[place] if place < len(args) else kwargs.get(argument.name)
                if argument.is_written and isinstance(value, Tensor):
                    self.keep(value)
        return func(*args, **kwargs)

    def keep(self, written: Tensor) -> None:
        """Copy what shares memory with a tensor that is about to be written to."""
        for saved in self._by_memory.get(memory(written), ()):
            if saved.copy is None:
                saved.copy = saved.tensor.clone()
                saved.writer = self.now.event

    def overwritten(self) -> list[Overwritten]:
        """What the backward pass, which has run, needed and would not have found."""
        return [
            Overwritten(saved.by, saved.writer, saved.noticed)
            for saved in self._all()
            if saved.needed and saved.gone and saved.writer is not None
        ]


def _unpack(saved: _Saved) -> Tensor:
    saved.needed |= saved.copy is not None  # what was used before it was overwritten did no harm
    return saved.tensor if saved.copy is None else saved.copy


def memory(tensor: Tensor) -> int:
    """Where its storage begins; of a tensor without one, something of its own."""
    if tensor.layout != torch.strided or functorch.is_wrapped(tensor):
        return id(tensor)
    return tensor.untyped_storage().data_ptr()
