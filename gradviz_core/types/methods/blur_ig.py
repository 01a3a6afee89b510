"""The gradient, integrated along the path from the blurred image to the sharp one."""

from gradviz_core.types.baselines import BLURRED
from gradviz_core.types.controls import Number
from gradviz_core.types.method_cards import MethodCard
from gradviz_core.types.steps import STEPS

LARGEST = Number(
    "largest",
    "Largest blur",
    0.05,
    0.5,
    0.01,
    0.2,
    meaning="Standard deviation of the Gaussian where the path begins, as a share of the shorter side.",
)

CARD = MethodCard(
    name="BlurIG",
    in_text="BlurIG",
    sentence="What each pixel contributes to $score while the blurred image becomes sharp",
    formula=r"\int_0^1 $slope\left(\gamma(\alpha)\right) \gamma'(\alpha)\, d\alpha",
    unit="$score",
    signed=True,
    colours="$High: what becoming sharp changes there adds to the $score; $low: it lowers the $score.",
    brightness="$High: what becoming sharp changes there changes the $score a lot; $low: only a little.",
    shows="What each value contributes to the difference of the score from that of the blurred image, while the blur "
    "is taken away. The contributions add up to that difference, but for the gap of finite steps.",
    limits="What the colours of large even areas do: the blur leaves them as they are. How large the "
    "largest blur should be is a choice, and another gives another map.",
    source="Xu et al. 2020",
    link="https://arxiv.org/abs/2004.03383",
    bibtex="""@inproceedings{xu2020attribution,
  title = {Attribution in Scale and Space},
  author = {Xu, Shawn and Venugopalan, Subhashini and Sundararajan, Mukund},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition},
  pages = {9680--9689},
  year = {2020},
  url = {https://arxiv.org/abs/2004.03383}
}""",
    code=(
        *BLURRED.split("\n"),
        "def on_the_path(share):",
        "    return blurred(x.detach(), (1 - share) * $largest * min(x.shape[-2:]))",
        "",
        "",
        "gradient = sum(",
        "    (on_the_path((n + 1) / $steps) - on_the_path(n / $steps)) * gradient_at(on_the_path((n + 0.5) / $steps))",
        "    for n in range($steps)",
        ")",
    ),
    options=(LARGEST, STEPS),
    counts="steps",
    gathered="sum",
    complete="the attribution sums to the score less the score of the blurred image",
    where="input",
)
