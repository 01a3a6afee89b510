"""HiResCAM: the gradient times the activation, summed over the channels."""

from gradviz_core.types.method_cards import MethodCard
from gradviz_core.types.negative import negative
from gradviz_core.types.verdicts import USED_PLACES

CARD = MethodCard(
    name="HiResCAM",
    in_text="HiResCAM",
    sentence="What each position of $site adds to $score, to first order",
    formula=r"$outer\Big(\sum_k $slope\,$x\Big)",
    unit="$score",
    signed=True,
    colours="$High: what the layer gives there adds to the $score; $low: it takes from the $score.",
    brightness="$High: what the layer gives there adds to the $score; $low: it does not.",
    shows="Gradient times activation, summed over the channels at each position. Where the rest of the "
    "network is linear, it is exactly what each position adds to the score.",
    limits="What the score would be without a position, where the rest of the network is not linear. A "
    "gradient that changes from place to place makes it speckled in early layers.",
    source="Draelos & Carin 2020",
    link="https://arxiv.org/abs/2011.08891",
    bibtex="""@misc{draelos2020hirescam,
  title = {Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks},
  author = {Draelos, Rachel Lea and Carin, Lawrence},
  year = {2020},
  eprint = {2011.08891},
  archivePrefix = {arXiv},
  url = {https://arxiv.org/abs/2011.08891}
}""",
    code=(
        "found = (gradient * value.detach()).sum(dim=$axis, keepdim=True)",
        'found = found if $negative == "kept" else found.relu()',
    ),
    options=(negative("kept"),),
    where="layer",
    one_map=True,
    verdicts=(USED_PLACES,),
)
