"""The mean of the gradient over noisy copies of the image."""

from gradviz_core.types.controls import Number
from gradviz_core.types.method_cards import MethodCard

DRAWS = Number(
    "draws", "Draws", 1, 1024, 1, 16, whole=True, unit="noisy copies", meaning="How many noisy copies are averaged."
)
SPREAD = Number(
    "spread",
    "Spread",
    0.0,
    1.0,
    0.01,
    0.15,
    meaning="Standard deviation of the noise, as a share of the range of the values. The paper uses 0.1 to 0.2.",
)
SEED = Number(
    "first_seed",
    "First seed",
    0,
    1_000_000,
    1,
    0,
    whole=True,
    meaning="Random seed of the first copy; each further copy has the next one.",
)

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
    code=(
        "size = $spread * (x.detach().max() - x.detach().min())",
        "seeds = [torch.Generator().manual_seed($first_seed + n) for n in range($draws)]",
        "copies = [x.detach() + size * torch.randn(x.shape, generator=seed) for seed in seeds]",
        "gradient = sum(gradient_at(copy) for copy in copies) / $draws",
    ),
    options=(DRAWS, SPREAD, SEED),
    counts="draws",
)
