"""Attention weights are exact values of a pass, also where a fused kernel never forms them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import gradviz_core as gv
from gradviz_core.answering import Answerer
from gradviz_core.errors import GradVizError, QuestionError, UnknownSite
from gradviz_core.tracing import attention, plain_attention, trace
from gradviz_core.types.attention import attention_of, is_attention
from gradviz_core.types.sites import site_name
from gradviz_core.uploads import exported
from tests import attending
from tests.exported.files import exported_bytes

TARGET = gv.ClassScore(2)


def formed(module: nn.Module, *given: Tensor) -> dict[gv.Site, Tensor]:
    found = trace.forward(module, given, attention=True)
    return {site: found.value(site).detach() for site in found.attention}


def far(one: Tensor, other: Tensor) -> float:
    """The largest difference, relative to the largest number."""
    return ((one - other).abs().max() / other.abs().max()).item()


# ----------------------------------------------------------------------------------------------- values and gradients


@pytest.fixture(scope="module")
def transformer() -> nn.Module:
    return attending.vision_transformer()


def by_plain_autograd(module: nn.Module, x: Tensor) -> tuple[list[Tensor], tuple[Tensor, ...]]:
    """Weights and gradients of the fused layers of ``transformer``, without a line of ours: every layer is told to form
    its weights, and the softmax within it to keep what it returns."""
    kept: list[Tensor] = []
    softmax = functional.softmax

    def keeping(*args: Any, **kwargs: Any) -> Tensor:
        kept.append(softmax(*args, **kwargs))
        return kept[-1]

    hooks = [
        part.register_forward_pre_hook(
            lambda _, args, kwargs: (args, {**kwargs, "need_weights": True}), with_kwargs=True
        )
        for part in module.modules()
        if isinstance(part, nn.MultiheadAttention)
    ]
    functional.softmax = keeping
    try:
        score = module(x.clone().requires_grad_())[0, 2]
    finally:
        functional.softmax = softmax
        for hook in hooks:
            hook.remove()
    return kept, torch.autograd.grad(score, kept)


def test_the_weights_of_fused_layers_and_their_gradients_are_those_of_plain_autograd(transformer: nn.Module) -> None:
    x = attending.picture()
    infos = [info for info in trace.survey(transformer, x, attention=True) if is_attention(info.site)]
    names = [f"encoder.layers.encoder_layer_{i}.self_attention[.attention]" for i in range(3)]
    assert [str(info.site) for info in infos] == names
    assert {(info.kind, info.shape, info.differentiable) for info in infos} == {("attention", (1, 2, 10, 10), True)}
    found = trace.gradients(transformer, x, target=TARGET, wrt=[info.site for info in infos])
    values, slopes = by_plain_autograd(transformer, x)
    for info, value, slope in zip(infos, values, slopes, strict=True):
        assert far(found.activations[info.site].squeeze(0), value.detach()) < 1e-6
        assert far(found.gradients[info.site].squeeze(0), slope) < 1e-5
    assert found.score == pytest.approx(transformer(x)[0, 2].item(), rel=1e-5)


def test_they_agree_with_finite_differences(transformer: nn.Module) -> None:
    sites = list(formed(transformer, attending.picture()))
    proof = gv.prove(transformer, attending.picture(), TARGET, sites, directions=1, every_step=False)
    assert proof.verdict.startswith("They agree in all 3 directions")
    assert "the attention weights of encoder.layers.encoder_layer_" in proof.verdict


@pytest.mark.parametrize("how", attending.WAYS)
def test_every_way_of_writing_attention_gives_the_same(how: str) -> None:
    module, x = attending.by_hand(how), attending.picture()
    (site,) = formed(module, x)
    assert site == attention_of("attention")
    found = trace.gradients(module, x, target=TARGET, wrt=site)
    weights, slope = found.activations[site], found.gradients[site]
    q, k, v = (
        module.attention.qkv(module.patches(x).flatten(2).transpose(1, 2)).reshape(1, 9, 3, 2, 4).permute(2, 0, 3, 1, 4)
    )
    scale = 1.0 if how == "einsum" else 0.5
    assert far(weights, (q @ k.transpose(-2, -1) * scale).softmax(-1)) < 1e-6
    # score = head · mean_i (tokens_i + Σ_j A_ij v_j), so ∂score/∂A_hij = head_h · v_hj / 9, for all i
    by_head = module.head.weight[2].reshape(2, 4)
    expected = torch.einsum("h d, h j d -> h j", by_head, v[0]) / 9
    assert far(slope, expected[None, :, None].expand(1, 2, 9, 9)) < 1e-5
    assert gv.prove(module, x, TARGET, [site], directions=1, every_step=False).verdict.startswith("They agree")


@pytest.mark.parametrize("how", ["transformer", *attending.WAYS])
def test_exported_programs_form_the_same(how: str, transformer: nn.Module) -> None:
    module = transformer if how == "transformer" else attending.by_hand(how)
    x = attending.picture()
    program = exported.read(exported_bytes(module, x)).module
    mine, theirs = formed(program, x), formed(module, x)
    assert list(mine) == list(theirs)
    slopes = [trace.gradients(one, x, target=TARGET, wrt=list(mine)).gradients for one in (program, module)]
    for site in mine:
        assert far(mine[site], theirs[site]) < 1e-6
        assert far(slopes[0][site], slopes[1][site]) < 1e-5


# ------------------------------------------------------------------------------------------------ what the kernels take

HIDDEN = torch.tensor([[False, True, False, False, True, False]])
PUSHED = torch.linspace(-1, 1, 24).reshape(4, 6)
CAUSAL = torch.ones(6, 6, dtype=torch.bool).triu(1)
MULTI_HEADS: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[tuple[int, ...], ...]]] = {
    "weights wanted of each head": ({}, {"average_attn_weights": False}, ((4, 2, 8), (6, 2, 8), (6, 2, 8))),
    "no images": ({}, {}, ((4, 8), (6, 8), (6, 8))),
    "images first": ({"batch_first": True}, {"need_weights": False}, ((2, 4, 8), (2, 6, 8), (2, 6, 8))),
    "keys of another width": ({"kdim": 5, "vdim": 3}, {}, ((4, 1, 8), (6, 1, 5), (6, 1, 3))),
    "keys that are hidden": ({}, {"key_padding_mask": HIDDEN}, ((4, 1, 8), (6, 1, 8), (6, 1, 8))),
    "a mask that is added": ({}, {"attn_mask": PUSHED}, ((4, 2, 8), (6, 2, 8), (6, 2, 8))),
    "a mask for each head": ({}, {"attn_mask": PUSHED.repeat(2, 1, 1)}, ((4, 1, 8), (6, 1, 8), (6, 1, 8))),
    "no look ahead": (
        {},
        {"attn_mask": CAUSAL, "is_causal": True, "need_weights": False},
        ((6, 1, 8), (6, 1, 8), (6, 1, 8)),
    ),
    "more keys, and hidden ones": (
        {"add_bias_kv": True, "add_zero_attn": True},
        {"attn_mask": PUSHED, "key_padding_mask": HIDDEN.float()},
        ((4, 1, 8), (6, 1, 8), (6, 1, 8)),
    ),
    "no biases": ({"bias": False}, {}, ((4, 1, 8), (6, 1, 8), (6, 1, 8))),
}


@pytest.mark.parametrize("name", MULTI_HEADS)
def test_whatever_multi_head_attention_takes(name: str) -> None:
    made, how, shapes = MULTI_HEADS[name]
    generator = torch.Generator().manual_seed(2)
    given = tuple(torch.randn(shape, generator=generator) for shape in shapes)
    module = attending.spread(attending.AllThrough(nn.MultiheadAttention(8, 2, **made), **how))
    with torch.no_grad():
        expected, weights = module(*given)
    found = trace.forward(module, given, attention=True)
    (site,) = found.attention
    assert isinstance(found.output, tuple)
    assert far(found.output[0].detach(), expected) < 1e-5
    value = found.value(site).detach()
    assert far(value.sum(-1), torch.ones(())) < 1e-5
    if weights is None:
        assert found.output[1] is None
    else:
        averaged = value if how.get("average_attn_weights") is False else value.mean(1)
        assert far(averaged.reshape(weights.shape), weights) < 1e-5


SEEN = torch.tensor([[True, False, True, False], [False] * 4, [True] * 4])
DOT_PRODUCTS: dict[str, tuple[dict[str, Any], tuple[int, ...], tuple[int, ...]]] = {
    "plain": ({}, (1, 2, 3, 4), (1, 2, 4, 4)),
    "a query that sees nothing": ({"attn_mask": SEEN}, (1, 2, 3, 4), (1, 2, 4, 4)),
    "a mask that is added": ({"attn_mask": SEEN.float()}, (1, 3, 4), (1, 4, 4)),
    "no look ahead": ({"is_causal": True}, (1, 2, 4, 4), (1, 2, 4, 4)),
    "another scale": ({"scale": 2.0}, (1, 2, 3, 4), (1, 2, 4, 4)),
    "keys that heads share": ({"enable_gqa": True}, (1, 4, 3, 4), (1, 2, 4, 4)),
}


class DotProduct(nn.Module):
    def __init__(self, how: dict[str, Any]) -> None:
        super().__init__()
        self.how = how

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(q, k, v, **self.how)


@pytest.mark.parametrize("name", DOT_PRODUCTS)
def test_whatever_the_fused_kernel_takes(name: str) -> None:
    how, queries, keys = DOT_PRODUCTS[name]
    generator = torch.Generator().manual_seed(3)
    q, k, v = (torch.randn(shape, generator=generator).requires_grad_() for shape in (queries, keys, keys))
    module = DotProduct(how).eval()
    (site,) = formed(module, q, k, v)
    target = gv.SiteSum(gv.OUTPUT)
    found = trace.gradients(module, (q, k, v), target=target, wrt=[site, *(gv.Site(".input", i) for i in range(3))])
    expected = module(q, k, v)
    assert found.score == pytest.approx(expected.sum().item(), abs=1e-4)
    slopes = torch.autograd.grad(expected.sum(), (q, k, v))
    for i, slope in enumerate(slopes):
        assert (found.gradients[gv.Site(".input", i)] - slope).abs().max() < 1e-5
    # each row of the result is Σ_j A_ij v_j, so ∂sum/∂A_ij = Σ_d v_jd
    repeated = v.repeat_interleave(q.shape[-3] // v.shape[-3], -3).detach()
    assert far(found.gradients[site], repeated.sum(-1)[..., None, :].expand_as(found.gradients[site])) < 1e-5
    assert found.activations[site].isfinite().all()


def test_what_follows_lies_in_memory_as_the_kernel_lays_it() -> None:
    class Views(DotProduct):
        def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            return super().forward(q, k, v).transpose(1, 2).view(q.shape[0], q.shape[2], -1)

    given = [torch.randn(1, 5, 2, 4).transpose(1, 2) for _ in range(3)]
    module = Views({}).eval()
    expected = module(*given)
    assert far(trace.forward(module, tuple(given), attention=True).output.detach(), expected) < 1e-6  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------------------ what is not attention


class Probabilities(nn.Module):
    """A softmax over the classes of each token: no sum is weighted by it."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 3)
        self.softmax = nn.Softmax(-1)
        self.same = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        probabilities: Tensor = self.same(self.softmax(self.head(x)))
        return probabilities


