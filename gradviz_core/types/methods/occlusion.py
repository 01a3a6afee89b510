"""How much the score falls when a window of the image is covered."""

from gradviz_core.types.baselines import BASELINE, BASELINE_IMAGE, NOISE_SEED
from gradviz_core.types.controls import Number
from gradviz_core.types.method_cards import MethodCard

ROWS = Number(
    "rows",
    "Rows",
    2,
    64,
    1,
    12,
    whole=True,
    unit="rows of windows",
    one="row of windows",
    meaning="How many windows stand below one another, and as many side by side; 12 rows are 144 windows.",
)
SIZE = Number(
    "size",
    "Size",
    0.02,
    1.0,
    0.01,
    0.2,
    meaning="Height and width of a window, as a share of those of the image. Pixels that no window covers are 0.",
)
CARD = MethodCard(
    name="Occlusion",
    in_text="occlusion",
    sentence="How much $score falls when a window is covered, with $rows",
    formula=r"\frac{1}{C\,n_x} \sum_{w \ni x} \left($score - $score(\text{without } w)\right)",
    unit="$score",
    signed=True,
    colours="$High: covering that place lowers the $score; $low: covering it raises the $score.",
    brightness="$High: covering that place changes the $score a lot; $low: only a little.",
    shows="What happens to the score when part of the image is really gone. It needs no gradient: the difference is "
    "averaged over the windows that cover a pixel, and shared evenly by the channels, so that their sum is in units of "
    "the score.",
    limits="What is smaller than a window, or what is there twice, so that covering one of two changes nothing. A "
    "covered window is a shape of its own, which the model may take for something.",
    source="Zeiler & Fergus 2014",
    link="https://arxiv.org/abs/1311.2901",
    bibtex="""@inproceedings{zeiler2014visualizing,
  title = {Visualizing and Understanding Convolutional Networks},
  author = {Zeiler, Matthew D. and Fergus, Rob},
  booktitle = {European Conference on Computer Vision},
  pages = {818--833},
  year = {2014},
  url = {https://arxiv.org/abs/1311.2901}
}""",
    takes_gradient=True,
    scores_alone=True,
    code=(
        "tall, wide = (max(1, round($size * side)) for side in x.shape[2:])",
        "downs = [round(i * (x.shape[2] - tall) / ($rows - 1)) for i in range($rows)]",
        "rights = [round(i * (x.shape[3] - wide) / ($rows - 1)) for i in range($rows)]",
        "$baseline",
        "whole, falls, times = score_at(x), torch.zeros(x.shape[2:]), torch.zeros(x.shape[2:])",
        "for top in downs:",
        "    for left in rights:",
        "        window = (..., slice(top, top + tall), slice(left, left + wide))",
        "        covered = x.detach().clone()",
        "        covered[window] = baseline[window]",
        "        falls[window] += whole - score_at(covered)",
        "        times[window] += 1",
        "gradient = (falls / times.clamp(min=1) / x.shape[1]).expand(x.shape)",
    ),
    options=(ROWS, SIZE, BASELINE, BASELINE_IMAGE, NOISE_SEED),
    counts="rows",
    gathered="sum",
    where="input",
    one_picture=True,
)
