"""Parts of a graph that run in another way: autocast, no_grad, both within each other, and broken ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gradviz_core.errors import BadModel
from gradviz_core.uploads import exported
from tests.exported.files import Document, bent, exported_bytes, nodes
from tests.exported.home_made import image
from tests.exported.test_home_made import same_at_every_site


class Cast(nn.Module):
    """A convolution under one kind of autocast, and what is made of it outside; part of it has no gradient."""

    def __init__(self, device: str = "cpu", dtype: torch.dtype | None = torch.bfloat16, enabled: bool = True) -> None:
        super().__init__()
        self.how: dict[str, Any] = {"device_type": device, "dtype": dtype, "enabled": enabled}
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            scale = x.square().mean()
        with torch.autocast(**self.how):
            y = self.conv(x) @ x[:, :1, 1:7, 1:7]
        scores: Tensor = self.head(y.float().tanh().mean((2, 3)) / scale)
        return scores


class Nested(Cast):
    """Autocast that is switched off again inside."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = self.conv(x)
            with torch.autocast("cpu", enabled=False):
                y = y.float() @ x[:, :1, 1:7, 1:7]
            y = y @ y
        scores: Tensor = self.head(y.float().tanh().mean((2, 3)))
        return scores


def built(make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return make().eval().requires_grad_(False)


MAKE: dict[str, Callable[[], nn.Module]] = {
    "bfloat16": Cast,
    "half": lambda: Cast(dtype=torch.float16),
    "usual type": lambda: Cast(dtype=None),
    "off": lambda: Cast(enabled=False),
    "for a graphics card": lambda: Cast("cuda", enabled=False),
    "within each other": Nested,
}


@pytest.mark.parametrize("name", MAKE)
def test_what_ran_under_autocast_does_so_here_and_nothing_else(name: str) -> None:
    module = built(MAKE[name])
    file = exported_bytes(module, image())
    same_at_every_site(module, exported.read(file).module)
    if name != "for a graphics card":
        assert any("wrap_with_autocast" in node["target"] for node in file_nodes(file))


def file_nodes(file: bytes) -> list[Document]:
    found: list[Document] = []
    bent(file, lambda document: found.extend(nodes(document)))
    return found


def test_autocast_ends_with_the_pass() -> None:
    exported.read(exported_bytes(built(Cast), image())).module(image())
    assert not torch.is_autocast_enabled("cpu")


def region(document: Document) -> Document:
    (found,) = [node for node in nodes(document) if "wrap_with_autocast" in node["target"]]
    return found


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda node: node["inputs"].pop(0), "'wrap_with_autocast' that is not as torch.export writes it"),
        (lambda node: node["inputs"].pop(4), "'wrap_with_autocast' that is not as torch.export writes it"),
        (lambda node: node["inputs"][2].update(arg={"as_int": 1}), "'wrap_with_autocast' that is not as"),
        (lambda node: node["inputs"].pop(), "gets the wrong inputs"),
        (lambda node: node["outputs"].append({"as_tensor": {"name": "more"}}), "returns the wrong outputs"),
        (lambda node: node["inputs"].append(node["inputs"][4]), "'wrap_with_autocast' that is not as"),
    ],
)
def test_a_region_that_is_broken_is_refused(change: Callable[[Document], None], sentence: str) -> None:
    file = exported_bytes(built(Cast), image())
    with pytest.raises(BadModel, match=sentence):
        exported.read(bent(file, lambda document: change(region(document))))


def test_autocast_for_another_device_changes_nothing_on_the_processor() -> None:
    file = exported_bytes(built(Cast), image())
    found = exported.read(bent(file, lambda d: region(d)["inputs"][0].update(arg={"as_string": "cuda"})))
    assert torch.equal(found.module(image()), built(lambda: Cast(enabled=False))(image()))


def test_a_type_that_autocast_does_not_know_switches_it_off() -> None:
    """As in torch itself, which warns."""
    file = exported_bytes(built(Cast), image())
    for number in (7, 99, "13"):
        change = {"as_scalar_type": number}
        found = exported.read(bent(file, lambda d, change=change: region(d)["inputs"][1].update(arg=change)))  # type: ignore[misc]
        assert torch.equal(found.module(image()), built(lambda: Cast(enabled=False))(image()))
