"""Cost told beforehand: against arithmetic, against measured memory, and for models made to take too much."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from benchmarks import operators
from benchmarks.costs import promised
from gradviz_core.errors import QuestionError, TooCostly
from gradviz_core.settings import settings
from gradviz_core.tracing import trace
from gradviz_core.tracing.scores import targets
from gradviz_core.types import INPUT, ClassScore
from gradviz_core.uploads import cost
from gradviz_core.uploads.operation_costs import PER_OPERATOR
from tests.test_trace import fingerprint

aten = torch.ops.aten


class Computes(nn.Module):
    """A model that is one function of its input."""

    def __init__(self, function: object) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)  # type: ignore[operator,no-any-return]


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ten billion operations, and 20 MB."""
    monkeypatch.setenv("GRADVIZ_UPLOAD_GFLOP", "10")
    monkeypatch.setenv("GRADVIZ_UPLOAD_ACTIVATIONS_MB", "20")
    settings.cache_clear()
    yield
    settings.cache_clear()


# --------------------------------------------------------------------------------------------------------- operations


def counted(function: object, shape: tuple[int, ...]) -> tuple[int, int]:
    """Operations and arithmetic of a function, without those for the clones of its input and its output."""
    module = Computes(function)
    passed_on = [math.prod(shape), module(torch.zeros(shape)).numel()]
    found = cost.estimate(module, shape)
    return found.operations - sum(PER_OPERATOR + 30 * n for n in passed_on), found.arithmetic


@pytest.mark.parametrize(
    ("function", "shape", "arithmetic"),
    [
        (nn.Linear(10, 5), (1, 10), 2 * 10 * 5),
        (nn.Conv2d(3, 8, 3, padding=1), (1, 3, 16, 16), 2 * 8 * 16 * 16 * 3 * 3 * 3),
        (nn.Conv2d(4, 8, 3, groups=2), (1, 4, 6, 6), 2 * 8 * 4 * 4 * 2 * 3 * 3),
        (lambda x: torch.addbmm(x, torch.ones(6, 3, 7), torch.ones(6, 7, 5)), (3, 5), 2 * 6 * 3 * 7 * 5),
        (lambda x: torch.cdist(x, x, p=1.0), (4, 9), 3 * 4 * 4 * 9),
        (lambda x: nn.functional.bilinear(x, x, torch.ones(5, 7, 7)), (2, 7), 3 * 2 * 5 * 7 * 7),
        (torch.sin, (1, 7), 0),
    ],
)
def test_products_are_counted_as_the_arithmetic_that_they_are(
    function: object, shape: tuple[int, ...], arithmetic: int
) -> None:
    assert counted(function, shape)[1] == arithmetic


