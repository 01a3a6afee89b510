"""The attention weights of all layers multiplied, from the token that the score is read from down to the patches."""

from gradviz_core.types.attention_code import AS_ROWS, FORMED, PATCHES, ROLLED
from gradviz_core.types.method_cards import MethodCard

CARD = MethodCard(
    name="Attention rollout",
    in_text="attention rollout",
    sentence="How much of each patch reaches the token that $score is read from, by attention alone",
    formula=r"\Big[\prod_{l=L}^{1} \tfrac{1}{2}\big(I + \tfrac{1}{H} \sum_h A_{l,h}\big)\Big]"
    r"_{\text{read token},\,\cdot}",
    unit="share",
    signed=False,
    colours="$High: more of this patch reaches the token; $low: less.",
    brightness="$High: more of this patch reaches the token; $low: less.",
    shows="The attention of all layers followed back to the patches, with half of each layer for the path round it.",
    limits="The score: another class has the same map. What the values and the other layers do to a token is left out, "
    "and all heads count the same.",
    source="Abnar & Zuidema 2020",
    link="https://arxiv.org/abs/2005.00928",
    bibtex="""@inproceedings{abnar2020quantifying,
  title = {Quantifying Attention Flow in Transformers},
  author = {Abnar, Samira and Zuidema, Willem},
  booktitle = {Annual Meeting of the Association for Computational Linguistics},
  year = {2020},
  url = {https://arxiv.org/abs/2005.00928}
}""",
    where="attention",
    takes_gradient=True,
    code=(
        *FORMED,
        "",
        "",
        "def layer(weights, slope):",
        "    fused = weights.mean(0)",
        *AS_ROWS,
        "",
        "",
        *ROLLED,
        *PATCHES,
    ),
    one_picture=True,
)
