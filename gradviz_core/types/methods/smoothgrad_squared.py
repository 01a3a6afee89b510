"""The mean of the squared gradient over noisy copies of the image."""

from gradviz_core.types.draws import DRAWS, NOISY_COPIES, SEED, SPREAD
from gradviz_core.types.method_cards import MethodCard
from gradviz_core.types.verdicts import BETTER_THAN_RANDOM

CARD = MethodCard(
    name="SmoothGrad squared",
    in_text="SmoothGrad squared",
    sentence="The square of how $score changes with each pixel, averaged over $draws",
    formula=r"\frac{1}{N} \sum_{n=1}^{N} \left($slope(x + \varepsilon_n)\right)^2",
    unit="($score per $value)²",
    signed=False,
    colours="$High: in most copies a small change there changes the $score a lot; $low: only a little.",
    brightness="$High: in most copies a small change there changes the $score a lot; $low: only a little.",
    shows="The square of the gradient, averaged over noisy copies of the image. Slopes of both signs count, and large "
    "ones for much more.",
    limits="Whether the score rises or falls. Squares of slopes have no unit in common with the gradient, so compare "
    "where they are large, and not how large.",
    source="Hooker et al. 2019",
    link="https://arxiv.org/abs/1806.10758",
    bibtex="""@inproceedings{hooker2019benchmark,
  title = {A Benchmark for Interpretability Methods in Deep Neural Networks},
  author = {Hooker, Sara and Erhan, Dumitru and Kindermans, Pieter-Jan and Kim, Been},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {32},
  year = {2019},
  url = {https://arxiv.org/abs/1806.10758}
}""",
    code=(*NOISY_COPIES, "gradient = sum(gradient_at(copy).square() for copy in copies) / $draws"),
    options=(DRAWS, SPREAD, SEED),
    counts="draws",
    verdicts=(BETTER_THAN_RANDOM,),
)