@pytest.mark.parametrize(
    ("function", "shape", "operators", "operations"),
    [
        (lambda x: x @ x, (50, 50), 1, 2 * 50**3 + 100 * 50**2),
        # three times to or from numbers of eight bytes, which count twice, and whose product takes three times as long
        (lambda x: (x.double() @ x.double()).float(), (50, 50), 4, 3 * 200 * 50**2 + 3 * 2 * 50**3 + 200 * 50**2),
        (nn.BatchNorm2d(3).eval(), (1, 3, 5, 5), 1, 360 * 75),
        (
            lambda x: nn.functional.conv3d(x, torch.ones(4, 2, 3, 3, 3)),
            (1, 2, 9, 9, 9),
            2,
            30 * 216 + 6 * 2 * 4 * 343 * 54 + 100 * 1458,
        ),
        (lambda x: x.unfold(1, 9, 1), (1, 508), 1, 60 * 4500),
        (torch.sin, (1, 7), 1, 100 * 7),
        (torch.sum, (1, 7), 1, 30 * 7),
        (torch.tan, (1, 7), 1, 360 * 7),
        (lambda x: x.clone().add_(1), (1, 7), 2, 30 * 14),
        (lambda x: x.view(7, 1).expand(7, 1000), (1, 7), 2, 0),
        (lambda x: x.expand(1000, 7).sum(), (1, 7), 2, 30 * 7000),
        (nn.MaxPool2d(50, stride=1), (1, 1, 100, 100), 1, 200 * 50 * 50 * 51 * 51),
        (nn.MaxPool2d(2), (1, 1, 100, 100), 1, 200 * 10_000),
        (nn.AvgPool1d(4), (1, 2, 64), 3, 200 * 2 * 64),
        # a mean reads what its window meets, here 3 x 3 numbers and one of padding around them
        (nn.AvgPool2d(2560, padding=0, ceil_mode=True), (1, 8, 7, 7), 1, 200 * 8 * 7 * 7),
        (nn.AvgPool2d((4, 2560), padding=(1, 1), ceil_mode=True), (1, 8, 3, 3), 1, 200 * 8 * 1 * 4 * 5),
        (lambda x: aten.avg_pool2d.default(x, [5], [5]), (8, 15, 15), 1, 200 * 8 * 15 * 15),  # one picture alone
        (nn.MaxPool2d(50, ceil_mode=True), (1, 8, 7, 7), 1, 200 * 8 * 50 * 50),
        # n log n: 4,096 is two to the power of 12, and 100 lies below two to the power of 7
        (lambda x: x.sort(1)[0], (1, 4096), 1, 400 * 4096 * 12),
        (lambda x: x.sort(-1)[0], (40, 100), 1, 400 * 4000 * 7),
        (lambda x: x.sort(0)[0], (40, 100), 1, 400 * 4000 * 6),
        (lambda x: x.topk(3)[0], (1, 4096), 1, 400 * 4096 * 12),
        (lambda x: x.mode()[0], (1, 4096), 1, 400 * 4096 * 12),
        (lambda x: x.median(1)[0], (40, 100), 1, 1100 * 4000),
        (lambda x: x.kthvalue(2)[0], (40, 100), 1, 1100 * 4000),
        (
            lambda x: torch.bucketize(x, torch.zeros(1000)).float(),
            (1, 500),
            3,
            30 * 1000 + 400 * 500 * 10 + 200 * 500,
        ),
        (lambda x: x.cumsum(1), (1, 500), 1, 100 * 500),
        (lambda x: x.logcumsumexp(1), (1, 500), 1, 3600 * 500),
        (lambda x: x[0][torch.zeros(9000, dtype=torch.int64)], (1, 500), 3, (30 + 3600) * 2 * 9000),
        (lambda x: x.gather(1, torch.zeros(1, 500, dtype=torch.int64)), (1, 500), 2, (30 + 3600) * 2 * 500),
        (lambda x: x.scatter(1, torch.zeros(1, 500, dtype=torch.int64), 1.0), (1, 500), 2, (30 + 1100) * 2 * 500),
    ],
)
def test_an_operator_counts_what_it_takes(
    function: object, shape: tuple[int, ...], operators: int, operations: int
) -> None:
    found = counted(function, shape)[0]
    assert abs(found - operations - operators * PER_OPERATOR) <= 12 * PER_OPERATOR, "a few views more or less"
    assert found % PER_OPERATOR == operations % PER_OPERATOR


def test_a_part_of_a_tensor_counts_as_the_whole_whose_gradient_it_has() -> None:
    """Forwards a view takes nothing; on the way back a tensor of zeros is made for each, as large as the whole."""
    found, _ = counted(lambda x: x[0, :3].sum(), (1, 1_000_000))
    assert 60 * 1_000_000 <= found < 61 * 1_000_000 + 20 * PER_OPERATOR
    whole = counted(lambda x: x[0].view(1000, 1000).t().sum(), (1, 1_000_000))[0]
    assert whole < 31 * 1_000_000 + 20 * PER_OPERATOR


def test_writing_to_a_part_counts_as_the_whole() -> None:
    def writes(x: Tensor) -> Tensor:
        x = x.clone()
        x[0, :3].mul_(2)
        return x

    found, _ = counted(writes, (1, 1_000_000))
    assert found > (30 + 60 + 30) * 1_000_000


