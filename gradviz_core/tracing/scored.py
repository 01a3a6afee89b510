"""The network as another library takes it: one module, frozen and hooked by nobody, whose output is the score."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.autograd.graph import get_gradient_edge

from gradviz_core.errors import QuestionError
from gradviz_core.tracing import batch
from gradviz_core.tracing.activations import between
from gradviz_core.tracing.nested import tensors
from gradviz_core.tracing.twin import twin
from gradviz_core.tracing.watch import Trace
from gradviz_core.types import INPUT, Site, Target


class Scored(nn.Module):
    """A twin of the network, in which no layer writes in place, followed by the score: (N, C, H, W) -> (N,)."""

    def __init__(self, module: nn.Module, target: Target) -> None:
        """``target`` has its predicted class filled in.

        Raises:
            QuestionError: it is read inside the network.
        """
        super().__init__()
        if target.at is not None and target.at.path:
            raise QuestionError(
                f"This method takes the network as a whole, and {target.named()} is read inside it. Choose a score of "
                "what the model returns."
            )
        self.network, self._target = twin(module), target
        for part in self.network.modules():
            if getattr(part, "inplace", False) is True:
                part.inplace = False  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        """The score of each image."""
        trace = Trace(output=self.network(x))
        trace.values = {Site("", item=item): value for item, value in tensors(trace.output).items()} | {INPUT: x}
        return batch.select((self._target,) * len(x), trace)[1]


@dataclass(frozen=True, slots=True)
class Use:
    """An activation, or a max pooling, that a pass went through."""

    name: str
    layer: Site | None
    """The call of the layer that it is the output of; None where it is a function."""


def uses(trace: Trace, score: Tensor) -> tuple[Use, ...]:
    """The activations between the input and the score in a pass that kept all sites.

    Raises:
        QuestionError: PyTorch no longer says what a node is.
    """
    found = between(score, tensors(trace.output).values(), trace.values[INPUT])
    layers: dict[object, Site] = {}
    for site, value in trace.values.items():
        if value.requires_grad and site.path and site != INPUT:
            layers.setdefault(get_gradient_edge(value).node, site)
    return tuple(Use(name, layers.get(node)) for node, (_, name) in found.nodes.items())
