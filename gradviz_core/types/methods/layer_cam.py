"""LayerCAM: the positive gradient times the activation, summed over the channels."""

from gradviz_core.types.method_cards import MethodCard
from gradviz_core.types.negative import negative

CARD = MethodCard(
    name="LayerCAM",
    in_text="LayerCAM",
    sentence="Where the values of $site support $score, each weighted with its own positive gradient",
    formula=r"$outer\Big(\sum_k \text{ReLU}\big($slope\big)\,$x\Big)",
    unit="$score",
    signed=False,
    colours="$High: the channels there support the $score; $low: they count against it.",
    brightness="$High: the channels there support the $score; $low: they do not.",
    shows="Positive gradient times activation, summed over the channels at each position. It stays fine in "
    "early layers, where one weight for a whole channel does not.",
    limits="What counts against the score: negative gradients count for nothing. So the numbers do not add "
    "up to the score.",
    source="Jiang et al. 2021",
    link="https://doi.org/10.1109/TIP.2021.3089943",
    bibtex="""@article{jiang2021layercam,
  title = {LayerCAM: Exploring Hierarchical Class Activation Maps for Localization},
  author = {Jiang, Peng-Tao and Zhang, Chang-Bin and Hou, Qibin and Cheng, Ming-Ming and Wei, Yunchao},
  journal = {IEEE Transactions on Image Processing},
  volume = {30},
  pages = {5875--5888},
  year = {2021},
  url = {https://doi.org/10.1109/TIP.2021.3089943}
}""",
    code=(
        "found = (gradient.relu() * value.detach()).sum(dim=$axis, keepdim=True)",
        'found = found if $negative == "kept" else found.relu()',
    ),
    options=(negative("cut"),),
    where="layer",
    one_map=True,
)
