"""Questions that are about one picture, and so about no volume or clip."""

from __future__ import annotations

from gradviz_core.answers.scene import Scene
from gradviz_core.errors import QuestionError


def check(scene: Scene, what: str) -> None:
    """Refuse a question where the model takes a volume or a clip; ``what`` is the subject of the sentence.

    Raises:
        QuestionError: it does.
    """
    if slices := scene.model.card.preprocessing.slices:
        raise QuestionError(
            f"{what} works on the rows and columns of one picture, and this model takes {slices} slices. For volumes "
            "and clips choose the gradient, or another method that takes each number of the input by itself, such as "
            "integrated gradients."
        )
