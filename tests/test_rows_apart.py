"""That the images of a batch stay apart is said of no pass in which they do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import VisionTransformer, get_model

from gradviz_core.tracing.row_rules import Mixes
from gradviz_core.tracing.rows_apart import check_way_back
from gradviz_core.tracing.trace import forward
from gradviz_core.types import INPUT, Site

MANY = 4
SHAPE = (MANY, 8, 6, 6)
Step = Callable[[Tensor], Tensor]


class Net(nn.Module):
    """One step, a module or a function, between two convolutions."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.step, self.last = nn.Conv2d(8, 8, 1), step, nn.Conv2d(8, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.last(self.step(self.first(x))))


def stays_apart(module: nn.Module, x: Tensor) -> bool:
    try:
        trace = forward(module, x, keep={INPUT}, axes=False, apart=len(x))
        assert isinstance(trace.output, Tensor)
        check_way_back(trace.output)
    except Mixes:
        return False
    return True


def changes_others(module: nn.Module, x: Tensor) -> bool:
    """Whether other images beside it change the result or the gradient of the first, or of an image its place does."""

    def of(x: Tensor) -> tuple[Tensor, Tensor]:
        leaf = x.clone().requires_grad_()
        out = module(leaf)
        return out.detach(), torch.autograd.grad(out.square().sum(), leaf)[0]

    def differ(found: Tensor, other: Tensor) -> bool:
        return not torch.allclose(found, other, atol=1e-4)

    others = torch.cat((x[:1], -3 * x[1:]))
    return any(
        differ(here[0], there[0]) or differ(here.flip(0), turned)
        for here, there, turned in zip(of(x), of(others), of(x.flip(0)), strict=True)
    )


def image() -> Tensor:
    return torch.linspace(-1, 2, 8 * 6 * 6 * MANY).sin().reshape(SHAPE)


def tokens(x: Tensor) -> Tensor:
    return x.flatten(2).transpose(1, 2)


def picture(x: Tensor) -> Tensor:
    return x.transpose(1, 2).reshape(-1, 8, 6, 6)


