"""The gradient times the input."""

from gradviz_core.types.method_cards import MethodCard
from gradviz_core.types.verdicts import NOT_SHIFT_INVARIANT, SHOWS_THE_INPUT

CARD = MethodCard(
    name="Gradient × input",
    in_text="gradient × input",
    sentence="How $score changes with each pixel, times the input",
    formula=r"$x\,$slope",
    unit="$score",
    signed=True,
    colours="$High: value times gradient is positive, which adds to the $score; $low: it is negative.",
    brightness="$High: value times gradient is large in magnitude; $low: small.",
    shows="The first-order contribution of each value to the score. In a network of linear layers, ReLU and max "
    "pooling without biases these contributions add up to a logit.",
    limits="What matters where the input is zero; zero is the mean colour of the training data, not black. With "
    "biases or smooth activations the contributions do not add up to the score.",
    source="Shrikumar et al. 2016",
    differences=True,
    link="https://arxiv.org/abs/1605.01713",
    bibtex="""@misc{shrikumar2016not,
  title = {Not Just a Black Box: Learning Important Features Through Propagating Activation Differences},
  author = {Shrikumar, Avanti and Greenside, Peyton and Shcherbina, Anna and Kundaje, Anshul},
  year = {2016},
  eprint = {1605.01713},
  archivePrefix = {arXiv},
  url = {https://arxiv.org/abs/1605.01713}
}""",
    code=("gradient = x.detach() * gradient",),
    verdicts=(
        SHOWS_THE_INPUT,
        NOT_SHIFT_INVARIANT,
    ),
)
