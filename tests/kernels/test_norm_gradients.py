"""Gradients behind batch norm and instance norm, against formulas worked out by hand and finite differences."""

from __future__ import annotations

from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.doctor.proof import prove
from gradviz_core.methods.jacobian import Products, block
from gradviz_core.tracing import trace
from gradviz_core.types import INPUT, ClassScore, Site
from gradviz_core.uploads import exported
from tests.exported.files import exported_bytes, saved
from tests.kernels.layouts import far, laid_out, layouts, numbers
from tests.kernels.norms import DIRECTION, IMAGE, C, Norm, Statistics, difference, of_instances, slope, tokens, worst

pytestmark = pytest.mark.slow

aten = torch.ops.aten


# ------------------------------------------------------------------------------------------ by hand, in every layout


def batch_norms(s: Statistics) -> dict[str, Norm]:
    """Every way to ask for a batch norm at rest that takes four axes."""
    affine = s.weight is not None
    at_rest = (s.mean, s.var)
    ways: dict[str, Norm] = {
        "BatchNorm2d": s.fill(nn.BatchNorm2d(C, affine=affine)),
        "SyncBatchNorm": s.fill(nn.SyncBatchNorm(C, affine=affine)),
        "InstanceNorm2d": s.fill(nn.InstanceNorm2d(C, affine=affine, track_running_stats=True)),
        "F.batch_norm": lambda x: F.batch_norm(x, *at_rest, s.weight, s.bias),
        "F.instance_norm": lambda x: F.instance_norm(x, *at_rest, s.weight, s.bias, use_input_stats=False),
        "torch.batch_norm": lambda x: torch.batch_norm(x, s.weight, s.bias, *at_rest, False, 0.1, 1e-5, True),
        "native": lambda x: torch.native_batch_norm(x, s.weight, s.bias, *at_rest, False, 0.1, 1e-5)[0],
        "legit": lambda x: aten._native_batch_norm_legit(x, s.weight, s.bias, *at_rest, False, 0.1, 1e-5)[0],
        "no training": lambda x: aten._native_batch_norm_legit_no_training(x, s.weight, s.bias, *at_rest, 0.1, 1e-5)[0],
    }
    if affine:
        ways["no update"] = lambda x: aten._batch_norm_no_update(x, s.weight, s.bias, *at_rest, 0.1, 1e-5)[0]
    return ways


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_batch_norm_at_rest_in_every_layout(dtype: torch.dtype, affine: bool) -> None:
    s = Statistics(dtype, affine)
    bound = 1e-14 if dtype == torch.float64 else 1e-6
    for shape in ((1, C, 3, 4), (2, C, 3, 4), (2, C, 1, 4)):
        x, incoming = numbers(*shape, seed=5).to(dtype), numbers(*shape, seed=6).to(dtype)
        for name, norm in batch_norms(s).items():
            assert worst(norm, x, incoming, s.slope(incoming)) < bound, (name, shape)


@pytest.mark.parametrize("shape", [(1, C, 5), (2, C, 5), (2, C)])
def test_batch_norm_at_rest_of_sequences_and_vectors(shape: tuple[int, ...]) -> None:
    s = Statistics(torch.float64, True)
    incoming = numbers(*shape, seed=6)
    assert worst(s.fill(nn.BatchNorm1d(C)), numbers(*shape), incoming, s.slope(incoming)) < 1e-14


