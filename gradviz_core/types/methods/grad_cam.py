"""Grad-CAM: the channels, each weighted with its mean gradient."""

from gradviz_core.types.method_cards import MethodCard
from gradviz_core.types.negative import negative
from gradviz_core.types.verdicts import CHANGES_WITH_WEIGHTS, UNUSED_PLACES, pointing

CARD = MethodCard(
    name="Grad-CAM",
    in_text="Grad-CAM",
    sentence="Where the channels of $site support $score, each weighted with its mean gradient",
    formula=r"$outer\Big(\sum_k \Big(\frac{1}{Z}\sum_{p} $slope\Big)\,$x\Big)",
    unit="$score",
    signed=False,
    colours="$High: the channels there support the $score; $low: they count against it.",
    brightness="$High: the channels there support the $score; $low: they do not.",
    shows="Where the channels that raise the score on average are active. Behind it only global average "
    "pooling and a linear layer, it is exactly what each position adds to the logit, times their "
    "number.",
    limits="Which positions the score depends on: the mean forgets where a gradient is positive and where "
    "negative. In early layers it can mark places that do not matter at all.",
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
    code=(
        "weights = gradient.mean(dim=$places, keepdim=True)",
        "found = (weights * value.detach()).sum(dim=$axis, keepdim=True)",
        'found = found if $negative == "kept" else found.relu()',
    ),
    options=(negative("cut"),),
    where="layer",
    one_map=True,
    verdicts=(
        CHANGES_WITH_WEIGHTS,
        UNUSED_PLACES,
        pointing(86.6, 90.4),
    ),
)
