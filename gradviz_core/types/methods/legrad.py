"""The positive part of the gradient with respect to the attention of each layer, read at that layer."""

from gradviz_core.types.attention_code import FORMED, PATCHES
from gradviz_core.types.controls import Choice, Option
from gradviz_core.types.method_cards import MethodCard

SCALE = Choice(
    "scale",
    "Scale",
    (Option("unit", "from 0 to 1"), Option("raw", "as computed", unit="$score per unit of attention")),
    "unit",
    "From 0 to 1: the smallest number of the map becomes 0 and the largest 1, as in the paper. As computed: in units "
    "of the score.",
)

CARD = MethodCard(
    name="LeGrad",
    in_text="LeGrad",
    sentence="How much more attention to each patch would raise $score, read at every layer and averaged",
    formula=r"\frac{1}{L} \sum_{l} \frac{1}{H\,T} \sum_{h,t}"
    r" \max\big(0, \tfrac{\partial s_l}{\partial A_{l,h,t,\cdot}}\big)",
    unit="0 to 1",
    signed=False,
    colours="$High: more attention to this patch would raise the $score; $low: it hardly would.",
    brightness="$High: more attention to this patch would raise the $score; $low: it hardly would.",
    shows="The gradient with respect to the attention of each layer, without its negative part, averaged over heads, "
    "tokens and layers. For each layer the score is read as if no block came after it.",
    limits="What the blocks after a layer make of it, and attention that lowers the score. The last layers of the "
    "model were never trained on tokens of earlier blocks.",
    source="Bousselham et al. 2024",
    link="https://arxiv.org/abs/2404.03214",
    bibtex="""@misc{bousselham2024legrad,
  title = {LeGrad: An Explainability Method for Vision Transformers via Feature Formation Sensitivity},
  author = {Bousselham, Walid and Boggust, Angie and Chaybouti, Sofian and Strobelt, Hendrik and Kuehne, Hilde},
  year = {2024},
  eprint = {2404.03214},
  archivePrefix = {arXiv},
  url = {https://arxiv.org/abs/2404.03214}
}""",
    options=(SCALE,),
    where="attention",
    takes_gradient=True,
    code=(
        "blocks = [model.get_submodule(name) for name in $blocks]",
        "outputs = []",
        "hooks = [block.register_forward_hook(lambda _, given, output: outputs.append(output)) for block in blocks]",
        *FORMED,
        "for hook in hooks:",
        "    hook.remove()",
        "found = []",
        "for weights, output in zip(attention, outputs):  # the last layers read what each block returned",
        "    hook = blocks[-1].register_forward_hook(lambda *_: output, prepend=True)",
        "    (slope,) = torch.autograd.grad(score_of(x), weights, retain_graph=True)",
        "    hook.remove()",
        "    found.append(slope.flatten(0, -3).clamp(min=0).mean((0, 1)))",
        "tokens = sum(found) / len(found)",
        *PATCHES,
        'if $scale == "unit":',
        "    gradient = (gradient - gradient.min()) / (gradient.max() - gradient.min())",
    ),
    one_picture=True,
)
