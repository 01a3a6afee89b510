"""The mean of random masks, each weighted by the score of the image seen through it."""

from gradviz_core.types.controls import Number
from gradviz_core.types.draws import SEED
from gradviz_core.types.method_cards import MethodCard
from gradviz_core.types.verdicts import BEST_OF_INSERTION, pointing

MOST = 8192
"""Masks, at most. Each mask of a seed has a number from 8192 · seed on as its own seed: two seeds share none."""
MASKS = Number(
    "masks",
    "Masks",
    1,
    MOST,
    1,
    256,
    whole=True,
    unit="masks",
    one="mask",
    meaning="How many masks are drawn; the paper uses 4000.",
)
CELLS = Number("cells", "Cells", 2, 32, 1, 7, whole=True, meaning="Rows and columns of a mask before it is enlarged.")
SHARE = Number("share", "Open share", 0.05, 1.0, 0.05, 0.5, meaning="The probability that a cell of a mask is open.")
CARD = MethodCard(
    name="RISE",
    in_text="RISE",
    sentence="How high $score is on average when a pixel is seen, over $masks",
    formula=r"\frac{1}{C\,p\,N} \sum_{n=1}^{N} $score(x \odot M_n)\, M_n",
    unit="$score",
    signed=True,
    colours="$High: the $score is high when that place is seen; $low: it is negative then.",
    brightness="$High: the $score is far from zero when that place is seen; $low: it is near zero.",
    shows="The average score of the image seen through random masks that leave a pixel open. It needs no gradient. The "
    "values are shared evenly by the channels, so that their sum is in units of the score; only differences within the "
    "map mean something.",
    limits="Anything finer than a cell of the masks, or anything certain: another draw of the masks gives another map. "
    "It was made for probabilities; a score that may be negative, as a logit, shifts all of the map.",
    source="Petsiuk et al. 2018",
    link="https://arxiv.org/abs/1806.07421",
    bibtex="""@inproceedings{petsiuk2018rise,
  title = {{RISE}: Randomized Input Sampling for Explanation of Black-box Models},
  author = {Petsiuk, Vitali and Das, Abir and Saenko, Kate},
  booktitle = {British Machine Vision Conference},
  year = {2018},
  url = {https://arxiv.org/abs/1806.07421}
}""",
    takes_gradient=True,
    scores_alone=True,
    code=(
        "cell = [-(-side // $cells) for side in x.shape[2:]]",
        "total = torch.zeros_like(x)",
        "for n in range($masks):",
        f"    seed = torch.Generator().manual_seed({MOST} * $seed + n)",
        "    is_open = (torch.rand(1, 1, $cells, $cells, generator=seed) < $share).float()",
        "    size = [($cells + 1) * side for side in cell]",
        '    mask = torch.nn.functional.interpolate(is_open, size=size, mode="bilinear")',
        "    top, left = (int(torch.randint(side, (), generator=seed)) for side in cell)",
        "    mask = mask[..., top : top + x.shape[2], left : left + x.shape[3]]",
        "    total += score_at(x * mask) * mask",
        "gradient = total / ($masks * $share * x.shape[1])",
    ),
    options=(MASKS, CELLS, SHARE, SEED),
    counts="masks",
    where="input",
    verdicts=(
        BEST_OF_INSERTION,
        pointing(86.9, 86.4),
    ),
    one_picture=True,
)
