"""Relevance by the positive part of gradient times attention, added up layer by layer."""

from gradviz_core.types.attention_code import FORMED, PATCHES, ROLLED
from gradviz_core.types.controls import Choice, Option
from gradviz_core.types.method_cards import MethodCard

FORM = Choice(
    "form",
    "Form",
    (Option("sums", "sums"), Option("rows", "rows that sum to 1")),
    "sums",
    "Sums: as the paper adds up relevance, R + A·R. Rows that sum to 1: each layer's rows are divided by their sums, "
    "as the authors' code for their earlier paper does, with attention in the place of relevance by LRP.",
)

CARD = MethodCard(
    name="Chefer's relevance",
    in_text="Chefer's relevance",
    sentence="How much attention to each patch raises $score, added up over the layers",
    formula=r"\Big[\prod_{l=L}^{1} \big(I + \tfrac{1}{H} \sum_h"
    r" \max(0, \tfrac{\partial $score}{\partial A_{l,h}} \odot A_{l,h})\big)\Big]_{\text{read token},\,\cdot}",
    unit="relevance",
    signed=False,
    colours="$High: attention to this patch raises the $score; $low: it hardly does.",
    brightness="$High: attention to this patch raises the $score; $low: it hardly does.",
    shows="Where more attention would raise the score, followed through all layers to the patches.",
    limits="What lowers the score: in each head the negative part is dropped. What the values and the other layers do "
    "to a token is left out.",
    source="Chefer, Gur & Wolf 2021",
    link="https://arxiv.org/abs/2103.15679",
    bibtex="""@inproceedings{chefer2021generic,
  title = {Generic Attention-model Explainability for Interpreting Bi-Modal and Encoder-Decoder Transformers},
  author = {Chefer, Hila and Gur, Shir and Wolf, Lior},
  booktitle = {International Conference on Computer Vision},
  year = {2021},
  url = {https://arxiv.org/abs/2103.15679}
}""",
    options=(FORM,),
    where="attention",
    takes_gradient=True,
    code=(
        *FORMED,
        "",
        "",
        "def layer(weights, slope):",
        "    matrix = (weights * slope).clamp(min=0).mean(0) + eye",
        '    return matrix / matrix.sum(-1, keepdim=True) if $form == "rows" else matrix',
        "",
        "",
        *ROLLED,
        *PATCHES,
    ),
    one_picture=True,
)