def test_a_softmax_that_weighs_nothing_is_none() -> None:
    x = torch.randn(1, 5, 4)
    plain, asked = (trace.survey(Probabilities().eval(), x, attention=wanted) for wanted in (False, True))
    assert plain == asked
    with pytest.raises(UnknownSite, match="the attention weights of softmax"):
        trace.gradients(Probabilities().eval(), x, target=gv.Unit(gv.OUTPUT, (0, 1)), wrt=attention_of("softmax"))


@pytest.mark.parametrize("module", [nn.Conv2d(3, 2, 3), attending.by_hand("fused")], ids=["none", "unasked"])
def test_a_pass_that_asks_for_none_has_none(module: nn.Module) -> None:
    assert not any(is_attention(info.site) for info in trace.survey(module.eval(), attending.picture()))


def test_a_pass_that_asks_for_none_calls_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise QuestionError("attention was run in plain operations")

    monkeypatch.setattr(attention, "dot_product", fail)
    trace.survey(attending.by_hand("fused"), attending.picture())
    with pytest.raises(QuestionError, match="in plain operations"):
        trace.survey(attending.by_hand("fused"), attending.picture(), attention=True)


def test_what_was_asked_before_changes_no_answer() -> None:
    model, image = "preset/shapes-vit", "sample/star"
    site = attention_of("layers.1.attention")
    plain = gv.GradientQuestion(model=model, image=image, wrt=(gv.INPUT, gv.Site("layers.1")))
    weights = gv.GradientQuestion(model=model, image=image, wrt=(site,))
    answers: dict[gv.GradientQuestion, list[gv.GradientAnswer]] = {plain: [], weights: []}
    for order in ((plain, weights), (weights, plain)):
        answerer = Answerer("cpu")
        for question in order:
            answers[question].append(answerer.answer(question))
    for one, other in answers.values():
        assert one.arrays.keys() == other.arrays.keys()
        for name in one.arrays:
            assert (one.arrays[name] == other.arrays[name]).all(), name
    returned = Answerer("cpu").answer(
        gv.GradientQuestion(
            model=model, image=image, target=gv.SiteSum(gv.Site("layers.1.attention", 0, "1")), wrt=(site,)
        )
    )
    assert (returned.gradients[site] == 1).all(), "what the layer returns is its weights"


