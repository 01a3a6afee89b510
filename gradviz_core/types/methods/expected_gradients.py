"""Integrated gradients in expectation over baselines."""

from gradviz_core.types.baselines import BASELINES
from gradviz_core.types.controls import Number
from gradviz_core.types.draws import MOST, SEED
from gradviz_core.types.method_cards import MethodCard

DRAWS = Number("draws", "Draws", 1, MOST, 1, 32, whole=True, meaning="How many baselines and points are averaged.")

CARD = MethodCard(
    name="Expected gradients",
    in_text="expected gradients",
    sentence="What each pixel contributes to $score, compared with $baselines, averaged over $draws draws",
    formula=r"\mathbb{E}_{b,\,\alpha}\left[($x - b)\,$slope\left(b + \alpha (x - b)\right)\right]",
    unit="$score",
    signed=True,
    colours="$High: its difference from the baselines adds to the $score; $low: it lowers the $score.",
    brightness="$High: its difference from the baselines changes the $score a lot; $low: only a little.",
    shows="Integrated gradients averaged over random baselines: each draw takes one baseline and one point on the "
    "straight path from it to the image. With many baselines, no single colour always gets zero. "
    "The program shap has it as GradientExplainer; it is also called GradientSHAP.",
    limits="An exact share of the score: only in expectation do the contributions add up to the score less the mean "
    "score of the baselines. Another seed gives another map, and the difference says how far it is to be trusted.",
    source="Erion et al. 2021",
    link="https://arxiv.org/abs/1906.10670",
    bibtex="""@article{erion2021improving,
  title = {Improving Performance of Deep Learning Models with Axiomatic Attribution Priors and Expected Gradients},
  author = {Erion, Gabriel and Janizek, Joseph D. and Sturmfels, Pascal and Lundberg, Scott M. and Lee, Su-In},
  journal = {Nature Machine Intelligence},
  volume = {3},
  pages = {620--631},
  year = {2021},
  url = {https://arxiv.org/abs/1906.10670}
}""",
    code=(
        "$baselines",
        "total = torch.zeros_like(x)",
        "for n in range($draws):",
        f"    generator = torch.Generator().manual_seed({MOST} * $seed + n)",
        "    share = torch.rand((), generator=generator).item()",
        "    baseline = drawn(generator)",
        "    way = x.detach() - baseline",
        "    total += way * gradient_at(baseline + share * way)",
        "gradient = total / $draws",
    ),
    options=(BASELINES, DRAWS, SEED),
    counts="draws",
    where="input",
)
