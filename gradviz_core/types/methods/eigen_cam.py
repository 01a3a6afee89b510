"""Eigen-CAM: the activations along their first principal direction."""

from gradviz_core.types.controls import Choice, Option
from gradviz_core.types.method_cards import MethodCard
from gradviz_core.types.negative import negative

CENTRED = Choice(
    "centred",
    "Centred",
    (Option("no", "no"), Option("yes", "yes")),
    "no",
    "Whether the mean over the positions is first taken off each channel; the paper does not say so, most programs do.",
)

CARD = MethodCard(
    name="Eigen-CAM",
    in_text="Eigen-CAM",
    sentence="The pattern that most channels of $site share, whatever the score",
    formula=r"$outer\Big(\sum_k $x\,v_k\Big)",
    unit="unit of activation",
    signed=True,
    colours="$High: the channels are active together there; $low: they are weaker there than elsewhere, or negative.",
    brightness="$High: the channels are active together there; $low: they are not.",
    shows="The one pattern that explains most of all channels together: activations along their first "
    "principal direction. Its sign is that with which the map is larger where the sum of the channels"
    " is.",
    limits="Anything about a class: no score and no gradient is in it. It is the same for all classes, and "
    "often shows the largest object.",
    source="Muhammad & Yeasin 2020",
    link="https://arxiv.org/abs/2008.00299",
    bibtex="""@inproceedings{muhammad2020eigen,
  title = {Eigen-CAM: Class Activation Map using Principal Components},
  author = {Muhammad, Mohammed Bany and Yeasin, Mohammed},
  booktitle = {International Joint Conference on Neural Networks},
  year = {2020},
  url = {https://arxiv.org/abs/2008.00299}
}""",
    code=(
        "table = value.detach().movedim($axis, -1).flatten(0, -2).double()",
        'table = table - table.mean(dim=0) if $centred == "yes" else table',
        "found = table @ torch.linalg.svd(table, full_matrices=False).Vh[0]",
        "found = found if found @ table.sum(dim=1) >= 0 else -found",
        "found = found.float().reshape([1 if d == $axis else n for d, n in enumerate(value.shape)])",
        'found = found if $negative == "kept" else found.relu()',
    ),
    options=(
        CENTRED,
        negative("kept"),
    ),
    where="layer",
    one_map=True,
)
