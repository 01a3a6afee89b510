"""Attention rollout, its gradient-weighted form, Chefer's relevance and LeGrad: by hand on three blocks, by plain
autograd, and beside what a public implementation makes of the same model."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.answers.oracle import SceneOracle
from gradviz_core.drawing import snippets
from gradviz_core.drawing.snippets.setting import Setting
from gradviz_core.errors import QuestionError, Unreachable
from gradviz_core.methods.attributions import Attention, Oracle, function_of
from gradviz_core.tracing import trace
from gradviz_core.types.attention import blocks
from gradviz_core.types.methods import settled
from gradviz_core.uploads import exported
from tests import attending, snippet_runs
from tests.exported.files import exported_bytes
from tests.oracles import scene_of
from tests.test_attention import by_plain_autograd
from tests.test_token_grids import swin

METHODS = ("attention_rollout", "gradient_rollout", "chefer", "legrad")
TARGET = gv.ClassScore(2)

# -------------------------------------------------------------------------------------------- three blocks, on paper


@dataclass(frozen=True)
class OnPaper:
    """An oracle that knows nothing but attention layers."""

    layers: tuple[Attention, ...]
    notes: list[str] = field(default_factory=list)
    tokens: list[Tensor] = field(default_factory=list)

    def attentions(self, *, early: bool = False) -> tuple[Attention, ...]:
        return self.layers

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)

    def keep_tokens(self, numbers: Tensor, layer: Attention) -> None:
        self.tokens[:] = [numbers]

    def __call__(self, value: Tensor) -> Tensor:
        raise AssertionError("only the attention layers are on paper")

    def __getattr__(self, name: str) -> Any:
        """For all else that an oracle has."""
        return self.__call__


def layer(weights: list[list[float]], gradient: list[list[float]]) -> Attention:
    """A class token and two patches, one head."""
    one, other = (torch.tensor([numbers], dtype=torch.float32) for numbers in (weights, gradient))
    return Attention(one, other, torch.tensor([-1, 0, 1]), (1, 2))


THIRD = 1 / 3
PAPER = (
    layer([[THIRD, THIRD, THIRD], [0, 1, 0], [0, 0, 1]], [[0, 9, -9], [0, 2, 0], [0, 0, -1]]),
    layer([[0, 1, 0], [0, 0, 1], [0, 1, 0]], [[0, 1, 0], [0, 0, 2], [0, -4, 0]]),
    layer([[0, 0, 1], [1, 0, 0], [0, 0, 1]], [[0, 0, 3], [0, 0, 0], [0, 0, 0]]),
)


def mapped(method: str, layers: tuple[Attention, ...], **options: str) -> list[float]:
    """The numbers of the map over the patches."""
    oracle = cast(Oracle, OnPaper(layers))
    found = function_of(method)(oracle, torch.zeros(1), settled(method, tuple(options.items())))
    assert found.shape == (1, 1, *layers[0].grid)
    return found.flatten().tolist()


def test_rollout_of_three_blocks_by_hand() -> None:
    # row of the class token: (0 0 1 + 1 0 0)/2 = (1/2, 0, 1/2) of the third block,
    # times the second, 1/2 (1/2, 1/2, 0) + 1/2 (0, 1/2, 1/2) = (1/4, 1/2, 1/4),
    # times the first, 1/4 (2/3, 1/6, 1/6) + 1/2 (0, 1, 0) + 1/4 (0, 0, 1) = (1/6, 13/24, 7/24)
    assert mapped("attention_rollout", PAPER) == pytest.approx([13 / 24, 7 / 24])


def test_chefers_relevance_of_three_blocks_by_hand() -> None:
    # Ā1 = (0 3 0; 0 2 0; 0 0 0), Ā2 = (0 1 0; 0 0 2; 0 0 0), Ā3 = (0 0 3; 0 0 0; 0 0 0)
    # (1 0 3) (I + Ā2) = (1 1 0) + 3 (0 0 1) = (1 1 3); times I + Ā1: (1 3 0) + (0 3 0) + 3 (0 0 1) = (1 6 3)
    assert mapped("chefer", PAPER) == pytest.approx([6, 3])
    # rows that sum to 1: (1/4 0 3/4) (1/2 1/2 0; 0 1/3 2/3; 0 0 1) = (1/8 1/8 3/4)
    # times (1/4 3/4 0; 0 1 0; 0 0 1): (1/32, 3/32 + 1/8, 3/4)
    assert mapped("chefer", PAPER, form="rows") == pytest.approx([7 / 32, 3 / 4])


def test_gradient_weighted_rollout_takes_the_mean_over_heads_before_the_positive_part() -> None:
    assert mapped("gradient_rollout", PAPER) == pytest.approx([7 / 32, 3 / 4]), "with one head the two are one"
    heads = torch.tensor([3.0, -1.0])[:, None, None]  # their mean is 1, and that of their positive parts 3/2
    two = tuple(replace(one, weights=one.weights.repeat(2, 1, 1), gradient=heads * one.gradient) for one in PAPER)
    assert mapped("gradient_rollout", two) == pytest.approx([7 / 32, 3 / 4])
    assert mapped("chefer", two) != pytest.approx([6, 3])


def test_legrad_of_three_blocks_by_hand() -> None:
    # positive parts summed over the three rows: (0 11 0), (0 1 2), (0 0 3); their mean over 3 rows and 3 layers
    assert mapped("legrad", PAPER, scale="raw") == pytest.approx([12 / 9, 5 / 9])
    assert mapped("legrad", PAPER) == pytest.approx([1, 0])


@pytest.mark.parametrize("method", ["gradient_rollout", "chefer"])
def test_gradients_that_are_paired_in_reverse_give_another_map(method: str) -> None:
    """As where hooks collect attention on the way there and gradients on the way back, and the two lists are zipped."""
    back = [one.gradient for one in reversed(PAPER)]
    wrong = tuple(replace(one, gradient=slope) for one, slope in zip(PAPER, back, strict=True))
    # Ā1 = (0 0 1; 0 0 0; 0 0 0), Ā2 as before, Ā3 = 0: of the last block no row of weights is read where it must be
    read = (*wrong[:2], replace(wrong[2], weights=0 * wrong[2].weights, gradient=PAPER[2].gradient))
    assert mapped("chefer", read) == pytest.approx([1, 1]) != pytest.approx(mapped("chefer", PAPER))
    assert mapped(method, wrong) != pytest.approx(mapped(method, PAPER), rel=0.1)


def test_one_layer_is_half_its_attention() -> None:
    only = (replace(PAPER[0], gradient=PAPER[2].gradient),)
    assert mapped("attention_rollout", only) == pytest.approx([1 / 6, 1 / 6])


def test_the_rows_of_all_tokens_that_are_read_are_averaged() -> None:
    both = (*PAPER[:2], replace(PAPER[2], gradient=torch.tensor([[[0.0, 0, 3], [1, 0, 0], [0, 0, 0]]])))
    # row of the first patch: (1/2, 1/2, 0) of the third block, times the second (1/4, 1/2, 1/4), as the class token's
    assert mapped("attention_rollout", both) == pytest.approx([13 / 24, 7 / 24])
    everything = (*PAPER[:2], replace(PAPER[2], gradient=torch.ones(1, 3, 3)))
    # third row: (0 0 1) times the second block (0 1/2 1/2), times the first (0 1/2 1/2)
    expected = [(2 * 13 / 24 + 1 / 2) / 3, (2 * 7 / 24 + 1 / 2) / 3]
    assert mapped("attention_rollout", everything) == pytest.approx(expected)


@pytest.mark.parametrize("method", METHODS[1:])
def test_a_map_that_is_0_everywhere_is_said_to_be(method: str) -> None:
    """The gradient is negative wherever the token that is read attends to a patch."""
    for sign, said in ((1, 0), (-1, 1)):
        oracle = OnPaper((replace(PAPER[2], gradient=sign * PAPER[2].gradient),))
        found = function_of(method)(cast(Oracle, oracle), torch.zeros(1), settled(method, ()))
        assert bool(found.any()) == (not said)
        assert [note.startswith("The map is 0 at every patch") for note in oracle.notes] == [True] * said


# --------------------------------------------------------------------------------------------------- in a whole network


@pytest.fixture(scope="module")
def transformer() -> nn.Module:
    return attending.vision_transformer()


def oracle_of(module: nn.Module, x: Tensor, target: gv.Target = TARGET) -> SceneOracle:
    scene = replace(scene_of(module, x), trace=trace.forward(module, x, attention=True), attention=True)
    resolved, _ = scene.select(target)
    return SceneOracle(scene, resolved, gv.INPUT, torch.zeros_like(x))


def made(method: str, oracle: Oracle, **options: str) -> Tensor:
    return function_of(method)(oracle, oracle.input, settled(method, tuple(options.items())))


def agree(found: Tensor, expected: Tensor) -> None:
    """Equal to 1e-5 of the largest number."""
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


def rolled_out(layers: list[Tensor]) -> Tensor:
    """Row of the class token, without it, of the product of I + layer with rows that sum to 1."""
    found = torch.eye(len(layers[0]))
    for one in layers:
        one = one + torch.eye(len(one))
        found = one / one.sum(-1, keepdim=True) @ found
    return found[0, 1:].reshape(3, 3)


def test_they_are_what_plain_autograd_gives(transformer: nn.Module) -> None:
    x = attending.picture()
    oracle = oracle_of(transformer, x)
    weights, slopes = by_plain_autograd(transformer, x)
    weights = [one.detach() for one in weights]
    agree(made("attention_rollout", oracle)[0, 0], rolled_out([one.mean(0) for one in weights]))
    pairs = list(zip(weights, slopes, strict=True))
    fused = [(one * slope).mean(0).clamp(min=0) for one, slope in pairs]
    agree(made("gradient_rollout", oracle)[0, 0], rolled_out(fused))
    relevance = torch.eye(10)
    for one, slope in pairs:
        relevance = relevance + (one * slope).clamp(min=0).mean(0) @ relevance
    agree(made("chefer", oracle)[0, 0], relevance[0, 1:].reshape(3, 3))


class CutOff(nn.Module):
    """The transformer without its last blocks."""

    def __init__(self, transformer: Any, blocks: int) -> None:
        super().__init__()
        self.whole, self.blocks = transformer, blocks

    def forward(self, x: Tensor) -> Tensor:
        whole = self.whole
        tokens = torch.cat([whole.class_token, whole._process_input(x)], 1) + whole.encoder.pos_embedding
        for block in whole.encoder.layers[: self.blocks]:
            tokens = block(tokens)
        logits: Tensor = whole.heads(whole.encoder.ln(tokens)[:, 0])
        return logits


def test_legrad_reads_each_layer_as_if_no_block_came_after_it(transformer: nn.Module) -> None:
    x = attending.picture()
    layers = [by_plain_autograd(CutOff(transformer, blocks), x)[1][-1] for blocks in (1, 2, 3)]
    expected = torch.stack([one.clamp(min=0).mean((0, 1))[1:].reshape(3, 3) for one in layers]).mean(0)
    oracle = oracle_of(transformer, x)
    found = made("legrad", oracle, scale="raw")[0, 0]
    agree(found, expected)
    unit = (expected - expected.min()) / (expected.max() - expected.min())
    agree(made("legrad", oracle)[0, 0], unit)
    late = oracle.attentions()
    assert (late[0].gradient - oracle.attentions(early=True)[0].gradient).abs().max() > 0.1


def test_layers_after_a_score_inside_the_network_are_left_out(transformer: nn.Module) -> None:
    x, inside = attending.picture(), "encoder.layers.encoder_layer_1"
    whole = oracle_of(transformer, x, gv.Unit(gv.Site(inside), (1, 2)))
    cut = oracle_of(CutOff(transformer, 2), x, gv.Unit(gv.Site(f"whole.{inside}"), (1, 2)))
    assert len(whole.attentions()) == 2
    for method in METHODS[:3]:
        agree(made(method, whole), made(method, cut))
    with pytest.raises(QuestionError, match=r"no path leads from there to unit \(1, 2\).*such as attention rollout"):
        made("legrad", whole)


def test_of_an_exported_program_they_are_the_same(transformer: nn.Module) -> None:
    x = attending.picture()
    program = exported.read(exported_bytes(transformer, x)).module
    for method in METHODS:
        one, other = (made(method, oracle_of(module, x)) for module in (program, transformer))
        agree(one, other)


def test_another_class_has_the_same_rollout_and_another_relevance(transformer: nn.Module) -> None:
    one, other = (oracle_of(transformer, attending.picture(), gv.ClassScore(i)) for i in (1, 2))
    assert torch.equal(made("attention_rollout", one), made("attention_rollout", other))
    for method in METHODS[1:]:
        assert not torch.allclose(made(method, one), made(method, other), rtol=0.01)


# ---------------------------------------------------------------------------------------------- a public implementation


class Blocks(nn.Module):
    """Three blocks whose attention stands before a dropout layer, as timm's used to, and is read from a class token."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 8, stride=8)
        self.token = nn.Parameter(torch.zeros(1, 1, 8))
        self.blocks = nn.Sequential(*(attending.Residual(attending.ByHand("product")) for _ in range(3)))
        self.head = nn.Linear(8, attending.CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        tokens = torch.cat([self.token, self.patches(x).flatten(2).transpose(1, 2)], 1)
        logits: Tensor = self.head(self.blocks(tokens)[:, 0])
        return logits


def test_the_error_of_hooks_that_pair_the_last_gradient_with_the_first_layer() -> None:
    """Forward hooks are called from the first layer to the last, backward hooks from the last to the first; vit-explain
    (Gildenblat 2020) zips the two lists as they come."""
    module, x = Blocks(), attending.picture()
    attending.spread(module)
    attention: list[Tensor] = []
    gradients: list[Tensor] = []
    hooks = []
    for name, part in module.named_modules():
        if name.endswith("attn_drop"):
            hooks.append(part.register_forward_hook(lambda _, given, out: attention.append(out.detach()[0])))
            hooks.append(part.register_full_backward_hook(lambda _, given, out: gradients.append(out[0].detach()[0])))
    module(x)[0, 2].backward()
    for hook in hooks:
        hook.remove()

    def by_hooks(slopes: list[Tensor]) -> Tensor:
        return rolled_out([(one * s).mean(0).clamp(min=0) for one, s in zip(attention, slopes, strict=True)])

    ours = made("gradient_rollout", oracle_of(module, x))[0, 0]
    agree(ours, by_hooks(gradients[::-1]))
    error = (by_hooks(gradients) - ours).abs().max() / ours.abs().max()
    assert error > 0.1, "what the public implementation gives"


# --------------------------------------------------------------------------------------------------------- the question


@pytest.mark.parametrize("method", METHODS)
def test_a_question_gives_a_map_of_the_patches(method: str) -> None:
    question = gv.GradientQuestion(model="preset/shapes-vit", image="sample/star", method=method)
    found = gv.answer(question).attributions[gv.INPUT]
    assert found.shape == (1, 1, 8, 8)
    assert found.min() >= 0
    assert found.max() > found.min()


def program(setting: Setting, answer: gv.GradientAnswer) -> str:
    """The program of the map."""
    question, places = answer.question, gv.TokensQuestion(model=answer.question.model, image=answer.question.image)
    names = blocks([layer.site for layer in gv.answer(places).layers])
    return snippets.saliency(
        setting,
        answer.target,
        question.method,
        "signed_sum",
        question.options,
        tokens=answer.tokens,
        blocks=names,
    )


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("attention_rollout", ()),
        ("gradient_rollout", ()),
        ("chefer", ()),
        ("chefer", (("form", "rows"),)),
        ("legrad", ()),
        ("legrad", (("scale", "raw"),)),
    ],
)
def test_the_program_of_a_card_gives_the_same_map(
    method: str, options: tuple[tuple[str, str], ...], tmp_path: Path
) -> None:
    model, image = "preset/shapes-vit", "sample/star"
    setting = snippet_runs.setting(model, image)
    answer = snippet_runs.ask(gv.GradientQuestion(model=model, image=image, method=method, options=options))
    code = program(setting, answer)
    assert snippet_runs.error(snippet_runs.run(code, tmp_path), answer.attributions[gv.INPUT][0, 0]) < 1e-5


