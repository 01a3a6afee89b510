"""The gradient at a layer output, averaged along a path of inputs."""

from gradviz_core.types.baselines import BASELINE, BASELINE_IMAGE, NOISE_SEED
from gradviz_core.types.method_cards import MethodCard
from gradviz_core.types.steps import RULE, STEPS

CARD = MethodCard(
    name="Internal influence",
    in_text="internal influence",
    sentence="How $score changes with each value of $site, on average over the path from $baseline to the image",
    formula=r"\int_0^1 $slope\left(b + \alpha (x - b)\right) d\alpha",
    unit="$score per $value",
    signed=True,
    colours="$High: on average, a larger value there raises the $score; $low: it lowers the $score.",
    brightness="$High: on average a small change there changes the $score a lot; $low: only a little.",
    shows="The gradient at the layer, averaged while the image comes out of a baseline. Where the score saturates at "
    "the image, it shows what mattered on the way there.",
    limits="How much of the score is due to a value: it is not multiplied with any activation. Another baseline gives "
    "another average.",
    source="Leino et al. 2018",
    link="https://arxiv.org/abs/1802.03788",
    bibtex="""@inproceedings{leino2018influence,
  title = {Influence-Directed Explanations for Deep Convolutional Networks},
  author = {Leino, Klas and Sen, Shayak and Datta, Anupam and Fredrikson, Matt and Li, Linyi},
  booktitle = {IEEE International Test Conference},
  year = {2018},
  url = {https://arxiv.org/abs/1802.03788}
}""",
    code=(
        "$baseline",
        "$rule",
        "path = [baseline + share * (x.detach() - baseline) for share in shares.tolist()]",
        "found = sum(weight * along(at)[1] for at, weight in zip(path, weights.tolist()))",
    ),
    imports=("import numpy as np",),
    options=(BASELINE, BASELINE_IMAGE, STEPS, RULE, NOISE_SEED),
    counts="steps",
    gathered="sum",
    where="layer",
)
