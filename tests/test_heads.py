"""Which of a model's outputs a score is read from, and combinations of any numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from gradviz_core.errors import BadTarget, UnknownSite
from gradviz_core.text import target_text
from gradviz_core.tracing import trace
from gradviz_core.tracing.scores import heads, targets
from gradviz_core.types import (
    INPUT,
    OUTPUT,
    ClassDifference,
    ClassScore,
    Combination,
    CrossEntropy,
    RegionScore,
    Site,
    Target,
    Term,
)
from gradviz_core.types.heads import Head, HeadInfo, Position

X = torch.linspace(-1, 1, 12).reshape(1, 3, 2, 2).double()


@dataclass
class Named:
    """What some models return."""

    scores: Tensor
    inner: tuple[Tensor, dict[str, Tensor]]
    count: int = 3


class Several(nn.Module):
    """Two heads, (1, 3) and (1, 4), wrapped as told."""

    def __init__(self, wrap: Callable[[Tensor, Tensor], object]) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.first, self.second = nn.Linear(12, 3).double(), nn.Linear(12, 4).double()
        self.wrap = wrap

    def forward(self, x: Tensor) -> object:
        flat = x.flatten(1)
        return self.wrap(self.first(flat), self.second(flat))


def gradient(module: Several, layer: str, weights: Tensor) -> Tensor:
    """Σ weights · ∂numbers/∂x of one of the two linear layers: weights times its matrix."""
    return (weights @ module.get_parameter(f"{layer}.weight").detach()).reshape(X.shape)


WRAPPED: list[tuple[Callable[[Tensor, Tensor], object], str, str]] = [
    (lambda a, b: (a, b), "0", "first"),
    (lambda a, b: [b, [a]], "0", "second"),
    (lambda a, b: {"features": a, "logits": b}, "logits", "second"),
    (lambda a, b: {"aux": a, "out": {"logits": b}}, "out.logits", "second"),
    (lambda a, b: Named(a, (b, {"other": b})), "scores", "first"),
    (lambda a, b: (a.mean(), b), "1", "second"),  # a loss beside the classes
    (lambda a, b: {"features": a[0], "scores": b}, "scores", "second"),
    (lambda a, b: (a.argmax(1), b), "1", "second"),
]


@pytest.mark.parametrize(("wrap", "item", "layer"), WRAPPED)
def test_the_usual_head_is_named_and_right(wrap: Callable[[Tensor, Tensor], object], item: str, layer: str) -> None:
    module = Several(wrap)
    found = trace.gradients(module, X, target=ClassScore(2))
    assert found.target == ClassScore(2, head=Head(item, reading="softmax_logits"))
    torch.testing.assert_close(
        found.gradients[INPUT], gradient(module, layer, torch.eye(3 if layer == "first" else 4).double()[2])
    )


def test_any_head_can_be_chosen() -> None:
    module = Several(lambda a, b: Named(a, (b, {"other": 2 * b})))
    found = trace.gradients(module, X, target=ClassDifference(3, 0, Head("inner.1.other")))
    torch.testing.assert_close(
        found.gradients[INPUT], gradient(module, "second", torch.tensor([-2.0, 0, 0, 2]).double())
    )
    with pytest.raises(BadTarget, match=r"no real numbers under 'nowhere'; there are 'scores', 'inner.0'"):
        trace.gradients(module, X, target=ClassScore(0, head=Head("nowhere")))


@pytest.mark.parametrize(
    ("shape", "numbers"),
    [((), 1), ((1,), 1), ((1, 1), 1), ((4,), 4), ((1, 4), 4)],
)
def test_a_row_of_one_image_may_have_any_number_of_axes(shape: tuple[int, ...], numbers: int) -> None:
    module = Several(lambda a, b: b.flatten()[:numbers].reshape(shape))
    found = trace.gradients(module, X, target=ClassScore(numbers - 1))
    torch.testing.assert_close(found.gradients[INPUT], gradient(module, "second", torch.eye(4).double()[numbers - 1]))


def test_of_several_rows_one_is_named() -> None:
    module = Several(lambda a, b: torch.cat([b, 3 * b], 0))
    with pytest.raises(BadTarget, match=r"2 rows of class scores; .* Choose one: Head\(row=0\) is the first"):
        trace.gradients(module, X, target=ClassScore(1))
    found = trace.gradients(module, X, target=ClassScore(1, head=Head(row=1)))
    torch.testing.assert_close(found.gradients[INPUT], gradient(module, "second", 3 * torch.eye(4).double()[1]))
    with pytest.raises(BadTarget, match="Row 2 does not exist: the output has rows 0 to 1"):
        trace.gradients(module, X, target=ClassScore(1, head=Head(row=2)))


def test_a_number_for_each_of_several_images_is_no_row_of_classes() -> None:
    """(N,) numbers of N images: class 0 would be the first image."""
    seen = trace.forward(Several(lambda a, b: b[:, 0]), X.repeat(4, 1, 1, 1))
    with pytest.raises(BadTarget, match=r"4 rows of class scores; .* Pass one image"):
        targets.select(ClassScore(0), seen)


def test_a_batch_has_a_score_for_each_image_whatever_the_output_is() -> None:
    many = torch.cat([X, -X, 0.5 * X])
    endings: list[tuple[Callable[[Tensor, Tensor], object], Target]] = [
        (lambda a, b: b[:, 0], ClassScore(0, "probability")),
        (lambda a, b: b.softmax(1), ClassScore(2, "log_probability")),
        (lambda a, b: b[..., None, None].expand(-1, 4, 3, 2), RegionScore(1, Position(2, 1))),
        (lambda a, b: {"aux": a, "logits": b}, CrossEntropy(3)),
    ]
    for ending, target in endings:
        module = Several(ending)
        found = trace.gradients(module, many, target=target)
        alone = [trace.gradients(module, many[i : i + 1], target=target) for i in range(3)]
        assert isinstance(found.score, tuple)
        assert found.score == pytest.approx([one.score for one in alone], rel=1e-12)
        torch.testing.assert_close(found.gradients[INPUT], torch.cat([one.gradients[INPUT] for one in alone]))


def test_every_tensor_of_real_numbers_is_described() -> None:
    module = Several(
        lambda a, b: {
            "logits": a,
            "age": b[0, 0],
            "map": b.reshape(1, 4, 1, 1).expand(1, 4, 6, 7).sigmoid(),
            "boxes": b.repeat(1, 15).reshape(1, 6, 10),
            "turned": b.repeat(1, 15).reshape(1, 10, 6),
            "places": b.repeat(1, 10).reshape(1, 10, 4),
            "steps": b.repeat(1, 15).reshape(1, 5, 12),
            "tokens": b[None, :, :3],
            "index": a.argmax(1),
        }
    )
    found = heads.describe(trace.forward(module, X))
    assert found == (
        HeadInfo("logits", (1, 3), "row", "softmax_logits", "guess", 3),
        HeadInfo("age", (), "row", "numbers", "guess", 1),
        HeadInfo("map", (1, 4, 6, 7), "map", "probabilities", "graph", 4),
        HeadInfo("boxes", (1, 6, 10), "boxes", "sigmoid_logits", "guess", 2),
        HeadInfo("turned", (1, 10, 6), "boxes", "sigmoid_logits", "guess", 2),
        HeadInfo("places", (1, 10, 4), "other", "numbers", "guess", 0),
        HeadInfo("steps", (1, 5, 12), "other", "numbers", "guess", 0),
        HeadInfo("tokens", (1, 1, 3), "other", "numbers", "guess", 0),
    )
    said = heads.describe(trace.forward(module, X), "sigmoid_logits", "recipe")
    assert {(info.reading, info.known_from) for info in said} == {("sigmoid_logits", "recipe")}


def test_a_sequence_says_which_score_to_ask_for() -> None:
    """The steps of a text by characters: the sentence holds a score as it can be typed."""
    module = Several(lambda a, b: {"text": b.repeat(1, 15).reshape(1, 5, 12)})
    with pytest.raises(BadTarget, match="on the command line --score '") as caught:
        trace.gradients(module, X, target=ClassScore())
    score = target_text.from_text(str(caught.value).split("'")[-2])
    assert score == Combination((Term((0, 2, 6)),), Site("", 0, "text"))
    b = module.second(X.flatten(1))[0].detach()
    assert trace.gradients(module, X, target=score).score == pytest.approx(b[(2 * 12 + 6) % len(b)].item())


# -------------------------------------------------------------------------------------------------------- combinations

COMBINED = Combination((Term((0, 3), 2.0), Term((0, 1), -0.5), Term((0, 3), 1.0)), Site("", 0, "inner.0"))


def test_a_combination_inside_what_a_model_returns() -> None:
    module = Several(lambda a, b: Named(a, (b, {})))
    found = trace.gradients(module, X, target=COMBINED)
    b = module.second(X.flatten(1))[0].detach()
    assert found.score == pytest.approx(3 * b[3].item() - 0.5 * b[1].item(), rel=1e-12)
    torch.testing.assert_close(
        found.gradients[INPUT], gradient(module, "second", torch.tensor([0, -0.5, 0, 3]).double())
    )
    assert found.target == COMBINED


def test_a_combination_of_numbers_inside_the_model() -> None:
    module = Several(lambda a, b: a)
    found = trace.gradients(module, X, target=Combination((Term((0, 2)),), Site("second")))
    torch.testing.assert_close(found.gradients[INPUT], gradient(module, "second", torch.eye(4).double()[2]))


def test_a_single_number_is_a_combination_too() -> None:
    module = Several(lambda a, b: b[0, 1])
    found = trace.gradients(module, X, target=Combination((Term((), 4.0),)))
    torch.testing.assert_close(found.gradients[INPUT], gradient(module, "second", 4 * torch.eye(4).double()[1]))


@pytest.mark.parametrize(
    ("target", "error", "sentence"),
    [
        (Combination(()), BadTarget, "All weights of the combination are zero"),
        (Combination((Term((0, 1)), Term((0, 1), -1.0))), BadTarget, "All weights of the combination are zero"),
        (Combination((Term((0, 1), float("nan")),)), BadTarget, "infinite or NaN"),
        (Combination((Term((0, 3)),)), BadTarget, r"no value \(0, 3\) in the output, whose shape is \(1, 3\)"),
        (Combination((Term((3,)),)), BadTarget, r"no value \(3,\)"),
        (Combination((Term((0, -1)),)), BadTarget, "no value"),
        (Combination((Term((0, 1)),), Site("nowhere")), UnknownSite, "nowhere"),
        (CrossEntropy(7), BadTarget, "Class 7 does not exist"),
    ],
)
def test_what_is_not_there_is_refused(target: Target, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        trace.gradients(Several(lambda a, b: a), X, target=target)


def test_whole_numbers_cannot_be_combined() -> None:
    with pytest.raises(BadTarget, match="only real numbers have a gradient"):
        trace.gradients(Several(lambda a, b: (a, b.argmax(1))), X, target=Combination((Term((0,)),), Site("", 0, "1")))


def test_a_combination_stops_the_pass_where_it_can() -> None:
    assert Combination((Term((0,)),), Site("first")).may_stop
    assert not ClassScore().may_stop
    assert COMBINED.at == Site("", 0, "inner.0") != OUTPUT
