"""The mean of the gradient over noisy copies of the image."""

from gradviz_core.types.draws import DRAWS, NOISY_COPIES, SEED, SPREAD
from gradviz_core.types.method_cards import MethodCard
from gradviz_core.types.verdicts import NO_BETTER_THAN_RANDOM

CARD = MethodCard(
    name="SmoothGrad",
    in_text="SmoothGrad",
    sentence="How $score changes with each pixel, averaged over $draws",
    formula=r"\frac{1}{N} \sum_{n=1}^{N} $slope(x + \varepsilon_n)",
    unit="$score per $value",
    signed=True,
    colours="$High: on average, increasing the value there increases the $score; $low: it decreases the $score.",
    brightness="$High: on average a small change there changes the $score a lot; $low: only a little.",
    shows="The gradient averaged over noisy copies of the image. What changes sign from one copy to the next cancels "
    "out, so that the map looks smoother.",
    limits="The gradient at the image itself. With much noise, most copies are pictures that the model was never "
    "trained on.",
    source="Smilkov et al. 2017",
    link="https://arxiv.org/abs/1706.03825",
    bibtex="""@misc{smilkov2017smoothgrad,
  title = {SmoothGrad: Removing Noise by Adding Noise},
  author = {Smilkov, Daniel and Thorat, Nikhil and Kim, Been and Vi{\\'e}gas, Fernanda and Wattenberg, Martin},
  year = {2017},
  eprint = {1706.03825},
  archivePrefix = {arXiv},
  url = {https://arxiv.org/abs/1706.03825}
}""",
    code=(*NOISY_COPIES, "gradient = sum(gradient_at(copy) for copy in copies) / $draws"),
    options=(DRAWS, SPREAD, SEED),
    counts="draws",
    verdicts=(NO_BETTER_THAN_RANDOM,),
)
