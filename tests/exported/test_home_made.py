"""Models as people write them: the same numbers at every site, in every way of exporting that is read."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gradviz_core.errors import QuestionError
from gradviz_core.tracing import trace
from gradviz_core.tracing.nested import tensors
from gradviz_core.tracing.scores import targets
from gradviz_core.tracing.twin import twin
from gradviz_core.types import INPUT, ClassScore, Site
from gradviz_core.uploads import exported
from tests.exported.files import exported_bytes, saved
from tests.exported.home_made import (
    ALL,
    AnySize,
    Attentive,
    DictionaryOutput,
    FunctionalRelu,
    Normed,
    Reused,
    WithoutGradient,
    built,
    image,
)

pytestmark = pytest.mark.slow


def same_at_every_site(module: nn.Module, found: nn.Module) -> None:
    x = image()
    true, mine = trace.survey(module, x), trace.survey(found, x)
    shown = [(s.site.path, s.site.call, s.site.item, s.kind, s.shape, s.differentiable) for s in mine]
    assert shown == [(s.site.path, s.site.call, s.site.item, s.kind, s.shape, s.differentiable) for s in true]
    sites = [info.site for info in true]
    expected = trace.gradients(module, x, target=ClassScore(2), wrt=sites[:1])
    answer = trace.gradients(found, x, target=ClassScore(2), wrt=sites[:1])
    assert answer.score == expected.score
    assert torch.equal(answer.gradients[INPUT], expected.gradients[INPUT])
    t_true, t_mine = trace.forward(module, x), trace.forward(found, x)
    for site in sites:
        assert torch.equal(t_true.value(site), t_mine.value(site)), site
    scores = [targets.select(ClassScore(2), one)[1] for one in (t_true, t_mine)]
    slopes = [trace.differentiate(one, score, sites) for one, score in zip((t_true, t_mine), scores, strict=True)]
    for site in sites:
        left, right = (slope[site] for slope in slopes)
        assert (left is None and right is None) or torch.equal(left, right), site  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ALL)
def test_every_site_has_the_originals_value_and_gradient(kind: type[nn.Module]) -> None:
    module = built(kind)
    same_at_every_site(module, exported.read(exported_bytes(module, image())).module)


@pytest.mark.parametrize("kind", [FunctionalRelu, Reused, AnySize, WithoutGradient])
def test_strict_export_is_read_as_well(kind: type[nn.Module]) -> None:
    module = built(kind)
    same_at_every_site(module, exported.read(exported_bytes(module, image(), strict=True)).module)


@pytest.mark.parametrize("kind", [FunctionalRelu, Reused, AnySize, DictionaryOutput, Normed])
def test_a_decomposed_graph_gives_the_same_scores(kind: type[nn.Module]) -> None:
    module, x = built(kind), image()
    program = torch.export.export(module, (x,)).run_decompositions()
    found = exported.read(saved(program)).module
    mine = trace.gradients(found, x, target=ClassScore(1))
    true = trace.gradients(module, x, target=ClassScore(1))
    assert mine.score == pytest.approx(true.score, rel=1e-6)
    assert torch.allclose(mine.gradients[INPUT], true.gradients[INPUT], rtol=1e-5, atol=1e-8)


class SpectralNorm(nn.Module):
    """A weight divided by its largest singular value, as far as training found it."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.utils.parametrizations.spectral_norm(nn.Linear(3, 5))

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(x.mean((2, 3)))
        return scores


def test_spectral_norm_is_read() -> None:
    module, x = built(SpectralNorm), image()
    found = exported.read(exported_bytes(module, x)).module
    mine, true = (trace.gradients(one, x, target=ClassScore(2)) for one in (found, module))
    assert mine.score == true.score
    assert torch.equal(mine.gradients[INPUT], true.gradients[INPUT])


def test_a_module_that_runs_three_times_is_three_sites_with_their_own_lines() -> None:
    infos = trace.survey(exported.read(exported_bytes(built(Reused), image())).module, image())
    assert [info.site.call for info in infos if info.site.path == "conv"] == [0, 1, 2]
    (line,) = {info.source for info in infos if info.site.path == "relu"}
    assert line.startswith("home_made.py:")
    assert line.endswith("  x = self.relu(self.conv(x)) + x")


def test_a_dictionary_comes_back_as_one() -> None:
    output = exported.read(exported_bytes(built(DictionaryOutput), image())).module(image())
    assert list(tensors(output)) == ["scores", "features.0", "features.1.0"]


def test_a_dynamic_batch_and_dynamic_sizes_take_any() -> None:
    auto = torch.export.Dim.AUTO
    free = {"x": {0: auto, 2: auto, 3: auto}}
    module = built(AnySize)
    found = exported.read(exported_bytes(module, torch.randn(2, 3, 8, 8), dynamic_shapes=free))
    assert found.input_shape == (None, 3, None, None)
    assert found.preprocessing.size == (224, 224)
    same_at_every_site(module, found.module)
    x = torch.randn(1, 3, 11, 6)
    assert torch.equal(found.module(x), module(x))


def test_a_fixed_size_is_told_where_another_is_given() -> None:
    found = exported.read(exported_bytes(built(AnySize), image()))
    with pytest.raises(QuestionError, match=r"exported for an input of 1 x 3 x 8 x 8, not 1 x 3 x 9 x 8"):
        found.module(torch.zeros(1, 3, 9, 8))


def test_evaluation_mode_holds_whatever_mode_was_exported() -> None:
    module = built(WithoutGradient)
    file = saved(torch.export.export(module.train(), (image(),)))
    found = exported.read(file).module
    assert torch.equal(found(image()), module.eval()(image()))
    assert not any(part.training for part in found.modules())


def test_weights_have_the_authors_names() -> None:
    module = built(Attentive)
    found = exported.read(exported_bytes(module, image())).module
    assert {name for name, _ in found.named_parameters()} == {name for name, _ in module.named_parameters()}
    for name, parameter in module.named_parameters():
        assert torch.equal(found.get_parameter(name), parameter)


def test_copies_share_the_graph() -> None:
    found = exported.read(exported_bytes(built(Reused), image())).module
    assert isinstance(found, exported.Program)
    copied = twin(found)
    assert isinstance(copied, exported.Program)
    assert copied._plan is found._plan
    assert copied.get_parameter("conv.weight").data_ptr() == found.get_parameter("conv.weight").data_ptr()


def test_a_site_before_the_end_stops_the_pass() -> None:
    found = exported.read(exported_bytes(built(Reused), image())).module
    assert trace.forward(found, image(), keep=[Site("conv")], until=[Site("conv")]).stopped


def test_nan_in_weights_is_told() -> None:
    module = built(Reused)
    module.get_parameter("conv.bias")[1] = float("nan")
    (note,) = exported.read(exported_bytes(module, image())).notes
    assert note == "1 weights hold NaN or infinity; the first is 'conv.bias'."


class WithoutDerivative(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x // 0.5).mean((2, 3))


def test_an_operation_that_torch_cannot_differentiate_is_named() -> None:
    module = exported.read(exported_bytes(WithoutDerivative(), image())).module
    with pytest.raises(QuestionError, match=r"no derivative .* aten::floor_divide"):
        trace.gradients(module, image(), target=ClassScore(0))
