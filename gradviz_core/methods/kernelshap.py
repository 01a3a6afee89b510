"""KernelSHAP over a grid of cells, by captum."""

from __future__ import annotations

import time
from collections.abc import Iterable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gradviz_core.errors import QuestionError
from gradviz_core.methods.attributions import Options, Oracle
from gradviz_core.methods.baselines import baseline
from gradviz_core.methods.captum_here import captums, running
from gradviz_core.tracing.stopping import seconds_left
from gradviz_core.types.methods.kernelshap import STEP


def kernelshap(oracle: Oracle, value: Float[Tensor, "1 c h w"], options: Options) -> Float[Tensor, "1 c h w"]:
    """The Shapley value of each cell of a grid, spread evenly over the numbers in it, in units of the score; signed.

    It is estimated from ``samples`` images, in which a random part of the cells is that of the baseline, by a linear
    regression with Shapley's weights. The answer says how far the map misses its sum.

    Raises:
        QuestionError: captum is not installed, or there is too little time for so many samples.

    Source: Lundberg & Lee 2017 (arXiv:1705.07874), theorem 2; captum 0.9, ``KernelShap``.
    """
    cells, start = grid(value, int(options["cells"])), baseline(oracle, value, options)
    nothing = oracle.score(start)

    pace = _Pace(int(options["samples"]))

    def rises(images: Tensor) -> Tensor:
        """Over the score of the baseline: captum keeps float32, which would lose small differences of large scores."""
        pace.scored(len(images))
        return torch.tensor([score - nothing for score in oracle.scores(torch.split(images, 1))], device=value.device)

    with running(seed=int(options["seed"])):
        method = captums("captum.attr").KernelShap(rises)
        method.interpretable_model = LeastSquares()  # what scikit-learn would do, without it
        found: Tensor = method.attribute(
            value,
            baselines=start,
            feature_mask=cells,
            n_samples=int(options["samples"]),
            perturbations_per_eval=8,
        )
    unknown, samples = int(cells.max()) + 1, int(options["samples"])
    if samples < unknown:
        oracle.note(
            f"{samples} samples are fewer than the {unknown} cells: many maps fit them, and this is one. "
            "Choose more samples or fewer cells."
        )
    share = torch.bincount(cells.flatten()).to(value)[cells] * value.shape[1]
    return found.detach() / share


class _Pace:
    """How long the samples take, all of which one question scores."""

    def __init__(self, samples: int) -> None:
        self._samples, self._done, self._begun = samples, 0, time.monotonic()

    def scored(self, more: int) -> None:
        """So many come next.

        Raises:
            QuestionError: at the pace of those before, not all will be there in time.
        """
        taken, left = time.monotonic() - self._begun, seconds_left()
        rest = self._samples - self._done
        if self._done >= 2 * STEP and taken / self._done * rest > left:
            fit = int(self._done * (taken + left) / taken) // STEP * STEP
            fewer = f"at most {fit}" if fit >= STEP else "a smaller model or image"
            raise QuestionError(
                f"{self._samples} samples would take about {taken / self._done * self._samples:.0f} s on this model, "
                f"and an answer here may take {taken + left:.0f} s. Choose {fewer}; gv.answer in Python has no limit."
            )
        self._done += more


def total(oracle: Oracle, value: Float[Tensor, "1 c h w"], options: Options) -> float:
    """The score less the score of the baseline."""
    return oracle.score(value) - oracle.score(baseline(oracle, value, options))


def grid(value: Float[Tensor, "1 c h w"], cells: int) -> Int[Tensor, "1 1 h w"]:
    """The number of the cell that each pixel is in, of as many rows as columns; fewer where the image has fewer."""
    rows, columns = (torch.arange(side, device=value.device) * min(cells, side) // side for side in value.shape[2:])
    return (rows[:, None] * min(cells, value.shape[3]) + columns)[None, None]


class LeastSquares:
    """The model that captum fits: a weighted linear regression with a constant, of least norm where it is not unique,
    as scikit-learn's ``LinearRegression``."""

    def __init__(self) -> None:
        self._slopes = torch.empty(0)

    def fit(self, train_data: Iterable[tuple[Tensor, Tensor, Tensor]]) -> None:
        """The batches hold which cells are there, (N, K), the scores, (N,), and the weights, (N,)."""
        there, scores, weights = (torch.cat(parts).double() for parts in zip(*train_data, strict=True))
        shares = weights / weights.sum()
        there, scores = there - shares @ there, scores.flatten() - shares @ scores.flatten()
        root = weights.sqrt()
        solved = torch.linalg.lstsq((there * root[:, None]).cpu(), (scores * root)[:, None].cpu(), driver="gelsd")
        self._slopes = solved.solution.flatten().to(there)

    def representation(self) -> Tensor:
        """The coefficient of each cell."""
        return self._slopes.float()
