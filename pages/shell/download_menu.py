"""The downloads of a page: each picture as PNG, SVG, PDF or HTML, its caption, and the complete arrays.

Nothing is made before it is asked for, and this process holds none of it. PNG, SVG and PDF are made in the browser
(``picture_files.py``). For an HTML file the server sends the title and Plotly's script, or the address from which
Plotly delivers it, and the browser adds the picture that it shows. Arrays are streamed from the compute service. The
browser asks for them in a hidden frame of the page, so the menu may be closed meanwhile: a file becomes a download
there, and an error becomes the text of the frame, which is shown below the button.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from gradviz_core.drawing import backward_words, method_words
from gradviz_core.drawing.captions import score_words
from gradviz_core.serving import offers
from gradviz_core.serving.offers import Arrays, Offer, Page, Several
from gradviz_core.serving.session_cleanup import session_cleanup
from gradviz_core.text.codec import question_to_json
from gradviz_core.types import (
    AboutAModel,
    Answer,
    AttendingAnswer,
    BackwardAnswer,
    FlowAnswer,
    GradientAnswer,
    JacobianAnswer,
    PerturbationAnswer,
    ProofQuestion,
    SpectrumAnswer,
    UnitsAnswer,
)
from gradviz_core.types.methods import PLAIN
from gradviz_core.types.sites import site_name
from pages.shell import asker, check, download_buttons, links
from pages.shell.choice import Choice
from pages.shell.citation import bibtex
from pages.streamlit_private import run


@dataclass(frozen=True, slots=True)
class Offered:
    """What a part of a page offers beside the pictures and arrays of its answer."""

    pictures: Mapping[str, str] = field(default_factory=dict)
    """The keys of its pictures, and what they are called."""
    arrays: Mapping[str, AboutAModel[Any]] = field(default_factory=dict)
    """The questions whose answers it shows, by what their arrays are called."""
    together: Mapping[str, Mapping[str, AboutAModel[Any]]] = field(default_factory=dict)
    """The same of several answers in one file, with the name that each has in it."""


NOTHING = Offered()


def menu(
    choice: Choice,
    pictures: Iterable[str],
    answer: Answer,
    name: str,
    checked: ProofQuestion | None = None,
    *,
    called: Mapping[str, str] | None = None,
    also: Offered = NOTHING,
) -> None:
    """The menu of all downloads. ``pictures`` are the keys of those on the page; ``called`` says what the page calls
    them, where that is not the key. HTML files and arrays contain the verdict of the check of the gradient at that
    time; the files that the browser makes do not, nor does what is ``also`` offered."""
    question = answer.question
    assert isinstance(question, AboutAModel)
    what = _what(answer, choice.labels)
    with choice.tools.popover("Download", icon=":material/download:"):
        words = {key: key for key in pictures} | dict(called or {})
        rows = [_row(key, words[key], f"gradviz-{name}-{key}", what, choice.subject, checked) for key in pictures]
        rows += [
            _row(key, word, f"gradviz-{name}-{key}", what, choice.subject, None) for key, word in also.pictures.items()
        ]
        said = partial(check.receipt, checked) if checked is not None else None
        arrays = [_arrays("Raw arrays", f"gradviz-{name}.npz", question, said)]
        arrays += [
            _arrays(label, f"gradviz-{name}-{_plain(label)}.npz", one, None) for label, one in also.arrays.items()
        ]
        arrays += [
            _several(label, f"gradviz-{name}-{_plain(label)}.npz", each, "") for label, each in also.together.items()
        ]
        data = {
            "rows": rows,
            "arrays": arrays,
            "bibtex": bibtex(answer),
        }
        download_buttons.draw(data)


def _arrays(label: str, file: str, question: AboutAModel[Any], said: Callable[[], str] | None) -> dict[str, str]:
    return _link(file, Arrays(question_to_json(question), said)) | {"label": label}


def _several(label: str, file: str, questions: Mapping[str, AboutAModel[Any]], said: str) -> dict[str, str]:
    asked = tuple((name, question_to_json(question)) for name, question in questions.items())
    return _link(file, Several(asked, said)) | {"label": label}


def _plain(label: str) -> str:
    """As a part of the name of a file."""
    return "-".join("".join(letter if letter.isalnum() else " " for letter in label.lower()).split())


def menu_of_several(
    choice: Choice,
    pictures: Mapping[str, tuple[str, str, str]],
    answers: Mapping[str, Answer],
    name: str,
    said: str,
) -> None:
    """The same for pictures of several answers. Of each picture its key, with what the page calls it, what it shows,
    and its model and image; of each answer the name that it has in the file of all arrays, beside what is ``said`` of
    them together, as JSON."""
    with choice.tools.popover("Download", icon=":material/download:"):
        rows = [
            _row(key, word, f"gradviz-{name}-{key}", what, subject, None)
            for key, (word, what, subject) in pictures.items()
        ]
        questions = {each: cast(AboutAModel[Any], answer.question) for each, answer in answers.items()}
        arrays = [_several("Raw arrays", f"gradviz-{name}.npz", questions, said)]
        data = {
            "rows": rows,
            "together": _together(f"gradviz-{name}", len(rows)),
            "arrays": arrays,
            "bibtex": bibtex(*answers.values()),
        }
        download_buttons.draw(data)


def _row(key: str, word: str, file: str, what: str, subject: str, checked: ProofQuestion | None) -> dict[str, object]:
    lines = partial(title, word, what, subject, checked)
    return {
        "chart": f"chart_{key}",
        "label": word.capitalize(),
        "lines": title(word, what, subject, None),
        "file": file,
        "whole": _link(f"{file}.html", Page(lines)),
        "light": _link(f"{file}-light.html", Page(lines, light=True)),
    }


def _together(file: str, pictures: int) -> dict[str, object]:
    """One file with all pictures."""

    def lines() -> list[str]:
        return [f"GradViz: {pictures} pictures side by side"]

    return {
        "label": "All pictures",
        "whole": _link(f"{file}.html", Page(lines)),
        "light": _link(f"{file}-light.html", Page(lines, light=True)),
    }


def title(word: str, what: str, subject: str, checked: ProofQuestion | None) -> list[str]:
    """The title of a downloaded picture, in lines; ``subject`` names model and image."""
    lines = [f"GradViz: {word}, {what}", subject]
    return [*lines, check.words(checked)] if checked is not None else lines


def _what(answer: Answer, labels: Sequence[str]) -> str:
    if isinstance(answer, UnitsAnswer):
        return "the strongest channels"
    if isinstance(answer, JacobianAnswer | SpectrumAnswer):
        return f"{site_name(answer.question.of)} with respect to {site_name(answer.question.wrt)}"
    if isinstance(answer, GradientAnswer) and answer.question.method != PLAIN:
        title = method_words.title(answer.question.method, answer.question.options, answer.target, labels)
        return ", ".join(filter(None, (title, method_words.part(answer.question))))
    if isinstance(answer, AttendingAnswer):
        return f"attention, {score_words(answer.target, labels)}"
    if isinstance(answer, BackwardAnswer):
        return ", ".join(filter(None, (score_words(answer.target, labels), backward_words.broken(answer.question))))
    if isinstance(answer, GradientAnswer | FlowAnswer | PerturbationAnswer):
        return score_words(answer.target, labels)
    return answer.kind


def _link(file: str, what: Arrays | Several | Page) -> dict[str, str]:
    session = run.session()
    token = offers.offers().offer(session, Offer(asker.here(), file, what))
    session_cleanup().when_ended(session, "offers", partial(offers.offers().forget, session))
    return {"address": links.to(offers.PATH, token), "file": file}
