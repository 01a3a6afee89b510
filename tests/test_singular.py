"""The largest singular values by products, and the length of a Jacobian, against the whole matrix."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from gradviz_core.drawing import spectra
from gradviz_core.errors import QuestionError
from gradviz_core.methods import singular
from gradviz_core.methods.jacobian import Part, Products
from gradviz_core.methods.singular import Spectrum
from gradviz_core.tracing.trace import forward
from gradviz_core.types import INPUT, Site
from tests.test_jacobian import Square, entries, products
from tests.zoo import build, image


def decaying(rows: int, columns: int, rank: int) -> nn.Linear:
    """A linear map with singular values 1, 1/2, 1/4, ..."""
    torch.manual_seed(3)
    left, right = (torch.linalg.qr(torch.randn(n, rank, dtype=torch.float64))[0] for n in (rows, columns))
    module = nn.Linear(columns, rows, bias=False).double()
    with torch.no_grad():
        module.weight.copy_(left @ torch.diag(0.5 ** torch.arange(rank, dtype=torch.float64)) @ right.T)
    return module


def run(found: Products, count: int, steps: int, rows: Part | None = None) -> Spectrum:
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


def test_a_value_behind_one_that_still_grows_has_not_settled() -> None:
    spectrum = Spectrum(products(decaying(60, 90, rank=30), torch.zeros(1, 90, dtype=torch.float64)), 4)
    for changes, settled in (((1e-5, 1e-2, 1e-5, 1e-5), 1), ((1e-2, 0, 0, 0), 0), ((1e-4, 1e-5, 1.1e-4, 0), 2)):
        spectrum.changes = torch.tensor(changes, dtype=torch.float64)
        assert spectrum.settled == settled


def test_a_change_is_a_share_of_the_value_itself_unless_rounding_hides_it() -> None:
    changes = singular._changes(torch.tensor([1.0, 0.05, 1e-5, 1e-7]), torch.tensor([1.0, 0.06, 2e-5, 2e-7]))
    assert torch.allclose(changes, torch.tensor([0, 1 / 6, 1 / 2, 0]))


def test_the_same_iteration_gives_the_same_numbers() -> None:
    trace = forward(build("attention"), image())
    first, second = (run(Products(trace, Site("patches"), INPUT), 4, 3) for _ in range(2))
    assert torch.equal(first.values, second.values)
    assert torch.equal(first.right, second.right)


def test_what_is_not_finite_has_no_singular_values() -> None:
    with pytest.raises(QuestionError, match="not finite"):
        Spectrum(products(Square(), torch.full((1, 4), torch.inf)), 2).advance()


# ---------------------------------------------------------------------------------------------------------- the length


def with_values(values: Tensor, seed: int) -> tuple[nn.Linear, Tensor]:
    """A linear map with these singular values, in float32, and an input for it."""
    torch.manual_seed(seed)
    n = len(values)
    left, right = (torch.linalg.qr(torch.randn(n, n, dtype=torch.float64))[0] for _ in range(2))
    module = nn.Linear(n, n, bias=False)
    with torch.no_grad():
        module.weight.copy_(left @ torch.diag(values) @ right.T)
    return module, torch.zeros(1, n)


def spectra_of(n: int) -> dict[str, Tensor]:
    places = torch.arange(n, dtype=torch.float64)
    one = (places == 0).double()
    return {
        "one and a low tail": one + (1 - one) * 0.003,
        "one and a tail": one + (1 - one) * 0.01,
        "equal": torch.ones(n, dtype=torch.float64),
        "slow": (places + 1) ** -0.3,
        "fast": 0.8**places,
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", spectra_of(1))
@pytest.mark.parametrize("steps", [2, 4])
def test_length_and_effective_rank_hold_the_true_ones(name: str, steps: int) -> None:
    values = spectra_of(1_000)[name]
    true, rank = float(values.norm()), spectra.effective_rank(values.numpy())
    for seed in range(3):
        spectrum = Spectrum(products(*with_values(values, seed)), 8)
        for _ in range(steps):
            spectrum.advance()
        length, error = spectrum.length()
        assert abs(length - true) <= 4 * error + 1e-5 * true
        assert error < 0.05 * true
        if name.startswith("one") and steps == 4:
            low, high = spectra.effective_rank_between(spectrum.values.numpy(), length, len(values), error)
            assert low <= rank * (1 + 1e-4)
            assert rank <= high * (1 + 1e-4)
            assert high - low < 0.5 * rank


def test_the_error_of_the_length_is_about_as_large_as_it_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over many draws the deviation from the true length has the standard error for its root mean square."""
    module = nn.Linear(64, 64, bias=False)
    with torch.no_grad():
        module.weight.copy_(torch.eye(64))
    found, deviations = products(module, torch.zeros(1, 64)), []
    for seed in range(40):
        monkeypatch.setattr(singular, "SEED", seed)
        spectrum = Spectrum(found, 2)
        spectrum.advance()
        length, error = spectrum.length()
        deviations.append((length - 8) / error)
    assert 0.75 < float(torch.tensor(deviations).square().mean().sqrt()) < 1.33
    assert abs(float(torch.tensor(deviations).mean())) < 0.4


def test_all_directions_leave_nothing_to_estimate() -> None:
    found = products(build("pools"), image())
    spectrum = run(found, 8, 1)
    length, error = spectrum.length()
    assert length == pytest.approx(float(entries(found).norm()), rel=1e-12)
    assert error == 0


# ---------------------------------------------------------------------------------------------------------- the memory


def test_bases_that_grow_too_large_are_replaced_by_what_they_found(monkeypatch: pytest.MonkeyPatch) -> None:
    module, x = with_values((torch.arange(300, dtype=torch.float64) + 1) ** -0.5, 0)
    true = torch.linalg.svdvals(module.weight.detach().double())[:4]
    monkeypatch.setattr(singular, "MOST_HELD", 16 * 600)
    spectrum, before = Spectrum(products(module, x), 4), torch.zeros(4)
    for _ in range(40):
        spectrum.advance()
        assert spectrum._q.size <= 16
        assert spectrum._p.size == spectrum._q.size
        assert (spectrum.values <= true * (1 + 1e-5)).all()
        assert (spectrum.values >= before * (1 - 1e-5)).all()
        before = spectrum.values
        weight = module.weight.detach()
        assert torch.allclose(weight.T @ spectrum.left, spectrum.right * spectrum.values, atol=1e-5)
        assert torch.allclose(spectrum.left.T @ spectrum.left, torch.eye(4), atol=1e-5)
    assert torch.allclose(before.double(), true, rtol=1e-4)
    length, error = spectrum.length()
    assert abs(length - float(module.weight.detach().norm())) <= 4 * error


def test_what_does_not_fit_at_all_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(singular, "MOST_HELD", 600 * 8)
    with pytest.raises(QuestionError, match="they take 7,200 numbers, and the limit is 4,800"):
        Spectrum(products(nn.Linear(300, 300), torch.zeros(1, 300)), 4)
