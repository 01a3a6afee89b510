"""Every claim holds wherever the controls of its step can stand, and every claim can fail; so does the answer to the
question of each step."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest
import torch

from gradviz_core.lessons.contents import lesson_of, settle
from gradviz_core.lessons.running import STEPS
from gradviz_core.lessons.steps import Step
from gradviz_core.types.controls import Choice, Control
from gradviz_core.types.lesson_cards import Claim

ALL = [(lesson, step) for lesson, steps in STEPS.items() for step in steps]
every_step = pytest.mark.parametrize(("lesson", "step"), ALL, ids=[f"{lesson}-{step.name}" for lesson, step in ALL])
MOST = 200
"""Steps with more combinations of their controls than this are tried at as many, drawn at random, corners included."""


def values(control: Control) -> Sequence[float | str]:
    if isinstance(control, Choice):
        return [option.value for option in control.options]
    count = round((control.high - control.low) / control.step)
    return [min(control.low + i * control.step, control.high) for i in range(count + 1)]


def places(lesson: str, step: Step) -> Iterator[dict[str, float | str]]:
    """Where the controls that the step takes can stand."""
    taken = step.code.__code__.co_varnames[: step.code.__code__.co_argcount]
    offered = {c.name: values(c) for c in lesson_of(lesson).controls if c.name in taken}
    everywhere: Iterable[tuple[float | str, ...]] = itertools.product(*offered.values())
    if math.prod(map(len, offered.values())) > MOST:
        draw = random.Random(step.name)
        corners = itertools.product(*((v[0], v[-1]) for v in offered.values()))
        everywhere = itertools.chain(corners, (tuple(map(draw.choice, offered.values())) for _ in range(MOST)))
    for chosen in everywhere:
        yield settle(lesson, dict(zip(offered, chosen, strict=True)))


def found(step: Step, settled: dict[str, float | str]) -> dict[str, Any]:
    taken = step.code.__code__.co_varnames[: step.code.__code__.co_argcount]
    with torch.random.fork_rng(devices=[]):
        results = step.code(**{name: settled[name] for name in taken})
    return {**settled, **{k: v.detach() if isinstance(v, torch.Tensor) else v for k, v in results.items()}}


def checked(step: Step, results: dict[str, Any]) -> list[Claim]:
    with torch.no_grad():
        return list(step.check(results))


@every_step
def test_every_claim_holds_wherever_the_controls_stand(lesson: str, step: Step) -> None:
    for settled in places(lesson, step):
        results = found(step, settled)
        claims = checked(step, results)
        assert claims
        for claim in claims:
            assert claim.holds, (settled, claim.sentence)
            assert claim.holds is True
            assert claim.sentence.endswith(".")
            assert "nan" not in claim.sentence
        question = step.question
        with torch.no_grad():
            assert 0 <= question.right(results) < len(question.answers)
        assert question.text.endswith("?")
        assert len(set(question.answers)) == len(question.answers) >= 3
        texts = (question.text, *question.answers, question.why)
        for text in (step.sentence, *texts, *(picture.caption for picture in step.pictures)):
            assert "{" not in text.format_map({**settled, **step.words(results)})


def other_results(value: object) -> Iterator[object]:
    """What might have come instead."""
    match value:
        case None:
            yield torch.ones(4)
        case torch.Tensor() if value.is_floating_point():
            yield from (value + 1, -value, torch.zeros_like(value), torch.full_like(value, torch.nan))
        case torch.Tensor():
            yield from (value + 1, -value)
        case Exception():
            yield None
        case float():
            yield from (value + 1, 0.0)


@every_step
def test_every_claim_can_fail(lesson: str, step: Step) -> None:
    for settled in itertools.islice(places(lesson, step), 3):
        results = found(step, settled)
        claims = checked(step, results)
        failed: set[int] = set()
        for name in results.keys() - settled.keys():
            for other in other_results(results[name]):
                try:
                    again = checked(step, {**results, name: other})
                except (TypeError, ValueError, RuntimeError, AttributeError):
                    continue
                failed |= {i for i, claim in enumerate(again) if not claim.holds}
        assert failed >= set(range(len(claims))), [c.sentence for i, c in enumerate(claims) if i not in failed]


@every_step
def test_the_right_answer_is_found_from_the_results(lesson: str, step: Step) -> None:
    """From other results it is another answer, or none."""
    settled = next(places(lesson, step))
    results = found(step, settled)
    with torch.no_grad():
        right = step.question.right(results)
        others: set[int | None] = set()
        for name in results.keys() - settled.keys():
            for other in (*other_results(results[name]), torch.ones(7)):
                try:
                    others.add(step.question.right({**results, name: other}))
                except (TypeError, ValueError, RuntimeError, AttributeError, IndexError, StopIteration, UserWarning):
                    others.add(None)
    assert others - {right}
