"""``gradviz ask``: one question, answered in this process, as a summary or as files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gradviz_core.commands import named
from gradviz_core.commands.model_flags import Model
from gradviz_core.commands.question_flags import Typed, flags, read_json
from gradviz_core.drawing import captions
from gradviz_core.errors import QuestionError
from gradviz_core.text.codec import answer_to_json, question_from_json
from gradviz_core.types import Answer, GradientAnswer, ModelCard, Question, keys
from gradviz_core.types.views import VIEWS

TOLD = 3
"""Classes of the prediction that the summary names."""


def _one(_: click.Context, __: click.Parameter, images: tuple[str, ...]) -> str | None:
    """The image; a usage error where there are several."""
    if len(images) > 1:
        raise click.BadParameter(
            f"{len(images)} images are named. Name one, or for a model of two images both as a.png~b.png."
        )
    return images[0] if images else None


@click.command()
@flags
@click.option(
    "--image",
    metavar="KEY|FILE",
    multiple=True,  # so that a second one is seen
    callback=_one,
    help="A key, such as sample/star, or an image file; of a model of two images both, as before.png~after.png, with "
    "@2 behind them for the gradient by the second.",
)
@click.option(
    "--question",
    "question_file",
    metavar="FILE|-",
    help="A question of any kind as JSON, instead of --method, --option, --score, --at, --fast and --seed; - is "
    "standard input. --model and --image take the place of those in it.",
)
@click.option(
    "--out",
    "files",
    metavar="FILE",
    type=Path,
    multiple=True,
    help=".npz, .png, .svg or .html; of a volume or clip .npz alone. May be given again.",
)
@click.option("--view", type=click.Choice([one.address for one in VIEWS]), help="Of a picture.")
@click.option("--json", "as_json", is_flag=True, help="Print what the answer says as one line of JSON.")
def ask(
    model: str | None,
    architecture: str,
    labels: Path | None,
    preprocessing: str,
    method: str,
    options: tuple[str, ...],
    score: str,
    at: tuple[str, ...],
    fast: bool,
    seed: int,
    image: str | None,
    question_file: str | None,
    files: tuple[Path, ...],
    view: str | None,
    as_json: bool,
) -> None:
    """Answer one question: print the score, the prediction and the time, and write arrays and pictures.

    \b
    gradviz ask --model preset/shapes-cnn --image sample/star --out star.png
    gradviz ask --model mine.pt2 --image cat.jpg --method integrated_gradients --option steps=128 --out cat.npz
    gradviz ask --model torchvision/resnet18@IMAGENET1K_V1 --image sample/coffee --method grad_cam --at layer4

    Everything runs on this machine, on the best device; GRADVIZ_DEVICE=cpu chooses another.
    """  # noqa: D301 - the sign tells click to keep the lines
    from gradviz_core.commands import answer_files

    for file in files:
        answer_files.check_ending(file)
    typed = Typed(method, options, score, at, seed, fast)
    own = Model(model, architecture, labels, preprocessing)
    if question_file is None:
        known = image
        question: Question = typed.question(own.key(), named.image(named.needed(image, "--image")))
    else:
        if typed != Typed():
            raise click.UsageError(
                "--question says the whole question: leave out --method, --option, --score and --at."
            )
        said = _object(read_json(question_file))
        known = image or said.get("image")
        question = _of_json(said, own, image)

    from gradviz_core.answering import Answerer
    from gradviz_core.settings import settings

    answerer = Answerer(settings().device, remember=False)
    found = answerer.answer(question)

    def card() -> ModelCard:
        return answerer.model(getattr(question, "model", "")).card

    try:
        for file in sorted(files, key=answer_files.is_picture):  # where there is no picture, there are still arrays
            answer_files.write(file, found, card, view or "", str(known or "no image"))
    except OSError as error:
        raise click.FileError(str(file), error.strerror or str(error)) from None
    made = _made_of(question, card)
    click.echo(_as_json(found, made, files) if as_json else "\n".join(_summary(found, card, made, files)))


def _object(said: object) -> dict[str, Any]:
    if not isinstance(said, dict):
        raise QuestionError("The file holds a list, and one question is asked. Write one object, in braces.")
    return said


def _of_json(said: dict[str, Any], model: Model, image: str | None) -> Question:
    """The question in a file, with keys in the place of files."""
    said = {"kind": "gradient", **said}
    if "model" in said or model.named:
        said["model"] = model.key(said.get("model"))
    if image or isinstance(said.get("image"), str):
        said["image"] = named.image(image or said["image"])
    return question_from_json(json.dumps(said))


# ------------------------------------------------------------------------------------------------------------- printed


def _made_of(question: Question, card: Callable[[], ModelCard]) -> str:
    """How the slices of a volume or clip are made of those of the file; empty for a picture."""
    from gradviz_core import images
    from gradviz_core.drawing import slice_words

    image = getattr(question, "image", "")
    steps = card().preprocessing if image else None
    if steps is None or not steps.slices:
        return ""
    return slice_words.made_of(steps, images.describe(keys.looked_at(image), steps))


def _as_json(found: Answer, made: str, files: tuple[Path, ...]) -> str:
    said = json.loads(answer_to_json(found), parse_constant=lambda _: None)
    if made:
        said["notes"] = [*said.get("notes", ()), made]
    if isinstance(found, GradientAnswer):
        from gradviz_core.commands.answer_files import total

        said |= {"gaps": {str(site): gap for site, gap in found.gaps.items()}, "norms": total(found)}
    return json.dumps(said | {"files": [str(file) for file in files]}, separators=(",", ":"))


def _summary(found: Answer, card: Callable[[], ModelCard], made: str, files: tuple[Path, ...]) -> list[str]:
    told: list[tuple[str, str]] = []
    if isinstance(found, GradientAnswer):
        from gradviz_core.commands.answer_files import total

        scored = captions.score_words(found.target, card().labels)
        told.append(("score", f"{captions.number_text(found.score, 6)}, {scored}"))
        told += [("predicted", _predicted(found))] if found.prediction else []
        told += [(f"norm at {site}", captions.number_text(norm, 6)) for site, norm in total(found).items()]
        told += [(f"gap at {site}", captions.number_text(gap, 3)) for site, gap in found.gaps.items()]
    else:
        told += [(name, captions.shape_text(array.shape)) for name, array in found.arrays.items()]
    told.append(("seconds", f"{found.receipt.milliseconds / 1000:.3g} on {found.receipt.device}"))
    told += [("written", str(file)) for file in files]
    width = max(len(name) for name, _ in told)
    notes: tuple[str, ...] = getattr(found, "notes", ())
    return [*(f"{name:{width}}  {words}" for name, words in told), *notes, *filter(None, [made])]


def _predicted(found: GradientAnswer) -> str:
    return ", ".join(
        row.label
        + (
            f" {captions.number_text(row.logit)}"
            if row.probability is None
            else f" {captions.share_text(row.probability)}"
        )
        for row in found.prediction[:TOLD]
    )
