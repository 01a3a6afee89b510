"""The options of methods that draw random numbers."""

from __future__ import annotations

from gradviz_core.types.controls import Number

MOST = 1024
"""Draws or steps of a sum, at most. Each draw of a seed has a number from 1024 · seed on as its own seed, so that two
seeds share none."""
DRAWS = Number(
    "draws",
    "Draws",
    1,
    MOST,
    1,
    16,
    whole=True,
    unit="noisy copies",
    one="noisy copy",
    meaning="How many noisy copies are averaged.",
)
SPREAD = Number(
    "spread",
    "Spread",
    0.0,
    1.0,
    0.01,
    0.15,
    meaning="Standard deviation of the noise, as a share of the range of the values. The paper uses 0.1 to 0.2.",
)
SEED = Number(
    "seed",
    "Seed",
    0,
    1000,
    1,
    0,
    whole=True,
    meaning="Where the random numbers begin: another seed draws others, the same seed the same.",
)
NOISY_COPIES = (
    "size = $spread * (x.detach().max() - x.detach().min())",
    f"seeds = (torch.Generator().manual_seed({MOST} * $seed + n) for n in range($draws))",
    "copies = (x.detach() + size * torch.randn(x.shape, generator=seed) for seed in seeds)",
)
"""Lines of code that make ``copies``, one after the other."""