@pytest.mark.parametrize("batch", [1, 2])
def test_batch_norm_at_rest_of_volumes(batch: int) -> None:
    s = Statistics(torch.float64, True)
    shape = (batch, C, 2, 3, 1)
    x, incoming, norm = numbers(*shape), numbers(*shape, seed=6), s.fill(nn.BatchNorm3d(C))
    orders = ((0, 1, 2, 3, 4), (0, 2, 3, 4, 1), (2, 0, 3, 4, 1), (4, 0, 2, 3, 1))
    found = [slope(norm, laid_out(x, order), g) for order, g in product(orders, layouts(incoming))]
    assert max(far(one, s.slope(incoming)) for one in found) < 1e-14


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("shape", [(1, C, 3, 4), (2, C, 3, 4), (2, C, 1, 4), (1, C, 5), (2, C, 5)])
def test_instance_norm_in_every_layout(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    x, incoming = numbers(*shape).to(dtype), numbers(*shape, seed=6).to(dtype)
    weight, bias = (numbers(C, seed=3).abs() + 0.5).to(dtype), numbers(C, seed=4).to(dtype)
    module = {3: nn.InstanceNorm1d, 4: nn.InstanceNorm2d}[len(shape)](C, affine=True).to(dtype)
    module.load_state_dict({"weight": weight, "bias": bias})
    bound = 1e-13 if dtype == torch.float64 else 1e-5
    true = of_instances(x, incoming, weight)
    assert worst(module, x, incoming, true) < bound
    assert worst(lambda x: F.instance_norm(x, weight=weight, bias=bias), x, incoming, true) < bound
    assert worst(lambda x: F.instance_norm(x), x, incoming, of_instances(x, incoming, torch.ones(C))) < bound


def test_batch_norm_of_one_image_in_training_mode() -> None:
    """Its statistics are those of the image, as instance norm's are."""
    x, incoming = numbers(1, C, 3, 4), numbers(1, C, 3, 4, seed=6)
    norm = nn.BatchNorm2d(C).double().train()
    assert worst(norm, x, incoming, of_instances(x, incoming, torch.ones(C))) < 1e-13


# ---------------------------------------------------------------------------------------- what an answer is made from


@pytest.mark.parametrize("norm", [None, nn.InstanceNorm2d(C), nn.InstanceNorm2d(C, affine=True)])
def test_a_patch_embedding_agrees_with_finite_differences(norm: nn.Module | None) -> None:
    module = tokens(norm)
    found = trace.gradients(module, IMAGE, target=ClassScore(2)).gradients[INPUT]
    assert float((found * DIRECTION).sum()) == pytest.approx(difference(module), rel=1e-6)


def test_one_question_has_one_input_gradient() -> None:
    module = tokens()
    sites = [info.site for info in trace.survey(module, IMAGE)]
    alone = trace.gradients(module, IMAGE, target=ClassScore(2)).gradients[INPUT]
    for others in ([site] for site in sites):
        also = trace.gradients(module, IMAGE, target=ClassScore(2), wrt=[INPUT, *others])
        assert torch.equal(also.gradients[INPUT], alone), others
    assert torch.equal(trace.gradients(module, IMAGE, target=ClassScore(2), wrt=sites).gradients[INPUT], alone)


def test_the_same_image_twice_in_a_batch_has_the_same_gradient() -> None:
    module = tokens()
    twice = IMAGE.repeat(2, 1, 1, 1).requires_grad_()
    (plain,) = torch.autograd.grad(module(twice)[0, 2], twice)
    found = trace.gradients(module, IMAGE, target=ClassScore(2)).gradients[INPUT]
    assert far(found, plain[:1]) < 1e-12


@pytest.mark.parametrize("decomposed", [False, True])
def test_an_exported_program_agrees_with_finite_differences(decomposed: bool) -> None:
    module, image = tokens(), IMAGE.float()
    true = difference(module)
    module.float()
    data = exported_bytes(module, image)
    if decomposed:
        data = saved(torch.export.export(module, (image,)).run_decompositions())
    found = trace.gradients(exported.read(data).module, image, target=ClassScore(2)).gradients[INPUT]
    assert float((found * DIRECTION).sum()) == pytest.approx(true, rel=1e-4)


def test_parameters_of_the_norm_get_their_sums() -> None:
    """∂/∂bias is the sum of the gradient over the places, ∂/∂weight that of the gradient times the normed value."""
    module = tokens()
    watched = trace.forward(module, IMAGE, parameters=True)
    assert isinstance(watched.output, Tensor)
    sites, parameters = trace.differentiate_all(watched, watched.output[0, 2])
    incoming, before = sites[Site("norm")], watched.value(Site("conv")).detach()
    assert incoming is not None
    s = Statistics(torch.float64, True)
    hat = (before - s.mean.view(1, C, 1, 1)) / (s.var + 1e-5).sqrt().view(1, C, 1, 1)
    for name, true in (("norm.bias", incoming), ("norm.weight", incoming * hat)):
        found = parameters[name]
        assert found is not None
        assert far(found, true.sum((0, 2, 3))) < 1e-12


def test_the_jacobian_is_the_same_by_rows_and_by_columns() -> None:
    """A row is a backward pass; a column is one through another, which goes through the derivative of the first."""
    module = tokens(nn.InstanceNorm2d(C))
    conv, head = Site("conv"), Site("norm")
    watched = trace.forward(module, IMAGE)
    products = Products(watched, head, conv)
    by_rows = block(products, rows=(0, 2)).matrix
    assert by_rows is not None
    pushed = torch.stack([products.push(one) for one in torch.eye(products.columns).double()[:4]], 1)
    all_rows = torch.stack([products.pull(one) for one in torch.eye(products.rows).double()])
    assert far(pushed, all_rows[:, :4]) < 1e-12
    assert far(by_rows, all_rows[:2]) < 1e-12


def test_proof_and_doctor_are_right_too() -> None:
    module = tokens()
    assert prove(module, IMAGE, ClassScore(2), directions=1).agrees
    weight_of_norm = {leaf.name: leaf for leaf in gv.diagnose(module, IMAGE, lambda y: y[0, 2]).leaves}["norm.weight"]
    watched = trace.forward(module, IMAGE, parameters=True)
    assert isinstance(watched.output, Tensor)
    slopes = trace.differentiate_all(watched, watched.output[0, 2])[1]["norm.weight"]
    assert slopes is not None
    assert weight_of_norm.norm == pytest.approx(float(slopes.norm()), rel=1e-9)
