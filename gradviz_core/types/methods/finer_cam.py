"""Finer-CAM: Grad-CAM of how far a class is ahead of those that are most like it."""

from gradviz_core.types.controls import Number
from gradviz_core.types.method_cards import MethodCard
from gradviz_core.types.negative import negative

CLASSES = Number(
    "classes",
    "Classes",
    1,
    10,
    1,
    3,
    whole=True,
    unit="classes",
    one="class",
    meaning="How many classes are compared, or all others.",
)
STRENGTH = Number(
    "strength",
    "Strength",
    0.0,
    2.0,
    0.1,
    0.6,
    meaning="How much of their mean logit is taken off; with 0 it is Grad-CAM.",
)

CARD = MethodCard(
    name="Finer-CAM",
    in_text="Finer-CAM",
    sentence="Where the channels of $site support $score and not for the classes most like it ($classes)",
    formula=r"$outer\Big(\sum_k \Big(\frac{1}{Z}\sum_{p} \frac{\partial}{\partial $x}\big($score"
    r" - \gamma\,\bar{z}_{\text{others}}\big)\Big)\,$x\Big)",
    unit="$score",
    signed=False,
    colours="$High: the channels there support the $score; $low: they count against it.",
    brightness="$High: the channels there support the $score; $low: they do not.",
    shows="Grad-CAM of the logit of the class less that of the classes whose logits are nearest. What all "
    "of these classes share cancels out.",
    limits="What makes the class likely at all: what it shares with similar classes is left out. Which "
    "classes are compared depends on the image.",
    source="Zhang et al. 2025",
    link="https://arxiv.org/abs/2501.11309",
    bibtex="""@inproceedings{zhang2025finer,
  title = {Finer-CAM: Spotting the Difference Reveals Finer Details for Visual Explanation},
  author = {Zhang, Ziheng and Gu, Jianyang and Chowdhury, Arpita and Mai, Zheda
    and Carlyn, David and Berger-Wolf, Tanya and Su, Yu and Chao, Wei-Lun},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition},
  year = {2025},
  url = {https://arxiv.org/abs/2501.11309}
}""",
    code=(
        "others = (scores - scores[index]).detach().abs().argsort(stable=True)",
        "mean = scores[[i for i in others.tolist() if i != index][:$classes]].mean()",
        "(similar,) = torch.autograd.grad(mean, value, retain_graph=True)",
        "weights = (gradient - $strength * similar).mean(dim=$places, keepdim=True)",
        "found = (weights * value.detach()).sum(dim=$axis, keepdim=True)",
        'found = found if $negative == "kept" else found.relu()',
    ),
    options=(
        CLASSES,
        STRENGTH,
        negative("cut"),
    ),
    where="layer",
    one_map=True,
)
