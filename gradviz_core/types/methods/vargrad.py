"""The variance of the gradient over noisy copies of the image."""

from gradviz_core.types.draws import DRAWS, NOISY_COPIES, SEED, SPREAD
from gradviz_core.types.method_cards import MethodCard
from gradviz_core.types.verdicts import BETTER_THAN_RANDOM

CARD = MethodCard(
    name="VarGrad",
    in_text="VarGrad",
    sentence="How much the slope of $score at each pixel varies over $draws",
    formula=r"\operatorname{Var}_n\left[$slope(x + \varepsilon_n)\right]",
    unit="($score per $value)²",
    signed=False,
    colours="$High: the slope of the $score there differs much from copy to copy; $low: it stays the same.",
    brightness="$High: the slope of the $score there differs much from copy to copy; $low: it stays the same.",
    shows="The variance of the gradient over noisy copies of the image: how far noise moves the slope. It is the "
    "population variance, the mean of the squares less the square of the mean.",
    limits="Slopes that are the same in all copies, however large: a linear model has zero everywhere. It does not say "
    "whether the score rises or falls.",
    source="Adebayo et al. 2018",
    link="https://arxiv.org/abs/1810.03307",
    bibtex="""@misc{adebayo2018local,
  title = {Local Explanation Methods for Deep Neural Networks Lack Sensitivity to Parameter Values},
  author = {Adebayo, Julius and Gilmer, Justin and Goodfellow, Ian and Kim, Been},
  year = {2018},
  eprint = {1810.03307},
  archivePrefix = {arXiv},
  url = {https://arxiv.org/abs/1810.03307}
}""",
    code=(
        *NOISY_COPIES,
        "total, squares = 0.0, 0.0",
        "for copy in copies:",
        "    slope = gradient_at(copy).double()",
        "    total, squares = total + slope, squares + slope**2",
        "gradient = (squares / $draws - (total / $draws) ** 2).clamp(min=0).float()",
    ),
    options=(DRAWS, SPREAD, SEED),
    counts="draws",
    gathered="variance",
    verdicts=(BETTER_THAN_RANDOM,),
)
