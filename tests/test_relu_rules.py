"""Guided backprop and deconvolution: by hand, against captum where captum is right, and where it is not by modules
whose ReLU is a ``torch.autograd.Function`` with the rule written out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from captum.attr import Deconvolution, GuidedBackprop, NeuronGuidedBackprop
from torch import Tensor, nn

from gradviz_core.tracing import activations, relu_rules
from gradviz_core.tracing.trace import differentiate, forward
from gradviz_core.types import INPUT, ClassScore, Site, Unit
from gradviz_core.uploads import exported
from tests.exported.files import exported_bytes
from tests.own_oracle import attributed
from tests.reference import relative_error

RULES: tuple[relu_rules.Rule, ...] = ("guided", "deconvolution")
METHOD = {"guided": "guided_backprop", "deconvolution": "deconvolution"}
CAPTUM = {"guided": GuidedBackprop, "deconvolution": Deconvolution}
every_rule = pytest.mark.parametrize("rule", RULES)
Relu = Callable[[Tensor], Tensor]


# -------------------------------------------------------------------------------------- the rules, another way round


class Guided(torch.autograd.Function):
    """A ReLU with the rule of guided backprop."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        return z * (z > 0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        z: Tensor = ctx.saved_tensors[0]
        return gradients[0] * (gradients[0] > 0) * (z > 0)


class Deconvolved(torch.autograd.Function):
    """A ReLU with the rule of a deconvolution network."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        return z * (z > 0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0] * (gradients[0] > 0)


BY_RULE: dict[str, Relu] = {"guided": Guided.apply, "deconvolution": Deconvolved.apply}


def by_function(module: Net, x: Tensor, rule: str, index: int = 0) -> Tensor:
    """What comes back where every ReLU of the network is the function with the rule."""
    leaf = x.clone().requires_grad_()
    return torch.autograd.grad(module.run(leaf, [BY_RULE[rule]] * 4)[0, index], leaf)[0]


# -------------------------------------------------------------------------------------------------------- the networks


class Net(nn.Module):
    """Convolutions with biases, batch norm, a shortcut, max pooling, and four ReLUs that are given to ``run``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 6, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc1, self.fc2, self.fc3 = nn.Linear(54, 12), nn.Linear(12, 12), nn.Linear(12, 4)

    def run(self, x: Tensor, relus: list[Relu]) -> Tensor:
        x = relus[0](self.bn1(self.conv1(x)))
        x = relus[1](self.conv2(x) + x)
        x = relus[2](self.fc1(self.pool(x).flatten(1)))
        scores: Tensor = self.fc3(relus[3](self.fc2(x)))
        return scores


