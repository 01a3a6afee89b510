"""Names that clash, and the elements of what a module returns."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gradviz_core.errors import BadModel
from gradviz_core.tracing import trace
from gradviz_core.types import ClassScore, Site
from gradviz_core.uploads import exported
from tests.exported.files import bent, exported_bytes, nodes
from tests.exported.home_made import Reused, built, image
from tests.exported.test_home_made import same_at_every_site


class Attention(nn.Module):
    """Attention along the first axis or the second, of which the tuple's elements that are ``used`` go on."""

    def __init__(self, batch_first: bool, used: tuple[int, ...]) -> None:
        super().__init__()
        self.used, self.batch_first = used, batch_first
        self.patches, self.head = nn.Conv2d(3, 8, 4, stride=4), nn.Linear(8, 5)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=batch_first)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).permute(*((0, 2, 1) if self.batch_first else (2, 0, 1)))
        returned = self.attention(x, x, x)
        total: Tensor = sum((returned[index].square().sum() for index in self.used), x.new_zeros(()))
        scores: Tensor = self.head(x.mean((0, 1))[None] * total)
        return scores


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("used", [(0, 1), (0,), (1,)])
def test_attention_and_its_weights_are_not_swapped(batch_first: bool, used: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    module, x = Attention(batch_first, used).eval().requires_grad_(False), image()
    found = exported.read(exported_bytes(module, x)).module
    sites = [Site("attention", 0, str(index)) for index in used]
    assert [info.site for info in trace.survey(found, x) if info.site.path == "attention"] == sites
    true = trace.gradients(module, x, target=ClassScore(2), wrt=sites)
    mine = trace.gradients(found, x, target=ClassScore(2), wrt=sites)
    for site in sites:
        assert torch.equal(mine.activations[site], true.activations[site])
        assert torch.equal(mine.gradients[site], true.gradients[site])


class Clashing(nn.Module):
    """Its parameters, buffers and modules are called what a marker's own attributes are called."""

    def __init__(self) -> None:
        super().__init__()
        self.kind, self._plan = nn.Parameter(torch.randn(3, 1, 1)), nn.Parameter(torch.randn(3, 1, 1))
        self.source, self.output = nn.Conv2d(3, 3, 1), nn.Linear(3, 5)
        self.register_buffer("sources", torch.randn(3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.output((self.source(x * self.kind) * self._plan + self.sources).tanh().mean((2, 3)))
        return scores


class Inner(nn.Module):
    """The same, one module further in."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs = Clashing()

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.inputs(x)
        return scores


@pytest.mark.parametrize("kind", [Clashing, Inner])
def test_weights_may_have_the_names_that_markers_use_themselves(kind: type[nn.Module]) -> None:
    module = built(kind)
    same_at_every_site(module, exported.read(exported_bytes(module, image())).module)


def test_a_module_called_training_is_refused() -> None:
    file = exported_bytes(built(Reused), image())
    stack = "a,,A;b,part.training,B"
    with pytest.raises(BadModel, match=r"'part\.training' of a module .* nor have a part called training"):
        exported.read(bent(file, lambda document: nodes(document)[0]["metadata"].update(nn_module_stack=stack)))


class LateFirst(nn.Module):
    """Returns a dictionary whose first element is computed last."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.conv(x)
        return {"late": x.relu().mean((2, 3)), "early": x.mean()}


class Doubled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.part = LateFirst()

    def forward(self, x: Tensor) -> Tensor:
        returned = self.part(x)
        product: Tensor = returned["late"] * returned["early"]
        return product


def test_elements_that_the_file_does_not_name_are_not_given_the_authors_names() -> None:
    module, x = built(Doubled), image()
    found = exported.read(exported_bytes(module, x)).module
    sites = [info.site for info in trace.survey(found, x) if info.site.path == "part"]
    assert [str(site) for site in sites] == ["part[computed 1]", "part[computed 2]"]
    assert [Site.parse(str(site)) for site in sites] == sites
    mine = trace.gradients(found, x, target=ClassScore(2), wrt=sites)
    true = trace.gradients(module, x, target=ClassScore(2), wrt=[Site("part", 0, "late"), Site("part", 0, "early")])
    assert {tuple(value.shape) for value in mine.gradients.values()} == {(1, 5), ()}
    for site, gradient in mine.gradients.items():
        original = Site("part", 0, "early" if gradient.dim() == 0 else "late")
        assert torch.equal(mine.activations[site], true.activations[original])
        assert torch.equal(gradient, true.gradients[original])