@pytest.mark.parametrize(
    ("method", "read_from"),
    [
        ("attention_rollout", "layers.1"),
        ("gradient_rollout", "layers.1"),
        ("chefer", "layers.1"),
        ("legrad", "layers.3"),
        ("legrad", "norm"),
    ],
)
def test_the_program_gives_the_same_map_of_a_unit(method: str, read_from: str, tmp_path: Path) -> None:
    model, image, target = "preset/shapes-vit", "sample/star", gv.Unit(gv.Site(read_from), (3, 2))
    answer = snippet_runs.ask(gv.GradientQuestion(model=model, image=image, method=method, target=target))
    code = program(snippet_runs.setting(model, image), answer)
    assert snippet_runs.error(snippet_runs.run(code, tmp_path), answer.attributions[gv.INPUT][0, 0]) < 1e-5


@pytest.mark.parametrize(
    ("model", "wrt", "message"),
    [
        ("preset/shapes-vit", (gv.Site("norm"),), "is a map of the patches of the input"),
        ("preset/shapes-vit", (gv.INPUT, gv.Site("norm")), "is a map of the patches of the input"),
        ("preset/digits-mlp", (gv.INPUT,), "This model has no attention weights. Choose the gradient"),
    ],
)
def test_where_it_is_not_defined_it_is_refused(model: str, wrt: tuple[gv.Site, ...], message: str) -> None:
    image = "sample/star" if "shapes" in model else "sample/digit-3"
    with pytest.raises(QuestionError, match=message):
        gv.answer(gv.GradientQuestion(model=model, image=image, method="attention_rollout", wrt=wrt))


