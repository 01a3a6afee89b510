"""Each of the four things that a test may leave behind is noticed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from torch import nn

import gradviz_core as gv
from tests import leftovers

PRESET = "preset/digits-mlp"


@pytest.fixture
def kept() -> nn.Module:
    """A model that is kept after a question."""
    gv.answer(gv.SurveyQuestion(model=PRESET, image="sample/digit-3"))
    (model,) = (model for key, model in leftovers._kept_models() if key == PRESET)
    return model


@pytest.fixture
def watch(kept: nn.Module) -> leftovers.Watch:
    return leftovers.Watch()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "PATIENCE_S", 0.0)


def test_nothing_is_left_after_a_question(watch: leftovers.Watch) -> None:
    gv.answer(gv.GradientQuestion(model=PRESET, image="sample/star"))
    assert watch.left() == []


def test_a_hook_on_a_kept_model_or_on_all_modules(watch: leftovers.Watch, kept: nn.Module) -> None:
    with next(kept.children()).register_forward_hook(lambda *_: None):
        (left,) = watch.left()
        assert left.startswith(f"_forward_hooks of {PRESET} at ")
    with nn.modules.module.register_module_forward_hook(lambda *_: None):
        assert watch.left() == ["1 of torch's _global_forward_hooks"]
    assert watch.left() == []


def test_a_gradient_of_a_kept_model(watch: leftovers.Watch, kept: nn.Module) -> None:
    name, parameter = next(kept.named_parameters())
    parameter.grad = torch.zeros_like(parameter)
    assert watch.left() == [f"the gradient of {name} of {PRESET}"]
    parameter.grad = None
    assert watch.left() == []


def test_a_process(watch: leftovers.Watch) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        (left,) = watch.left()
        assert left.startswith(f"process {process.pid}: ")
        process.communicate(b"\n")
    assert watch.left() == []


def test_a_file(watch: leftovers.Watch) -> None:
    with tempfile.NamedTemporaryFile() as file:
        assert watch.left() == [f"in the temporary folder: {Path(file.name).name}"]
    assert watch.left() == []


def test_what_goes_in_a_moment_is_waited_for(watch: leftovers.Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "PATIENCE_S", 60.0)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.3)"]):
        assert watch.left() == []
