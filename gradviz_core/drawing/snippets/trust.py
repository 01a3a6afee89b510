"""The code of the tests of a map: the other map, how alike the two are, and the score as pixels come and go."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gradviz_core.drawing import method_words
from gradviz_core.drawing.snippets import alike, bands
from gradviz_core.drawing.snippets.beside import other_image
from gradviz_core.drawing.snippets.layers import map_of_layer
from gradviz_core.drawing.snippets.program import Block, comment, program, quoted
from gradviz_core.drawing.snippets.saliency import by_layer, map_of_input
from gradviz_core.drawing.snippets.scores import score_at
from gradviz_core.drawing.snippets.setting import Setting, model, numbers, picture
from gradviz_core.types import InsertionQuestion, RandomisedAnswer, SiteInfo, Target, layouts
from gradviz_core.types.baselines import BASELINE
from gradviz_core.types.methods import OptionValues, counts_in_the_score
from gradviz_core.types.randomised import MOST_PARAMETERS, with_next_seed
from gradviz_core.types.sites import site_name
from gradviz_core.types.tokens import TokenNumbers


@dataclass(frozen=True, slots=True)
class MapAt:
    """Where the map is: at the input, unless it says otherwise."""

    info: SiteInfo | None = None
    """The layer output that it is a map of."""
    tokens: TokenNumbers | None = None
    """Of a map of patches, their grid."""
    blocks: Sequence[str] = ()
    """The names of the blocks, for a method over attention that reads the score at each."""


Seeds = tuple[tuple[str, int], ...]
_MAP = "def map_of(model, x):  # of any weights and any image"
_COPY = "model = copy.deepcopy(model)  # hooks of one map must not stay for the next"
_SHUFFLE = """def shuffle(model, seeds):  # each of these parameters gets its own numbers in another order
    for name, parameter in model.named_parameters():
        if name in seeds:
            generator = torch.Generator().manual_seed(seeds[name])
            order = torch.randperm(parameter.numel(), generator=generator)
            parameter.data = parameter.data.flatten()[order].view(parameter.shape)"""
_ENLARGED = """def enlarged(field):  # to the pixels of the picture
    small = torch.tensor(field)[None, None]
    return torch.nn.functional.interpolate(small, x.shape[-2:], mode="bilinear")[0, 0].numpy()"""
_SIMILARITY = """def similarity(one, other):  # rank correlation, that of the magnitudes, SSIM
    flat = 0 in (np.ptp(np.abs(one)), np.ptp(np.abs(other)))  # then there is no structure to compare
    return [spearman(one, other), spearman(np.abs(one), np.abs(other)), np.nan if flat else ssim(LARGE)]"""


def map_with_shuffled_weights(at: Setting, answer: RandomisedAnswer, map_at: MapAt) -> str:
    """``shown`` is the map, (H, W), with the layers shuffled that the answer names."""
    chosen = set(answer.changed)
    seeds = [
        pair for layer, pairs in zip(answer.layers, answer.seeds, strict=True) if layer in chosen for pair in pairs
    ]
    lines = (comment("The parameters of the shuffled layers, and the seeds of their orders."), _dictionary(seeds))
    shuffled = Block((*lines, "shuffle(model, seeds)"), ("import torch",), (_SHUFFLE,))
    return _one(at, answer, map_at, "with shuffled weights", after_model=(shuffled,))


def map_with_noise(at: Setting, answer: RandomisedAnswer, map_at: MapAt) -> str:
    """``shown`` is the map, (H, W), of the image with noise."""
    noise = _noise(answer)
    line = f"x = noisy({answer.question.noise})"
    return _one(
        at, answer, map_at, "with noise on the image", after_numbers=(replace(noise, lines=(*noise.lines, line)),)
    )


def map_of_another_draw(at: Setting, answer: RandomisedAnswer, map_at: MapAt) -> str:
    """``shown`` is the map, (H, W), with the next seed."""
    return _one(at, answer, map_at, "of another draw", options=_next(answer))


def similarity_along_layers(at: Setting, answer: RandomisedAnswer, counts: Sequence[int], map_at: MapAt) -> str:
    """``shown`` has a row for each of ``counts``, the three numbers of a ``RandomisedAnswer``: how alike the map is to
    that with so many layers shuffled, or with that layer alone."""
    single = answer.question.mode == "single"
    which = "layers[max(count - 1, 0) : count]" if single else "layers[:count]"
    last = Block(
        (
            comment("Of each layer, from the score down, the parameters and the seeds of their orders."),
            "layers = [",
            *(f"    {_pairs(pairs)}," for pairs in answer.seeds),
            "]",
            "first, shown = map_of(model, x), []",
            f"for count in {list(counts)}:",
            "    other = copy.deepcopy(model)",
            f"    shuffle(other, dict(pair for layer in {which} for pair in layer))",
            "    shown.append(similarity(first, map_of(other, x)))",
            "shown = np.array(shown)",
        ),
        ("import numpy as np", "import torch"),
        (_SHUFFLE,),
    )
    return _compared(at, answer, map_at, "shuffled weights", last)


def similarity_with_noise(at: Setting, answer: RandomisedAnswer, sizes: Sequence[float], map_at: MapAt) -> str:
    """``shown`` has a row for each size of the noise, the three numbers of a ``RandomisedAnswer``."""
    noise = _noise(answer)
    lines = (
        *noise.lines,
        "first = map_of(model, x)",
        f"shown = np.array([similarity(first, map_of(model, noisy(size))) for size in {list(sizes)}])",
    )
    return _compared(at, answer, map_at, "noise on the image", replace(noise, lines=lines))


def similarity_of_another_draw(at: Setting, answer: RandomisedAnswer, map_at: MapAt) -> str:
    """``shown`` are the three numbers of a ``RandomisedAnswer``."""
    other = _function("other_map_of", _blocks(at, answer, map_at, _next(answer)))
    line = "shown = np.array(similarity(map_of(model, x), other_map_of(model, x)))"
    return _compared(at, answer, map_at, "another draw", other, Block((line,)))


def insertion(at: Setting, question: InsertionQuestion, map_at: MapAt, *, inserted: bool) -> str:
    """``shown`` is the score with each share of the pixels ``inserted``, or deleted, (3, steps + 1): in the order of
    the map, in a random one, and from the centre. The target names its class."""
    target, method = question.target, question.method
    what = method_words.sentence(method, question.options, target, at.card.labels, _where(map_at))
    code = next(option.code for option in BASELINE.options if option.value == question.substrate)
    ranks = "field" if counts_in_the_score(method) else "np.abs(field)"
    new, old = ("x", "baseline") if inserted else ("baseline", "x")
    blocks = _map_blocks(at, target, question.method, question.view, question.options, map_at)
    over_pixels = _over_pixels(at, map_at)
    functions = (_ENLARGED,) if any("enlarged(" in line for line in over_pixels) else ()
    lines = (
        *bands.with_levels(at.card.preprocessing, code.splitlines()),
        "",
        comment("Which pixels come first: those that the map ranks highest, any, or those nearest to the centre."),
        "field = map_of(model, x)",
        *over_pixels,
        f"rank, size = {ranks}.ravel(), field.size",
        f"any_order = np.random.default_rng({question.draw}).permutation(size)",
        "down, across = (np.arange(side) - (side - 1) / 2 for side in field.shape)",
        "orders = [",
        '    any_order[np.argsort(-rank[any_order], kind="stable")],',
        "    any_order,",
        '    np.argsort(np.hypot(down[:, None], across).ravel(), kind="stable"),',
        "]",
        f"new, old = {new}.detach(), {old}.detach().expand_as(x)",
        "shown = []",
        "for order in orders:",
        "    shown.append([])",
        f"    for end in np.linspace(0, size, {question.steps + 1}).round().astype(int):",
        "        mixed = old.flatten(2).clone()",
        "        mixed[:, :, order[:end]] = new.flatten(2)[:, :, order[:end]]",
        "        shown[-1].append(score_at(mixed.view(x.shape)))",
        "shown = np.array(shown)",
    )
    word = "come onto a substrate" if inserted else "are replaced"
    return program(
        f"The score as pixels {word} in three orders. The map: {what}.",
        picture(at),
        numbers(at),
        *other_image(at, question.method, question.options),
        model(at, by_layer=_by_layer(at, target, method, question.options, map_at)),
        _function("map_of", blocks),
        *score_at(at, target),
        Block(lines, ("import numpy as np", "import torch"), functions),
    )


# ---------------------------------------------------------------------------------------------------------------- parts


def _one(
    at: Setting,
    answer: RandomisedAnswer,
    map_at: MapAt,
    how: str,
    *,
    options: OptionValues | None = None,
    after_numbers: tuple[Block, ...] = (),
    after_model: tuple[Block, ...] = (),
) -> str:
    """A program of the map alone."""
    question = answer.question
    what = method_words.sentence(question.method, question.options, answer.target, at.card.labels, _where(map_at))
    return program(
        f"{what}, {how}.",
        picture(at),
        numbers(at),
        *after_numbers,
        *other_image(at, question.method, question.options),
        model(at, by_layer=_by_layer(at, answer.target, question.method, question.options, map_at)),
        *after_model,
        *_blocks(at, answer, map_at, options),
    )


def _compared(at: Setting, answer: RandomisedAnswer, map_at: MapAt, how: str, *last: Block) -> str:
    """A program that compares maps."""
    question = answer.question
    enlarges = _is_coarse(at, map_at)
    what = method_words.sentence(question.method, question.options, answer.target, at.card.labels, _where(map_at))
    as_is = "one, other" if map_at.info is None else "one.ravel(), other.ravel()"
    large = "enlarged(one), enlarged(other)" if enlarges else as_is
    compared = _function("map_of", _blocks(at, answer, map_at))
    functions = (
        *compared.functions,
        alike.SPEARMAN,
        alike.SSIM,
        *((_ENLARGED,) if enlarges else ()),
        _SIMILARITY.replace("LARGE", large),
    )
    return program(
        f"How alike a map is to that with {how}. {what}.",
        picture(at),
        numbers(at),
        *other_image(at, question.method, question.options),
        model(at, by_layer=_by_layer(at, answer.target, question.method, question.options, map_at)),
        replace(compared, imports=(*compared.imports, "import numpy as np", "import torch"), functions=functions),
        *last,
    )


def _blocks(
    at: Setting, answer: RandomisedAnswer, map_at: MapAt, options: OptionValues | None = None
) -> tuple[Block, ...]:
    """From ``model`` and ``x`` to ``shown``."""
    question = answer.question
    chosen = question.options if options is None else options
    return _map_blocks(at, answer.target, question.method, question.view, chosen, map_at)


def _map_blocks(
    at: Setting, target: Target, method: str, view: str, options: OptionValues, map_at: MapAt
) -> tuple[Block, ...]:
    if map_at.info is not None:
        return map_of_layer(at, target, map_at.info, method, options)
    return map_of_input(at, target, method, view, options, tokens=map_at.tokens, blocks=map_at.blocks)


def _by_layer(at: Setting, target: Target, method: str, options: OptionValues, map_at: MapAt) -> bool:
    return map_at.info is not None or by_layer(at, target, method, options)


def _function(name: str, blocks: Iterable[Block]) -> Block:
    """The blocks, which end with ``shown``, as a function of model and image."""
    made = tuple(blocks)
    inner = textwrap.indent("\n\n".join([_COPY, *(block.text.strip("\n") for block in made), "return shown"]), "    ")
    head = _MAP.replace("map_of", name)
    imports = ("import copy", *(line for block in made for line in block.imports))
    return Block(
        ("", head, *inner.splitlines(), ""), imports, tuple(text for block in made for text in block.functions)
    )


def _noise(answer: RandomisedAnswer) -> Block:
    """``noisy(size)``, the image with noise."""
    lines = (
        "",
        "def noisy(size):  # the image with normal noise; its standard deviation is a share of the range of the values",
        f"    generator = torch.Generator().manual_seed({MOST_PARAMETERS * answer.question.draw})",
        "    noise = size * (x.max() - x.min()) * torch.randn(x.shape, generator=generator)",
        "    return (x + noise).detach().requires_grad_()",
        "",
        "",
    )
    return Block(lines, ("import torch",))


def _dictionary(pairs: Iterable[tuple[str, int]]) -> str:
    return "\n".join(["seeds = {", *(f"    {quoted(name)}: {seed}," for name, seed in pairs), "}"])


def _pairs(pairs: Seeds) -> str:
    inner = ", ".join(f"({quoted(name)}, {seed})" for name, seed in pairs)
    return f"[{inner}]"


def _where(map_at: MapAt) -> str:
    return "the input" if map_at.info is None else site_name(map_at.info.site, map_at.info.calls)


def _is_coarse(at: Setting, map_at: MapAt) -> bool:
    """Whether the map lies over the picture with fewer rows and columns."""
    if map_at.info is None:
        return map_at.tokens is not None
    return layouts.grid(map_at.info, at.card.preprocessing.size) is not None


def _over_pixels(at: Setting, map_at: MapAt) -> tuple[str, ...]:
    """``field`` with a number for each pixel of the picture."""
    if map_at.tokens is None:
        return ("field = enlarged(field)",) if _is_coarse(at, map_at) else ()
    centres, tokens = map_at.tokens.centres, map_at.tokens
    return (
        comment("The patch of each row and column of pixels: the nearest."),
        f"down = ((np.arange(x.shape[2]) - {centres.row}) / {centres.down} + 0.5).clip(0, {tokens.rows - 1})",
        f"across = ((np.arange(x.shape[3]) - {centres.column}) / {centres.across} + 0.5).clip(0, {tokens.columns - 1})",
        "field = field[np.ix_(down.astype(int), across.astype(int))]",
    )


def _next(answer: RandomisedAnswer) -> OptionValues:
    """The options of the other map."""
    return with_next_seed(answer.question.method, answer.question.options)
