"""A question as it is typed: the flags that ``gradviz ask`` and ``gradviz batch`` share."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from gradviz_core.errors import QuestionError
from gradviz_core.text import target_text
from gradviz_core.text.codec import LONGEST_QUESTION
from gradviz_core.types import INPUT, GradientQuestion, Site
from gradviz_core.types.controls import Number
from gradviz_core.types.methods import METHODS, PLAIN, OptionValues, card_of

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed of a question, apart from its model and its image."""

    method: str = PLAIN
    options: tuple[str, ...] = ()
    score: str = target_text.PREDICTED
    at: tuple[str, ...] = ()
    seed: int = 0
    fast: bool = False

    def question(self, model: str, image: str) -> GradientQuestion:
        """The question about a model and an image, by their keys.

        Raises:
            QuestionError: there is no such score or option, or a map of a layer output has no layer.
        """
        card = card_of(self.method)
        if card.where == "layer" and not self.at:
            raise QuestionError(
                f"{card.name} is a map of a layer output, and none is named. Name one with --at, such as --at layer4."
            )
        return GradientQuestion(
            model=model,
            image=image,
            target=target_text.from_text(self.score),
            wrt=tuple(Site.parse(text) for text in self.at) or (INPUT,),
            method=self.method,
            options=_options(self.method, self.options),
            arithmetic="fast" if self.fast else "plain",
            seed=self.seed,
        )


def flags(command: Command) -> Command:
    """The flags of a question: ``--model``, what goes with a model file, and the fields of ``Typed``."""
    each = (
        click.option(
            "--model",
            metavar="KEY|FILE",
            help="A key, such as preset/shapes-cnn or torchvision/resnet18@IMAGENET1K_V1, or a file: .pt2, "
            ".safetensors, .pt, .pth, .ckpt, .bin.",
        ),
        click.option("--architecture", metavar="KEY", default="", help="Of a file of weights, where several fit."),
        click.option("--labels", metavar="FILE", type=Path, help="Of a model file: the names of its classes."),
        click.option(
            "--preprocessing",
            metavar="JSON",
            default="",
            help='Of a model file: size, resize, mean, std, interpolation, channels, as {"mean": [0.5, 0.5, 0.5]}; '
            "of two images one object for both, or a list of two.",
        ),
        click.option("--method", type=click.Choice(tuple(METHODS)), default=PLAIN, show_default=True),
        click.option(
            "--option", "options", metavar="NAME=VALUE", multiple=True, help="Of the method, such as steps=64."
        ),
        click.option(
            "--score",
            metavar="SCORE",
            default=target_text.PREDICTED,
            show_default=True,
            help="As in the address of a page: predicted, 3, 3.probability, or JSON.",
        ),
        click.option(
            "--at",
            metavar="SITE",
            multiple=True,
            help="A layer output, such as layer4 or layer2.0.relu:1; .input without it. May be given again.",
        ),
        click.option("--fast", is_flag=True, help="Fewer operations, with other last digits; the receipt says which."),
        click.option("--seed", type=click.IntRange(0), default=0, help="Of a model that draws random numbers."),
    )
    for one in reversed(each):
        command = one(command)
    return command


def read_json(file: str) -> dict[str, Any] | list[Any]:
    """What a file of questions says; ``-`` is standard input.

    Raises:
        QuestionError: it cannot be read, or is no JSON of an object or a list.
    """
    name = "standard input" if file == "-" else file
    try:
        text = sys.stdin.read(LONGEST_QUESTION + 1) if file == "-" else _read(Path(file))
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise QuestionError(f"{name} is no JSON: {error}. Write a question as the app downloads it.") from None
    except OSError as error:
        raise QuestionError(f"{name} cannot be read: {error.strerror or error}. Name a file that is there.") from None
    if not isinstance(found, dict | list):
        raise QuestionError(f"{name} holds {json.dumps(found)[:60]}, which is no question. Write an object in braces.")
    return found


def _read(file: Path) -> str:
    with file.open(encoding="utf-8") as opened:
        return opened.read(LONGEST_QUESTION + 1)


def _options(method: str, typed: Sequence[str]) -> OptionValues:
    numbers = {control.name for control in card_of(method).options if isinstance(control, Number)}
    found: list[tuple[str, float | str]] = []
    for text in typed:
        name, sign, value = text.partition("=")
        if not sign:
            raise QuestionError(f"{text[:60]!r} is no option: write its name, = and its value, such as steps=64.")
        found.append((name, _number(value) if name in numbers else value))
    return tuple(found)


def _number(text: str) -> float | str:
    """A text that is no number stays one: the method says what it takes."""
    try:
        return float(text)
    except ValueError:
        return text
