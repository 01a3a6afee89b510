"""Notes on the forward pass of an answer."""

from __future__ import annotations

from torch import nn

from gradviz_core.tracing.draws import State
from gradviz_core.tracing.torch_private.parts import backward_hooks
from gradviz_core.tracing.watch import Trace


def about(module: nn.Module, trace: Trace) -> tuple[str, ...]:
    """A sentence about random numbers, if the pass drew any, and one about hooks of the model that did not run."""
    return (*_of_draws(trace), *_of_hooks(module, trace))


def _of_draws(trace: Trace) -> tuple[str, ...]:
    if not trace.random:
        return ()
    if isinstance(trace.begin, State):
        return (
            "This model drew random numbers from the caller's generator, because a part of it is in training mode.",
        )
    return (
        f"This model draws random numbers in evaluation mode too. This is the result for random seed {trace.begin}; "
        "another seed gives another result.",
    )


def _of_hooks(module: nn.Module, trace: Trace) -> tuple[str, ...]:
    """Hooks that run forwards are part of the function, and those that run backwards never run (docs/hooks.md)."""
    parts = [path or "the model" for path, part in module.named_modules() if backward_hooks(part)]
    found = [f"backward hooks of {', '.join(parts[:3])}{' and others' if len(parts) > 3 else ''}"] if parts else []
    parameters = [name for name, parameter in module.named_parameters() if backward_hooks(parameter)]
    if parameters:
        found.append(f"hooks on the parameters {', '.join(parameters[:3])}")
    if trace.tensor_hooks:
        found.append("hooks that the forward pass puts on tensors")
    if not found:
        return ()
    return (
        f"This model has {' and '.join(found)}. They did not run: the gradient is the derivative of what the forward "
        "pass computes.",
    )
