"""Every broken model's cause and line, and silence for every sound one."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

import gradviz_core as gv
from tests.doctor.broken import BROKEN
from tests.doctor.broken_values import BROKEN_VALUES
from tests.doctor.marks import expected, named
from tests.doctor.more import MORE_BROKEN, MORE_SOUND
from tests.doctor.sound import SOUND

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", [*BROKEN, *BROKEN_VALUES, *MORE_BROKEN], ids=lambda kind: kind.__name__)
def test_the_cause_and_the_line(kind: type[nn.Module]) -> None:
    assert expected(kind)
    assert named(gv.diagnose(kind(), kind.x())) == expected(kind)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", [*SOUND, *MORE_SOUND], ids=lambda kind: kind.__name__)
def test_nothing_is_wrong_with_a_sound_model(kind: type[nn.Module]) -> None:
    found = gv.diagnose(kind(), kind.x())  # type: ignore[attr-defined]
    assert found.findings == ()
    assert {leaf.gradient for leaf in found.leaves if leaf.trains} <= {"finite", "zero"}


@pytest.mark.parametrize("name", ["resnet18", "vgg11", "vit_b_16", "mobilenet_v3_small"])
def test_nothing_is_wrong_with_torchvisions_models(name: str) -> None:
    torch.manual_seed(0)
    module = torchvision.models.get_model(name, weights=None, num_classes=10).eval()
    size = 224 if name == "vit_b_16" else 64
    found = gv.diagnose(module, torch.randn(1, 3, size, size))
    if name == "vit_b_16":
        (note,) = found.findings
        assert (note.cause, note.level) == ("zero_factor", "note")
        assert "heads.head.weight is zero but gets a gradient itself" in note.sentence
        assert set(found.without) == set(note.lost)
    else:
        assert found.findings == ()
        assert found.without == ()
