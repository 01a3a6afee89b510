"""How near models with random weights come to what the doctor calls vanishing and exploding, in plain PyTorch."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torchvision
from torch import Tensor, nn
from torch.func import functional_call

from gradviz_core.doctor import depth

NETWORKS = (
    "resnet18",
    "vgg11",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "densenet121",
    "shufflenet_v2_x1_0",
    "squeezenet1_1",
    "efficientnet_b0",
)
CELLS = (nn.RNNCell, nn.GRUCell, nn.LSTMCell)
STEPS = (10, 50, 100)
WIDTH = 32


def rows() -> Iterator[str]:
    """First quarter against last: at the weights, at what the layers return, and from call to call of a cell."""
    yield f"  vanishing under {depth.SMALLEST_AT_WEIGHTS:.0e} at weights, exploding over {depth.LARGEST_AT_VALUES:.0e}:"
    for name in NETWORKS:
        at_weights, at_values = _of_network(name)
        yield f"    {name:<20}{at_weights:9.2g} at weights {at_values:9.2g} at what layers return"
    for kind in CELLS:
        for steps in STEPS:
            every, last = _of_cell(kind, steps, every=True), _of_cell(kind, steps, every=False)
            yield f"    {kind.__name__:<9}{steps:4} steps{every:8.2g} with every state in the loss{last:9.2g} with one"


def _of_network(name: str) -> tuple[float, float]:
    torch.manual_seed(0)
    network = torchvision.models.get_model(name, weights=None).eval()
    returned: dict[nn.Conv2d | nn.Linear, Tensor] = {}
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(lambda module, _, output: returned.__setitem__(module, output))
    score = network(torch.randn(1, 3, 224, 224)).sum()
    weights = torch.autograd.grad(score, [layer.weight for layer in returned], retain_graph=True)
    values = torch.autograd.grad(score, list(returned.values()))
    return (
        depth.ratio([float(slope.square().mean().sqrt()) for slope in weights]),
        depth.ratio([float(slope.norm()) for slope in values]),
    )


def _of_cell(kind: type[nn.RNNCellBase], steps: int, *, every: bool) -> float:
    """Each call has a copy of the weights, so that what it adds is a gradient of its own."""
    torch.manual_seed(0)
    cell = kind(WIDTH, WIDTH)  # type: ignore[call-arg]
    copies = [
        {name: each.detach().clone().requires_grad_() for name, each in cell.named_parameters()} for _ in range(steps)
    ]
    zero = torch.zeros(4, WIDTH)
    state: Tensor | tuple[Tensor, Tensor] = (zero, zero) if kind is nn.LSTMCell else zero
    states = []
    for weights in copies:
        state = functional_call(cell, weights, (torch.randn(4, WIDTH), state))
        states.append(state[0] if isinstance(state, tuple) else state)
    score = torch.stack(states).sum() if every else states[-1].sum()
    slopes = torch.autograd.grad(score, [weights["weight_ih"] for weights in copies])
    return depth.ratio([float(slope.abs().max()) for slope in slopes])
