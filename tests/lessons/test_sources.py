"""The code on the screen is the code that runs."""

from __future__ import annotations

import inspect
import re
import runpy
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gradviz_core.lessons.contents import settle
from gradviz_core.lessons.running import IMPORTS, LONGEST_LINE, STEPS, run
from gradviz_core.lessons.steps import Step
from gradviz_core.types.lesson_cards import LessonResult

ALL = [(lesson, step) for lesson, steps in STEPS.items() for step in steps]
every_step = pytest.mark.parametrize(("lesson", "step"), ALL, ids=[f"{lesson}-{step.name}" for lesson, step in ALL])


def ran(lesson: str, step: Step) -> LessonResult:
    return run(lesson, dict([step.only]) if step.only else {})


@every_step
def test_the_source_shown_is_the_function_that_runs(lesson: str, step: Step) -> None:
    """Compiled in its place below the imports, it is equal to the last bit, constants and line numbers included."""
    shown = next(s for s in ran(lesson, step).steps if s.name == step.name)
    code = step.code.__code__
    imports = "; ".join(line for line in shown.imports.splitlines() if line)
    in_place = imports + "\n" * (code.co_firstlineno - 1) + shown.source
    flags = annotations.compiler_flag
    compiled = compile(in_place, code.co_filename, "exec", flags=flags, dont_inherit=True)
    assert code in compiled.co_consts


@every_step
def test_the_source_shown_runs_by_itself_and_gives_the_same(lesson: str, step: Step) -> None:
    result = ran(lesson, step)
    shown = next(s for s in result.steps if s.name == step.name)
    namespace: dict[str, Any] = {}
    exec(f"{shown.imports}\n\n\n{shown.source}", namespace)
    with torch.random.fork_rng(devices=[]):
        exec(f"again = {shown.call}", namespace)
    again = namespace["again"]
    assert list(again) == [output.name for output in shown.outputs]
    for output in shown.outputs:
        if output.kind in ("array", "number") and not output.name.startswith("milliseconds"):
            value = again[output.name]
            value = value.detach().numpy() if isinstance(value, torch.Tensor) else np.array(value)
            np.testing.assert_array_equal(value, result.array(step.name, output.name))


@every_step
def test_the_code_knows_of_torch_and_python_alone(lesson: str, step: Step) -> None:
    source = textwrap.dedent(inspect.getsource(step.code))
    assert "gradviz" not in source.lower()
    assert "#" in source
    known = {name for group in IMPORTS for name in group}
    free = set(inspect.getclosurevars(step.code).globals)
    assert free <= known
    assert set(inspect.signature(step.code).parameters) <= set(settle(lesson, {}))


@every_step
def test_the_program_shown_is_a_file_that_prints_what_came_back(
    lesson: str, step: Step, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = next(s for s in ran(lesson, step).steps if s.name == step.name)
    file = tmp_path / f"{step.name}.py"
    file.write_text(shown.program, encoding="utf-8")
    with torch.random.fork_rng(devices=[]):
        left = runpy.run_path(str(file), run_name="__main__")
    printed = capsys.readouterr().out
    assert list(left["results"]) == [output.name for output in shown.outputs]
    for output in shown.outputs:
        assert f"{output.name} = " in printed
        if output.kind in ("array", "none", "module") and not output.text.startswith("tensor of shape"):
            assert f"{output.name} = {output.text}\n" in printed or output.name == "milliseconds"


@every_step
def test_a_program_imports_what_it_uses_and_is_no_wider_than_its_column(lesson: str, step: Step) -> None:
    shown = next(s for s in ran(lesson, step).steps if s.name == step.name)
    imported = [line.split()[-1] for line in shown.imports.splitlines() if line]
    assert "torch" in imported
    assert all(re.search(rf"\b{name}\b", shown.source) for name in imported)
    assert set(inspect.getclosurevars(step.code).globals) <= set(imported)
    assert max(map(len, shown.program.splitlines())) <= LONGEST_LINE


def test_every_lesson_has_steps_with_names_of_their_own() -> None:
    for steps in STEPS.values():
        assert len({step.name for step in steps}) == len(steps) >= 3
