"""What is said of a finding, what is left untouched, and what else can be examined than a module."""

from __future__ import annotations

import random
from collections.abc import Callable
from textwrap import indent
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.errors import QuestionError
from gradviz_core.uploads import exported
from tests.doctor import broken, broken_values, more, sound
from tests.exported.files import exported_bytes

# ------------------------------------------------------------------------------------------------------- the findings


def test_a_detached_input_leaves_the_first_layer_its_gradient() -> None:
    found = gv.diagnose(broken.DetachedInput(), broken.rows().requires_grad_())
    (finding,) = found.findings
    assert (finding.level, finding.lost, finding.weakened) == ("broken", ("the input",), ())
    states = {leaf.name: leaf.gradient for leaf in found.leaves}
    assert states["the input"] == "none"
    assert states["first.weight"] == "finite"


@pytest.mark.parametrize(
    ("kind", "lost", "weakened"),
    [
        (broken.ResidualBranchCut, {"body.weight", "body.bias"}, {"the input", "stem.weight", "stem.bias"}),
        (broken.ResidualSkipCut, set(), {"the input", "stem.weight", "stem.bias"}),
        (broken.ResidualInputCut, set(), {"the input", "stem.weight", "stem.bias"}),
        (broken.ResidualNoGrad, {"body.weight", "body.bias"}, {"the input", "stem.weight", "stem.bias"}),
        (more.HardGate, {"body.weight", "body.bias"}, {"the input"}),
    ],
)
def test_who_loses_all_and_who_loses_one_path(kind: type[nn.Module], lost: set[str], weakened: set[str]) -> None:
    (finding,) = gv.diagnose(kind(), broken.images()).findings
    assert (set(finding.lost), set(finding.weakened)) == (lost, weakened)
    assert finding.level == ("broken" if lost else "partial")
    for name in lost:
        assert name in finding.sentence


def test_findings_come_in_order_of_execution_with_line_text_and_repair() -> None:
    findings = gv.diagnose(broken_values.TwoDetaches(), broken.rows()).findings
    assert [finding.text.split("  #")[0] for finding in findings] == [
        "h = torch.relu(self.first(x)).detach()",
        "h = torch.relu(self.second(h)).detach()",
    ]
    assert findings[0].line < findings[1].line
    assert all(compile(finding.repair, "repair", "exec") for finding in findings)
    assert findings[1].lost == ("second.weight", "second.bias")


@pytest.mark.parametrize("kind", [*broken.BROKEN, *broken_values.BROKEN_VALUES, *more.MORE_BROKEN])
def test_every_repair_is_code_and_no_folder_is_named(kind: type[nn.Module]) -> None:
    found = gv.diagnose(kind(), kind.x())  # type: ignore[attr-defined]
    assert "/" not in "".join(finding.file for finding in found.findings)
    for finding in found.findings:
        assert finding.sentence
        assert indent(finding.repair, "       ", lambda _: True) in str(found)
        compile(f"def f(self):\n{indent(finding.repair, '    ')}", "repair", "exec")


def test_a_cut_inside_a_module_names_the_module() -> None:
    assert gv.diagnose(broken.DetachedByModule(), broken.images()).findings[0].where == "cut"


def test_a_plain_sequence_has_no_line_and_names_the_layer() -> None:
    module = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    nn.init.constant_(module[0].bias, -100.0)  # type: ignore[arg-type]
    (finding,) = gv.diagnose(module, broken.rows()).findings
    assert (finding.cause, finding.where, finding.line) == ("dead", "1", 0)


def test_parts_that_are_never_used_are_one_finding() -> None:
    module = sound.Plain()
    module.spare = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    (finding,) = gv.diagnose(module, broken.rows()).findings
    assert (finding.cause, finding.where, len(finding.lost)) == ("unused", "spare", 4)


def test_a_result_that_goes_nowhere_is_unused_and_its_line_is_known() -> None:
    class Dropped(broken.Rows):
        def forward(self, x: Tensor) -> object:
            h = torch.relu(self.first(x))
            self.second(h)
            return self.third(h)

    (finding,) = gv.diagnose(Dropped(), broken.rows()).findings
    assert (finding.cause, finding.where, finding.text) == ("unused", "second", "self.second(h)")


