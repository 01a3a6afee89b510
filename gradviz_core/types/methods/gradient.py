"""The gradient itself: the method that others are compared with."""

from gradviz_core.types.method_cards import MethodCard
from gradviz_core.types.verdicts import (
    CHANGES_WITH_WEIGHTS,
    CONSTANT_BEFORE_POOLING,
    NO_BETTER_THAN_RANDOM,
    OWN_CELL,
    SHIFT_INVARIANT,
    SHIFT_OF_ALL_LOGITS,
    pointing,
)

CARD = MethodCard(
    name="Gradient",
    in_text="gradient",
    sentence="How $score changes with each pixel",
    formula="$slope",
    unit="$score per $value",
    signed=True,
    colours="$High: increasing the value there increases the $score; $low: it decreases the $score.",
    brightness="$High: a small change there changes the $score a lot; $low: only a little.",
    shows="The exact derivative: how the score changes when one value changes a little and all others stay the same.",
    limits="How the score responds to a large change, or how much of the score is due to a pixel. Where the score "
    "saturates, as a probability near 1 does, the gradient is near zero, however much the pixel matters.",
    source="Simonyan et al. 2014, without the absolute value",
    differences=True,
    link="https://arxiv.org/abs/1312.6034",
    bibtex="""@inproceedings{simonyan2014deep,
  title = {Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency Maps},
  author = {Simonyan, Karen and Vedaldi, Andrea and Zisserman, Andrew},
  booktitle = {International Conference on Learning Representations, Workshop Track},
  year = {2014},
  url = {https://arxiv.org/abs/1312.6034}
}""",
    verdicts=(
        CHANGES_WITH_WEIGHTS,
        SHIFT_INVARIANT,
        OWN_CELL,
        NO_BETTER_THAN_RANDOM,
        SHIFT_OF_ALL_LOGITS,
        CONSTANT_BEFORE_POOLING,
        pointing(76.3, 72.3),
    ),
)
