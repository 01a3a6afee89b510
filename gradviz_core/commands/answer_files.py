"""An answer as files: arrays (.npz), a picture (.png, .svg) or a page with a picture (.html)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import numpy as np

from gradviz_core.compute import npz
from gradviz_core.compute.downloads import texts
from gradviz_core.drawing import captions, fields, figures, method_words, stills
from gradviz_core.errors import QuestionError
from gradviz_core.types import INPUT, Answer, Field, GradientAnswer, ModelCard
from gradviz_core.types.methods import card_of
from gradviz_core.types.sites import site_name
from gradviz_core.types.views import VIEWS, View

ENDINGS = (".npz", ".png", ".svg", ".html")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A map as it is drawn, with its words."""

    field: Field
    lines: tuple[str, ...]
    """What it shows; model, image and versions."""
    tiled: bool
    """Whether it is a sheet of one small picture for each channel."""


def write(file: Path, found: Answer, card: Callable[[], ModelCard], view: str, image: str) -> None:
    """Write the answer into a file, by the ending of its name. ``view`` is that of a page's address, empty for the
    usual one; ``image`` is the name that a person knows the image by.

    Raises:
        QuestionError: there is no such kind of file, or the answer is no map, or a map of values without rows.
        OSError: the file cannot be written.
    """
    check_ending(file)
    ending = file.suffix.lower()
    if ending == ".npz":
        with file.open("wb") as out:
            npz.write(texts(found, None), found.arrays, out.write)
        return
    drawn = draw(found, card(), view, image)
    if ending == ".png":
        words = dict(zip(("Title", "Description"), (drawn.lines[0], " ".join(drawn.lines[1:])), strict=True))
        file.write_bytes(stills.png(drawn.field, words))
    elif ending == ".svg":
        file.write_bytes(stills.svg(drawn.field, drawn.lines, cells=not drawn.tiled))
    else:
        file.write_text(_page(drawn), encoding="utf-8")


def is_picture(file: Path) -> bool:
    """Whether the ending is that of a picture, or of a page with one."""
    return file.suffix.lower() != ENDINGS[0]


def check_ending(file: Path) -> None:
    """Raise ``QuestionError`` where no file with this ending is written."""
    if file.suffix.lower() not in ENDINGS:
        raise QuestionError(f"{file.name} has an ending that is not written. Choose one of {', '.join(ENDINGS)}.")


def draw(found: Answer, card: ModelCard, view: str, image: str) -> Drawn:
    """The map of an answer in one view.

    Raises:
        QuestionError: as ``write`` does.
    """
    if not isinstance(found, GradientAnswer):
        raise QuestionError(
            f"The answer to a question of the kind {found.kind} is no single map. Write its arrays as .npz."
        )
    asked = found.question
    if len(asked.wrt) > 1:
        raise QuestionError(f"The question names {len(asked.wrt)} sites, and a picture shows one. Write them as .npz.")
    (site,) = asked.wrt
    if site not in found.attributions:
        raise QuestionError(f"No gradient reaches {site_name(site)}, so there is no picture. Choose another layer.")
    array = found.attributions[site]
    if array.ndim == 5:
        raise QuestionError(
            f"{site_name(site)} has the shape {array.shape}, with several slices, and a picture shows one. Write it as "
            ".npz, or look at the slices in the app."
        )
    if array.ndim != 4:
        raise QuestionError(
            f"{site_name(site)} has the shape {array.shape}, without channels, rows and columns. Write it as .npz."
        )
    unit = captions.gradient_unit(found.target, site, asked.method, asked.options, card.preprocessing)
    usual = VIEWS[0] if site == INPUT or array.shape[1] == 1 else VIEWS[-1]
    shown = next((one for one in VIEWS if one.address == view), usual)
    if shown.each_channel:
        field = fields.tile(array[0], unit=unit).field
    else:
        field = fields.reduced(array, shown.name, unit=unit)
    field = replace(field, signed=field.signed and method_words.is_signed(asked.method, asked.options))
    where = site_name(site)
    facts = (
        f"{where[0].upper()}{where[1:]}, {captions.shape_text(array.shape)}",
        field.unit,
        captions.scale_text(field),
    )
    versions = ", ".join(f"{name} {version}" for name, version in found.receipt.versions)
    return Drawn(
        field,
        (
            f"{_shows(found, card, shown)}. {method_words.colours(asked.method, field, found.target)}",
            f"{', '.join(facts)}. {card.title}; {image}; score {captions.number_text(found.score, 6)}; {versions}.",
        ),
        shown.each_channel,
    )


def _shows(found: GradientAnswer, card: ModelCard, shown: View) -> str:
    """What the picture shows, in a sentence."""
    asked, (site,) = found.question, found.question.wrt
    method = card_of(asked.method)
    if site == INPUT or method.where == "layer":
        sentence = method_words.sentence(asked.method, asked.options, found.target, card.labels, site_name(site))
    else:
        sentence = f"{method.name} of {captions.score_words(found.target, card.labels)} at {site_name(site)}"
    count = found.attributions[site].shape[1]
    if count == 1:
        return sentence
    return f"{sentence}: {shown.words.format(over=f'over the {count} channels', channel='each channel by itself')}"


def total(found: GradientAnswer) -> dict[str, float]:
    """The L2 norm of the map at each site, by its text."""
    return {str(site): float(np.linalg.norm(array.astype(np.float64))) for site, array in found.attributions.items()}


def _page(drawn: Drawn) -> str:
    figure = figures.heatmap(drawn.field, height=600)
    words = "\n".join(f"<p>{escape(line)}</p>" for line in drawn.lines)
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        f"<title>{escape(drawn.lines[0])}</title></head>\n"
        '<body style="font-family: Arial, sans-serif; max-width: 60rem; margin: 1rem auto">\n'
        f"{figure.to_html(full_html=False, include_plotlyjs=True)}\n{words}\n</body>\n</html>\n"
    )