@pytest.mark.parametrize(("dtype", "times"), [(torch.float16, 40), (torch.bfloat16, 40), (torch.float64, 3)])
def test_products_of_other_types_count_as_the_slower_ones_that_they_are(dtype: torch.dtype, times: int) -> None:
    found, arithmetic = counted(lambda x: (x.to(dtype) @ x.to(dtype)).float(), (200, 200))
    assert arithmetic == 2 * 200**3
    assert times * arithmetic <= found < times * arithmetic + 1100 * 200**2 + 12 * PER_OPERATOR


@pytest.mark.filterwarnings("ignore:at..frobenius_norm is deprecated")
def test_every_operator_that_is_allowed_has_a_cost_and_is_measured() -> None:
    """``make bench ARGS=costs`` measures all of them against it; here each is only counted."""
    assert len(operators.names()) > 330
    for name in operators.names():
        call = operators.call(name, 4096)
        assert promised(call) >= 30 * max(1, call().numel()), name


def test_attention_and_parameters_are_counted() -> None:
    found = cost.estimate(torchvision.models.vit_b_16().eval(), (1, 3, 224, 224))
    assert found.parameters == 86_567_656
    assert found.arithmetic == pytest.approx(2 * 17.56e9, rel=0.01)  # torchvision's own table, in multiply-adds


# ------------------------------------------------------------------------------------------------------------- memory


