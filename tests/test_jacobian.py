"""The Jacobian against what is known by hand, against torch.func on the plain module, and against differences."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import jacfwd, jacrev

from gradviz_core.errors import QuestionError, UnknownSite, Unreachable
from gradviz_core.methods import jacobian
from gradviz_core.methods.jacobian import NoForwardProducts, Products, block
from gradviz_core.tracing.device import plain_attention
from gradviz_core.tracing.trace import forward
from gradviz_core.types import INPUT, OUTPUT, Site
from tests.reference import relative_error
from tests.zoo import IMAGE_MODELS, MIXING, build, image


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
    """The plain one sees the image twice in a batch, because the kernels for a batch of one may be wrong."""
    module, x = build(name), image()
    batch = 1 if name in MIXING else 2

    def scores(pixels: Tensor) -> Tensor:
        out: Any = module(pixels.repeat(batch, 1, 1, 1))
        found: Tensor = out["logits"] if isinstance(out, dict) else out[0] if isinstance(out, tuple) else out
        return found[:1]

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


class Leaky(torch.autograd.Function):
    """Three times the input, with a backward pass that leaves the graph without a word."""

    @staticmethod
    def forward(_ctx: object, x: Tensor) -> Tensor:
        return 3 * x

    @staticmethod
    def backward(_ctx: object, slope: Tensor) -> Tensor:
        return 3 * slope.detach()


class PartlyLeaky(nn.Module):
    def __init__(self, share: float) -> None:
        super().__init__()
        self.first, self.last, self.share = nn.Conv2d(3, 8, 7, 4, 3), nn.Linear(128, 10), share

    def forward(self, x: Tensor) -> Tensor:
        value = self.first(x)
        value = value + self.share * Leaky.apply(value)
        return self.last(nn.functional.adaptive_avg_pool2d(value, 4).flatten(1))  # type: ignore[no-any-return]


@pytest.mark.parametrize(("size", "share"), [(64, 1.0), (224, 1.0), (32, 0.05), (64, 0.1), (224, 0.03)])
def test_a_small_part_that_is_lost_is_noticed(size: int, share: float) -> None:
    for seed in range(4):
        torch.manual_seed(seed)
        found = products(PartlyLeaky(share), torch.randn(1, 3, size, size))
        with pytest.raises(NoForwardProducts, match="cannot be trusted"):
            found.push(torch.randn(found.columns))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_rounding_is_not_taken_for_a_part_that_is_lost(dtype: torch.dtype) -> None:
    for seed in range(4):
        torch.manual_seed(seed)
        module = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10)).to(dtype)
        assert products(module, torch.randn(1, 64, dtype=dtype)).push(torch.randn(64)).isfinite().all()


def test_many_rows_and_few_columns_are_done_by_columns_whatever_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jacobian, "MOST_ENTRIES", 1_000)
    module = nn.Linear(4, 6_000)
    found = block(products(module, torch.randn(1, 4)))
    assert (found.mode, found.matrix) == ("forward", None)
    assert torch.allclose(found.row_norms, module.weight.detach().double().norm(dim=1))


def test_a_large_part_keeps_its_norms_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    found = products(build("in-place"), image())
    small = block(found)
    monkeypatch.setattr(jacobian, "MOST_ENTRIES", 100)
    large = block(found)
    assert large.matrix is None
    assert torch.equal(large.row_norms, small.row_norms)
    monkeypatch.setattr(jacobian, "MOST_ENTRIES", 4 * 192)
    assert block(found).matrix is not None, "just as many as may be kept"


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
    assert block(products(build("reused"), image()), (1, 4)).mode == "reverse", "just as many as may be taken"


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
