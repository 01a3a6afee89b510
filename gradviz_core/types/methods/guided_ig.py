"""The gradient, integrated along a path to the image that goes on where the slope is small."""

from gradviz_core.types.baselines import BASELINE, BASELINE_IMAGE, NOISE_SEED
from gradviz_core.types.controls import Number
from gradviz_core.types.method_cards import MethodCard

STEPS = Number(
    "steps",
    "Steps",
    1,
    200,
    1,
    64,
    whole=True,
    meaning="At how many points of the path the slope is taken. Each point depends on the slope at the one before, so "
    "there can be fewer than with other methods.",
)
SHARE = Number(
    "share",
    "Share",
    0.01,
    1.0,
    0.01,
    0.25,
    meaning="How many of all numbers go on at a time, those with the smallest slope first. The paper uses 0.25.",
)
REACH = Number(
    "reach",
    "Reach",
    0.0,
    1.0,
    0.01,
    0.02,
    meaning="How far a number may be ahead of or behind the straight path, as a share of it. The paper uses 0.02; with "
    "0 the path is straight.",
)

CARD = MethodCard(
    name="Guided IG",
    in_text="guided integrated gradients",
    sentence="What each pixel contributes to $score, compared with $baseline, along a path of small slopes",
    formula=r"\int_0^1 $slope\left(\gamma(\alpha)\right) \gamma'(\alpha)\, d\alpha",
    unit="$score",
    signed=True,
    colours="$High: its difference from the baseline adds to the $score; $low: it lowers the $score.",
    brightness="$High: its difference from the baseline changes the $score a lot; $low: only a little.",
    shows="What each value contributes to the difference of the score from that of a baseline, along a path that "
    "changes first the values whose slope is small. The contributions add up to that difference, but for the gap of "
    "finite steps.",
    limits="What a pixel does that has the colour of the baseline: it always gets zero. The path is another one for "
    "each model, so maps of two models compare less well than with a straight path. The gap closes slowly, because "
    "each step takes the slope where it begins, and moves what has the smallest one there.",
    source="Kapishnikov et al. 2021",
    link="https://arxiv.org/abs/2106.09788",
    bibtex="""@inproceedings{kapishnikov2021guided,
  title = {Guided Integrated Gradients: An Adaptive Path Method for Removing Noise},
  author = {Kapishnikov, Andrei and Venugopalan, Subhashini and Avci, Besim and Wedin, Ben and Terry, Michael and
    Bolukbasi, Tolga},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition},
  pages = {5050--5058},
  year = {2021},
  url = {https://arxiv.org/abs/2106.09788}
}""",
    code=(
        "$baseline",
        "start, image = baseline.double(), x.detach().double()",
        "way, lengths = image - start, (image - start).abs()",
        "gone, total = torch.zeros_like(way), torch.zeros_like(way)",
        "count = int($share * (gone.numel() - 1)) + 1",
        "for step in range(1, $steps + 1):",
        "    slope, before = gradient_at((start + gone * way).float()), gone",
        "    steepness = slope.abs().nan_to_num(nan=torch.inf, posinf=torch.inf)",
        "    high = min(step / $steps + $reach, 1.0)",
        "    gone = gone.clamp(min=step / $steps - $reach)",
        "    while True:",
        "        free = (gone < high) & (lengths > 0)",
        "        missing = step / $steps * lengths.sum() - (gone * lengths).sum()",
        "        if missing <= 0 or not free.any():",
        "            break",
        "        slopes = torch.where(free, steepness, torch.inf)",
        "        chosen = free & (slopes <= slopes.flatten().kthvalue(count).values)",
        "        room = ((high - gone) * lengths)[chosen].sum()",
        "        if missing < room:",
        "            gone = torch.where(chosen, gone + missing / room * (high - gone), gone)",
        "            break",
        "        gone = torch.where(chosen, high, gone)",
        "    moved = (gone - before) * way",
        "    total += torch.where(moved == 0, 0.0, moved * slope)",
        "gradient = total.float()",
    ),
    options=(BASELINE, BASELINE_IMAGE, STEPS, SHARE, REACH, NOISE_SEED),
    complete="the attribution sums to the score less the score of the baseline",
    where="input",
)
