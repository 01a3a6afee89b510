"""The same map with the model's weights randomised, noise on the input, or another draw: the question and its answer.

Source: Adebayo et al. 2018 (arXiv:1810.03292), section 3.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from gradviz_core.errors import QuestionError
from gradviz_core.types.arrays import Arrays
from gradviz_core.types.controls import Number, applies
from gradviz_core.types.methods import MethodName, OptionValues, card_of, settled
from gradviz_core.types.questions import AboutAModel, Answer
from gradviz_core.types.receipts import Receipt
from gradviz_core.types.subjects import INPUT, Site
from gradviz_core.types.targets import ClassScore, Target

Mode = Literal["cascade", "single"]
"""``cascade``: the layer and all above it, nearer to the score; ``single``: this layer alone."""
ViewName = Literal["signed_sum", "magnitude_l2", "magnitude_max"]
"""How the channels are reduced to the field that is compared, as in ``views.py``."""
MOST_PARAMETERS = 100_000
"""Two draws of a model with fewer parameters share no seed."""


def with_next_seed(method: MethodName, options: OptionValues) -> OptionValues:
    """The options of the next draw of a method: those with the seed that follows, and after the last the first.

    Raises:
        QuestionError: the method draws no random numbers with these options; or as ``settled``.
    """
    seed = next((one for one in card_of(method).options if one.name == "seed"), None)
    values = settled(method, options)
    if not isinstance(seed, Number) or not applies(seed, values):
        raise QuestionError(f"{method} draws no random numbers here, so it has no other draw. Leave it out.")
    following = float(values["seed"]) + 1
    return tuple((values | {"seed": following if following <= seed.high else seed.low}).items())


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomisedQuestion(AboutAModel["RandomisedAnswer"]):
    """What does the method's map of the same class look like when something that ought to matter, or ought not to
    matter, is random? And how alike are the two maps?

    A layer is a module with parameters of its own, counted from the score down in the order of execution: layer 1 is
    the last that runs before the score, and 0 is none. Each of a layer's parameters gets its own numbers in another
    order, so that their distribution stays, whatever the model. Buffers, such as the means of batch norm, stay: they
    are measured, not trained. ``noise`` is the standard deviation of normal noise on the network's input, as a share of
    the range of its values. ``other_draw`` takes the next seed of a method that draws random numbers itself. ``draw``
    is the seed of the orders and of the noise; a layer gets the same order in both modes.
    """

    model: str
    image: str
    target: Target = field(default_factory=ClassScore)
    method: MethodName = "gradient"
    options: OptionValues = ()
    wrt: Site = INPUT
    axis: int | None = None
    """As in a ``GradientQuestion``."""
    view: ViewName = "signed_sum"
    """The field at the input; at a layer output the channels are summed."""
    layer: int = 0
    mode: Mode = "cascade"
    noise: float = 0.0
    other_draw: bool = False
    draw: int = 0
    seed: int = 0
    kind: Literal["randomised"] = field(default="randomised", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomisedAnswer(Answer):
    """Answer to a ``RandomisedQuestion``. ``arrays`` holds ``attribution/<site>``, the other map, ``similarity``, three
    numbers, and ``ranges`` and ``largest``, two each."""

    question: RandomisedQuestion
    target: Target
    """The question's target, with the class filled in that the model itself predicts."""
    score: float
    """Of the model and the image as they are."""
    score_then: float
    """Where the second map was made."""
    layers: tuple[str, ...]
    """All layers, from the score down, by the names of their modules."""
    changed: tuple[str, ...]
    """Those whose parameters are in another order."""
    seeds: tuple[tuple[tuple[str, int], ...], ...]
    """Of each layer of ``layers``, the names of its parameters, each with the seed of its order."""
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Arrays
    kind: Literal["randomised"] = field(default="randomised", repr=False)

    @property
    def attribution(self) -> np.ndarray:
        """The other map, as ``GradientAnswer.attributions`` has one."""
        return self.arrays[f"attribution/{self.question.wrt}"]

    @property
    def spearman(self) -> float:
        """Rank correlation of the two fields; of a field without sign the same as ``spearman_absolute``. NaN where one
        of them is the same everywhere."""
        return float(self.arrays["similarity"][0])

    @property
    def spearman_absolute(self) -> float:
        """Rank correlation of the magnitudes of the two fields."""
        return float(self.arrays["similarity"][1])

    @property
    def ranges(self) -> tuple[float, float]:
        """Of the magnitudes of the two fields, the original and the other, the largest less the smallest: 0 where one
        is the same everywhere, NaN where it has no finite number."""
        first, second = self.arrays["ranges"]
        return float(first), float(second)

    @property
    def then_is_zero(self) -> bool:
        """Whether the other field is zero everywhere: its largest magnitude is 0."""
        return bool(self.arrays["largest"][1] == 0)

    @property
    def ssim(self) -> float:
        """Structural similarity of the magnitudes, each as ``similarity.as_drawn`` has them; a map of a layer output is
        enlarged to the picture before. NaN for a picture with a side under 11 pixels, a map without rows and
        columns, or where one of the two is the same everywhere."""
        return float(self.arrays["similarity"][2])
