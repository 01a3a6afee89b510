"""The gradient, integrated along the straight path from a baseline to the image."""

from gradviz_core.types.baselines import BASELINE, BASELINE_IMAGE, NOISE_SEED
from gradviz_core.types.method_cards import MethodCard
from gradviz_core.types.steps import RULE, STEPS
from gradviz_core.types.verdicts import DEPENDS_ON_THE_BASELINE, NO_BETTER_THAN_RANDOM, SHOWS_THE_INPUT

CARD = MethodCard(
    name="Integrated gradients",
    in_text="integrated gradients",
    sentence="What each pixel contributes to $score, compared with $baseline",
    formula=r"($x - b) \int_0^1 $slope\left(b + \alpha (x - b)\right) d\alpha",
    unit="$score",
    signed=True,
    colours="$High: its difference from the baseline adds to the $score; $low: it lowers the $score.",
    brightness="$High: its difference from the baseline changes the $score a lot; $low: only a little.",
    shows="What each value contributes to the difference of the score from that of a baseline, along the straight path "
    "from one to the other. The contributions add up to that difference, but for the gap of finite steps.",
    limits="What a pixel does that has the colour of the baseline: it always gets zero. Another baseline asks another "
    "question and gives another map. The pictures on the path are ones that the model was never trained on.",
    source="Sundararajan et al. 2017",
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
        "way = x.detach() - baseline",
        "gradient = sum(",
        "    weight * way * gradient_at(baseline + share * way)",
        "    for share, weight in zip(shares.tolist(), weights.tolist())",
        ")",
    ),
    imports=("import numpy as np",),
    options=(BASELINE, BASELINE_IMAGE, STEPS, RULE, NOISE_SEED),
    counts="steps",
    gathered="sum",
    complete="the attribution sums to the score less the score of the baseline",
    verdicts=(
        SHOWS_THE_INPUT,
        DEPENDS_ON_THE_BASELINE,
        NO_BETTER_THAN_RANDOM,
    ),
)