def _measured(module: nn.Module, x: Tensor) -> int:
    """The most bytes that torch's own allocator had given out at one time, in a watched pass and back again."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
        seen = trace.forward(module, x)
        score = targets.select(ClassScore(1), seen)[1]
        trace.differentiate(seen, score, (INPUT,), keep_graph=False)
    events = [event for event in watched.profiler.kineto_results.events() if event.name() == "[memory]"]
    alive = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        alive += event.nbytes()
        peak = max(peak, alive)
    return peak


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "vgg11", "vit_b_16"])
def test_memory_is_within_a_factor_of_what_torch_allocates(name: str) -> None:
    module = torchvision.models.get_model(name, weights=None).eval().requires_grad_(False)
    measured = _measured(module, torch.randn(1, 3, 224, 224))
    estimated = cost.estimate(module, (1, 3, 224, 224)).activation_bytes
    assert measured / 1.25 < estimated < 1.25 * measured, (measured, estimated)


def test_memory_is_counted_once_for_all_views_and_given_back() -> None:
    def views(x: Tensor) -> Tensor:
        return x.view(10, 100).t().expand(5, 100, 10)[0].detach()

    def passing(x: Tensor) -> Tensor:
        for _ in range(100):
            x = x.detach() + 1
        return x

    x = 4 * 1000
    clone, largest = x, x
    assert (
        cost.estimate(Computes(views), (1, 1000)).activation_bytes == x + clone + 5 * largest
    )  # the gradient of what it is a part of
    assert cost.estimate(Computes(passing), (1, 1000)).activation_bytes < 6 * x


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("loss", [nn.functional.mse_loss, nn.functional.smooth_l1_loss, nn.functional.huber_loss])
def test_a_loss_counts_the_difference_of_every_pair(loss: object) -> None:
    """Both ways of repeating two rows of 48 numbers, of which nothing is kept but one number."""
    pairs = Computes(lambda x: loss(x.view(-1, 1), x.view(1, -1)).expand(1, 2))  # type: ignore[operator]
    written = Computes(lambda x: loss(x.view(-1, 1).expand(-1, 48), x.view(1, -1).expand(48, -1)).expand(1, 2))  # type: ignore[operator]
    for module in (pairs, written):
        found = cost.estimate(module, (1, 3, 4, 4))
        assert 2 * 4 * 48 * 48 <= found.activation_bytes < 2.2 * 4 * 48 * 48
        assert found.operations > 360 * 48 * 48


@pytest.mark.parametrize("norm", [torch.linalg.vector_norm, lambda x: x.logsumexp((0, 1))])
def test_what_an_operator_reads_counts_with_its_repetitions(norm: object) -> None:
    repeated = Computes(lambda x: norm(x.view(-1, 1).expand(-1, 1000)).expand(1, 2))  # type: ignore[operator]
    assert cost.estimate(repeated, (1, 3, 4, 4)).activation_bytes >= 4 * 48 * 1000


def test_weights_are_no_activations() -> None:
    assert cost.estimate(nn.Linear(1000, 1000), (1, 1000)).activation_bytes == 4 * 4000


def test_the_model_is_left_as_it_was() -> None:
    module = torchvision.models.resnet18().eval()
    module.extra = [torch.ones(3)]
    before = fingerprint(module)
    cost.estimate(module, (1, 3, 64, 64))
    assert fingerprint(module) == before
    assert type(module.extra[0]) is Tensor
    assert type(module.conv1.weight) is nn.Parameter


# ------------------------------------------------------------------------------------------------------ what is refused


def _endless(x: Tensor) -> Tensor:
    while True:
        x = x * 2


def _growing(x: Tensor) -> Tensor:
    kept = [x]
    while True:
        kept.append(kept[-1] * 2)


def _in_place_for_ever(x: Tensor) -> Tensor:
    while True:
        x.mul_(2)


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (_endless, "takes 100 billion operations or more; the limit for uploads here is 10 billion"),
        (_in_place_for_ever, "takes 100 billion operations or more; the limit for uploads here is 10 billion"),
        (_growing, "take 200 MB or more in one pass; the limit for uploads here is 20 MB"),
        (lambda x: aten.zeros.default([10**15]), "takes 30,000,000 billion operations or more"),
        (lambda x: aten.full.default([10**13], 1.0, device="cpu"), "takes 300,000 billion operations"),
        (lambda x: x[:, :1].expand(1, 10**15).sum(), "takes 30,000,000 billion operations"),
        (lambda x: x.expand(4000, 100_000).contiguous(), "takes 12 billion operations or more"),
        (
            lambda x: nn.functional.conv2d(x.view(1, 10, 100, 100), x.new_ones(100, 10, 50, 50)),
            "takes 13 billion operations; the limit",
        ),
        (lambda x: aten.empty.memory_format([6_000_000]).sum(), "take 48 MB in one pass"),
    ],
)
@pytest.mark.usefixtures("small_limits")
def test_too_much_is_refused_with_the_numbers(function: object, sentence: str) -> None:
    with pytest.raises(TooCostly, match=sentence):
        cost.check(Computes(function), (1, 100_000))


@pytest.mark.usefixtures("small_limits")
def test_what_is_within_the_limits_passes() -> None:
    cost.check(nn.Conv2d(3, 8, 3), (1, 3, 64, 64))


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (lambda x: x[x > 0], r"aten\.(nonzero|index): its result depends on the values"),
        (lambda x: x * float(x.sum()), r"aten\._local_scalar_dense: its result depends on the values"),
        (lambda x: torch.unique(x), r"aten\._unique2: its result depends on the values"),
    ],
)
def test_a_cost_that_depends_on_values_is_refused(function: object, sentence: str) -> None:
    with pytest.raises(QuestionError, match=f"cannot be computed in advance, because of {sentence}") as caught:
        cost.check(Computes(function), (1, 10))
    assert not isinstance(caught.value, TooCostly)


def test_an_operator_without_a_dry_run_is_refused_by_name() -> None:
    with torch.library._scoped_library("gradviz_tests", "FRAGMENT") as library:
        library.define("opaque(Tensor x) -> Tensor")
        library.impl("opaque", torch.sin, "CPU")
        opaque = torch.ops.gradviz_tests.opaque
        with pytest.raises(QuestionError, match=r"gradviz_tests\.opaque: torch cannot run it without values"):
            cost.check(Computes(opaque), (1, 10))


@pytest.mark.parametrize(
    ("module", "words"), [(nn.Conv2d(3, 8, 3), "channels"), (nn.BatchNorm2d(3).eval(), "should contain 1 elements")]
)
def test_a_wrong_shape_is_the_error_that_the_model_would_raise(module: nn.Module, words: str) -> None:
    with pytest.raises(RuntimeError, match=words):
        cost.check(module, (1, 1, 64, 64))
