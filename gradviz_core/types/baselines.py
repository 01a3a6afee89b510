"""Where a path to the image begins."""

from __future__ import annotations

from gradviz_core.types.controls import Choice, Named, Number, Option
from gradviz_core.types.draws import MOST

BLUR = 0.1
"""Standard deviation of the Gaussian of the blurred baseline, as a share of the shorter side of the picture."""
FIXED = ("zero", "black", "white", "blurred")
"""The baselines that are not drawn."""
BLURRED = """
def blurred(x, sigma):  # by a Gaussian, whose weights inside the picture sum to 1
    def weights(length):
        at = torch.arange(length, dtype=torch.float64)
        weights = torch.exp(-0.5 * ((at[:, None] - at) / max(sigma, 1e-3)) ** 2)
        return (weights / weights.sum(1, keepdim=True)).to(x)

    rows, columns = (weights(length) for length in x.shape[-2:])
    return rows @ x @ columns.T

"""
"""A function of this name, as a program has it."""
_ZERO = "torch.zeros_like(x)"
_BLACK, _WHITE = (f"prepare.transforms[-1](torch.{one}(x.shape[1:]))[None]" for one in ("zeros", "ones"))
_BLURRED = f"blurred(x.detach(), {BLUR} * min(x.shape[-2:]))"
_NOISE = "prepare.transforms[-1](torch.rand(x.shape[1:], generator=generator))[None]"
_COLOUR = "prepare.transforms[-1](torch.rand(x.shape[1], 1, 1, generator=generator))[None]"

BASELINE = Choice(
    "baseline",
    "Baseline",
    (
        Option("zero", "the mean colour", f"baseline = {_ZERO}"),
        Option("black", "black", f"baseline = {_BLACK}"),
        Option("white", "white", f"baseline = {_WHITE}"),
        Option("blurred", "the blurred image", f"{BLURRED}\nbaseline = {_BLURRED}"),
        Option("noise", "noise", f"generator = torch.Generator().manual_seed({MOST} * $seed)\nbaseline = {_NOISE}"),
        Option("image", "another image", "baseline = other"),
    ),
    "zero",
    "What the image is compared with: a pixel of the same colour gets zero. The mean colour is that of the training "
    "data; the Gaussian of the blur is a tenth of the shorter side wide; noise is a random level for each number.",
)
BASELINE_IMAGE = Named(
    "baseline_image",
    "Other image",
    "image",
    "Which image the path begins at, or what covers this one: it is prepared for the network in the same way.",
    only=("baseline", "image"),
    default="sample/palace",
)
BASELINES = Choice(
    "baselines",
    "Baselines",
    (
        Option("noise", "noise", f"\ndef drawn(generator):\n    return {_NOISE}\n\n"),
        Option("colours", "plain colours", f"\ndef drawn(generator):\n    return {_COLOUR}\n\n"),
        Option(
            "fixed",
            "four fixed pictures",
            f"{BLURRED}\nfixed = [\n    {_ZERO},\n    {_BLACK},\n    {_WHITE},\n    {_BLURRED},\n]\n\n\n"
            "def drawn(generator):\n    return fixed[torch.randint(4, (), generator=generator)]\n\n",
        ),
    ),
    "noise",
    "What the image is compared with, drawn anew for each: a random level for each number, one random colour for the "
    "whole picture, or one of four: the mean colour, black, white, or the blurred image.",
)
NOISE_SEED = Number(
    "seed",
    "Seed",
    0,
    1000,
    1,
    0,
    whole=True,
    meaning="Which noise the baseline is: another seed draws another.",
    only=("baseline", "noise"),
)
