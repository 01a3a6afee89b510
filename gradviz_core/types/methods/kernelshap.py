"""Shapley values of the cells of a grid, estimated by captum."""

from gradviz_core.types.baselines import BASELINE, BASELINE_IMAGE
from gradviz_core.types.controls import Number
from gradviz_core.types.draws import SEED
from gradviz_core.types.method_cards import MethodCard

MOST = 512
"""Samples, at most: one question scores them all, and is refused where its time is too short for that."""
STEP = 8
"""Samples that are scored in one pass."""
SAMPLES = Number(
    "samples",
    "Samples",
    STEP,
    MOST,
    STEP,
    256,
    whole=True,
    unit="samples",
    one="sample",
    meaning="How many partly covered images are scored.",
)
CELLS = Number(
    "cells", "Cells", 2, 16, 1, 7, whole=True, meaning="Rows and columns of the grid whose cells are covered or not."
)
CARD = MethodCard(
    name="KernelSHAP",
    in_text="KernelSHAP",
    sentence="How much each cell of a grid adds to $score, estimated from $samples",
    formula=r"\frac{\varphi_k}{N_k} \text{ of the cell } k \ni x",
    unit="$score",
    signed=True,
    colours="$High: seeing that cell raises the $score; $low: seeing it lowers the $score.",
    brightness="$High: seeing that cell changes the $score a lot; $low: only a little.",
    shows="What each cell adds to the score on average over all orders in which the cells could be uncovered. It needs "
    "no gradient; it is computed by captum. The value of a cell is spread evenly over its pixels and channels.",
    limits="Anything finer than a cell, or an exact value. With fewer samples than there are sets of cells it is an "
    "estimate, and another seed gives another map. A covered cell shows the baseline.",
    source="Lundberg & Lee 2017",
    link="https://arxiv.org/abs/1705.07874",
    bibtex="""@inproceedings{lundberg2017unified,
  title = {A Unified Approach to Interpreting Model Predictions},
  author = {Lundberg, Scott M. and Lee, Su-In},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {30},
  year = {2017},
  url = {https://arxiv.org/abs/1705.07874}
}""",
    takes_gradient=True,
    scores_alone=True,
    imports=("from captum.attr import KernelShap",),
    code=(
        "rows, columns = (torch.arange(side) * min($cells, side) // side for side in x.shape[2:])",
        "cells = (rows[:, None] * min($cells, x.shape[3]) + columns)[None, None]",
        "$baseline",
        "nothing = score_at(baseline)",
        "method = KernelShap(lambda images: torch.tensor([score_at(image[None]) - nothing for image in images]))",
        "torch.manual_seed($seed)",
        "shapley = method.attribute(  # needs scikit-learn",
        "    x.detach(), baselines=baseline, feature_mask=cells, n_samples=$samples, perturbations_per_eval=8",
        ")",
        "gradient = shapley / torch.bincount(cells.flatten())[cells] / x.shape[1]",
    ),
    options=(SAMPLES, CELLS, BASELINE, BASELINE_IMAGE, SEED),
    complete="the attribution sums to the score less the score of the baseline",
    where="input",
    one_picture=True,
)