class OfTokens(nn.Module):
    """A step that takes tokens, and gives as many."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.step = step

    def forward(self, x: Tensor) -> Tensor:
        return picture(self.step(tokens(x)))


class Attends(nn.Module):
    def __init__(self, *, batch_first: bool) -> None:
        super().__init__()
        self.layer = nn.MultiheadAttention(8, 2, batch_first=batch_first)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.layer(x, x, x, need_weights=False)[0])


class ClassToken(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.ones(1, 1, 8))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.token.expand(len(x), -1, -1), x), 1)[:, 1:] + x.mean(1, keepdim=True)


class TimesTwoOnTheWayBack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        return slope + slope.mean(0)


def shuffled(x: Tensor) -> Tensor:
    return x.view(len(x), 2, 4, 6, 6).transpose(1, 2).contiguous().view(len(x), 8, 6, 6)


def windows(x: Tensor) -> Tensor:
    """Each window of 3×3 by itself: first (images · windows, 9, 8), and back."""
    cut = x.view(-1, 8, 2, 3, 2, 3).permute(0, 2, 4, 3, 5, 1).reshape(-1, 9, 8)
    return cut.softmax(1).view(-1, 2, 2, 3, 3, 8).permute(0, 5, 1, 3, 2, 4).reshape(-1, 8, 6, 6)


APART: dict[str, Step] = {
    "batch norm at rest": nn.BatchNorm2d(8).eval(),
    "group norm": nn.GroupNorm(2, 8),
    "layer norm": OfTokens(nn.LayerNorm(8)),
    "relu in place": nn.ReLU(inplace=True),
    "smooth": lambda x: F.silu(x) * torch.sigmoid(x) + F.hardswish(x + 1, inplace=True),
    "pooling": lambda x: F.interpolate(F.max_pool2d(x, 2) + F.avg_pool2d(x, 2), scale_factor=2),
    "padding": lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect")[:, :, 1:-1, 1:-1],
    "squeeze and excite": lambda x: x * x.mean((2, 3), keepdim=True),
    "concatenation": lambda x: torch.cat(x.chunk(2, dim=1)[::-1], 1) + torch.stack((x, x), 1)[:, 1],
    "shuffled channels": shuffled,
    "windows": windows,
    "rolled": lambda x: x.roll((1, 2), (2, 3)),
    "linear of tokens": OfTokens(nn.Linear(8, 8)),
    "attention": OfTokens(Attends(batch_first=True)),
    "class token": OfTokens(ClassToken()),
    "constants": lambda x: x + torch.arange(6.0) * torch.ones(1, 8, 1, 1),
    "images last": lambda x: x.permute(1, 2, 3, 0).softmax(0).permute(3, 0, 1, 2),
}
MIXED: dict[str, Step] = {
    "batch norm in training": nn.BatchNorm2d(8, track_running_stats=False),
    "mean of the batch": lambda x: x - x.mean(0, keepdim=True),
    "mean of all": lambda x: x - x.mean(),
    "softmax over images": lambda x: x.softmax(0),
    "attention over images": OfTokens(Attends(batch_first=False)),
    "brightest": lambda x: torch.where(x.max() > 1, x, 2 * x),
    "decides": lambda x: x * (1 + int(10 * x.abs().max())),
    "reads numbers": lambda x: x * sum(map(sum, x[:, 0, 0].tolist())),
    "reads an array": lambda x: x * float(x.detach().numpy().mean()),
    "without a gradient": lambda x: x + x.detach().square().mean(),
    "data": lambda x: x + x.data.square().mean(),
    "gradients off": lambda x: x + _off(x),
    "reversed": lambda x: x + x.flip(0),
    "rolled": lambda x: x + x.roll(1, 0),
    "another image": lambda x: x + x[:1],
    "a reshape that crosses images": lambda x: x.transpose(0, 1).reshape(SHAPE),
    "windows across images": lambda x: x.view(2, 16, 6, 6).mean(1, keepdim=True).expand(2, 16, 6, 6).reshape(SHAPE),
    "products of images": lambda x: (x.flatten(1) @ x.flatten(1).T @ x.flatten(1)).view(SHAPE),
    "added up": lambda x: x.cumsum(0),
    "sorted": lambda x: x.sort(0).values,
    "a place of its own for each": lambda x: x * torch.arange(float(MANY)).view(-1, 1, 1, 1),
    "written to a table": lambda x: torch.zeros(SHAPE).copy_(x.roll(1, 0)),
    "on the way back": lambda x: cast(Tensor, TimesTwoOnTheWayBack.apply(x)),
    "a hook on a node": lambda x: _hooked_node(2 * x),
}


@pytest.mark.parametrize("name", APART)
def test_it_is_seen_that_images_stay_apart(name: str) -> None:
    module = Net(APART[name]).requires_grad_(False)
    assert not changes_others(module, image())
    assert stays_apart(module, image())


@pytest.mark.parametrize("name", MIXED)
def test_no_pass_goes_on_in_which_images_may_meet(name: str) -> None:
    module = Net(MIXED[name]).requires_grad_(False)
    assert changes_others(module, image())
    assert not stays_apart(module, image())


def test_a_hook_on_a_tensor_does_not_run_so_rows_stay_apart() -> None:
    def hooked(x: Tensor) -> Tensor:
        y = 2 * x
        y.register_hook(lambda slope: slope + slope.mean(0, keepdim=True))  # type: ignore[no-untyped-call]
        return y

    module = Net(hooked).requires_grad_(False)
    assert changes_others(module, image()), "by itself"
    assert stays_apart(module, image())

    def gradient(x: Tensor) -> Tensor:
        trace = forward(module, x, keep={INPUT}, axes=False, apart=MANY)
        assert isinstance(trace.output, Tensor)
        return torch.autograd.grad(trace.output.square().sum(), trace.values[INPUT])[0]

    others = torch.cat((image()[:1], -3 * image()[1:]))
    assert torch.equal(gradient(image())[0], gradient(others)[0])


def _hooked_node(x: Tensor) -> Tensor:
    assert x.grad_fn is not None
    x.grad_fn.register_prehook(lambda slopes: tuple(slope + slope.mean(0, keepdim=True) for slope in slopes))
    return x


def _off(x: Tensor) -> Tensor:
    with torch.no_grad():
        return x.square().mean(0, keepdim=True)


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "shufflenet_v2_x0_5", "swin_t", "convnext_tiny"])
def test_images_stay_apart_in_models_that_people_use(name: str) -> None:
    assert stays_apart(get_model(name, weights=None).eval(), torch.rand(2, 3, 64, 64))


def test_images_stay_apart_in_a_vision_transformer() -> None:
    model = VisionTransformer(image_size=32, patch_size=16, num_layers=2, num_heads=2, hidden_dim=32, mlp_dim=64)
    assert stays_apart(model.eval(), torch.rand(MANY, 3, 32, 32))


def test_values_that_are_put_in_are_rows_too() -> None:
    module = nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU(), nn.Conv2d(8, 8, 1))
    put = {Site("0"): image()}
    forward(module, image(), keep=set(), put=put, axes=False, apart=MANY)
    mixing = nn.Sequential(nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8, track_running_stats=False), nn.Conv2d(8, 8, 1)).eval()
    with pytest.raises(Mixes):
        forward(mixing, torch.ones(SHAPE), keep=set(), put=put, axes=False, apart=MANY)
