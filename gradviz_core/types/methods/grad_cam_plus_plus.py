"""Grad-CAM++: the channels, each weighted with its positive gradients."""

from gradviz_core.types.method_cards import MethodCard
from gradviz_core.types.negative import negative

CARD = MethodCard(
    name="Grad-CAM++",
    in_text="Grad-CAM++",
    sentence="Where the channels of $site support $score, each weighted with its positive gradients",
    formula=r"$outer\Big(\sum_k \Big(\sum_{p} \alpha_{p}\,\text{ReLU}\big($slope\big)\Big)\,$x\Big)",
    unit="$score",
    signed=False,
    colours="$High: the channels there support the $score; $low: they count against it.",
    brightness="$High: the channels there support the $score; $low: they do not.",
    shows="The same as Grad-CAM, with channels weighted by where they raise the score alone. Several "
    "objects of one class are marked more evenly.",
    limits="What counts against the score: negative gradients count for nothing. Its weights come from "
    "derivatives of the exponential of the score, whatever the score is. They are made for activations of 0 or more, "
    "as after ReLU: where negative ones make the divisor 2 + g Σ a zero or less, a position counts for nothing.",
    source="Chattopadhay et al. 2018",
    link="https://arxiv.org/abs/1710.11063",
    bibtex="""@inproceedings{chattopadhay2018grad,
  title = {Grad-CAM++: Generalized Gradient-Based Visual Explanations for Deep Convolutional Networks},
  author = {Chattopadhay, Aditya and Sarkar, Anirban and Howlader, Prantik and Balasubramanian, Vineeth N.},
  booktitle = {IEEE Winter Conference on Applications of Computer Vision},
  year = {2018},
  url = {https://arxiv.org/abs/1710.11063}
}""",
    code=(
        "positive, total = gradient.relu(), value.detach().sum(dim=$places, keepdim=True)",
        "below = 2 + positive * total  # above zero after ReLU",
        "weights = (positive / below).where(below > 0, 0.0).sum(dim=$places, keepdim=True)",
        "found = (weights * value.detach()).sum(dim=$axis, keepdim=True)",
        'found = found if $negative == "kept" else found.relu()',
    ),
    options=(negative("cut"),),
    where="layer",
    one_map=True,
)
