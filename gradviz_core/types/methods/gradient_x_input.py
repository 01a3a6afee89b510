"""The gradient times the input."""

from gradviz_core.types.method_cards import MethodCard

CARD = MethodCard(
    name="Gradient × input",
    in_text="gradient × input",
    sentence="How $score changes with each pixel, multiplied by the input itself",
    formula=r"$x\,$slope",
    unit="$score",
    signed=True,
    colours="Red: value times slope is positive there, which adds to the $score; blue: it is negative.",
    brightness="Bright: value times slope is large there; dark: small.",
    shows="The first-order share of each number in the score. In a network of linear layers, ReLU and max pooling "
    "without biases the shares add up to a logit.",
    limits="What matters where the input is zero, and zero is the mean colour of the training data, not black. With "
    "biases or smooth activations the shares do not add up to the score.",
    source="Shrikumar et al. 2016",
    link="https://arxiv.org/abs/1605.01713",
    code=("gradient = x.detach() * gradient",),
)
