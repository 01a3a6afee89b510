"""Which values a forward pass produces: the question and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types.arrays import Arrays, Pixels
from gradviz_core.types.cards import ImageFile, ModelCard
from gradviz_core.types.heads import Head, HeadInfo
from gradviz_core.types.questions import AboutAModel, Answer
from gradviz_core.types.receipts import ClassProbability, Receipt
from gradviz_core.types.subjects import SiteInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyQuestion(AboutAModel["SurveyAnswer"]):
    """Which values does the forward pass of this model on this image produce, in order of execution, and what does it
    predict at ``head``?"""

    model: str
    image: str
    head: Head = field(default_factory=Head)
    seed: int = 0
    kind: Literal["survey"] = field(default="survey", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyAnswer(Answer):
    """Answer to a ``SurveyQuestion``: the model's card, its layer outputs in order of execution, every real tensor that
    it returned, its prediction; ``arrays`` holds ``pixels``."""

    question: SurveyQuestion
    card: ModelCard
    sites: tuple[SiteInfo, ...]
    heads: tuple[HeadInfo, ...]
    prediction: tuple[ClassProbability, ...]
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Arrays
    file: ImageFile | None = None
    """How the picture lies in its file; None for a sample."""
    held: ImageFile | None = None
    """The same of the image that is held, where the model takes two."""
    upright: tuple[int, int] = (0, 0)
    """Rows and columns of the whole picture, upright, before it is resized and cropped; zeros if they are not known."""
    random: bool = False
    """Whether the model draws random numbers, so that another seed gives another answer."""
    attends: bool = False
    """Whether the model attends: ``TokensQuestion`` says where."""
    kind: Literal["survey"] = field(default="survey", repr=False)

    @property
    def pixels(self) -> Pixels:
        """The picture the network sees, shape (H, W, 3)."""
        return self.arrays["pixels"]
