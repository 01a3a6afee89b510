"""XGrad-CAM: the channels, each weighted with its gradient where it is active."""

from gradviz_core.types.method_cards import MethodCard
from gradviz_core.types.negative import negative

CARD = MethodCard(
    name="XGrad-CAM",
    in_text="XGrad-CAM",
    sentence="Where the channels of $site support $score, each weighted with its gradient where it is active",
    formula=r"$outer\Big(\sum_k \frac{\sum_{p} $x\,$slope}{\sum_{p} $x}\,$x\Big)",
    unit="$score",
    signed=True,
    colours="$High: the channels there support the $score; $low: they count against it.",
    brightness="$High: the channels there support the $score; $low: they do not.",
    shows="The same as Grad-CAM, with the mean gradient of a channel taken where the channel is active. The"
    " map sums to what all values of the layer add to the score, to first order.",
    limits="Which positions the score depends on: one weight stands for all positions of a channel. Where "
    "activations of both signs nearly cancel, a weight becomes very large; where they sum to zero, the channel counts "
    "for nothing, and its share is missing from the sum.",
    source="Fu et al. 2020, without the ReLU of the authors' program",
    link="https://arxiv.org/abs/2008.02312",
    bibtex="""@inproceedings{fu2020axiom,
  title = {Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs},
  author = {Fu, Ruigang and Hu, Qingyong and Dong, Xiaohu and Guo, Yulan and Gao, Yinghui and Li, Biao},
  booktitle = {British Machine Vision Conference},
  year = {2020},
  url = {https://arxiv.org/abs/2008.02312}
}""",
    code=(
        "total = value.detach().sum(dim=$places, keepdim=True)",
        "weights = ((gradient * value.detach()).sum(dim=$places, keepdim=True) / total).where(total != 0, 0.0)",
        "found = (weights * value.detach()).sum(dim=$axis, keepdim=True)",
        'found = found if $negative == "kept" else found.relu()',
    ),
    options=(negative("kept"),),
    where="layer",
    one_map=True,
)
