"""What an output is, read off the last operation of the forward pass; and what is not read off it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import Node

from gradviz_core.errors import BadTarget
from gradviz_core.tracing import trace
from gradviz_core.tracing.scores import heads, last_operation
from gradviz_core.types import INPUT, ClassScore, CrossEntropy, SiteSum, Target
from gradviz_core.types import OUTPUT as WHOLE
from gradviz_core.types.heads import USUAL_HEAD, KnownFrom, OutputKind
from gradviz_core.uploads import exported
from tests.exported.files import exported_bytes

Ending = Callable[[Tensor], Tensor]


class Ends(nn.Module):
    """A linear layer, and what comes after it."""

    def __init__(self, ending: Ending, classes: int = 4) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.layer = nn.Linear(12, classes)
        self.ending = ending

    def forward(self, x: Tensor) -> Tensor:
        return self.ending(self.layer(x.flatten(1)))


X = torch.linspace(-1, 1, 12).reshape(1, 3, 2, 2)
KNOWN: list[tuple[str, Ending, OutputKind]] = [
    ("softmax", lambda z: z.softmax(1), "probabilities"),
    ("softmax, flattened", lambda z: z.softmax(-1)[:, :, None].flatten(1), "probabilities"),
    ("softmax, squeezed", lambda z: z.softmax(1).squeeze(), "probabilities"),
    ("softmax, turned", lambda z: z[..., None].softmax(1).permute(0, 2, 1)[:, 0], "probabilities"),
    ("softmax, the first left out", lambda z: z.softmax(1)[:, 1:], "probabilities"),
    ("softmax, one of two", lambda z: z[:, :2].softmax(1)[:, 1], "probabilities"),
    ("softmax, kept within limits", lambda z: z.softmax(1).clamp(1e-6, 1 - 1e-6), "probabilities"),
    ("softmax in half precision", lambda z: z.softmax(1).bfloat16(), "probabilities"),
    ("log of softmax", lambda z: z.softmax(1).log(), "log_probabilities"),
    ("log-softmax", lambda z: F.log_softmax(z, 1), "log_probabilities"),
    ("exp of log-softmax", lambda z: F.log_softmax(z, 1).exp(), "probabilities"),
    ("sigmoid", torch.sigmoid, "probabilities"),
    ("sigmoid of one", lambda z: z[:, :1].sigmoid(), "probabilities"),
    ("sigmoid, a number", lambda z: z[0, 0].sigmoid(), "probabilities"),
    ("sigmoid, in place", lambda z: z.mul(1).sigmoid_(), "probabilities"),
    ("log-sigmoid", F.logsigmoid, "log_probabilities"),
    ("sigmoids, joined", lambda z: torch.cat([z[:, :1].sigmoid(), z[:, 1:].sigmoid()], 1), "probabilities"),
]
UNKNOWN: list[tuple[str, Ending, OutputKind]] = [
    ("softmax in the middle", lambda z: z.softmax(1) * torch.arange(4.0), "softmax_logits"),
    ("softmax over tokens", lambda z: torch.stack([z, -z], 1).softmax(1)[:, 0], "softmax_logits"),
    ("sigmoid times", lambda z: z.sigmoid() * z, "softmax_logits"),
    ("a sigmoid beside what is none", lambda z: torch.cat([z[:, :1].sigmoid(), z[:, 1:]], 1), "softmax_logits"),
    ("hyperbolic tangent", torch.tanh, "softmax_logits"),
    ("logits", lambda z: z, "softmax_logits"),
    ("one number", lambda z: z[:, :1], "numbers"),
    ("one number without an axis", lambda z: z[0, 0], "numbers"),
    ("cut off", lambda z: z.softmax(1).detach(), "probabilities"),
    ("a softmax by hand", lambda z: z.exp() / z.exp().sum(1, keepdim=True), "probabilities"),
    ("the mean of two", lambda z: (z.softmax(1) + (-z).softmax(1)) / 2, "probabilities"),
    ("p and 1 - p", lambda z: torch.cat([1 - z[:, :1].sigmoid(), z[:, :1].sigmoid()], 1), "probabilities"),
    ("an embedding of length one", lambda z: F.normalize(z), "numbers"),
    ("almost of length one", lambda z: F.normalize(z) * 1.01, "softmax_logits"),
    ("together 2", lambda z: z.softmax(1) * 2, "softmax_logits"),
    ("together 1, some negative", lambda z: z - z.mean(1, keepdim=True) + 0.25, "softmax_logits"),
]


def read(module: nn.Module) -> tuple[OutputKind, KnownFrom]:
    numbers = heads.row(trace.forward(module, X), USUAL_HEAD)
    return numbers.kind, numbers.known_from


@pytest.mark.parametrize(("ending", "kind"), [case[1:] for case in KNOWN], ids=[case[0] for case in KNOWN])
def test_the_last_operation_tells(ending: Ending, kind: OutputKind) -> None:
    assert read(Ends(ending)) == (kind, "graph")


@pytest.mark.parametrize(("ending", "kind"), [case[1:] for case in UNKNOWN], ids=[case[0] for case in UNKNOWN])
def test_what_does_not_tell_is_a_guess(ending: Ending, kind: OutputKind) -> None:
    assert read(Ends(ending)) == (kind, "guess")


@pytest.mark.parametrize(
    ("last", "kind"),
    [(nn.Softmax(1), "probabilities"), (nn.Sigmoid(), "probabilities"), (nn.LogSoftmax(1), "log_probabilities")],
)
def test_an_exported_program_tells_too(last: nn.Module, kind: OutputKind) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 5, 2), nn.Flatten(), nn.Linear(5, 4), last).eval()
    again = exported.read(exported_bytes(module, X)).module
    assert read(again) == (kind, "graph")
    p = torch.softmax(module[:-1](X), 1) if not isinstance(last, nn.Sigmoid) else torch.sigmoid(module[:-1](X))
    found = trace.gradients(again, X, target=ClassScore(2, "probability"))
    assert found.score == pytest.approx(p[0, 2].item(), rel=1e-6)


def test_probabilities_are_not_put_through_a_softmax_again() -> None:
    """One of the classes of a network that ends in a softmax: p itself, and the gradient of p."""
    module = Ends(lambda z: z.softmax(1))
    leaf = X.clone().requires_grad_()
    p = module(leaf)[0]
    (slope,) = torch.autograd.grad(p[1], leaf, retain_graph=True)
    found = trace.gradients(module, X, target=ClassScore(1, "probability"))
    assert found.score == p[1].item()
    torch.testing.assert_close(found.gradients[INPUT], slope)
    loss = trace.gradients(module, X, target=CrossEntropy(1))
    assert loss.score == pytest.approx(-p[1].log().item(), rel=1e-6)


@pytest.mark.parametrize(
    ("target", "ending"),
    [
        (ClassScore(), lambda z: z[:, :1].softmax(1)),
        (ClassScore(0, "probability"), lambda z: z[:, :1].log_softmax(1)),
        (ClassScore(2), lambda z: z.softmax(0)),
        (CrossEntropy(2), lambda z: z[:, None].softmax(1)[:, 0]),
        (SiteSum(WHOLE), lambda z: z.softmax(1)),
    ],
)
def test_what_is_the_same_for_all_inputs_is_refused(target: Target, ending: Ending) -> None:
    with pytest.raises(BadTarget, match="the same for every image"):
        trace.gradients(Ends(ending), X, target=target)


@pytest.mark.parametrize(
    ("ending", "form"),
    [
        (lambda z: z, "other"),
        (torch.sigmoid, "other"),
        (lambda z: torch.cat([z[:, :1] + 1, *z[:, 1:].split(1, 1)], 1), "other"),
        (lambda z: torch.cat([z[:, :, :4], z[:, :, 4:]], 2), "boxes"),
        (lambda z: torch.cat([z[:, :, :4], z[:, :, 4:].softmax(2)], 2), "boxes"),
        (lambda z: z.repeat(1, 200, 1), "boxes"),
        (lambda z: z.softmax(2), "other"),
        (lambda z: z.log_softmax(2), "other"),
        (lambda z: z.softmax(2).transpose(1, 2), "other"),
    ],
)
def test_sequences_of_tokens_are_not_boxes(ending: Ending, form: str) -> None:
    (info,) = heads.describe(trace.forward(Ends(lambda z: ending(z.reshape(1, 9, 6)), 54), X))
    assert info.form == form


def test_a_map_of_another_axis_does_not_count() -> None:
    for axis, known in ((1, "graph"), (2, "guess"), (3, "guess")):
        module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Softmax(axis)).eval()
        (info,) = heads.describe(trace.forward(module, torch.randn(1, 3, 5, 6)))
        assert (info.form, info.known_from) == ("map", known)


def all_shares(z: Tensor) -> Tensor:
    return z.softmax(1)


@pytest.mark.parametrize("ending", [all_shares, lambda z: z.softmax(1)[:, 1:], torch.sigmoid])
def test_names_that_are_gone_cost_the_reading_and_never_the_answer(
    ending: Ending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the attributes that PyTorch does not promise, and without the names of nodes that it does."""

    class Bare:
        def __init__(self, node: Node) -> None:
            self._node = node

        def name(self) -> str:
            return self._node.name()

        @property
        def next_functions(self) -> object:
            return tuple((None if node is None else Bare(node), i) for node, i in self._node.next_functions)

    end = last_operation._end

    def of_bare(node: Node | None, beside_places: bool) -> last_operation._End | None:
        return end(Bare(node) if node else None, beside_places)  # type: ignore[arg-type]

    monkeypatch.setattr(last_operation, "_end", of_bare)
    module = Ends(ending)
    whole = module(X).shape[1] == 4
    assert read(module) == (("probabilities", "graph") if whole else ("softmax_logits", "guess"))
    with pytest.raises(BadTarget, match="same for every image"):
        trace.gradients(Ends(lambda z: z.softmax(0)), X, target=ClassScore())
    monkeypatch.setattr(last_operation, "_POWERS", {})
    looks = "probabilities" if ending is all_shares else "softmax_logits"
    assert read(module) == (looks, "guess")
    assert trace.gradients(module, X, target=ClassScore(0)).score == module(X)[0, 0].item()
