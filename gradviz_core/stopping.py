"""Work that can be stopped between any two operations of torch, on the way there and on the way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch.utils._python_dispatch import TorchDispatchMode

from gradviz_core.errors import Stopped


class Stoppable(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """``with Stoppable(told):`` asks ``told()`` before each operation of torch, and raises ``Stopped`` once it says
    yes. What the operations compute stays the same. One operation is as long as it is: a convolution in float64 takes
    from a thousandth of a second to a third."""

    def __init__(self, told: Callable[[], bool]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._told = told

    def __torch_dispatch__(
        self, func: object, types: object, args: Sequence[object] = (), kwargs: Mapping[str, object] | None = None
    ) -> object:
        if self._told():
            raise Stopped
        return func(*args, **(kwargs or {}))  # type: ignore[operator]
