"""Attention rollout in which the gradient of the score weights the heads."""

from gradviz_core.types.attention_code import AS_ROWS, FORMED, PATCHES, ROLLED
from gradviz_core.types.method_cards import MethodCard

CARD = MethodCard(
    name="Gradient-weighted rollout",
    in_text="gradient-weighted rollout",
    sentence="How much of each patch reaches the token that $score is read from, by attention that raises it",
    formula=r"\Big[\prod_{l=L}^{1} \operatorname{rows}\big(I + \max(0, \tfrac{1}{H} \sum_h"
    r" \tfrac{\partial $score}{\partial A_{l,h}} \odot A_{l,h})\big)\Big]_{\text{read token},\,\cdot}",
    unit="share",
    signed=False,
    colours="$High: more of this patch reaches the token; $low: less.",
    brightness="$High: more of this patch reaches the token; $low: less.",
    shows="Attention rollout in which each head counts by how much more of its attention would raise the score.",
    limits="How far the score would change. Attention that lowers it is dropped, and each row is divided by its sum, "
    "so layers with small gradients hardly count.",
    source="Gildenblat 2020",
    link="https://jacobgil.github.io/deeplearning/vision-transformer-explainability",
    bibtex="""@misc{gildenblat2020exploring,
  title = {Exploring Explainability for Vision Transformers},
  author = {Gildenblat, Jacob},
  year = {2020},
  url = {https://jacobgil.github.io/deeplearning/vision-transformer-explainability}
}""",
    where="attention",
    takes_gradient=True,
    code=(
        *FORMED,
        "",
        "",
        "def layer(weights, slope):",
        "    fused = (weights * slope).mean(0).clamp(min=0)",
        *AS_ROWS,
        "",
        "",
        *ROLLED,
        *PATCHES,
    ),
    one_picture=True,
)
