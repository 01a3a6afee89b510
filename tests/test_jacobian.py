"""The Jacobian against what is known by hand, against torch.func on the plain module, and against differences."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import jacfwd, jacrev

from gradviz_core import jacobian
from gradviz_core.device import plain_attention
from gradviz_core.errors import QuestionError, UnknownSite, Unreachable
from gradviz_core.jacobian import NoForwardProducts, Products, Spectrum, block
from gradviz_core.trace import forward
from gradviz_core.types import INPUT, OUTPUT, Site
from tests.reference import relative_error
from tests.zoo import IMAGE_MODELS, build, image


def products(module: nn.Module, x: Tensor, of: Site = OUTPUT, wrt: Site = INPUT) -> Products:
    with plain_attention():
        return Products(forward(module, x), of, wrt)


def entries(found: Products, rows: jacobian.Part | None = None, columns: jacobian.Part | None = None) -> Tensor:
    matrix = block(found, rows, columns).matrix
    assert matrix is not None
    return matrix


class Square(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * x


class OnceOnly(torch.autograd.Function):
    """The square, with a backward pass that cannot be followed."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)  # type: ignore[attr-defined]
        return x * x

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: object, slope: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return 2 * x * slope  # type: ignore[no-any-return]


class Unfollowed(OnceOnly):
    """The square, with a backward pass half of which leaves the graph without a word."""

    @staticmethod
    def backward(ctx: object, slope: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return x * slope + x * slope.detach()  # type: ignore[no-any-return]


class Custom(nn.Module):
    def __init__(self, function: type[torch.autograd.Function]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function.apply(x).repeat(1, 3)  # type: ignore[no-any-return]


# ------------------------------------------------------------------------------------------------------------- by hand


def test_a_value_with_respect_to_itself_is_the_identity() -> None:
    module = build("reused")
    for site in (OUTPUT, Site("again", 1), INPUT):
        found = products(module, image(), site, site)
        assert torch.equal(entries(found), torch.eye(found.rows, dtype=torch.float64))


@pytest.mark.parametrize("shape", [(7, 4), (4, 7)])
def test_a_linear_layer_is_its_weight(shape: tuple[int, int]) -> None:
    module = nn.Linear(*shape).double()
    found = block(products(module, torch.randn(1, shape[0], dtype=torch.float64)))
    assert found.mode == ("reverse" if shape[1] <= shape[0] else "forward")
    assert found.matrix is not None
    assert torch.equal(found.matrix, module.weight.detach())
    assert torch.allclose(found.row_norms, module.weight.detach().norm(dim=1), rtol=1e-14)


def test_the_square_of_each_number_is_diagonal() -> None:
    x = torch.tensor([[1.0, -2.0, 0.5]])
    assert torch.equal(entries(products(Square(), x)), torch.diag(2 * x[0]))


def test_a_convolution_is_the_matrix_of_its_patches() -> None:
    module = nn.Conv2d(2, 3, 3, stride=2, padding=1, bias=False).double()
    x = torch.randn(1, 2, 5, 6, dtype=torch.float64)
    pixels = torch.eye(x.numel(), dtype=torch.float64).view(-1, *x.shape[1:])
    patches = nn.functional.unfold(pixels, 3, stride=2, padding=1)  # one column for each place
    true = torch.einsum("kp,jpl->klj", module.weight.detach().flatten(1), patches).flatten(0, 1)
    assert torch.allclose(entries(products(module, x)), true, atol=1e-14)


# --------------------------------------------------------------------------------------------------- against torch.func


@pytest.mark.parametrize("name", sorted(IMAGE_MODELS))
def test_scores_by_rows_are_those_of_the_plain_module(name: str) -> None:
    module, x = build(name), image()

    def scores(pixels: Tensor) -> Tensor:
        out: Any = module(pixels.clone())
        found: Tensor = out["logits"] if isinstance(out, dict) else out[0] if isinstance(out, tuple) else out
        return found

    true = jacrev(scores, chunk_size=1)(x).reshape(4, -1)
    of = {"tuple": Site("", 0, "0"), "dict": Site("", 0, "logits")}.get(name, OUTPUT)
    found = products(build(name), x, of)
    assert relative_error(entries(found), true) < 1e-12
    assert relative_error(entries(found, (1, 3), (20, 60)), true[1:3, 20:60]) < 1e-12


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")  # torch's own forward mode
def test_one_layer_by_another_in_forward_mode() -> None:
    module, x = build("reused"), image()
    inner = forward(module, x).value(Site("again", 0)).detach()
    again, softplus = module.get_submodule("again"), module.get_submodule("softplus")
    true = jacfwd(lambda value: again(softplus(value)))(inner)[0, :, 0]
    found = block(products(module, x, Site("again", 1), Site("again", 0)))
    assert found.matrix is not None
    assert relative_error(found.matrix, true) < 1e-13


@pytest.mark.parametrize("name", ["in-place", "reused", "pools", "attention", "train-mode-norm"])
def test_columns_taken_forward_are_those_taken_in_reverse(name: str) -> None:
    found = products(build(name), image())
    forward_mode = block(found, None, (10, 12))
    assert forward_mode.mode == "forward"
    assert relative_error(forward_mode.matrix, entries(found)[:, 10:12]) < 1e-12  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["in-place", "attention", "train-mode-norm"])
def test_columns_are_what_a_small_step_changes(name: str) -> None:
    module, x, step = build(name), image(), 1e-6
    found = products(module, x)
    for j in (0, 77, 191):
        nudge = torch.zeros_like(x).flatten()
        nudge[j] = step
        with torch.no_grad():
            change = module(x + nudge.view_as(x)) - module(x - nudge.view_as(x))
        column = entries(found, None, (j, j + 1)).flatten()
        assert torch.allclose(column, change.flatten() / (2 * step), atol=1e-8)


# --------------------------------------------------------------------------------------------------------- the spectrum


def decaying(rows: int, columns: int, rank: int) -> nn.Linear:
    """A linear map with singular values 1, 1/2, 1/4, ..."""
    torch.manual_seed(3)
    left, right = (torch.linalg.qr(torch.randn(n, rank, dtype=torch.float64))[0] for n in (rows, columns))
    module = nn.Linear(columns, rows, bias=False).double()
    with torch.no_grad():
        module.weight.copy_(left @ torch.diag(0.5 ** torch.arange(rank, dtype=torch.float64)) @ right.T)
    return module


def run(found: Products, count: int, steps: int, rows: jacobian.Part | None = None) -> Spectrum:
    spectrum = Spectrum(found, count, rows)
    for _ in range(steps):
        if spectrum.settled < spectrum.count:
            spectrum.advance()
    return spectrum


@pytest.mark.parametrize("shape", [(60, 90), (90, 60)])
def test_the_largest_singular_values_by_products(shape: tuple[int, int]) -> None:
    module = decaying(*shape, rank=30)
    found = run(products(module, torch.randn(1, shape[1], dtype=torch.float64)), 6, 8)
    assert found.settled == 6
    assert found.steps < 8
    assert torch.allclose(found.values, 0.5 ** torch.arange(6, dtype=torch.float64), rtol=1e-6)
    assert torch.allclose(module.weight @ found.right, found.left * found.values, atol=1e-4)
    assert torch.allclose(found.left.T @ found.left, torch.eye(6, dtype=torch.float64), atol=1e-10)


def test_of_the_two_ends_of_a_direction_the_one_with_a_positive_largest_entry_is_taken_at_every_step() -> None:
    module, turned = decaying(60, 90, rank=30), decaying(60, 90, rank=30)
    with torch.no_grad():
        turned.weight.neg_()
    x = torch.zeros(1, 90, dtype=torch.float64)
    one, other = Spectrum(products(module, x), 6), Spectrum(products(turned, x), 6)
    before = None
    for _ in range(6):
        for spectrum, weight in ((one, module.weight), (other, turned.weight)):
            spectrum.advance()
            places = spectrum.right.abs().argmax(dim=0)
            assert (spectrum.right[places, torch.arange(6)] > 0).all()
            assert (((weight @ spectrum.right) * spectrum.left).sum(dim=0) > 0).all(), "turned together"
        assert torch.allclose(one.right, other.right, atol=1e-10)
        assert before is None or (before * one.right[:, 0]).sum() > 0.9, "it does not turn round on the way"
        before = one.right[:, 0]


@pytest.mark.parametrize("name", ["in-place", "reused", "pools", "attention"])
def test_a_few_rows_are_spanned_exactly(name: str) -> None:
    found = products(build(name), image())
    true = torch.linalg.svdvals(entries(found))
    spectrum = run(found, 8, 1)
    assert spectrum.complete
    assert spectrum.count == 4
    assert torch.allclose(spectrum.values, true, rtol=1e-8, atol=1e-10)
    some = run(found, 8, 1, (1, 3))
    assert torch.allclose(some.values, torch.linalg.svdvals(entries(found, (1, 3))), rtol=1e-8, atol=1e-10)


def test_maps_with_respect_to_the_image() -> None:
    found = products(build("pools"), image(), Site("conv"), INPUT)  # 64 rows with close singular values
    true = torch.linalg.svdvals(entries(found))
    steps, values = [], Spectrum(found, 4)
    while not values.complete:
        values.advance()
        steps.append(values.values)
        assert (values.values <= true[:4] * (1 + 1e-9)).all()  # never above the true ones
    assert all((now >= before - 1e-9).all() for before, now in itertools.pairwise(steps))
    assert torch.allclose(steps[-1], true[:4], rtol=1e-8)


def test_the_sum_of_squares_is_met_by_random_directions() -> None:
    module = decaying(40, 50, rank=20)
    squares = run(products(module, torch.zeros(1, 50, dtype=torch.float64)), 32, 1).squares
    true = module.weight.detach().square().sum()
    assert abs(squares.mean() - true) < 4 * squares.std() / 32**0.5


def test_a_rank_below_the_count_leaves_zeros() -> None:
    found = run(products(decaying(12, 15, rank=2), torch.zeros(1, 15, dtype=torch.float64)), 5, 6)
    assert found.settled == 5
    assert torch.allclose(found.values, torch.tensor([1, 0.5, 0, 0, 0], dtype=torch.float64), atol=1e-12)


def test_nothing_moves_a_dead_layer() -> None:
    layer = nn.Linear(4, 6)
    with torch.no_grad():
        layer.bias.fill_(-100)
    module = nn.Sequential(layer, nn.ReLU())
    found = run(products(module, torch.zeros(1, 4)), 3, 4)
    assert not found.values.any()
    assert found.settled == 3


def test_the_same_iteration_gives_the_same_numbers() -> None:
    trace = forward(build("attention"), image())
    first, second = (run(Products(trace, Site("patches"), INPUT), 4, 3) for _ in range(2))
    assert torch.equal(first.values, second.values)
    assert torch.equal(first.right, second.right)


# ------------------------------------------------------------------------------------------------------------ attention


@pytest.mark.parametrize("name", ["attention", "encoder"])
def test_attention_in_plain_operations_is_the_same_function(name: str) -> None:
    module, x = build(name), image()
    fused = Products(forward(module, x), OUTPUT, INPUT)
    with pytest.raises(NoForwardProducts, match="differentiated only once"):
        fused.push(torch.ones(192))
    assert relative_error(entries(products(module, x)), entries(fused)) < 1e-12


# ---------------------------------------------------------------------------------------------------- limits and errors


@pytest.mark.parametrize("function", [OnceOnly, Unfollowed])
def test_what_cannot_be_differentiated_twice_is_done_row_by_row(function: type[torch.autograd.Function]) -> None:
    x = torch.tensor([[1.0, -2.0]])
    found = products(Custom(function), x)
    with pytest.raises(NoForwardProducts, match="fewer rows"):
        found.push(x[0])
    if function is OnceOnly:
        tall = block(found)
        assert tall.mode == "reverse"
        assert tall.matrix is not None
        assert torch.equal(tall.matrix, torch.diag(2 * x[0]).repeat(3, 1))


def test_a_large_part_keeps_its_norms_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    found = products(build("in-place"), image())
    small = block(found)
    monkeypatch.setattr(jacobian, "MOST_ENTRIES", 100)
    large = block(found)
    assert large.matrix is None
    assert torch.equal(large.row_norms, small.row_norms)


def test_no_more_is_held_than_the_part_that_was_asked_for() -> None:
    found = products(nn.Linear(3_000, 3_000), torch.zeros(1, 3_000))
    assert entries(found, (5, 9), (0, 1_000)).untyped_storage().nbytes() == 4 * 1_000 * 4


@pytest.mark.parametrize(
    ("rows", "columns", "words"),
    [
        ((0, 5), None, "Rows 0 to 4 do not exist: there are 4"),
        ((2, 2), None, "Rows 2 to 1 do not exist"),
        (None, (190, 193), "Columns 190 to 192 do not exist: there are 192"),
    ],
)
def test_a_part_that_is_not_there(rows: jacobian.Part | None, columns: jacobian.Part | None, words: str) -> None:
    with pytest.raises(QuestionError, match=words):
        block(products(build("reused"), image()), rows, columns)


def test_too_many_passes_are_asked_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jacobian, "MOST_PASSES", 3)
    with pytest.raises(QuestionError, match="4 rows and 192 columns take 4 backward passes; the limit is 3"):
        block(products(build("reused"), image()))


def test_where_no_path_leads() -> None:
    module, x = build("detached"), image()
    with pytest.raises(Unreachable, match="No gradient of head reaches cut"):
        products(module, x, Site("head"), Site("cut")).pull(torch.ones(4))
    with pytest.raises(Unreachable, match="No gradient of open reaches head"):
        products(module, x, Site("open"), Site("head")).pull(torch.ones(180))
    with pytest.raises(UnknownSite):
        products(module, x, Site("heads"))


class Index(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.argmax(1)


def test_whole_numbers_have_no_derivative() -> None:
    with pytest.raises(QuestionError, match="holds int64 values, which have no derivative"):
        products(Index(), torch.randn(1, 4))


def test_what_is_not_finite_has_no_singular_values() -> None:
    with pytest.raises(QuestionError, match="not finite"):
        Spectrum(products(Square(), torch.full((1, 4), torch.inf)), 2).advance()
