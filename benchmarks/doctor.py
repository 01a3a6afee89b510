"""How many broken models the doctor is right about, how many sound ones it leaves alone, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torchvision
from torch import nn

import gradviz_core as gv
from benchmarks import doctor_thresholds
from benchmarks.timing import Run, interleaved, row
from tests.doctor.broken import BROKEN
from tests.doctor.broken_values import BROKEN_VALUES
from tests.doctor.marks import expected, named
from tests.doctor.more import MORE_BROKEN, MORE_SOUND
from tests.doctor.sound import SOUND

MOST_ROUNDS = 10


def rows(rounds: int) -> Iterator[str]:
    yield from _right((*BROKEN, *BROKEN_VALUES), SOUND, "models written before the doctor")
    yield from _right(MORE_BROKEN, MORE_SOUND, "models written beside it")
    yield from doctor_thresholds.rows()
    torch.manual_seed(0)
    module, x = torchvision.models.resnet18(weights=None).eval(), torch.randn(1, 3, 224, 224)

    def plain() -> None:
        leaf = x.clone().requires_grad_()
        torch.autograd.grad(module(leaf).sum(), [leaf, *module.parameters()])

    def doctor() -> None:
        gv.diagnose(module, x)

    runs: dict[str, Run] = {"forward and backward": plain, "the doctor": doctor}
    found = interleaved(runs, min(rounds, MOST_ROUNDS), warm_up=1)
    yield str(row(found, "forward and backward"))
    yield str(row(found, "the doctor", "forward and backward"))


def _right(broken: Sequence[type[nn.Module]], sound: Sequence[type[nn.Module]], which: str) -> Iterator[str]:
    wrong = [kind.__name__ for kind in broken if named(gv.diagnose(kind(), kind.x())) != expected(kind)]  # type: ignore[attr-defined]
    loud = [kind.__name__ for kind in sound if gv.diagnose(kind(), kind.x()).findings]  # type: ignore[attr-defined]
    yield f"  {which}: cause and line of {len(broken) - len(wrong)} of {len(broken)} broken ones right; "
    yield f"    silent at {len(sound) - len(loud)} of {len(sound)} sound ones" + "".join(f"; {n}" for n in wrong + loud)
