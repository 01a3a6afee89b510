"""Levels, words and sums of the finer points; and what holds of every diagnosis, whatever the model."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.doctor import depth, words
from gradviz_core.types.findings import Diagnosis
from tests.doctor import broken, finer, sound
from tests.doctor.broken import BROKEN, Rows, rows
from tests.doctor.broken_values import BROKEN_VALUES
from tests.doctor.finer_values import FINER_VALUES, LinearProbe
from tests.doctor.marks import expected, named
from tests.doctor.more import MORE_BROKEN, MORE_SOUND
from tests.doctor.sound import SOUND

ALL = (*BROKEN, *BROKEN_VALUES, *MORE_BROKEN, *SOUND, *MORE_SOUND, LinearProbe)


@pytest.mark.parametrize("kind", [*finer.FINER_BROKEN, *FINER_VALUES], ids=lambda kind: kind.__name__)
def test_the_level(kind: type[nn.Module]) -> None:
    level = kind.level  # type: ignore[attr-defined]
    found = {finding.level for finding in gv.diagnose(kind(), kind.x()).findings}  # type: ignore[attr-defined]
    assert found == {level} if level else {"partial", "note"}


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_what_is_found_is_what_was_measured(kind: type[nn.Module]) -> None:
    """Every gradient of zero or NaN has a reason, and nothing is called broken that has a sound gradient."""
    found = gv.diagnose(kind(), kind.x().requires_grad_(kind.x().is_floating_point()))  # type: ignore[attr-defined]
    states = {leaf.name: leaf.gradient for leaf in found.leaves}
    lost = {name for finding in found.findings for name in finding.lost}
    assert lost.issuperset(name for name, state in states.items() if state in ("zero", "not_finite"))
    assert lost.issuperset(found.without)
    for finding in found.findings:
        if finding.cause not in ("in_place_leaf", "in_place_needed"):
            assert "finite" not in {states[name] for name in finding.lost}
            assert finding.level != "broken" or finding.lost or not math.isfinite(found.loss)


# ------------------------------------------------------------------------------------------------ too small, too large


@pytest.mark.parametrize("layers", [12, 20, 30, 60, 120])
def test_gradients_that_vanish_are_found_however_small(layers: int) -> None:
    torch.manual_seed(0)
    parts = [part for _ in range(layers) for part in (nn.Linear(16, 16), nn.Sigmoid())]
    found = gv.diagnose(nn.Sequential(*parts, nn.Linear(16, 3)), torch.randn(8, 16), lambda out: out.mean())
    assert [finding.cause for finding in found.findings] == ["vanishing"]


def test_norms_are_told_in_float64() -> None:
    layer, x = nn.Linear(6, 2).half(), rows().half()
    slopes = gv.diagnose(layer, x, lambda out: (out.float() * 1e-7).sum()).leaves
    assert slopes[0].norm > 0
    wide = gv.diagnose(nn.Linear(6, 2), rows(), lambda out: (out * 1e-30).sum())
    assert wide.leaves[1].norm == pytest.approx(1e-30 * float(rows().double().sum(0).norm()) * 2**0.5, rel=1e-5)


def test_the_ratio_leaves_zeros_out_and_knows_overflow() -> None:
    falling = [10.0**-i for i in range(12)]
    assert depth.ratio(falling) == pytest.approx(1e9, rel=1e-6)
    assert depth.ratio([*falling[:9], 0.0, *falling[9:]]) == pytest.approx(1e9, rel=1e-6)
    assert depth.ratio([math.inf, math.nan, *falling[:10]]) == pytest.approx(1e8, rel=1e-6)
    assert depth.ratio([math.inf, math.inf, *[1.0] * 10]) == 1.0
    assert depth.ratio([0.0] * 12) == depth.ratio([1.0] * 7) == 1.0


# --------------------------------------------------------------------------------------------------- zeros, in words


def test_a_parameter_that_starts_at_zero_is_named_and_what_will_become_of_it_said() -> None:
    (note,) = gv.diagnose(finer.ResidualGate(), rows()).findings
    assert note.lost == ("second.weight", "second.bias")
    assert "gate is zero but gets a gradient itself" in note.sentence
    (stuck,) = gv.diagnose(finer.BothZero(), rows()).findings
    assert set(stuck.lost) == {"down.weight", "up.weight"}
    assert "up.weight is zero and gets no gradient, so it stays zero" in stuck.sentence


def test_a_residual_network_whose_branches_start_at_zero_has_notes_alone() -> None:
    torch.manual_seed(0)
    module = torchvision.models.resnet18(zero_init_residual=True, num_classes=5).train()
    found = gv.diagnose(module, torch.randn(2, 3, 64, 64)).findings
    assert {(finding.cause, finding.level) for finding in found} == {("zero_factor", "note")}
    assert [finding.where for finding in found] == [f"layer{i}.{j}.bn2" for i in range(1, 5) for j in range(2)]


def test_what_a_dead_layer_feeds_belongs_to_it() -> None:
    module = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    nn.init.constant_(module[0].bias, -100.0)  # type: ignore[arg-type]
    (finding,) = gv.diagnose(module, rows()).findings
    assert (finding.cause, finding.level) == ("dead", "broken")
    assert set(finding.lost) == {"the input", "0.weight", "0.bias", "2.weight"}


def test_labels_that_are_all_ignored() -> None:
    labels = torch.full((4,), -100)
    (summed,) = gv.diagnose(sound.Plain(), rows(), lambda out: F.cross_entropy(out, labels, reduction="sum")).findings
    assert (summed.cause, summed.level) == ("flat_loss", "note")
    (mean,) = gv.diagnose(sound.Plain(), rows(), lambda out: F.cross_entropy(out, labels)).findings
    assert (mean.cause, mean.level) == ("not_finite", "broken")
    assert "third.weight" in mean.lost


def test_only_rounding_is_mended_by_passing_straight_through() -> None:
    (rounded,) = gv.diagnose(broken.Rounded(), rows()).findings
    (sure,) = gv.diagnose(finer.SureSoftmax(), rows()).findings
    assert rounded.cause == sure.cause == "zero_derivative"
    assert "torch.round" in rounded.repair
    assert "torch.round" not in sure.repair


def test_a_hook_of_a_module_that_is_examined_itself_is_found() -> None:
    layer, last = nn.Linear(6, 8), nn.Linear(8, 3)
    layer.register_full_backward_hook(lambda module, into, out_of: (torch.zeros(4, 6),))
    found = gv.diagnose(lambda x: last(layer(torch.tanh(x))), rows().requires_grad_()).findings
    assert [(finding.cause, finding.lost) for finding in found] == [("hook", ("the input",))]


def test_a_hook_on_a_parameter_is_found() -> None:
    layer = nn.Linear(6, 3)
    layer.weight.register_hook(lambda slope: slope * 0)  # type: ignore[no-untyped-call]
    (finding,) = gv.diagnose(lambda x: layer(x), rows()).findings
    assert (finding.cause, finding.lost) == ("hook", ("layer.weight",))


# ------------------------------------------------------------------------------------------------ what no one asked for


def test_a_linear_probe_is_no_mistake_unless_the_input_is_asked_for() -> None:
    module = LinearProbe()
    found = gv.diagnose(module, rows())
    assert [(one.cause, one.level) for one in found.findings] == [("no_grad", "note"), ("frozen", "note")]
    first, _ = gv.diagnose(module, rows().requires_grad_()).findings
    assert (first.cause, first.level, first.lost) == ("no_grad", "broken", ("the input",))
    assert named(found) == {
        (cause, "first.weight, first.bias" if cause == "frozen" else at) for cause, at in expected(LinearProbe)
    }


def test_where_nothing_else_could_learn_the_input_is_asked_for() -> None:
    (finding,) = gv.diagnose(lambda x: x.detach().sum(), rows()).findings
    assert (finding.cause, finding.level) == ("detach", "broken")


def test_normalising_the_input_in_place_is_a_note_unless_it_is_asked_for() -> None:
    class Normalises(Rows):
        def forward(self, x: Tensor) -> object:
            x.sub_(0.5)
            return self.third(torch.tanh(self.second(torch.tanh(self.first(x)))))

    levels = [gv.diagnose(Normalises(), x).findings[0].level for x in (rows(), rows().requires_grad_())]
    assert levels == ["note", "broken"]


def test_few_units_may_be_dead_by_chance() -> None:
    module = nn.Sequential(nn.Linear(6, 2), nn.ReLU(), nn.Linear(2, 6))
    nn.init.constant_(module[0].bias, -100.0)  # type: ignore[arg-type]
    (few,) = gv.diagnose(module, rows()[:1]).findings
    (many,) = gv.diagnose(module, rows()).findings
    assert (few.cause, few.level, many.level) == ("dead", "partial", "broken")
    assert few.lost == many.lost


# ---------------------------------------------------------------------------------------- what the loss leads back to


class Features(Rows):
    """A body that is called, and a head that only the loss calls."""

    def forward(self, x: Tensor) -> object:
        return torch.tanh(self.second(torch.tanh(self.first(x))))


def test_a_loss_may_use_the_models_own_parts() -> None:
    module, labels = Features(), torch.tensor([0, 1, 2, 0])
    found = gv.diagnose(module, rows(), lambda out: F.cross_entropy(module.third(out), labels))
    assert not found.findings
    assert not found.without
    penalty = gv.diagnose(module, rows(), lambda out: out.mean() + sum(p.pow(2).sum() for p in module.parameters()))
    assert not penalty.findings
    assert not penalty.without


def test_a_forward_that_was_put_in_place_of_another_is_followed() -> None:
    module = sound.Plain()
    inner = module.forward
    module.forward = lambda x: inner(x)  # type: ignore[method-assign]
    assert gv.diagnose(module, rows()).findings == ()


# --------------------------------------------------------------------------------------------------------- the repairs


def recorded(mode: Callable[[], AbstractContextManager[None]]) -> bool:
    """Run the repair of ``no_grad``, to the letter, within ``mode``; whether what it makes has a past."""
    scope = {"torch": torch, "layer": nn.Linear(3, 3)}
    with mode():
        scope["h"] = torch.ones(2, 3) * 2
        exec(words.repair("no_grad", "linear"), scope)
    h = scope["h"]
    assert isinstance(h, Tensor)
    h.sum().backward()  # type: ignore[no-untyped-call]
    return h.requires_grad


def test_the_repair_for_no_grad_works_in_inference_mode_as_well() -> None:
    assert recorded(torch.no_grad)
    assert recorded(torch.inference_mode)


def test_every_repair_has_code_in_it() -> None:
    for cause in words.CAUSES:
        lines = words.repair(cause, "").splitlines()
        assert any(line.strip() and not line.strip().startswith("#") for line in lines)


def test_nothing_is_called_sound_without_its_gradients() -> None:
    found = gv.diagnose(sound.Plain(), rows())
    assert str(found).startswith("Nothing is wrong")
    zero = tuple(replace(leaf, gradient="zero") for leaf in found.leaves)
    unexplained: Diagnosis = replace(found, leaves=zero)
    assert "Nothing is wrong" not in str(unexplained)


def test_the_doctors_own_lines_are_nobodys() -> None:
    module = nn.Sequential(nn.Linear(6, 3))
    nn.init.constant_(module[0].weight, 3e38)  # type: ignore[arg-type]
    for finding in gv.diagnose(module, rows().abs() + 1).findings:
        assert finding.file in ("", "test_finer.py")
    near = gv.diagnose(lambda x: x * 1e38, rows().abs() + 1).findings
    assert all(finding.file != "examination.py" for finding in near)
