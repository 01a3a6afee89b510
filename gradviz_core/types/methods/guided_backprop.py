"""The gradient that passes a ReLU only where it is positive."""

from gradviz_core.types.method_cards import MethodCard
from gradviz_core.types.verdicts import (
    CONSTANT_BEFORE_POOLING,
    HARDLY_CHANGES_WITH_WEIGHTS,
    INDEPENDENT_OF_LATER_LAYERS,
    NO_BETTER_THAN_RANDOM,
    RECOVERS_THE_IMAGE,
    pointing,
)

CARD = MethodCard(
    name="Guided backprop",
    in_text="guided backprop",
    sentence="What $score passes back to each pixel through ReLUs that let only positive gradients through",
    formula=r"$slope \text{ with } g\,[z>0]\,[g>0] \text{ at each ReLU}",
    unit="$score per $value",
    signed=True,
    colours="$High: what comes back to there is positive; $low: it is negative.",
    brightness="$High: much comes back to there; $low: only a little.",
    shows="Which edges and textures of the image switch on the units that raise the score. It is a backward pass with "
    "another rule at each ReLU, and no derivative of the score.",
    limits="Why this class and not another: the map hardly changes with the class, or where upper layers have random "
    "weights. Adebayo et al. 2018 measured it; Nie et al. 2018 show that the rule partly recovers the image. It is "
    "defined for ReLUs alone, and a model with another activation, leaky ReLU and GELU among them, is refused. A ReLU "
    "with an upper limit (ReLU6) follows the same rule; sigmoids and softmaxes are differentiated as they are.",
    source="Springenberg et al. 2015",
    link="https://arxiv.org/abs/1412.6806",
    bibtex="""@inproceedings{springenberg2015striving,
  title = {Striving for Simplicity: The All Convolutional Net},
  author = {Springenberg, Jost Tobias and Dosovitskiy, Alexey and Brox, Thomas and Riedmiller, Martin},
  booktitle = {International Conference on Learning Representations, Workshop Track},
  year = {2015},
  url = {https://arxiv.org/abs/1412.6806}
}""",
    takes_gradient=True,
    code=(
        "",
        "def rewrite(gradients):",
        "    return (gradients[0].clamp(min=0),)",
        "",
        "",
        "waiting, seen = [score.grad_fn], set()",
        "while waiting:  # visits each operation of PyTorch's graph",
        "    node = waiting.pop()",
        "    if node is not None and node not in seen:",
        "        seen.add(node)",
        "        waiting += [before for before, _ in node.next_functions]",
        '        if node.name().startswith(("Relu", "Threshold", "ClampMin", "Hardtanh")):',
        "            node.register_prehook(rewrite)",
        "(gradient,) = torch.autograd.grad(score, x)",
    ),
    verdicts=(
        HARDLY_CHANGES_WITH_WEIGHTS,
        INDEPENDENT_OF_LATER_LAYERS,
        RECOVERS_THE_IMAGE,
        NO_BETTER_THAN_RANDOM,
        CONSTANT_BEFORE_POOLING,
        pointing(75.9, 77.2),
    ),
)