def test_windows_are_refused() -> None:
    with pytest.raises(QuestionError, match=r"all tokens attend to all; the attention weights of \S+ has 4 windows"):
        made("attention_rollout", oracle_of(swin().eval(), attending.picture(32, 32), gv.ClassScore(0)))


def test_blocks_that_cannot_be_told_are_refused() -> None:
    module, x = attending.by_hand("product"), attending.picture()
    assert made("chefer", oracle_of(module, x)).shape == (1, 1, 3, 3)
    with pytest.raises(
        QuestionError, match="blocks of this model cannot be told from the names of its attention layers"
    ):
        made("legrad", oracle_of(module, x))


def test_a_score_that_no_attention_reaches_is_refused(transformer: nn.Module) -> None:
    target = gv.Unit(gv.Site("conv_proj"), (0, 1, 1))
    with pytest.raises(Unreachable, match=r"No gradient of .* reaches the attention weights of this model"):
        made("attention_rollout", oracle_of(transformer, attending.picture(), target))


@pytest.mark.parametrize("method", METHODS)
def test_a_probability_that_no_longer_changes_is_refused(method: str) -> None:
    module: Any = attending.vision_transformer()
    with torch.no_grad():
        module.heads[0].bias[2] += 200
    with pytest.raises(Unreachable, match=r"No gradient of the probability .* reaches the attention weights"):
        made(method, oracle_of(module, attending.picture(), gv.ClassScore(2, scale="probability")))
