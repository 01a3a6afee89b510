"""Differences of activations from those of a baseline, carried back by captum."""

from gradviz_core.types.baselines import BASELINE, BASELINE_IMAGE, NOISE_SEED
from gradviz_core.types.method_cards import MethodCard

CARD = MethodCard(
    name="DeepLIFT",
    in_text="DeepLIFT",
    sentence="How much of the difference of $score from that of a baseline each pixel accounts for",
    formula=r"(x - x_0)\, $slope \text{ with } \frac{f(z) - f(z_0)}{z - z_0} \text{ for } f'(z)",
    unit="$score",
    signed=True,
    colours="$High: what is there raises the $score above that of the baseline; $low: it lowers it.",
    brightness="$High: much of the difference is due to that place; $low: only a little.",
    shows="How much each pixel contributes to the difference of the score from that of a baseline. "
    "Each activation is replaced by the line through its values for image and baseline, so that saturation does not "
    "hide what it did. It is computed by captum.",
    limits="How the score responds to a small change of the image. Models that call an activation as a function "
    "(F.relu), or use a layer twice, are refused, and so are those in which one image of a batch changes another's "
    "score: there captum would be wrong. Products of two values, as in "
    "attention, and norms of the image have no rule, and captum's rule for max pooling does not add up, so that the "
    "sum may be off; its convergence delta says by how much.",
    source="Shrikumar et al. 2017, rescale rule",
    link="https://arxiv.org/abs/1704.02685",
    bibtex="""@inproceedings{shrikumar2017learning,
  title = {Learning Important Features Through Propagating Activation Differences},
  author = {Shrikumar, Avanti and Greenside, Peyton and Kundaje, Anshul},
  booktitle = {International Conference on Machine Learning},
  pages = {3145--3153},
  year = {2017},
  url = {https://arxiv.org/abs/1704.02685}
}""",
    takes_gradient=True,
    imports=("from captum.attr import DeepLift",),
    code=(
        "",
        "class Scored(torch.nn.Module):  # captum takes the score as the output of a module",
        "    def __init__(self):",
        "        super().__init__()",
        "        self.network = model",
        "",
        "    def forward(self, images):",
        "        output = self.network(images)",
        "        return torch.stack([score_from(output[i : i + 1]) for i in range(len(images))])",
        "",
        "",
        "for part in model.modules():",
        '    if hasattr(part, "inplace"):',
        "        part.inplace = False",
        "$baseline",
        "gradient = DeepLift(Scored()).attribute(x, baselines=baseline).detach()",
    ),
    options=(BASELINE, BASELINE_IMAGE, NOISE_SEED),
    complete="the attribution sums to the score less the score of the baseline",
    where="input",
)