# ------------------------------------------------------------------------------------------------------------- refused


def test_weights_that_are_dropped_at_random_are_refused() -> None:
    module = attending.AllThrough(nn.MultiheadAttention(8, 2, dropout=0.5)).train()
    with pytest.raises(QuestionError, match=r"the attention weights of multi_head are dropped at random.*eval\(\)"):
        formed(module, *[torch.randn(4, 1, 8)] * 3)


def test_a_kernel_that_gives_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def doubled(given: Any, hand_on: Callable[..., Tensor]) -> Tensor:
        return 1.01 * plain(given, hand_on)

    plain = plain_attention.dot_product
    monkeypatch.setattr(attention, "dot_product", doubled)
    with pytest.raises(GradVizError, match="attention at the attention weights of attention does not give what"):
        formed(attending.by_hand("fused"), attending.picture())


@pytest.mark.parametrize("module", [attending.vision_transformer(1), attending.by_hand("fused")], ids=["heads", "dot"])
def test_more_weights_than_fit_are_refused_before_they_are_formed(
    module: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    (weights,) = formed(module, attending.picture()).values()
    monkeypatch.setattr(attention, "MOST_WEIGHTS", weights.numel())
    formed(module, attending.picture())
    monkeypatch.setattr(attention, "MOST_WEIGHTS", weights.numel() - 1)
    monkeypatch.setattr(torch.Tensor, "softmax", None)
    with pytest.raises(QuestionError, match="Use a smaller input"):
        formed(module, attending.picture())


# ---------------------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("site", "text", "name"),
    [
        (attention_of("blocks.0.attn"), "blocks.0.attn[.attention]", "the attention weights of blocks.0.attn"),
        (attention_of("a", 1, 1), "a:1[.attention 2]", "the second attention weights of a, second call"),
        (attention_of(""), ".output[.attention]", "the attention weights of the model"),
    ],
)
def test_a_site_of_weights_is_a_site(site: gv.Site, text: str, name: str) -> None:
    assert (str(site), gv.Site.parse(text), site_name(site)) == (text, site, name)
    assert is_attention(site)


@pytest.mark.parametrize("item", ["attention", ".attention x", ".attention 0", ".attention  2", "0", ""])
def test_no_other_site_is_one_of_weights(item: str) -> None:
    assert not is_attention(gv.Site("a", 0, item))
    assert site_name(gv.Site("a", 0, item)).startswith("a")
