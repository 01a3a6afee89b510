"""What flows through a layer output while the image comes out of a baseline."""

from gradviz_core.types.baselines import BASELINE, BASELINE_IMAGE, NOISE_SEED
from gradviz_core.types.controls import Choice, Option
from gradviz_core.types.method_cards import MethodCard
from gradviz_core.types.steps import STEPS

ENDS = Choice(
    "ends",
    "Slope of a step",
    (Option("both", "mean of both ends"), Option("first", "at its beginning")),
    "both",
    "Where the gradient of a step is taken. At its beginning is what captum does, and needs many more steps.",
)

CARD = MethodCard(
    name="Conductance",
    in_text="conductance",
    sentence="What flows to $score through each value of $site on the path from $baseline to the image",
    formula=r"\int_0^1 $slope\,\frac{\partial $x}{\partial \alpha}\, d\alpha",
    unit="$score",
    signed=True,
    colours="$High: what changes there adds to the $score; $low: it lowers the $score.",
    brightness="$High: what changes there changes the $score a lot; $low: only a little.",
    shows="The part of the score's change that passes through each value of the layer while the image comes out of "
    "a baseline. Where every path leads through the layer, the parts add up to that change, but for a gap.",
    limits="What a value does that is the same for the baseline and the image all the way: it always gets zero. "
    "Another baseline asks another question.",
    source="Dhamdhere et al. 2018",
    link="https://arxiv.org/abs/1805.12233",
    bibtex="""@inproceedings{dhamdhere2019how,
  title = {How Important Is a Neuron?},
  author = {Dhamdhere, Kedar and Sundararajan, Mukund and Yan, Qiqi},
  booktitle = {International Conference on Learning Representations},
  year = {2019},
  url = {https://arxiv.org/abs/1805.12233}
}""",
    code=(
        "$baseline",
        "path = [along(baseline + step / $steps * (x.detach() - baseline)) for step in range($steps + 1)]",
        "found = torch.zeros_like(path[0][0])",
        "for (value, gradient), (next_value, next_gradient) in zip(path, path[1:]):",
        '    slope = gradient if $ends == "first" else (gradient + next_gradient) / 2',
        "    found += slope * (next_value - value)",
    ),
    options=(BASELINE, BASELINE_IMAGE, STEPS, ENDS, NOISE_SEED),
    counts="steps",
    gathered="sum",
    where="layer",
)
