"""The program of a method gives its array whatever is chosen of its options."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import gradviz_core as gv
from gradviz_core.drawing import snippets
from gradviz_core.types.controls import Choice
from gradviz_core.types.methods import METHODS, OptionValues
from tests import snippet_runs

CLOSE = 1e-5


def choices() -> Iterator[tuple[str, OptionValues]]:
    """Each option of a choice of each method, with few draws or steps, and numbers that are not at their defaults."""
    for method, card in METHODS.items():
        few = snippet_runs.few(method)
        if card.where in ("anywhere", "input") and any(isinstance(one, Choice) for one in card.options):
            seed = (("seed", 3.0),) if "seed" in {one.name for one in card.options} else ()
            for control in card.options:
                for option in control.options if isinstance(control, Choice) else ():
                    yield method, (*few, *seed, (control.name, option.value))


@pytest.mark.parametrize("model", ["preset/digits-mlp", "preset/shapes-cnn"])
@pytest.mark.parametrize(("method", "options"), list(choices()))
def test_a_program_does_what_was_chosen(model: str, method: str, options: OptionValues, tmp_path: Path) -> None:
    image = "sample/star"
    question = gv.GradientQuestion(model=model, image=image, method=method, options=options)
    answer = snippet_runs.ask(question)
    code = snippets.saliency(snippet_runs.setting(model, image), answer.target, method, "channel", options)
    assert snippet_runs.error(snippet_runs.run(code, tmp_path), answer.attributions[gv.INPUT][0]) < CLOSE, code


def test_one_step_of_a_path_is_a_program_too(tmp_path: Path) -> None:
    model, image = "preset/digits-mlp", "sample/digit-3"
    for rule in ("midpoint", "trapezoid", "gauss"):
        options: OptionValues = (("steps", 1.0), ("rule", rule))
        question = gv.GradientQuestion(model=model, image=image, method="integrated_gradients", options=options)
        answer = snippet_runs.ask(question)
        code = snippets.saliency(
            snippet_runs.setting(model, image), answer.target, "integrated_gradients", "channel", options
        )
        assert snippet_runs.error(snippet_runs.run(code, tmp_path), answer.attributions[gv.INPUT][0]) < CLOSE, code
