"""What the score becomes when only the region that a map marks is kept, or dropped."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gradviz_core.answers import one_picture
from gradviz_core.answers.complex_numbers import names
from gradviz_core.answers.lying import grid_at
from gradviz_core.answers.needs import Needs
from gradviz_core.answers.oracle import SceneOracle
from gradviz_core.answers.scene import Clock, Scene
from gradviz_core.answers.sizes import SMALL, Known, Size
from gradviz_core.errors import QuestionError
from gradviz_core.methods.class_activation import cam_of
from gradviz_core.tracing.trace import differentiate, parted
from gradviz_core.types import INPUT, KeepingAnswer, KeepingQuestion, Site, Target
from gradviz_core.types.keeping import STRONGEST
from gradviz_core.types.layouts import Grid
from gradviz_core.types.methods import settled

MOST_SITES = 1000


def needs(question: KeepingQuestion) -> Needs:
    """The input, the sites, and the one that the target is read from.

    Raises:
        QuestionError: the method or one of its options does not exist, or it gives more than one map; no site is named,
            or too many.
    """
    cam_of(question.method), settled(question.method, question.options)
    if not 1 <= len(question.sites) <= MOST_SITES:
        raise QuestionError(f"The question names {len(question.sites)} sites. Name 1 to {MOST_SITES}.")
    at = question.target.at
    return Needs(frozenset({INPUT, *question.sites, *([at] if at else ())}))


def size(question: KeepingQuestion, known: Known) -> Size:
    """A few numbers for each site."""
    return SMALL


def answer(scene: Scene, question: KeepingQuestion, notes: tuple[str, ...], clock: Clock) -> KeepingAnswer:
    """The score with the region of each site's map kept alone, and dropped.

    Raises:
        BadTarget, UnknownSite, Unreachable: as ``trace.gradients`` does.
        QuestionError: a site has no positions.
    """
    one_picture.check(scene, "Keeping a region")
    target, score = scene.select(question.target)
    left_out = [site for site in question.sites if scene.trace.value(site).is_complex()]
    marked_by, norms = zip(*_regions(scene, question, target, score), strict=True)
    regions: tuple[Tensor | None, ...] = marked_by
    x = scene.trace.values[INPUT].detach()
    whole = SceneOracle(scene, target, INPUT, torch.zeros_like(x))
    pictures = (picture for region in regions if region is not None for picture in (x * region, x * ~region))
    scores = whole.scores(pictures)
    pairs = [(math.nan, math.nan) if region is None else (next(scores), next(scores)) for region in regions]
    arrays = {
        "kept": np.array([kept for kept, _ in pairs]),
        "dropped": np.array([dropped for _, dropped in pairs]),
        "share": np.array([math.nan if region is None else float(region.double().mean()) for region in regions]),
        "norm": np.array(norms),
    }
    return KeepingAnswer(
        question=question,
        target=target,
        score=score.item(),
        notes=(*notes, *scene.remarks(), *_note(left_out)),
        receipt=clock.receipt(),
        arrays=arrays,
    )


def _note(left_out: list[Site]) -> tuple[str, ...]:
    if not left_out:
        return ()
    return (f"Layer outputs of complex numbers have no class activation map, and were left out: {names(left_out)}.",)


def _regions(
    scene: Scene, question: KeepingQuestion, target: Target, score: Tensor
) -> Iterator[tuple[Tensor | None, float]]:
    """What the map of each site marks, and its L2 norm; None and NaN where it does not lie over the image, or there
    is none of complex numbers."""
    sites = [site for site in question.sites if not scene.trace.value(site).is_complex()]
    found = differentiate(scene.trace, score, sites, keep_graph=scene.remembered) if sites else {}
    slopes = parted(scene.trace, found, target)[0]
    cam, options = cam_of(question.method), settled(question.method, question.options)
    rows, columns = scene.trace.values[INPUT].shape[-2:]
    size = rows, columns
    for site in question.sites:
        if site not in slopes:
            yield None, math.nan
            continue
        oracle = SceneOracle(scene, target, site, slopes[site])
        value = scene.trace.value(site).detach().clone()
        grid = grid_at(scene, site, value.shape, oracle.axis)
        over = None if grid is None else over_image(cam(oracle, value, options), grid)
        yield (None, math.nan) if over is None else (marked(over, size), float(over.double().norm()))


def over_image(found: Tensor, grid: Grid) -> Float[Tensor, "h w"]:
    """A map with a single channel as rows and columns."""
    return found.flatten()[grid.positions].reshape(grid.rows, grid.columns)


def marked(over: Float[Tensor, "h w"], size: tuple[int, int], share: float = STRONGEST) -> Bool[Tensor, "rows columns"]:
    """The pixels where the map, enlarged bilinearly, is larger than at ``1 - share`` of all pixels: at most ``share``
    of them, and fewer where many are equal."""
    large = torch.nn.functional.interpolate(over[None, None].float(), size, mode="bilinear", align_corners=False)[0, 0]
    rank = max(1, math.ceil((1 - share) * large.numel()))
    return large > large.flatten().kthvalue(rank).values
