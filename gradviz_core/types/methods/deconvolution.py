"""The backward pass of a deconvolution network."""

from gradviz_core.types.method_cards import MethodCard
from gradviz_core.types.verdicts import INDEPENDENT_OF_LATER_LAYERS, RECOVERS_THE_IMAGE, pointing

CARD = MethodCard(
    name="Deconvolution",
    in_text="deconvolution",
    sentence="What $score passes back to each pixel through ReLUs that let all positive gradients through",
    formula=r"$slope \text{ with } g\,[g>0] \text{ at each ReLU}",
    unit="$score per $value",
    signed=True,
    colours="$High: what comes back to there is positive; $low: it is negative.",
    brightness="$High: much comes back to there; $low: only a little.",
    shows="Which patterns of the image raise the score, as a deconvolution network projects them down. It is a "
    "backward pass with another rule at each ReLU, and no derivative of the score.",
    limits="Where a ReLU was off in this image: what comes to it is passed on all the same. The map hardly depends on "
    "the class (Mahendran & Vedaldi 2016, Nie et al. 2018). It is defined for ReLUs alone, and a model with another "
    "activation, leaky ReLU and GELU among them, is refused. A ReLU with an upper limit (ReLU6) follows the same rule; "
    "sigmoids and softmaxes are differentiated as they are.",
    source="Zeiler & Fergus 2014",
    link="https://arxiv.org/abs/1311.2901",
    bibtex="""@inproceedings{zeiler2014visualizing,
  title = {Visualizing and Understanding Convolutional Networks},
  author = {Zeiler, Matthew D. and Fergus, Rob},
  booktitle = {European Conference on Computer Vision},
  pages = {818--833},
  year = {2014},
  url = {https://arxiv.org/abs/1311.2901}
}""",
    takes_gradient=True,
    code=(
        "",
        "def rewrite(_, gradients):",
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
        "            node.register_hook(rewrite)",
        "(gradient,) = torch.autograd.grad(score, x)",
    ),
    verdicts=(
        INDEPENDENT_OF_LATER_LAYERS,
        RECOVERS_THE_IMAGE,
        pointing(67.5, 68.6),
    ),
)
