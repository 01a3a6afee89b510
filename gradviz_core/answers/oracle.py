"""The score of a scene as a function of the value at one site: what a method is handed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from gradviz_core.answers import attended, inside, pictures
from gradviz_core.answers.scene import Scene
from gradviz_core.answers.similar import mean_logit
from gradviz_core.errors import BadTarget, QuestionError, Unreachable
from gradviz_core.methods.attributions import Asked, Attention, Inside
from gradviz_core.tracing import batch, relu_rules
from gradviz_core.tracing.bias_terms import BiasTerms, bias_terms
from gradviz_core.tracing.quick_kernels import QuickKernels
from gradviz_core.tracing.relu_rules import Rewritten, Rule
from gradviz_core.tracing.row_rules import Mixes
from gradviz_core.tracing.rows_apart import check_way_back
from gradviz_core.tracing.scored import Scored, Use, uses
from gradviz_core.tracing.scores import targets
from gradviz_core.tracing.trace import Trace, differentiate, differentiate_each, forward, reached
from gradviz_core.types import INPUT, OUTPUT, Site, Target
from gradviz_core.types.series import GRID
from gradviz_core.types.sites import site_name

TOGETHER = GRID
"""Points that are asked in one pass, at most."""
NUMBERS = TOGETHER * 3 * 224 * 224
"""Numbers at the input of one pass, at most, where that is more than one point: what a pass of so many takes in memory
grows with them."""
AGREEMENT = 1e-5
"""Of the largest number: so close is a row of a batch to the point alone, or each is asked alone."""
_NOT_ROWS = (RuntimeError, ValueError, TypeError, IndexError, BadTarget, QuestionError, Unreachable)
"""What a model raises that takes one image alone."""

Row = TypeVar("Row", Asked, float)


class Ask(Protocol[Row]):
    """A method that asks several points in one pass."""

    def __call__(self, at: Site, points: Sequence[Tensor], *, apart: bool) -> list[Row]:
        """What each of them gives."""


class SceneOracle:
    """``Oracle`` of a target whose predicted class is filled in, at a site where ``gradient`` was found.

    For another value the model runs again, from the same random seed, with that value in place of the site's own.
    """

    def __init__(
        self, scene: Scene, target: Target, site: Site, gradient: Tensor | None, axis: int | None = None
    ) -> None:
        """``axis`` counts the channels of the site's value, where somebody has chosen it. Without a ``gradient`` it is
        for a later part of a sum, which never asks for the value's own.

        Raises:
            BadTarget: the value has no such axis.
        """
        self._scene, self._target, self._site, self._gradient = scene, target, site, gradient
        self._axis = targets.channel_axis(scene.trace, site, axis)
        self._here = scene.trace.value(site).detach()
        self._read = {site, *([target.at] if target.at else ())}
        self._parts: BiasTerms | None = None
        self._alone: set[Site] = set()
        self._compared: set[Site] = set()
        self._may_mix: set[Site] = set()
        self._sizes: set[tuple[Site, int]] = set()
        self.notes: dict[str, None] = {}
        """What methods want the answer to say, each sentence once."""
        self.tokens: dict[str, np.ndarray] = {}
        """What a method over attention gives for each token, as ``GradientAnswer.tokens`` has it."""

    @property
    def input(self) -> Tensor:
        """The network's input, (1, C, H, W)."""
        return self._scene.trace.values[INPUT].detach()

    @property
    def colours(self) -> tuple[Tensor, Tensor]:
        """(0 - mean) / std and (1 - mean) / std at the network's input, (1, C, 1, 1) each, or with as many axes as the
        input has; of bands the smallest and the largest number of each."""
        steps, axes = self._scene.model.card.preprocessing, range(self.input.dim())
        if steps.banded:
            self.note("Black and white are the smallest and the largest number of each band in this image.")
            others = [axis for axis in axes if axis not in (0, steps.channel_axis)]
            return self.input.amin(others, keepdim=True), self.input.amax(others, keepdim=True)
        shape = [-1 if axis == steps.channel_axis else 1 for axis in axes]
        mean, std = (self.input.new_tensor(numbers).view(shape) for numbers in (steps.mean, steps.std))
        return -mean / std, (1 - mean) / std

    @property
    def black_and_white(self) -> tuple[Tensor, Tensor] | None:
        """The two at the input; None at a layer output, which has no colours."""
        return self.colours if self._site == INPUT else None

    @property
    def axis(self) -> int:
        """Which axis of the site's value counts channels: the one that was chosen, else the one that the pass shows."""
        return self._axis

    def __call__(self, value: Tensor) -> Tensor:
        """∂score/∂site where the site has that value.

        Raises:
            QuestionError: the value has another shape than the site's.
            Unreachable: no path leads from the site to the score in that pass.
        """
        value = self._fitting(value)
        if self._gradient is not None and torch.equal(value, self._here):
            return self._gradient.clone()
        return self._one(self._site, value).gradient

    def score(self, value: Tensor) -> float:
        """The score where the site has that value.

        Raises:
            QuestionError: the value has another shape than the site's.
        """
        trace = self._pass(self.input, self._site, self._fitting(value))
        return targets.select(self._target, trace)[1].item()

    def scores(self, values: Iterable[Tensor]) -> Iterator[float]:
        """The score where the site has each of the values in turn; several in one pass, as ``each`` does.

        Raises:
            QuestionError: a value has another shape than the site's.
        """
        points = map(self._fitting, values)
        while some := list(islice(points, self._together())):
            found = self._as_rows(self._site, some, self._scores)
            yield from map(self.score, some) if found is None else found

    def each(self, values: Iterable[Tensor]) -> Iterator[Asked]:
        """Score and gradient where the site has each of the values in turn.

        Raises:
            QuestionError, Unreachable: as a call does.
        """
        return self._each(self._site, map(self._fitting, values))

    def along(self, inputs: Iterable[Tensor]) -> Iterator[Asked]:
        """Score, the site's value and the gradient there, with each of the inputs in turn.

        Raises:
            Unreachable: no path leads from the site to the score in one of these passes.
        """
        return self._each(INPUT, (x.detach().to(self.input) for x in inputs))

    def attentions(self, *, early: bool = False) -> Sequence[Attention]:
        """The attention layers up to the score; with ``early`` the gradients are those of the scores at each block.

        Raises:
            QuestionError, Unreachable: as ``attended.attentions`` does.
        """
        if early:
            found = attended.attentions_read_early(self._scene, self._target, self._at)
        else:
            found = attended.attentions(self._scene, self._target)
        if found[0].guessed:
            self.note(f"The grid of the tokens was guessed: {found[0].guessed}.")
        return found

    def _at(self, site: Site, value: Tensor) -> Tensor:
        """∂score/∂site where that site has this value."""
        trace = self._pass(self.input, site, value)
        score = targets.select(self._target, trace)[1]
        return reached(site, differentiate(trace, score, (site,), keep_graph=False)[site], self._target)

    def of_similar(self, count: int) -> Tensor:
        """The gradient, at the site's own value, of the mean logit of the ``count`` other classes whose logits are
        nearest to that of the target's class; of all others where there are fewer.

        Raises:
            QuestionError: the target is not a logit, or there is no other class.
            Unreachable: no path leads from the site to these logits.
        """
        trace = forward(self._scene.model.module, self.input, keep=self._read, seed=self._scene.seed, axes=False)
        mean = mean_logit(self._target, trace, count)
        found = differentiate(trace, mean, (self._site,), keep_graph=False)[self._site]
        return reached(self._site, found, self._target)

    def rewritten(self, rule: Rule) -> Rewritten:
        """What comes back to the site's value in the pass where every ReLU on the way has another rule.

        Raises:
            QuestionError: there is no ReLU on the way, or an activation for which the rule says nothing.
            Unreachable: no path leads from the site to the score.
        """
        module, seen = self._scene.model.module, self._scene.trace
        if len(seen.seen) == 1:  # nothing but the input was watched
            seen = forward(module, self.input, keep={OUTPUT}, seed=self._scene.seed, axes=False)
        known = relu_rules.layers(seen)
        trace = self._pass(self.input, self._site, self._here, also=known)
        return relu_rules.differentiate_by(
            rule, trace, targets.select(self._target, trace)[1], self._site, self._target
        )

    def inside(self, name: str) -> Inside:
        """The value of a layer output with rows and columns, by default of the last, and the gradient there.

        Raises:
            QuestionError, UnknownSite, Unreachable: as ``inside.inside`` does.
        """
        return inside.inside(self._scene, self._target, name)

    def another_input(self, key: str) -> Tensor:
        """What the network receives for another image.

        Raises:
            QuestionError, UnknownImage, BadImage: as ``pictures.another_input`` does.
        """
        return pictures.another_input(key, self._scene.model.card.preprocessing, self.input)

    def bias_terms(self) -> BiasTerms:
        """The parts of the score in the pass: x · ∂S/∂x, and what each layer adds by its constant parts; two passes.

        Raises:
            QuestionError: the model takes gradients in its forward pass, or has an operation that cannot be followed.
        """
        if self._parts is None:
            trace = forward(self._scene.model.module, self.input, seed=self._scene.seed)
            self._parts = bias_terms(self._scene.model.module, trace, self._target)
        return self._parts

    def prepared(self) -> Scored:
        """The network as another library takes it: a module of the input whose output is the score.

        Raises:
            QuestionError: the score is read inside the network, or the network draws random numbers.
        """
        if self._scene.trace.random:
            raise QuestionError(
                "This method takes the network as a function of the image alone, and this one draws random numbers. "
                "Choose another method."
            )
        return Scored(self._scene.model.module, self._target)

    def activations(self) -> tuple[Use, ...]:
        """The activations and max poolings between the input and the score, and the layers that they are; a pass.

        Raises:
            QuestionError: PyTorch no longer says what a node of its graph is.
        """
        trace = forward(self._scene.model.module, self.input, seed=self._scene.seed, axes=self._target.needs_axes)
        return uses(trace, targets.select(self._target, trace)[1])

    def note(self, sentence: str) -> None:
        """Have the answer say this too."""
        self.notes[sentence] = None

    def keep_tokens(self, numbers: Tensor, layer: Attention) -> None:
        """Have the answer hold a number for each token of a layer."""
        centres = layer.centres
        where = () if centres is None else (centres.row, centres.column, centres.down, centres.across)
        self.tokens = {
            "numbers": numbers.cpu().numpy().astype(np.float32),
            "patches": layer.patches.cpu().numpy().astype(np.int32),
            "centres": np.array(where, np.float64),
        }

    def _fitting(self, value: Tensor) -> Tensor:
        if value.shape != self._here.shape:
            raise QuestionError(
                f"The method needs the gradient at a value of shape {tuple(value.shape)}; {site_name(self._site)} has "
                f"the shape {tuple(self._here.shape)}. Use a value of that shape."
            )
        return value.detach().to(self._here)

    def _each(self, at: Site, points: Iterator[Tensor]) -> Iterator[Asked]:
        while some := list(islice(points, self._together())):
            found = self._as_rows(at, some, self._rows)
            if found is not None:
                self._compared.add(at)
            yield from (self._one(at, point) for point in some) if found is None else found

    def _together(self) -> int:
        """How many points come into one pass: a power of two, so that each part of a series is cut alike."""
        fit = max(1, min(TOGETHER, NUMBERS // self.input.numel()))
        return 1 << (fit.bit_length() - 1)

    def _one(self, at: Site, point: Tensor) -> Asked:
        trace = self._pass(self.input, at, point)
        score = targets.select(self._target, trace)[1]
        found = differentiate(trace, score, (self._site,), keep_graph=False)[self._site]
        return Asked(score.item(), trace.value(self._site).detach(), reached(self._site, found, self._target))

    def _scores(self, at: Site, points: Sequence[Tensor], *, apart: bool) -> list[float]:
        """The scores of several points as the rows of one pass."""
        found: list[float] = self._of_rows(at, points, apart=apart)[1].tolist()
        return found

    def _rows(self, at: Site, points: Sequence[Tensor], *, apart: bool) -> list[Asked]:
        """Several points as the rows of one pass."""
        many = len(points)
        trace, scores = self._of_rows(at, points, apart=apart)
        with QuickKernels():
            found = differentiate_each(trace, scores, torch.ones_like(scores), (self._site,), keep_graph=False)
        values, slopes = trace.value(self._site).detach(), reached(self._site, found[self._site], self._target)
        rows = (values.shape[0] // many, *self._here.shape[1:])
        shaped = zip(scores.tolist(), values.reshape(many, *rows), slopes.reshape(many, *rows), strict=True)
        return [Asked(*row) for row in shaped]

    def _of_rows(self, at: Site, points: Sequence[Tensor], *, apart: bool) -> tuple[Trace, Tensor]:
        """The pass, and the score of each row.

        Raises:
            Mixes: the rows might change one another, and they are to be ``apart``.
        """
        many = len(points)
        x = self.input.repeat(many, *[1] * (self.input.dim() - 1))
        trace = self._pass(x, at, torch.cat(list(points)), apart=many if apart else 0)
        scores = batch.select((self._target,) * many, trace)[1]
        if apart:
            check_way_back(scores)
        return trace, scores

    def _as_rows(self, at: Site, points: Sequence[Tensor], ask: Ask[Row]) -> list[Row] | None:
        """What the points give as rows of one pass; None where a row might give something else than its point alone.

        The operations of each pass show that its rows stay apart. Where they do not, the first and the last row of each
        pass are compared with their points alone; once one differs, all further points are asked alone.
        """
        if at in self._alone or len(points) == 1 or torch.equal(points[0], points[-1]):
            return None
        if not self._scene.trace.random and points[0].dim() > 0:
            with suppress(*_NOT_ROWS):
                if (apart := self._apart(at, points, ask)) is not None:
                    return apart
                found = ask(at, points, apart=False)
                if all(self._agrees(at, points[end], found[end]) for end in (0, -1)):
                    return found
        self._alone.add(at)
        return None

    def _apart(self, at: Site, points: Sequence[Tensor], ask: Ask[Row]) -> list[Row] | None:
        """What they give as rows that stay apart, by the operations of the pass; None where that cannot be seen.

        The first and the last of so many rows are once compared with their points alone: a model may ask how many there
        are, and where many units lie at their kinks, the last bits of a batch are enough for another slope.
        """
        if at not in self._may_mix and not self._target.needs_axes:
            with suppress(Mixes):
                found = ask(at, points, apart=True)
                size = at, len(points)
                if size in self._sizes or all(self._agrees(at, points[end], found[end]) for end in (0, -1)):
                    self._sizes.add(size)
                    return found
            self._may_mix.add(at)
        return None

    def _agrees(self, at: Site, point: Tensor, row: Asked | float) -> bool:
        """Whether a row gives what its point gives alone: the score, and in the first block of points value and
        gradient too."""
        if isinstance(row, float) or at in self._compared:
            return self._scores_alike(at, point, row)
        return _agree(row, self._one(at, point))

    def _scores_alike(self, at: Site, point: Tensor, row: Asked | float) -> bool:
        score = row if isinstance(row, float) else row.score
        alone = targets.select(self._target, self._pass(self.input, at, point))[1].item()
        return abs(score - alone) <= AGREEMENT * abs(alone)

    def _pass(self, x: Tensor, at: Site, value: Tensor, also: Collection[Site] = (), apart: int = 0) -> Trace:
        """The pass with this value at the site in place of its own; it keeps the sites ``also`` too. ``apart`` is as in
        ``trace.forward``."""
        return forward(
            self._scene.model.module,
            x,
            keep={*self._read, *also},
            until=self._read if self._target.may_stop else None,
            seed=self._scene.seed,
            put={at: value},
            axes=self._target.needs_axes,
            apart=apart,
        )


def _agree(one: Asked, other: Asked) -> bool:
    """Equal to rounding, relative to the largest number: a batch that mixes its images shows here."""
    return abs(one.score - other.score) <= AGREEMENT * abs(other.score) and all(
        found.shape == true.shape and bool((found - true).abs().max() <= AGREEMENT * true.abs().max())
        for found, true in ((one.value, other.value), (one.gradient, other.gradient))
    )
