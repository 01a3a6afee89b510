"""A twin of a model in which the parameters of some layers have their numbers in another order."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from gradviz_core.tracing.trace import Trace
from gradviz_core.tracing.twin import twin
from gradviz_core.types import Target
from gradviz_core.types.randomised import MOST_PARAMETERS


def layers(module: nn.Module, trace: Trace, target: Target) -> dict[str, list[str]]:
    """The names of the parameters of each layer by the name of its module, from the score down.

    A layer is a module that holds parameters itself, and ran in this pass before the value that the target is read
    from. The parameters of a part that never runs as a module, such as attention's ``out_proj``, are those of the
    module around it. A module that holds parameters and parts with parameters counts where the first of its parts runs.
    A parameter that several modules share belongs to the first.
    """
    ran = list(trace.seen)
    if target.at in trace.seen:
        ran = ran[: ran.index(target.at) + 1]
    first: dict[str, int] = {}
    for at, site in enumerate(ran):
        for path in _within(site.path):
            first.setdefault(path, at)
    found: dict[str, list[str]] = {}
    there = {site.path for site in trace.seen}
    for name, _ in module.named_parameters():
        owner = name.rpartition(".")[0]
        while owner and owner not in there:
            owner = owner.rpartition(".")[0]
        if owner in first:
            found.setdefault(owner, []).append(name)
    order = sorted(found, key=lambda path: (first[path], path.count(".") + bool(path)), reverse=True)
    return {path: found[path] for path in order}


def seeds_of(module: nn.Module, draw: int) -> dict[str, int]:
    """The seed of the order of each parameter: it depends on ``draw`` and its place among all parameters alone."""
    return {name: MOST_PARAMETERS * draw + at for at, (name, _) in enumerate(module.named_parameters())}


def shuffled(module: nn.Module, seeds: Mapping[str, int]) -> nn.Module:
    """A twin in which each of the named parameters has its own numbers in another order, which its seed says, all
    orders being equally likely. The module itself stays as it is.

    Raises:
        QuestionError: the module cannot be copied.
    """
    other = twin(module, trainable=False)
    for name, parameter in other.named_parameters():
        if name in seeds:
            generator = torch.Generator().manual_seed(seeds[name])
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.data = parameter.detach().flatten()[order].view(parameter.shape)
    return other


def is_constant(parameter: Tensor) -> bool:
    """Whether all its numbers are equal, so that no order changes it."""
    return bool((parameter == parameter.flatten()[:1]).all())


def _within(path: str) -> list[str]:
    """The path and those of all modules around it, the model itself among them."""
    if path.startswith("."):
        return []
    parts = path.split(".") if path else []
    return [".".join(parts[:count]) for count in range(len(parts) + 1)]
