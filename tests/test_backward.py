"""The backward pass, step by step: its terms are worked out from weights and values, and held against autograd."""

from __future__ import annotations

import io
import random

import pytest
import torch
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.answers import backward as answers_backward
from gradviz_core.compute import inline
from gradviz_core.errors import QuestionError, TooCostly
from gradviz_core.methods import backward_pass
from gradviz_core.methods.backward_links import links
from gradviz_core.methods.local_factors import Layer, column
from gradviz_core.tracing.breaking import broken
from gradviz_core.tracing.gates import gated
from gradviz_core.tracing.trace import forward, recording
from gradviz_core.types import INPUT, BackwardQuestion, Site
from gradviz_core.uploads import exported

PRESETS = ("shapes-cnn", "shapes-resnet", "shapes-vit", "digits-mlp", "digits-cnn", "efficientnet-lite0")
CNN, STAR = "preset/shapes-cnn", "sample/star"


def _played(module: nn.Module, x: Tensor) -> backward_pass.Pass:
    with recording():
        layers = gated(module)
        trace = forward(layers, x)
        assert isinstance(trace.output, Tensor)
        return backward_pass.differentiated(layers, trace, trace.output[0].max())


def _input_of(name: str, dtype: torch.dtype) -> Tensor:
    shape = {"digits-mlp": (1, 1, 28, 28), "digits-cnn": (1, 3, 28, 28), "efficientnet-lite0": (1, 3, 75, 64)}.get(
        name, (1, 3, 96, 96)
    )
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("dtype", "digits"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@pytest.mark.parametrize("name", PRESETS)
def test_all_terms_of_a_number_add_up_to_its_gradient(name: str, dtype: torch.dtype, digits: float) -> None:
    done = _played(gv.load(f"preset/{name}").to(dtype), _input_of(name, dtype))
    chosen = random.Random(0)
    with recording():
        for number, link in enumerate(done.steps):
            one = backward_pass.shown(done, number).step
            assert one.detail is not None, one.why
            shape = done.trace.values[link.into].shape[1:]
            for index in (one.detail.index, *(tuple(chosen.randrange(n) for n in shape) for _ in range(3))):
                detail = backward_pass.shown(done, number, index).step.detail
                assert detail is not None
                terms = backward_pass.every_term(done, number, index)
                close = digits * max(1e-30, float(terms.abs().sum()))
                assert float(terms.sum()) == pytest.approx(detail.gradient, abs=close)
                shown = [term.product for term in detail.terms]
                assert sum(shown) + detail.rest == pytest.approx(detail.gradient, abs=close)
                assert shown == sorted(shown, key=abs, reverse=True)
                assert len(shown) + detail.others == int((terms != 0).sum())
                assert len(shown) == min(8, int((terms != 0).sum()))


@pytest.mark.parametrize("key", [*(f"preset/{name}" for name in PRESETS), "torchvision/shufflenet_v2_x0_5@random-0"])
def test_what_all_steps_pass_to_a_value_is_its_gradient(key: str) -> None:
    done = _played(gv.load(key).double(), _input_of(key.removeprefix("preset/"), torch.float64))
    for site in {source.site for link in done.steps for source in link.sources}:
        users = [link for link in done.steps if site in (link.into, *link.also)]
        found = [(link, source) for link in users for source in link.sources if source.site == site]
        parts = [part for link, one in found if (part := backward_pass.passed(done, link, one)) is not None]
        assert len(parts) == len(found)
        torch.testing.assert_close(torch.stack(parts).sum(0), done.gradients[site], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", PRESETS)
def test_the_gradient_at_the_image_is_that_of_the_plain_model(name: str) -> None:
    module, x = gv.load(f"preset/{name}").double(), _input_of(name, torch.float64).requires_grad_()
    (true,) = torch.autograd.grad(module(x)[0].max(), x)
    torch.testing.assert_close(_played(module, x.detach()).gradients[INPUT], true, rtol=1e-10, atol=1e-12)


LAYERS = (
    nn.Conv2d(4, 6, 3, stride=2, padding=1),
    nn.Conv2d(4, 8, 3, padding="same", groups=2, dilation=2),
    nn.Conv2d(4, 4, (1, 3), stride=(2, 1), groups=4, bias=False),
    nn.Conv2d(4, 5, 2, padding="valid"),
    nn.Linear(7, 3),
    nn.BatchNorm2d(4),
    nn.BatchNorm2d(4, affine=False),
    nn.ReLU(),
    nn.ReLU6(),
    nn.MaxPool2d(3, 2, padding=1, ceil_mode=True),
    nn.AdaptiveAvgPool2d((2, 3)),
    nn.AvgPool2d(2),
    nn.Flatten(),
    nn.Dropout(),
    nn.LayerNorm(7),
    nn.GELU(),
    nn.Softmax(dim=1),
)


@pytest.mark.parametrize("module", LAYERS, ids=lambda layer: str(layer)[:40])
def test_a_column_is_that_of_the_jacobian(module: nn.Module) -> None:
    torch.manual_seed(1)
    module = module.double().eval()
    if isinstance(module, nn.BatchNorm2d):
        assert module.running_var is not None
        module.running_var.uniform_(0.5, 2)
    x = 4 * torch.randn(1, 4, 6, 7, dtype=torch.float64)
    jacobian = torch.func.jacrev(module)(x)[0]
    x = x.requires_grad_()
    layer = Layer(module, x, module(x))
    for index in ((0, 0, 0), (3, 5, 6), (1, 2, 3), (2, 4, 1)):
        found = column(layer, index)
        dense = torch.zeros_like(jacobian[..., 0, 0, 0, 0])
        dense[tuple(found.indices.T)] = found.factors
        torch.testing.assert_close(dense, jacobian[(..., 0, *index)])


def test_relu_has_slope_zero_at_zero_and_six_as_in_pytorch() -> None:
    x = torch.tensor([[0.0, 6.0, 3.0, -1.0]], requires_grad=True)
    for module, slopes in ((nn.ReLU(), [0, 1, 1, 0]), (nn.ReLU6(), [0, 0, 1, 0])):
        (true,) = torch.autograd.grad(module(x).sum(), x)
        assert true[0].tolist() == slopes
        layer = Layer(module, x, module(x))
        assert [float(column(layer, (i,)).factors.sum()) for i in range(4)] == slopes


class _Between(nn.Module):
    """Values added, scaled and multiplied between layers."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Twice one sum, a product, and a shortcut of the input."""
        a = self.a(x)
        summed = a + a + self.b(a)
        return self.c(summed * a + x)  # type: ignore[no-any-return]


def test_a_value_added_twice_gets_its_gradient_twice_and_a_product_says_why_it_has_no_terms() -> None:
    torch.manual_seed(0)
    module, x = _Between().double(), torch.randn(1, 3, dtype=torch.float64)
    layers = gated(module)
    with recording():
        trace = forward(layers, x)
        names = [link.kind for link in links(layers, trace)]
        done = _played(module, x)
    assert names == ["Linear", "Linear", "Add, Mul", "Linear"]
    shown = [backward_pass.shown(done, number).step for number in range(4)]
    assert shown[2].detail is None
    assert "combined by Add, Mul" in shown[2].why
    assert [step.detail is not None for step in shown] == [True, True, False, True]


def test_a_sum_that_adds_one_value_twice_passes_twice_the_gradient() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            a = self.a(x)
            return self.b(a + a)  # type: ignore[no-any-return]

    torch.manual_seed(0)
    done = _played(Twice().double(), torch.randn(1, 3, dtype=torch.float64))
    step = backward_pass.shown(done, 1).step
    assert (step.kind, step.rule) == ("sum", "sum")
    assert step.detail is not None
    assert [term.factor for term in step.detail.terms] == [2.0]
    assert step.norm_in == pytest.approx(2 * step.norm)


def test_each_factor_of_a_product_gets_the_gradient_times_the_other() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.pool, self.gate, self.c = (
                nn.Conv2d(3, 4, 1),
                nn.AdaptiveAvgPool2d(1),
                nn.Sigmoid(),
                nn.Conv2d(4, 1, 3),
            )

        def forward(self, x: Tensor) -> Tensor:
            a = self.a(x)
            return self.c(self.gate(self.pool(a)) * a).flatten(1)  # type: ignore[no-any-return]

    torch.manual_seed(0)
    done = _played(Scaled().double(), torch.randn(1, 3, 5, 4, dtype=torch.float64))
    number = next(i for i, link in enumerate(done.steps) if link.how == "product")
    link, step = done.steps[number], backward_pass.shown(done, number).step
    gate, a = (done.trace.values[source.site].detach() for source in link.sources)
    incoming = done.gradients[link.site]
    assert incoming is not None
    to_gate, to_a = (backward_pass.passed(done, link, source) for source in link.sources)
    torch.testing.assert_close(to_gate, (incoming * a).sum((2, 3), keepdim=True))
    torch.testing.assert_close(to_a, incoming * gate)
    torch.testing.assert_close(to_gate, done.gradients[Site("gate")])
    assert step.detail is not None
    of_channel = incoming[0, step.detail.index[0]] * a[0, step.detail.index[0]]
    assert len(step.detail.terms) + step.detail.others == int((of_channel != 0).sum()) > 1
    assert float(backward_pass.every_term(done, number, step.detail.index).sum()) == pytest.approx(step.detail.gradient)


def test_values_joined_end_to_end_get_their_own_part() -> None:
    class Joined(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Conv2d(3, 2, 1), nn.Conv2d(2, 4, 1), nn.Conv2d(9, 1, 1)

        def forward(self, x: Tensor) -> Tensor:
            a = self.a(x)
            return self.c(torch.cat([self.b(a), x, a], dim=1)).flatten(1)  # type: ignore[no-any-return]

    torch.manual_seed(0)
    done = _played(Joined().double(), torch.randn(1, 3, 4, 4, dtype=torch.float64))
    link, step = done.steps[2], backward_pass.shown(done, 2).step
    assert (step.rule, step.kind, step.also) == ("joined", "join", (INPUT, Site("a")))
    assert step.detail is not None
    incoming = done.gradients[link.site]
    assert incoming is not None
    for source, (first, last) in zip(link.sources, ((0, 4), (4, 7), (7, 9)), strict=True):
        torch.testing.assert_close(backward_pass.passed(done, link, source), incoming[:, first:last])


def test_scaled_and_subtracted_summands_are_no_plain_sum() -> None:
    class Less(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.b(torch.add(self.a(x), x, alpha=-2))  # type: ignore[no-any-return]

    torch.manual_seed(0)
    done = _played(Less().double(), torch.randn(1, 3, dtype=torch.float64))
    step = backward_pass.shown(done, 1).step
    assert step.rule == "other"
    assert step.detail is None


# ------------------------------------------------------------------------------------------------------------ questions


def test_one_number_of_one_step_is_answered_as_in_the_whole_play() -> None:
    whole = inline.ask(BackwardQuestion(model=CNN, image=STAR))
    first = whole.steps[3]
    assert first.detail is not None
    one = inline.ask(BackwardQuestion(model=CNN, image=STAR, step=3, index=first.detail.index))
    assert one.steps == (first,)
    assert set(one.arrays) == {f"{name}/3" for name in ("incoming", "outgoing", "input", "output")}
    for name, array in one.arrays.items():
        assert (array == whole.arrays[name]).all()


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"step": 21}, "Step 21 does not exist: this pass has steps 0 to 20"),
        ({"step": -1}, "Step -1 does not exist: this pass has steps 0 to 20"),
        ({"step": 3, "index": (-1, 0, 0)}, r"no number \[-1, 0, 0\]: its shape is 24×48×48"),
        ({"index": (1, 0, 0)}, r"The number \[1, 0, 0\] is one of the input of a step, and no step is named"),
        ({"step": 3, "index": (24, 0, 0)}, r"no number \[24, 0, 0\]: its shape is 24×48×48"),
        ({"step": 3, "index": (0, 0)}, r"no number \[0, 0\]"),
        ({"broken": "detach", "broken_at": Site("nowhere")}, "There is no site 'nowhere'"),
        ({"broken": "detach", "broken_at": Site("features.7", 1)}, "There is no site 'features.7, second call'"),
    ],
)
def test_what_is_not_there_is_refused(question: dict[str, object], said: str) -> None:
    with pytest.raises(QuestionError, match=said):
        inline.ask(BackwardQuestion(model=CNN, image=STAR, **question))  # type: ignore[arg-type]