def test_nan_in_a_weight_is_traced_to_the_weight() -> None:
    module = sound.Plain()
    with torch.no_grad():
        module.second.weight[0, 0] = float("nan")
    (finding,) = gv.diagnose(module, broken.rows()).findings
    assert (finding.cause, finding.where) == ("not_finite", "second.weight")


def test_shares_of_dead_and_saturated_units_are_told_where_nothing_is_wrong() -> None:
    first, second = nn.Linear(6, 10), nn.Linear(10, 4)
    module = nn.Sequential(first, nn.ReLU(), second, nn.Sigmoid())
    with torch.no_grad():
        first.bias[:] = torch.tensor([-100.0] * 3 + [100.0] * 7)
        second.weight.fill_(1e-6)
        second.bias[:] = torch.tensor([100.0, 0.0, 0.0, 0.0])
    found = gv.diagnose(module, broken.rows())
    assert found.findings == ()
    assert [(layer.function, layer.units, layer.places) for layer in found.layers] == [
        ("relu", 10, 4),
        ("sigmoid", 16, 16),
    ]
    assert [layer.share for layer in found.layers] == pytest.approx([0.3, 0.25])


def test_gradients_reported_are_autograds() -> None:
    module, x = sound.Residual(), broken.images()
    found = gv.diagnose(module, x, lambda scores: scores[0, 1])
    leaf = x.clone().requires_grad_()
    score = module(leaf)[0, 1]
    score.backward()
    assert found.loss == score.item()
    true = {"the input": leaf.grad, **{name: parameter.grad for name, parameter in module.named_parameters()}}
    for report in found.leaves:
        slope = true[report.name]
        assert slope is not None
        assert report.norm == pytest.approx(slope.norm().item(), rel=1e-5)


# ------------------------------------------------------------------------------------------------- what may be given


def test_a_plain_function_and_what_its_closure_holds() -> None:
    layer, weight = nn.Linear(6, 8), torch.ones(8, requires_grad=True)

    def model(x: Tensor) -> Tensor:
        h: Tensor = layer(x).detach()
        return h * weight

    found = gv.diagnose(model, broken.rows())
    (finding,) = found.findings
    assert (finding.cause, finding.lost) == ("detach", ("the input", "layer.weight", "layer.bias"))
    assert {leaf.name for leaf in found.leaves} == {"the input", "layer.weight", "layer.bias", "weight"}


def test_a_loss_of_ones_own_is_looked_at_too() -> None:
    found = gv.diagnose(sound.Plain(), broken.rows(), lambda out: F.mse_loss(out.detach(), torch.zeros(4, 3)))
    assert [finding.cause for finding in found.findings] == ["detach"]


def test_several_inputs_and_whole_numbers_among_them() -> None:
    class Pick(broken.Rows):
        def forward(self, x: Tensor, places: Tensor) -> object:
            return self.third(torch.tanh(self.second(torch.relu(self.first(x))))).gather(1, places)

    found = gv.diagnose(Pick(), (broken.rows(), torch.zeros(4, 1, dtype=torch.int64)))
    assert found.findings == ()
    assert [leaf.name for leaf in found.leaves[:2]] == ["input 1", "input 2"]


@pytest.mark.parametrize(
    ("model", "loss", "words"),
    [
        (nn.Linear(7, 2), None, r"The model fails.*mat1 and mat2"),
        (sound.Plain(), lambda out: out, "12 numbers"),
        (sound.Plain(), lambda out: out.sum().item(), "float"),
        (lambda x: None, None, "returns no tensor"),
    ],
)
def test_what_cannot_be_examined_is_said(model: Callable[..., Any], loss: Any, words: str) -> None:
    with pytest.raises(QuestionError, match=words):
        gv.diagnose(model, broken.rows(), loss)


# -------------------------------------------------------------------------------------------- nothing is left changed


