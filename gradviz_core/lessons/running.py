"""Lesson and choices -> result: runs the functions whose source is shown."""

from __future__ import annotations

import ast
import inspect
import textwrap
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gradviz_core.lessons import (
    first_layer,
    gradient_of_itself,
    intermediate_values,
    missing_gradients,
    partial_derivatives,
    pushing_a_neuron,
)
from gradviz_core.lessons.contents import settle
from gradviz_core.lessons.recording import names_of, record, shape_text
from gradviz_core.lessons.steps import Step
from gradviz_core.types.lesson_cards import Asked, LessonResult, Output, Picture, Recorded, StepResult

IMPORTS = (
    {"time": "import time", "warnings": "import warnings"},
    {"torch": "import torch", "nn": "from torch import nn", "functional": "from torch.nn import functional"},
)
"""What the functions that are shown may use, by the name that they use it by: Python's own, and PyTorch's."""
LONGEST_LINE = 76
"""Characters of a line of code that a column of the page has room for."""
MOST_PRINTED = 40
"""A tensor with more elements is told by its shape and type."""

STEPS: dict[str, tuple[Step, ...]] = {
    "first-layer": first_layer.STEPS,
    "missing-gradients": missing_gradients.STEPS,
    "partial-derivatives": partial_derivatives.STEPS,
    "intermediate-values": intermediate_values.STEPS,
    "pushing-a-neuron": pushing_a_neuron.STEPS,
    "gradient-of-itself": gradient_of_itself.STEPS,
}

_ONE_AT_A_TIME = threading.Lock()
"""The functions shown seed the global generator and record warnings, as a notebook would: both are global."""


def run(lesson: str, choices: Mapping[str, float | str]) -> LessonResult:
    """Run a lesson with its controls at ``choices``; those not named stand at their default.

    The same choices give the same numbers, times apart. The global random state is left as it was.

    Raises:
        QuestionError: there is no such lesson or control, or a control cannot take the value.
    """
    settled = settle(lesson, choices)
    steps = [step for step in STEPS[lesson] if step.only is None or settled[step.only[0]] == step.only[1]]
    arrays: dict[str, np.ndarray] = {}
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
    with _ONE_AT_A_TIME, torch.random.fork_rng(devices=devices), torch.enable_grad():
        done = tuple(_run_step(step, settled, arrays) for step in steps)
    return LessonResult(lesson, tuple(settled.items()), done, arrays)


def _run_step(step: Step, settled: Mapping[str, float | str], arrays: dict[str, np.ndarray]) -> StepResult:
    taken = {name: settled[name] for name in inspect.signature(step.code).parameters}
    results = step.code(**taken)
    for name, value in results.items():
        if isinstance(value, Tensor | int | float) and not isinstance(value, bool):
            arrays[LessonResult.name_of(step.name, name)] = _numpy(value)
    detached = {name: value.detach() if isinstance(value, Tensor) else value for name, value in results.items()}
    found = {**settled, **detached}
    with torch.no_grad():
        claims = tuple(step.check(found))
        words = {**settled, **step.words(found)}
        asked = _asked(step, found, words)
    source = textwrap.dedent(inspect.getsource(step.code))
    return StepResult(
        key=step.key,
        name=step.name,
        asked=asked,
        sentence=step.sentence.format_map(words),
        source=source,
        imports=_imports(source),
        call=_call(step.name, [f"{name}={value!r}" for name, value in taken.items()]),
        outputs=tuple(_output(name, value) for name, value in results.items()),
        claims=claims,
        graphs=tuple(_recorded(step, results)),
        pictures=tuple(_filled_in(picture, words) for picture in step.pictures),
    )


def _asked(step: Step, found: Mapping[str, Any], words: Mapping[str, float | str]) -> Asked:
    question = step.question
    return Asked(
        question.text.format_map(words),
        tuple(answer.format_map(words) for answer in question.answers),
        question.right(found),
        question.why.format_map(words),
        question.told,
    )


def _imports(source: str) -> str:
    """The imports that the source uses, in their order, Python's own apart from the others."""
    used = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    groups = ("\n".join(line for name, line in group.items() if name in used) for group in IMPORTS)
    return "\n\n".join(filter(None, groups))


def _call(name: str, arguments: list[str]) -> str:
    """The call on one line if it fits there after ``results =``, else each argument on its own."""
    line = f"{name}({', '.join(arguments)})"
    if len(f"results = {line}") <= LONGEST_LINE:
        return line
    return "\n".join([f"{name}(", *(f"    {argument}," for argument in arguments), ")"])


def _recorded(step: Step, results: Mapping[str, object]) -> Iterator[Recorded]:
    names = names_of(results)
    before = "before the fix" if step.repaired_graph_of else ""
    for name, when in ((step.graph_of, before), (step.repaired_graph_of, "after the fix")):
        if name:
            value = results[name]
            yield Recorded(name, when, record(value, name, names) if isinstance(value, Tensor) else None)


def _filled_in(picture: Picture, words: Mapping[str, float | str]) -> Picture:
    return replace(
        picture,
        title=picture.title.format_map(words),
        caption=picture.caption.format_map(words),
        labels=tuple(label.format_map(words) for label in picture.labels),
    )


def _output(name: str, value: object) -> Output:
    match value:
        case None:
            return Output(name, "none", "None")
        case Warning():
            return Output(name, "warning", f"{type(value).__name__}: {str(value).split(' (Triggered internally')[0]}")
        case Exception():
            return Output(name, "error", f"{type(value).__name__}: {value}")
        case nn.Module():
            return Output(name, "module", repr(value))
        case Tensor() if value.numel() <= MOST_PRINTED:
            return Output(name, "array", str(value))
        case Tensor():
            return Output(name, "array", f"tensor of shape {shape_text(value)}, {str(value.dtype).split('.')[-1]}")
        case float() if name.startswith("milliseconds"):
            return Output(name, "time", f"{value:.3g} ms")
        case bool():
            return Output(name, "text", str(value))
        case int() | float():
            return Output(name, "number", f"{value:.6g}")
        case str():
            return Output(name, "text", value)
        case _:
            raise TypeError(f"The step returned {name} of type {type(value).__name__}, which cannot be shown.")


def _numpy(value: Any) -> np.ndarray:
    return value.detach().numpy().copy() if isinstance(value, Tensor) else np.array(value)
