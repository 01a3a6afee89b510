"""How a forward pass itself uses PyTorch's autograd: hooks that it puts on tensors, and gradients that it computes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from gradviz_core.tracing.kernel_guards import guarded
from gradviz_core.tracing.nested import tensors

_HOOKS = frozenset({Tensor.register_hook, Tensor.register_post_accumulate_grad_hook})
_GRADIENTS = frozenset({torch.autograd.grad, torch.autograd.backward, Tensor.backward})


class Differentiates(BaseException):
    """A pass takes gradients itself, which parameters that are frozen do not allow. No model may swallow it, so it is
    not an ``Exception``."""


class AuthorsAutograd(TorchFunctionMode):
    """Within it, hooks on tensors are counted and not put on, for they could only falsify the derivative of what the
    pass computes. Where ``frozen``, the first gradient that is taken ends the pass.

    Raises:
        Differentiates: a gradient is taken, and ``frozen`` is set.
    """

    def __init__(self, *, frozen: bool) -> None:
        super().__init__()
        self._frozen = frozen
        self.hooks = 0
        self.differentiates = False

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Count it, end the pass, or run it."""
        if func in _HOOKS:
            self.hooks += 1
            return RemovableHandle(OrderedDict())
        if func in _GRADIENTS:
            self.differentiates = True
            if self._frozen:
                raise Differentiates
            with ExitStack() as guards:  # else it would compute one function, and be differentiated as another
                for result in tensors([args[:1], kwargs or {}]).values():
                    guards.enter_context(guarded(result))
                return func(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))
