"""The gradient, integrated along the straight path between two values of a layer."""

from gradviz_core.types.baselines import BASELINE, BASELINE_IMAGE, NOISE_SEED
from gradviz_core.types.method_cards import MethodCard
from gradviz_core.types.steps import RULE, STEPS

CARD = MethodCard(
    name="Layer integrated gradients",
    in_text="layer integrated gradients",
    sentence="What each value of $site contributes to $score, compared with what the layer gives for $baseline",
    formula=r"($x - a_0) \int_0^1 $slope\left(a_0 + \alpha ($x - a_0)\right) d\alpha",
    unit="$score",
    signed=True,
    colours="$High: its difference from the baseline's adds to the $score; $low: it lowers the $score.",
    brightness="$High: its difference from the baseline's changes the $score a lot; $low: only a little.",
    shows="What each value of the layer contributes to the score, compared with the layer's values for a baseline. The "
    "contributions add up to the difference of the two scores, but for the gap of finite steps.",
    limits="What the layers before it do with the image. The path between the two values is straight in the layer, and "
    "no image may lead along it; what passes by the layer stays as it is.",
    source="Sundararajan et al. 2017, at a layer output as captum has it",
    link="https://arxiv.org/abs/1703.01365",
    bibtex="""@inproceedings{sundararajan2017axiomatic,
  title = {Axiomatic Attribution for Deep Networks},
  author = {Sundararajan, Mukund and Taly, Ankur and Yan, Qiqi},
  booktitle = {International Conference on Machine Learning},
  pages = {3319--3328},
  year = {2017},
  url = {https://arxiv.org/abs/1703.01365}
}""",
    code=(
        "$baseline",
        "$rule",
        "start = along(baseline)[0]",
        "way = along(x.detach())[0] - start",
        "found = sum(",
        "    weight * way * instead(start + share * way)",
        "    for share, weight in zip(shares.tolist(), weights.tolist())",
        ")",
    ),
    imports=("import numpy as np",),
    options=(BASELINE, BASELINE_IMAGE, STEPS, RULE, NOISE_SEED),
    counts="steps",
    gathered="sum",
    complete="the attribution sums to the score less the score where the layer gives what it gives for the baseline",
    where="layer",
)
