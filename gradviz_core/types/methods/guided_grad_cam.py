"""Guided backprop where Grad-CAM of a layer is positive."""

from gradviz_core.types.controls import Named
from gradviz_core.types.method_cards import MethodCard
from gradviz_core.types.methods.guided_backprop import CARD as GUIDED_BACKPROP
from gradviz_core.types.verdicts import (
    HARDLY_CHANGES_WITH_WEIGHTS,
    PART_RECOVERS_THE_IMAGE,
    UNUSED_PLACES,
)

LAYER = Named(
    "layer",
    "Layer",
    "layer",
    "The layer output of which Grad-CAM is taken: a late one has few positions, and says most about the class.",
    nothing="the last layer with rows and columns",
)
CARD = MethodCard(
    name="Guided Grad-CAM",
    in_text="guided Grad-CAM",
    sentence="What $score passes back to each pixel by guided backprop, times Grad-CAM of $layer",
    formula=r"G\cdot\mathrm{up}\Big(\text{ReLU}\sum_k w_k a_k\Big),\; G = $slope \text{ with } g\,[z>0]\,[g>0] "
    r"\text{ at each ReLU}",
    unit="$score × $score per $value",
    signed=True,
    colours="$High: the product there is positive; $low: it is negative; no colour: one of the two maps is zero.",
    brightness="$High: much comes back to there, and Grad-CAM is high; $low: only a little.",
    shows="Edges and textures that switch on the units that raise the score, where Grad-CAM of the layer marks the "
    "image. It is a product of two maps, and no derivative of the score.",
    limits="Which of these edges matter for this class: only the coarse map depends on the class and on the upper "
    "layers. Where guided backprop is not defined, it is refused as well.",
    source="Selvaraju et al. 2017",
    link="https://arxiv.org/abs/1610.02391",
    bibtex="""@inproceedings{selvaraju2017grad,
  title = {Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization},
  author = {Selvaraju, Ramprasaath R. and Cogswell, Michael and Das, Abhishek and Vedantam, Ramakrishna
    and Parikh, Devi and Batra, Dhruv},
  booktitle = {IEEE International Conference on Computer Vision},
  year = {2017},
  url = {https://arxiv.org/abs/1610.02391}
}""",
    takes_gradient=True,
    code=(
        "cam = (slope.mean(dim=$places, keepdim=True) * value.detach()).sum(dim=$axis).relu()[None]",
        *GUIDED_BACKPROP.code,
        'gradient = gradient * torch.nn.functional.interpolate(cam, x.shape[-2:], mode="bilinear")',
    ),
    options=(LAYER,),
    where="input",
    verdicts=(
        HARDLY_CHANGES_WITH_WEIGHTS,
        PART_RECOVERS_THE_IMAGE,
        UNUSED_PLACES,
    ),
    one_picture=True,
)
