"""How a score changes with each value: the question and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from gradviz_core.types.arrays import Arrays, Pixels, not_finite
from gradviz_core.types.methods import MethodName, OptionValues, card_of
from gradviz_core.types.patches import Centres, spread
from gradviz_core.types.questions import AboutAModel, Answer
from gradviz_core.types.receipts import ClassProbability, Receipt
from gradviz_core.types.series import Sums
from gradviz_core.types.subjects import INPUT, Site
from gradviz_core.types.targets import ClassScore, Target
from gradviz_core.types.tokens import TokenNumbers

Arithmetic = Literal["plain", "fast"]
"""How the network is computed: as PyTorch runs it, or in fewer operations with other last bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientQuestion(AboutAModel["GradientAnswer"]):
    """How does ``target`` change with each value at the sites ``wrt``, and what does ``method`` make of that?

    ``options`` are those of the method's card; one that is left out is at its default. A long sum is a row of questions
    that differ in ``part``, whose answers are added with ``Sums.then``.
    """

    model: str
    image: str
    target: Target = field(default_factory=ClassScore)
    wrt: tuple[Site, ...] = (INPUT,)
    method: MethodName = "gradient"
    options: OptionValues = field(default=(), metadata={"unsaid": True})
    part: tuple[int, int] | None = field(default=None, metadata={"unsaid": True})
    """Of a method that sums terms: only those from the first number up to, not including, the second."""
    axis: int | None = field(default=None, metadata={"unsaid": True})
    """Which axis of the value of a layer output counts channels, where the batch axis is 0; None is the one that the
    forward pass shows."""
    arithmetic: Arithmetic = field(default="plain", metadata={"unsaid": True})
    """``fast`` folds batch norms into convolutions and puts channels last in memory, which changes the last bits."""
    seed: int = 0
    kind: Literal["gradient"] = field(default="gradient", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientAnswer(Answer):
    """Answer to a ``GradientQuestion``: ``arrays`` holds ``activation/<site>`` and ``gradient/<site>`` for each site
    asked for, with the shape the site has in the model; where the method is not the gradient itself
    ``attribution/<site>`` too, which has one channel where it is a class activation map, or for a part
    ``terms/<site>``, and ``squares/<site>`` where a variance is wanted; and ``pixels``, the (H, W, 3) picture the
    network sees. A part that is not the first holds its sums alone. Of a method over attention ``tokens/numbers`` has a
    number for each token, ``tokens/patches`` the patch that it is, row by row from 0, and -1 for one that is none, and
    ``tokens/centres`` where the patches lie, as ``Centres`` does."""

    question: GradientQuestion
    target: Target
    """The question's target, with the predicted class filled in, where it was read and as what."""
    score: float
    prediction: tuple[ClassProbability, ...]
    """The five most likely classes, or the five largest values; empty where the target is read from a site."""
    receptive_field: tuple[int, int, int, int] | None
    """For a ``Unit``: its receptive field: first row, last row, first column, last column of the input."""
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Arrays
    unreached: tuple[Site, ...] = ()
    """Sites that were asked for and have no gradient: no differentiable path leads from them to the score."""
    totals: tuple[tuple[Site, float], ...] = ()
    """What the attribution at a site sums to by the law of a complete method; its numbers sum to this, but for the
    completeness gap."""
    kind: Literal["gradient"] = field(default="gradient", repr=False)

    @property
    def activations(self) -> dict[Site, np.ndarray]:
        """Exact values at each site, before any later in-place operation."""
        return _by_site(self.arrays, "activation/")

    @property
    def gradients(self) -> dict[Site, np.ndarray]:
        """∂score/∂site for each site from which a path leads to the score; signed."""
        return _by_site(self.arrays, "gradient/")

    @property
    def attributions(self) -> dict[Site, np.ndarray]:
        """What the question's method makes of the gradients; the gradients themselves where it is ``gradient``."""
        return _by_site(self.arrays, "attribution/") or self.gradients

    @property
    def gaps(self) -> dict[Site, float]:
        """The completeness gap at each site of a complete method: Σ attribution less what it sums to by its law; empty
        for a part."""
        made = {} if self.question.part else self.attributions
        return {site: float(made[site].sum(dtype=np.float64)) - total for site, total in self.totals if site in made}

    @property
    def tokens(self) -> TokenNumbers | None:
        """What a method over attention gives for each token; None for any other."""
        if "tokens/numbers" not in self.arrays:
            return None
        rows, columns = self.attributions[INPUT].shape[-2:]
        where = [float(n) for n in self.arrays["tokens/centres"]]
        centres = Centres(*where) if where else spread(rows, columns, self.arrays[f"activation/{INPUT}"].shape[-2:])
        return TokenNumbers(self.arrays["tokens/numbers"], self.arrays["tokens/patches"], rows, columns, centres)

    def sums(self, site: Site) -> Sums:
        """The terms of the part that was asked for."""
        assert self.question.part is not None, "a whole answer has no sums"
        return Sums(*self.question.part, self.arrays[f"terms/{site}"], self.arrays.get(f"squares/{site}"))

    def completed(self, question: GradientQuestion, sums: Sums, receipt: Receipt) -> GradientAnswer:
        """The answer to ``question``, of which this is the first part, where ``sums`` are its terms; or what they make
        so far, where they are the first of them."""
        (site,) = question.wrt
        made = sums.gathered(card_of(question.method).gathered).astype(np.float32)
        kept = {name: array for name, array in self.arrays.items() if not name.startswith(("terms/", "squares/"))}
        made_here = {f"attribution/{site}": made}
        notes = (*self.notes, *not_finite(made_here))
        return replace(self, question=question, notes=notes, receipt=receipt, arrays={**kept, **made_here})

    @property
    def pixels(self) -> Pixels:
        """The picture the network sees, shape (H, W, 3)."""
        return self.arrays["pixels"]


def _by_site(arrays: Arrays, prefix: str) -> dict[Site, np.ndarray]:
    return {Site.parse(name.removeprefix(prefix)): a for name, a in arrays.items() if name.startswith(prefix)}