class Modules(Net):
    def __init__(self) -> None:
        super().__init__()
        self.relus = nn.ModuleList(nn.ReLU() for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        return self.run(x, list(self.relus))


class Functional(Net):
    """A layer, a function, a clamp and a maximum."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        relus: list[Relu] = [self.relu, F.relu, lambda z: z.clamp(min=0), lambda z: torch.maximum(z, torch.zeros(()))]
        return self.run(x, relus)


class InPlace(Net):
    def __init__(self) -> None:
        super().__init__()
        self.relus = nn.ModuleList(nn.ReLU(inplace=True) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return self.run(x, [*self.relus, F.relu_, lambda z: F.threshold(z, 0.0, 0.0, inplace=True)])


class Reused(Net):
    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.run(x, [self.relu] * 4)


def built(kind: type[nn.Module]) -> nn.Module:
    """Seeded, in double precision and evaluation mode, with odd statistics in its batch norm."""
    torch.manual_seed(3)
    module = kind().double().eval().requires_grad_(False)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d) and part.running_mean is not None and part.running_var is not None:
            part.running_mean.normal_(std=0.3)
            part.running_var.uniform_(0.5, 1.5)
    return module


@pytest.fixture(scope="module")
def x() -> Tensor:
    return torch.randn(1, 3, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(8))


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Setting .* hooks")  # captum says so at each call
        yield


# --------------------------------------------------------------------------------------------------------- the two maps


def test_by_hand() -> None:
    """With z = W x = (-1, 4) and the score (1, -1) · relu(z), (1, -1) comes to the ReLUs. The chain rule lets only the
    second through, guided backprop neither, a deconvolution only the first."""
    first, last = nn.Linear(2, 2, bias=False), nn.Linear(2, 1, bias=False)
    module = nn.Sequential(first, nn.ReLU(), last).requires_grad_(False)
    first.weight.copy_(torch.tensor([[1.0, -1.0], [2.0, 1.0]]))
    last.weight.copy_(torch.tensor([[1.0, -1.0]]))
    x = torch.tensor([[1.0, 2.0]])
    target = Unit(Site(""), (0,))
    assert attributed("gradient", module, x, target)[0].tolist() == [[-2.0, -1.0]]
    assert attributed("guided_backprop", module, x, target)[0].tolist() == [[0.0, 0.0]]
    assert attributed("deconvolution", module, x, target)[0].tolist() == [[1.0, -1.0]]


@every_rule
def test_equal_to_captum_where_each_relu_is_a_layer_of_its_own(rule: str, x: Tensor) -> None:
    module = built(Modules)
    found, notes = attributed(METHOD[rule], module, x, ClassScore(2))
    assert relative_error(found, captums(rule, module, x, 2)) < 1e-12
    assert relative_error(found, by_function(module, x, rule, 2)) < 1e-12  # type: ignore[arg-type]
    plain = attributed("gradient", module, x, ClassScore(2))[0]
    assert relative_error(found, plain) > 0.1
    assert notes == ("The rule was applied at 4 ReLUs.",)


@every_rule
@pytest.mark.parametrize(
    ("kind", "said", "captum_is_right"),
    [
        (Functional, "The rule was applied at 4 ReLUs: 1 call of a layer and 3 functions.", False),
        (InPlace, "The rule was applied at 4 ReLUs: 2 calls of layers and 2 functions.", False),
        (Reused, "The rule was applied at 4 ReLUs.", True),
    ],
)
def test_right_where_captum_leaves_functions_alone(
    kind: type[Net], said: str, captum_is_right: bool, rule: str, x: Tensor
) -> None:
    module = built(kind)
    assert isinstance(module, Net)
    found, notes = attributed(METHOD[rule], module, x)
    assert relative_error(found, by_function(module, x, rule)) < 1e-12
    assert notes == (said,)
    off = captums_error(module, x, rule, found)
    assert off < 1e-12 if captum_is_right else off > 0.05


def captums(rule: str, module: nn.Module, x: Tensor, index: int) -> Tensor:
    found: Tensor = CAPTUM[rule](module).attribute(x.clone().requires_grad_(), target=index)
    return found.detach()


def captums_error(module: nn.Module, x: Tensor, rule: str, true: Tensor) -> float:
    """How far captum is off; infinite where it gives nothing."""
    try:
        return relative_error(captums(rule, module, x, 0), true)
    except (RuntimeError, AssertionError):
        return float("inf")


@every_rule
@pytest.mark.parametrize(
    "name",
    ["resnet18", *(pytest.param(name, marks=pytest.mark.sweep) for name in ("alexnet", "mnasnet0_5", "vgg11_bn"))],
)
def test_equal_to_captum_on_torchvisions_models(name: str, rule: str) -> None:
    """Whose ReLUs are all layers, in place, and in ResNet run twice."""
    torch.manual_seed(0)
    module = torchvision.models.get_model(name, weights=None).eval().requires_grad_(False)
    x = torch.randn(1, 3, 64, 64)
    found, notes = attributed(METHOD[rule], module, x, ClassScore(7))
    count = sum(isinstance(part, nn.ReLU) for part in module.modules()) + 8 * (name == "resnet18")
    assert notes == (f"The rule was applied at {count} ReLUs.",)
    assert relative_error(found, captums(rule, module, x, 7)) < 1e-5


@every_rule
@pytest.mark.parametrize("kind", [Functional, InPlace, Reused])
def test_the_same_in_an_exported_program(kind: type[Net], rule: str, x: Tensor) -> None:
    module, small = built(kind).float(), x.float()
    read = exported.read(exported_bytes(module, small)).module
    mine, theirs = attributed(METHOD[rule], read, small), attributed(METHOD[rule], module, small)
    assert relative_error(mine[0], theirs[0]) < 1e-6
    assert mine[1] == theirs[1]


@every_rule
def test_of_a_unit_inside_and_at_a_layer(rule: str, x: Tensor) -> None:
    module = built(Modules)
    site, unit = Site("conv2"), Unit(Site("conv2"), (1, 2, 3))
    found, notes = attributed(METHOD[rule], module, x, unit)
    assert notes == ("The rule was applied at 1 ReLU.",)
    if rule == "guided":
        leaf = x.clone().requires_grad_()
        true = NeuronGuidedBackprop(module, module.conv2).attribute(leaf, neuron_selector=(1, 2, 3))
        assert relative_error(found, true) < 1e-12
    assert relative_error(found, attributed("gradient", module, x, unit)[0]) > 0.1
    at_layer, said = attributed(METHOD[rule], module, x, ClassScore(1), site)
    assert said == ("The rule was applied at 3 ReLUs.",)
    leaf, kept = x.clone().requires_grad_(), []
    handle = module.conv2.register_forward_hook(lambda _m, _i, out: kept.append(out))  # type: ignore[union-attr]
    score = module.run(leaf, [BY_RULE[rule]] * 4)[0, 1]  # type: ignore[operator]
    handle.remove()
    assert relative_error(at_layer, torch.autograd.grad(score, kept[0])[0]) < 1e-12


@every_rule
def test_nothing_stays_on_the_graph(rule: relu_rules.Rule, x: Tensor) -> None:
    module = built(Modules)
    trace = forward(module, x)
    score = trace.value(Site(""))[0, 0]
    before = differentiate(trace, score, (INPUT,))[INPUT]
    found = activations.between(score, [trace.value(Site(""))], trace.value(INPUT))
    with relu_rules._rewritten(found.relus, rule):
        during = differentiate(trace, score, (INPUT,))[INPUT]
    after = differentiate(trace, score, (INPUT,))[INPUT]
    assert before is not None
    assert after is not None
    assert during is not None
    assert torch.equal(before, after)
    assert not torch.equal(before, during)


def test_a_relu_with_an_upper_limit_follows_the_rule_and_sigmoids_are_as_they_are() -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.gate, self.last = nn.Linear(5, 6), nn.Linear(6, 6), nn.Linear(6, 3)
            self.act = nn.ReLU6()

        def forward(self, x: Tensor) -> Tensor:
            h = self.act(4 * self.first(x))
            scores: Tensor = self.last(h * torch.sigmoid(self.gate(h)))
            return scores

    torch.manual_seed(1)
    module, x = Gated().eval().requires_grad_(False), torch.randn(1, 5)
    found, notes = attributed("guided_backprop", module, x)
    leaf = x.clone().requires_grad_()
    z = 4 * module.first(leaf)
    h = z.clamp(0, 6).detach().requires_grad_()
    (came,) = torch.autograd.grad(module.last(h * torch.sigmoid(module.gate(h)))[0, 0], h)
    (true,) = torch.autograd.grad(z, leaf, came.clamp(min=0) * ((z > 0) & (z < 6)))
    assert relative_error(found, true) < 1e-6
    assert notes == (
        "The rule was applied at 1 ReLU. 1 of them has an upper limit, as ReLU6. "
        "Differentiated as they are: 1 × sigmoid.",
    )
