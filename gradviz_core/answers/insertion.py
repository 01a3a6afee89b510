"""The score as pixels come onto a substrate, or go, in the order of a map, at random, or from the centre."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from gradviz_core.answers import drawn, gradient, one_picture
from gradviz_core.answers.needs import Needs, about
from gradviz_core.answers.oracle import SceneOracle
from gradviz_core.answers.scene import Clock, Scene
from gradviz_core.answers.sizes import SMALL, Known, Size
from gradviz_core.errors import QuestionError
from gradviz_core.methods.attributions import Oracle
from gradviz_core.methods.baselines import beginning
from gradviz_core.types import INPUT, FloatArray, GradientQuestion, InsertionAnswer, InsertionQuestion
from gradviz_core.types.insertion import MOST_STEPS
from gradviz_core.types.methods import counts_in_the_score
from gradviz_core.types.patches import of_pixels
from gradviz_core.types.sites import site_name


def needs(question: InsertionQuestion) -> Needs:
    """The input, the site that the target is read from, and that of the map.

    Raises:
        QuestionError: as of a ``GradientQuestion``; or there are too few steps, or too many.
    """
    if not 1 <= question.steps <= MOST_STEPS:
        raise QuestionError(f"There are {question.steps} steps. Choose a whole number from 1 to {MOST_STEPS}.")
    found = gradient.needs(_asked(question))
    if question.wrt == INPUT and not found.attention:
        return about(question.target)
    return found if found.sites is None else replace(found, sites=found.sites | {INPUT}, may_stop=False)


def size(question: InsertionQuestion, known: Known) -> Size:
    """A few numbers for each step."""
    return SMALL


def answer(scene: Scene, question: InsertionQuestion, notes: tuple[str, ...], clock: Clock) -> InsertionAnswer:
    """Both curves.

    Raises:
        QuestionError: as the gradient does; or the input is not a picture, or the map does not lie over it.
    """
    one_picture.check(scene, "Inserting and deleting pixels")
    x = scene.trace.values[INPUT].detach()
    if x.dim() != 4:
        raise QuestionError(f"The input has the shape {tuple(x.shape)}, so it has no pixels to insert or delete.")
    target, _ = scene.select(question.target)
    pixels, said = _order(scene, question, x, clock)
    oracle = SceneOracle(scene, target, INPUT, torch.zeros_like(x))  # it is asked for scores alone
    ground = beginning(oracle, x, question.substrate, torch.Generator())
    ends = np.linspace(0, pixels.size, question.steps + 1).round().astype(np.int64)
    return InsertionAnswer(
        question=question,
        target=target,
        notes=(*notes, *scene.remarks(), *said),
        receipt=clock.receipt(),
        arrays={
            "share": ends / pixels.size,
            "insertion": _curve(oracle, x, ground, pixels, ends),
            "deletion": _curve(oracle, ground, x, pixels, ends),
        },
    )


def _asked(question: InsertionQuestion) -> GradientQuestion:
    return GradientQuestion(
        model=question.model,
        image=question.image,
        target=question.target,
        method=question.method,
        options=question.options,
        wrt=(question.wrt,),
        axis=question.axis,
        seed=question.seed,
    )


def _order(
    scene: Scene, question: InsertionQuestion, x: Tensor, clock: Clock
) -> tuple[Int64[np.ndarray, " pixels"], tuple[str, ...]]:
    """The pixels, counted row by row, in the order in which they change; and what is said of the map."""
    rows, columns = x.shape[2:]
    at_random = np.random.default_rng(question.draw).permutation(rows * columns)
    if question.order == "random":
        return at_random, ()
    if question.order == "centre":
        down, across = (np.arange(side) - (side - 1) / 2 for side in (rows, columns))
        return _ranked(-np.hypot(down[:, None], across), np.arange(rows * columns)), ()
    found = gradient.answer(scene, _asked(question), (), clock)
    shown = drawn.field(scene, found.attributions[question.wrt], question.wrt, question.axis, question.view)
    if found.tokens is not None:  # each pixel has the number of its patch
        where = of_pixels((rows, columns), found.tokens.centres, found.tokens.rows, found.tokens.columns)
        large: FloatArray | None = shown[np.ix_(*where)]
    else:
        large = drawn.over_pixels(scene, shown)
    if large is None:
        raise QuestionError(
            f"The positions of {site_name(question.wrt)} do not lie over the picture, so the map ranks no pixels. "
            "Choose a layer output with rows and columns."
        )
    return _ranked(large if counts_in_the_score(question.method) else np.abs(large), at_random), found.notes


def _ranked(field: FloatArray, alike: Int64[np.ndarray, " pixels"]) -> Int64[np.ndarray, " pixels"]:
    """The largest first; of equal ones in the order ``alike``, which names each pixel once."""
    return alike[np.argsort(-np.nan_to_num(field.ravel()[alike]), kind="stable")]


def _curve(
    oracle: Oracle, new: Tensor, old: Tensor, pixels: Int64[np.ndarray, " pixels"], ends: Int64[np.ndarray, " steps"]
) -> FloatArray:
    """The score with as many of the pixels from ``new`` as each of the ``ends`` says, and all others from ``old``."""
    order = torch.from_numpy(pixels).to(new.device)

    def mixed() -> Iterator[Tensor]:
        for end in ends:
            here = old.flatten(2).clone()
            here[:, :, order[: int(end)]] = new.flatten(2)[:, :, order[: int(end)]]
            yield here.view(new.shape)

    return np.array(list(oracle.scores(mixed())))