def test_planes_that_are_too_large_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = inline.ask(BackwardQuestion(model=CNN, image=STAR))
    monkeypatch.setattr(answers_backward, "MOST_WHOLE", sum(array.nbytes for array in whole.arrays.values()) - 1)
    with pytest.raises(TooCostly, match="The planes of the first 21 of 21 steps already take"):
        inline.ask(BackwardQuestion(model=CNN, image=STAR))
    assert len(inline.ask(BackwardQuestion(model=CNN, image=STAR, step=3)).arrays) == 4


def test_the_layers_of_an_exported_program_are_steps_too() -> None:
    x = torch.randn(1, 3, 96, 96)
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(gv.load(CNN), (x,)), buffer)
    module = exported.read(buffer.getvalue()).module
    done = _played(module, x)
    shown = [backward_pass.shown(done, number).step for number in range(len(done.steps))]
    names = [step.name for step in shown]
    assert names == [step.name for step in inline.ask(BackwardQuestion(model=CNN, image=STAR)).steps]
    assert [step.rule for step in shown[:3]] == ["convolution", "scale", "relu"]
    assert all(step.detail is not None for step in shown)
    assert not any(step.layer for step in shown)
    with pytest.raises(QuestionError, match="layer of an exported program, which cannot be broken here"):
        broken(module, "detach", Site("features.1"))


def test_nothing_is_left_on_the_model() -> None:
    module = gv.load(CNN)
    before = {name: (len(part._forward_hooks), len(part._forward_pre_hooks)) for name, part in module.named_modules()}
    _played(module, torch.zeros(1, 3, 96, 96))
    assert {
        name: (len(part._forward_hooks), len(part._forward_pre_hooks)) for name, part in module.named_modules()
    } == before
