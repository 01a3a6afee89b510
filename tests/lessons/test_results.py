"""What every result of every lesson keeps to."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import fields, is_dataclass

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from gradviz_core.lessons.contents import LESSONS
from gradviz_core.lessons.running import run
from gradviz_core.types.controls import Choice, Control
from gradviz_core.types.lesson_cards import LessonResult, StepResult

KEYS = [lesson.key for lesson in LESSONS]
every_lesson = pytest.mark.parametrize("key", KEYS)


def values(control: Control) -> Sequence[float | str]:
    if isinstance(control, Choice):
        return [option.value for option in control.options]
    count = round((control.high - control.low) / control.step)
    return [control.low + i * control.step for i in range(count)] + [control.high]


def drawn(key: str, trials: int) -> list[dict[str, float | str]]:
    """Choices at random, the corners of the controls among them."""
    rng = random.Random(key)
    controls = next(lesson for lesson in LESSONS if lesson.key == key).controls
    corners = [{c.name: values(c)[i] for c in controls} for i in (0, -1)]
    return corners + [{c.name: rng.choice(values(c)) for c in controls} for _ in range(trials)]


@every_lesson
def test_a_result_goes_over_the_wire(key: str) -> None:
    result = run(key, {})
    adapter = TypeAdapter(tuple[StepResult, ...])
    assert adapter.validate_json(adapter.dump_json(result.steps), strict=True) == result.steps
    assert all(plain(step) for step in result.steps)
    for name, array in result.arrays.items():
        assert type(array) is np.ndarray, name
        assert str(array.dtype) in {"float32", "float64", "int64"}, name
    assert sum(array.nbytes for array in result.arrays.values()) < 500_000


def plain(value: object) -> bool:
    if is_dataclass(value):
        return all(plain(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, tuple):
        return all(map(plain, value))
    return value is None or type(value) in (str, int, float, bool)


@every_lesson
def test_pictures_name_arrays_of_their_step_in_the_shape_of_their_kind(key: str) -> None:
    for choices in drawn(key, 2):
        result = run(key, choices)
        for step in result.steps:
            for picture in step.pictures:
                arrays = [result.array(step.name, name) for name in picture.arrays]
                assert picture.title
                assert picture.caption.endswith(".")
                assert picture.unit
                assert "{" not in picture.title + picture.caption + "".join(picture.labels) + step.sentence
                match picture.kind:
                    case "heatmap":
                        assert [array.ndim for array in arrays] == [2]
                        assert picture.across
                        assert picture.down
                    case "tiles":
                        assert [array.ndim for array in arrays] == [4]
                    case "bars":
                        lengths = {array.size for array in arrays}
                        assert len(lengths) == 1
                        assert len(picture.labels) == len(arrays)
                        assert not picture.ticks or {len(picture.ticks)} == lengths
                    case "lines":
                        assert len({array.shape for array in arrays}) == 1
                        assert arrays[0].ndim == 1
                        assert (np.diff(arrays[0]) > 0).all()
                        assert len(picture.labels) == len(arrays) - 1


@every_lesson
def test_every_lesson_has_a_picture_and_a_graph(key: str) -> None:
    steps = run(key, {}).steps
    assert any(step.pictures for step in steps)
    assert any(recorded.graph for step in steps for recorded in step.graphs)


def numbers(result: LessonResult) -> dict[str, bytes]:
    return {name: a.tobytes() for name, a in result.arrays.items() if not name.endswith("/milliseconds")}


@every_lesson
def test_the_same_choices_give_the_same_numbers_and_leave_the_random_state_alone(key: str) -> None:
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    first = run(key, {})
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(8)
    with torch.no_grad():
        second = run(key, {})
        assert not torch.is_grad_enabled()
    assert numbers(first) == numbers(second)


def test_lessons_asked_for_at_once_do_not_meet() -> None:
    alone = {key: numbers(run(key, {})) for key in KEYS}
    found: list[tuple[str, dict[str, bytes]]] = []
    threads = [
        threading.Thread(target=lambda key=key: found.append((key, numbers(run(key, {})))))
        for key in KEYS
        for _ in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(threads)
    assert all(result == alone[key] for key, result in found)


@every_lesson
def test_every_control_changes_what_it_should(key: str) -> None:
    at_first = run(key, {})
    controls = next(lesson for lesson in LESSONS if lesson.key == key).controls
    assert set(MOVED[key]) == {control.name for control in controls}
    for name, (value, changed, unchanged) in MOVED[key].items():
        extra = EXTRA.get(name, {})
        before, after = run(key, extra) if extra else at_first, run(key, {**extra, name: value})
        for array in changed:
            assert not np.array_equal(before.arrays.get(array, 0), after.arrays[array]), (name, array)
        for array in unchanged:
            np.testing.assert_array_equal(before.arrays[array], after.arrays[array])


Moved = dict[str, tuple[float | str, tuple[str, ...], tuple[str, ...]]]

EXTRA: dict[str, dict[str, float | str]] = {"far": {"cause": "saturated"}}
MOVED: dict[str, Moved] = {
    "first-layer": {
        "activation": ("relu", ("three_right_ways/jacobian", "second_derivative/hessian"), ("one_neuron/x",)),
        "neuron": (4, ("one_neuron/gradient", "three_right_ways/of_neuron"), ("three_right_ways/jacobian",)),
        "scale": (-2.0, ("one_neuron/score", "five_outputs_at_once/y"), ("one_neuron/gradient",)),
        "seed": (5, ("one_neuron/gradient", "asking_twice/first"), ()),
    },
    "partial-derivatives": {
        **{
            f"x{i}": (
                3.7,
                ("product/y", "product/gradient_of_weight", "sigmoid_of_ten/gradient"),
                ("product/gradient",),
            )
            for i in (1, 2, 3, 5)
        },
        "x4": (3.7, ("product/x", "sigmoid_of_ten/gradient"), ("product/y", "product/gradient")),  # its weight is 0
        "reduction": (
            "sum",
            ("sigmoid_of_ten/gradient", "sigmoid_of_ten/of_the_other"),
            ("sigmoid_of_ten/y", "small_network/gradient"),
        ),
        "seed": (5, ("small_network/gradient",), ("product/gradient",)),
    },
    "missing-gradients": {
        "cut": ("nowhere", ("detached/gradient_of_x", "detached/lengths"), ("detached/loss",)),
        "cause": ("dead", ("dead/slope",), ("detached/lengths",)),
        "far": (5.0, ("saturated/gradient", "saturated/slope"), ()),
        "seed": (
            5,
            ("detached/lengths", "inside_no_grad/repaired_gradient", "written_into_a_leaf/x"),
            ("written_into_a_leaf/gradient",),
        ),
    },
    "intermediate-values": {
        "factor": (
            4.0,
            ("encoder_and_decoder/code", "encoder_and_decoder/gradient_of_features"),
            ("encoder_and_decoder/gradient_of_code",),
        ),
        "label": (7, ("features_under_a_loss/gradient",), ("features_under_a_loss/scores",)),
        "seed": (5, ("features_under_a_loss/gradient", "too_late/retained"), ()),
    },
    "pushing-a-neuron": {
        "unit": (11, ("adding_and_subtracting/units", "predicted_and_actual/actual"), ("a_dead_unit/dead",)),
        "epsilon": (0.05, ("adding_and_subtracting/losses", "predicted_and_actual/epsilons"), ()),
        "direction": ("add", ("predicted_and_actual/actual",), ("adding_and_subtracting/losses",)),
        "seed": (5, ("adding_and_subtracting/losses", "a_dead_unit/dead"), ()),
    },
    "gradient-of-itself": {
        "size": (9, ("ones/gradient", "identity/jacobian", "three_ways_to_a_jacobian/vmap"), ()),
        "spread": (1.0, ("ones/x", "power_of_x/gradient"), ("ones/gradient", "identity/jacobian")),
        "power": (3, ("power_of_x/gradient",), ("three_ways_to_a_jacobian/rows",)),
    },
}