class Restless(broken.Images):
    """Writes to its own parameters, draws random numbers everywhere, keeps what it computed."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.dropout = nn.BatchNorm2d(4), nn.Dropout(0.5)
        self.kept: list[Tensor] = []

    def forward(self, x: Tensor) -> object:
        with torch.no_grad():
            self.body.weight.mul_(0.9)
        h = self.dropout(F.relu(self.norm(self.stem(x)))) * random.random() * float(np.random.rand() + 1)
        self.kept.append(h)
        return self.read(self.body(h + h.mean().item()))


def test_the_model_stays_as_it_is() -> None:
    module, x = Restless(), broken.images()
    module.head.bias.requires_grad_(False)
    module.stem.weight.grad = torch.ones_like(module.stem.weight)
    module.norm.eval()
    module.dropout.train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    versions = [parameter._version for parameter in module.parameters()]
    states = torch.get_rng_state(), random.getstate(), str(np.random.get_state())
    picture = x.clone()
    found = gv.diagnose(module, x)
    assert "frozen" in {finding.cause for finding in found.findings}
    after = module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert versions == [parameter._version for parameter in module.parameters()]
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1:] == (random.getstate(), str(np.random.get_state()))
    assert [name for name, p in module.named_parameters() if not p.requires_grad] == ["head.bias"]
    assert [name for name, p in module.named_parameters() if p.grad is not None] == ["stem.weight"]
    assert torch.equal(module.stem.weight.grad, torch.ones_like(module.stem.weight))
    assert (module.norm.training, module.dropout.training, module.training, module.kept) == (False, True, True, [])
    assert not any(part._forward_hooks or part._backward_hooks for part in module.modules())
    assert torch.equal(x, picture)
    assert not x.requires_grad


def test_what_a_plain_function_writes_to_its_modules_is_put_back() -> None:
    norm = nn.BatchNorm1d(6)
    found = gv.diagnose(lambda x: norm(x), broken.rows())
    assert found.findings == ()
    assert norm.num_batches_tracked == 0
    assert torch.equal(norm.running_mean, torch.zeros(6))  # type: ignore[arg-type]
    assert norm.weight.grad is None


def test_it_works_within_no_grad_and_inference_mode() -> None:
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            assert gv.diagnose(sound.Plain(), broken.rows()).findings == ()


# ---------------------------------------------------------------------------------------------------- exported models


class Exportable(broken.Images):
    def forward(self, x: Tensor) -> object:
        h = F.relu(self.stem(x))
        h = h + self.body(h).detach()  # the line
        with torch.no_grad():
            scale = self.body(h)
            scale = scale.abs()
        return self.read(torch.tanh(h) + scale)


def test_an_exported_model_points_at_the_authors_lines() -> None:
    module = exported.read(exported_bytes(Exportable(), broken.images())).module
    module.requires_grad_(True)
    findings = gv.diagnose(module, broken.images()).findings
    assert [(finding.cause, finding.file) for finding in findings] == [
        ("detach", "test_diagnose.py"),
        ("no_grad", "test_diagnose.py"),
    ]
    assert findings[0].text == "h = h + self.body(h).detach()  # the line"
    assert findings[1].text == "scale = self.body(h)"
    assert findings[0].lost == ("body.weight", "body.bias")


def test_a_sound_exported_model_is_sound() -> None:
    module = exported.read(exported_bytes(sound.Residual(), broken.images())).module
    module.requires_grad_(True)
    assert gv.diagnose(module, broken.images()).findings == ()


def test_a_function_with_a_backward_pass_of_its_own_is_blamed_at_its_line() -> None:
    class Broken(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, x: Tensor) -> Tensor:
            return x * 1

        @staticmethod
        def backward(ctx: object, slope: Tensor) -> Tensor:
            return slope * float("nan")

    class Uses(broken.Rows):
        def forward(self, x: Tensor) -> object:
            h = Broken.apply(self.first(x))
            return self.third(self.second(h))

    (finding,) = gv.diagnose(Uses(), broken.rows()).findings
    assert (finding.cause, finding.text) == ("not_finite", "return x * 1")
