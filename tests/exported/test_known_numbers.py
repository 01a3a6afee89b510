"""Numbers that a model takes out of its own constants with ``item()``: read from the file, or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gradviz_core.errors import BadModel, QuestionError
from gradviz_core.uploads import cost, exported
from gradviz_core.uploads.exported.arguments import check_limits
from tests.exported.files import Document, bent, exported_bytes, nodes


class Pyramid(nn.Module):
    """Boxes in pixels: the stride of each level is a number out of a tensor, as in detectors."""

    strides: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.levels = nn.Conv2d(3, 2, 3)
        self.register_buffer("strides", torch.tensor([8.0, 16.5]))

    def forward(self, x: Tensor) -> Tensor:
        maps = self.levels(x).unbind(1)
        return torch.stack([each * each * stride.item() for each, stride in zip(maps, self.strides, strict=True)], 1)


class Sized(nn.Module):
    """A size that stands in a tensor."""

    size: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("size", torch.tensor(size))

    def forward(self, x: Tensor) -> Tensor:
        size: Any = self.size.item()
        torch._check(size >= 1)
        return x.sum() + torch.ones(size).sum()


IMAGE = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def pyramid() -> tuple[nn.Module, bytes]:
    torch.manual_seed(0)
    module = Pyramid().eval()
    return module, exported_bytes(module, IMAGE)


def slope(module: nn.Module) -> Tensor:
    x = IMAGE.clone().requires_grad_()
    return torch.autograd.grad(module(x).sum(), x)[0]


def numbers(document: Document) -> list[Document]:
    return [node for node in nodes(document) if node["target"] == "torch.ops.aten.item.default"]


def test_outputs_and_input_gradients_are_identical(pyramid: tuple[nn.Module, bytes]) -> None:
    module, data = pyramid
    found = exported.read(data).module
    cost.check(found, tuple(IMAGE.shape))
    assert torch.equal(found(IMAGE), module(IMAGE))
    assert torch.equal(slope(found), slope(module))


def test_a_number_may_be_a_size_and_is_limited_as_one() -> None:
    found = exported.read(exported_bytes(Sized(5), IMAGE)).module
    assert torch.equal(found(IMAGE), IMAGE.sum() + 5)
    huge = exported_bytes(Sized(10**12), IMAGE)
    with pytest.raises(BadModel, match=r"The argument size asks for 1e\+12 numbers"):
        exported.read(huge)


@pytest.mark.parametrize("factor", [1e-30, float("nan"), 5000.0])
def test_scales_are_limited_wherever_they_come_from(factor: float) -> None:
    check_limits(2.0, "scales_h")
    with pytest.raises(BadModel, match="scales_h must be a factor from"):
        check_limits(factor, "scales_h")


def of_the_image(document: Document) -> None:
    numbers(document)[0]["inputs"][0]["arg"] = {"as_tensor": {"name": "x"}}


def of_a_number(document: Document) -> None:
    numbers(document)[0]["inputs"][0]["arg"] = {"as_int": 5}


def of_all_strides(document: Document) -> None:
    numbers(document)[0]["inputs"][0]["arg"] = {"as_tensor": {"name": "b_strides"}}


def of_a_large_weight(document: Document) -> None:
    numbers(document)[0]["inputs"][0]["arg"] = {"as_tensor": {"name": "p_levels_weight"}}


def as_a_tensor(document: Document) -> None:
    name = numbers(document)[0]["outputs"][0]["as_sym_float"]["as_name"]
    numbers(document)[0]["outputs"] = [{"as_tensor": {"name": name}}]


def of_too_many_parts(document: Document) -> None:
    (strides,) = [node for node in nodes(document) if "b_strides" in str(node["inputs"])]
    strides["outputs"] = [{"as_tensors": strides["outputs"][0]["as_tensors"] + [{"name": "more"}]}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (of_the_image, r"makes a number of a tensor with item\(\) \(test_known_numbers.py:\d+"),
        (of_a_number, r"with item\(\)"),
        (of_all_strides, r"with item\(\)"),
        (of_a_large_weight, r"with item\(\)"),
        (of_too_many_parts, r"with item\(\)"),
        (as_a_tensor, r"item\(\) gives a tensor"),
    ],
)
def test_other_numbers_are_refused_in_words(
    pyramid: tuple[nn.Module, bytes], change: Callable[[Document], None], message: str
) -> None:
    with pytest.raises(BadModel, match=message):
        exported.read(bent(pyramid[1], change))


def test_a_number_of_what_the_model_overwrites_is_refused(pyramid: tuple[nn.Module, bytes]) -> None:
    def overwrite(document: Document) -> None:
        strides = {"name": "self", "arg": {"as_tensor": {"name": "b_strides"}}, "kind": 1}
        output = [{"as_tensor": {"name": "written"}}]
        nodes(document).insert(
            0, {"target": "torch.ops.aten.zero_.default", "inputs": [strides], "outputs": output, "metadata": {}}
        )

    with pytest.raises(QuestionError, match="a constant that it takes a number from"):
        cost.check(exported.read(bent(pyramid[1], overwrite)).module, tuple(IMAGE.shape))


class Overwrites(nn.Module):
    """Takes a number from a tensor made of a constant, which ``write`` may change first."""

    pair: Tensor

    def __init__(self, write: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.write = write
        self.register_buffer("pair", torch.tensor([1.0, 2.0]))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.write(self.pair).select(0, 0).item()


def through_a_view(pair: Tensor) -> Tensor:
    copy = pair.clone()
    copy[0].mul_(3)
    return copy


def through_a_view_of_a_view(pair: Tensor) -> Tensor:
    copy = pair.clone()
    copy.view(2, 1)[:1].squeeze(1).add_(3)
    return copy


def by_copying(pair: Tensor) -> Tensor:
    copy = pair.clone()
    copy[:1].copy_(torch.full((1,), 5.0))
    return copy


def by_index(pair: Tensor) -> Tensor:
    copy = pair.clone()
    copy.view(2).index_put_((torch.tensor([0]),), torch.tensor(7.0))
    return copy


def of_a_detached_copy(pair: Tensor) -> Tensor:
    copy = pair.clone()
    copy.detach().mul_(3)
    return copy.unsqueeze(1).squeeze(1)


def of_the_constant(pair: Tensor) -> Tensor:
    pair[0].mul_(1)
    return pair


@pytest.mark.parametrize(
    "write",
    [
        through_a_view,
        through_a_view_of_a_view,
        by_copying,
        by_index,
        of_a_detached_copy,
        of_the_constant,
    ],
)
def test_a_number_of_what_is_changed_in_place_is_refused(write: Callable[[Tensor], Tensor]) -> None:
    found = exported.read(exported_bytes(Overwrites(write), IMAGE)).module
    for run in (lambda: cost.check(found, tuple(IMAGE.shape)), lambda: found(IMAGE)):
        with pytest.raises(QuestionError, match="a constant that it takes a number from"):
            run()


def test_another_clone_may_be_changed() -> None:
    def write(pair: Tensor) -> Tensor:
        pair.clone()[0].mul_(3)
        return pair.clone()

    module = Overwrites(write)
    found = exported.read(exported_bytes(module, IMAGE)).module
    cost.check(found, tuple(IMAGE.shape))
    assert torch.equal(found(IMAGE), IMAGE)


def test_a_number_of_what_changes_without_a_trace_is_refused() -> None:
    """PyTorch does not count a write through ``unsafe_chunk``, so no run could notice it."""

    def write(pair: Tensor) -> Tensor:
        copy = pair.clone()
        torch.unsafe_chunk(copy, 2)[0].mul_(3)
        return copy

    with pytest.raises(BadModel, match=r"and unsafe_chunk \(test_known_numbers.py:\d+ .*\) lets the model change"):
        exported.read(exported_bytes(Overwrites(write), IMAGE))


def test_a_number_of_a_weight_that_changes_under_another_name_is_refused() -> None:
    """Two weights may be parts of the same bytes."""

    class Tied(nn.Module):
        read: Tensor
        written: Tensor

        def __init__(self) -> None:
            super().__init__()
            both = torch.tensor([1.0, 2.0])
            self.register_buffer("read", both)
            self.register_buffer("written", both[:1])

        def forward(self, x: Tensor) -> Tensor:
            self.written.mul_(1)
            return x * self.read.select(0, 0).item()

    with pytest.raises(QuestionError, match="a constant that it takes a number from"):
        exported.read(exported_bytes(Tied(), IMAGE)).module(IMAGE)
