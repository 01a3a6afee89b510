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

import streamlit as st

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
from pages.shell import asker, check, links, newest
from pages.shell.choice import Choice
from pages.shell.citation import bibtex
from pages.streamlit_private import elements, run

_JS = """
const UNDRAWN = "The picture cannot be made into a file. Wait until it is drawn, then try again.";
const sentence = (text) => new DOMParser().parseFromString(text, "text/html").body.textContent.trim();
const hidden = (key, value) =>
  key.startsWith("_") ? undefined : ArrayBuffer.isView(value) ? Array.from(value) : value;
const json = (value) => JSON.stringify(value, hidden).replace(/[<\\u2028\\u2029]/g, (sign) =>
  "\\\\u" + sign.charCodeAt(0).toString(16).padStart(4, "0"));
const files = () => window.gradvizPictures;
const caption = (row) => [`${row.lines.join("; ")}.`, files().alt(row.chart)].join(" ");

const keep = {
  png: (row) => files().png(row.chart, row.lines, `${row.file}.png`),
  svg: (row, say, place, mm) => files().svg(row.chart, row.lines, mm, `${row.file}.svg`),
  pdf: (row, say, place, mm) => files().pdf(row.chart, row.lines, mm),
  html: (row, say) => page(row.whole, row, say),
  light: (row, say) => page(row.light, row, say),
  together: (row, say) => pages(row.whole, row, say),
  togetherLight: (row, say) => pages(row.light, row, say),
  caption: (row, say, place) => copy(caption(row), say, place),
  bibtex: ({ bibtex }, say, place) => copy(bibtex, say, place),
  arrays: ({ address }, say) => {
    say("Preparing the file. The download starts by itself.");
    document.querySelector("iframe.gradviz-arrays")?.remove();
    const frame = document.createElement("iframe");
    frame.className = "gradviz-arrays";
    frame.hidden = true;
    frame.onload = () => {
      const said = frame.contentDocument?.body?.textContent.trim();
      if (said) say(said);
    };
    frame.src = address;
    document.body.append(frame);  // the menu goes when it is closed, and this stays
  },
};
const copy = async (text, say, place) => {
  const field = place.querySelector("textarea");
  try {
    await navigator.clipboard.writeText(text);
    field.hidden = true;
    say("Copied");
  } catch {
    field.hidden = false;
    field.value = text;
    field.select();
    say("Copy it from here:");
  }
};
const drawn = (chart, plotly) => document.querySelector(`.st-key-${chart} ${plotly}`);
const page = async (there, { chart, plotly, app }, say) => {
  const plot = drawn(chart, plotly);
  if (!plot) return say(UNDRAWN);
  await save(there, app, say, `
if (window.Plotly) Plotly.newPlot("figure", ${json(plot.data)}, ${json(plot.layout)}, {displaylogo: false});`);
};
const pages = async (there, { rows, plotly, app }, say) => {
  const plots = rows.map(({ chart }) => drawn(chart, plotly));
  if (plots.some((plot) => !plot)) return say(UNDRAWN);
  const figures = rows.map(({ lines, chart }, i) => ({
    texts: [...lines, files().alt(chart)], data: plots[i].data, layout: plots[i].layout,
    size: `width: ${plots[i].clientWidth}px; height: ${plots[i].clientHeight}px`,
  }));
  await save(there, app, say, `
const add = (name, properties, place) => place.appendChild(Object.assign(document.createElement(name), properties));
if (window.Plotly) for (const { texts, data, layout, size } of ${json(figures)}) {
  const place = add("section", {}, document.body), plot = add("div", { style: size }, place);
  for (const textContent of texts) add("p", { textContent }, place);
  Plotly.newPlot(plot, data, layout, {displaylogo: false});
}`);
};
const save = async ({ address, file }, app, say, draw) => {
  const reply = await fetch(address).catch(() => null);
  if (!reply) return say("The server cannot be reached. Try again in a moment.");
  if (!reply.ok) return say(sentence(await reply.text()));
  const { backgroundColor, color } = getComputedStyle(document.querySelector(app) ?? document.body);
  const end = `<style>body { background: ${backgroundColor}; color: ${color} }
section { display: inline-block; vertical-align: top; margin: 0 2rem 1.5rem 0; max-width: 30rem }
section p { margin: 0.2rem 0 }</style>\\n<script>${draw}
else document.getElementById("figure").textContent = "Plotly could not be fetched: this file needs a network.";
</script></body></html>\\n`;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([await reply.blob(), end], { type: "text/html" }));
  link.download = file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  say("");
};

function render({ data, parentElement }) {
  const root = parentElement.querySelector(".menu"), again = JSON.stringify(data);
  if (root.dataset.made === again) return;
  const before = root.querySelector("input")?.value;
  root.dataset.made = again;
  root.replaceChildren();
  const add = (name, properties, place = root) => {
    const made = Object.assign(document.createElement(name), properties);
    place.append(made);
    return made;
  };
  const width = () => Math.min(1000, Math.max(20, Number(root.querySelector("input")?.value) || data.columns[0]));
  const line = (row, label, kinds) => {
    const place = add("div", { className: "row" });
    add("span", { textContent: label, className: "name" }, place);
    const buttons = add("span", { className: "kinds" }, place);
    const status = add("p", {}, place), say = (text) => { status.textContent = text; };
    status.setAttribute("role", "status");
    add("textarea", { hidden: true, readOnly: true, rows: 5 }, place).setAttribute("aria-label", `${label}, as text`);
    for (const [kind, name, told] of kinds) {
      const button = add("button", { type: "button", textContent: name, title: told }, buttons);
      button.setAttribute("aria-label", row.chart ? `${label} (${told})` : told);
      button.onclick = async () => {
        say("");
        try {
          await keep[kind](row, say, place, width());
        } catch {
          say(UNDRAWN);
        }
      };
    }
  };
  if (data.rows.length) {
    const label = add("label", { textContent: "Width of SVG and PDF, mm " });
    const field = add("input", { type: "number", min: 20, max: 1000, value: before ?? data.columns[0] }, label);
    field.setAttribute("aria-label", "Width of SVG and PDF in millimetres");
    data.columns.forEach((mm, i) => {
      const button = add("button", { type: "button", textContent: `${["One column", "Two columns"][i]} ${mm}` }, label);
      button.onclick = () => { field.value = mm; };
    });
  }
  for (const row of data.rows) {
    line({ ...row, ...data.names }, row.label, [["png", "PNG", "PNG"], ["svg", "SVG", "SVG"], ["pdf", "PDF", "PDF"],
      ["html", "HTML", "HTML"], ["light", "HTML light", "HTML, light"], ["caption", "caption", "caption"]]);
  }
  if (data.together) {
    line({ ...data.together, ...data.names, rows: data.rows }, data.together.label,
      [["together", "HTML", "All pictures (HTML)"], ["togetherLight", "HTML light", "All pictures (HTML, light)"]]);
  }
  for (const one of data.arrays) line(one, one.label, [["arrays", "npz", `${one.label} (npz)`]]);
  line(data, "To cite", [["bibtex", "BibTeX", "Copy BibTeX"]]);
}
"""
_CSS = """
.menu { display: grid; gap: 0.5rem; width: min(33rem, 80vw); color: var(--st-text-color); font-size: 0.875rem; }
.row { display: grid; grid-template-columns: 6rem 1fr; gap: 0.1rem 0.5rem; align-items: baseline; }
.name { overflow-wrap: anywhere; }
.kinds, label { display: flex; flex-wrap: wrap; gap: 0.35rem; align-items: center; }
button { min-height: 2rem; padding: 0 0.55rem; font: inherit; cursor: pointer; color: var(--st-text-color);
  background: transparent; border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius); }
button:hover, button:focus-visible { border-color: var(--st-primary-color); color: var(--st-primary-color); }
input { width: 4.5rem; min-height: 2rem; box-sizing: border-box; }
input, textarea { padding: 0.2rem 0.4rem; font: inherit; color: inherit; border: 1px solid var(--st-border-color);
  border-radius: var(--st-button-radius); background: var(--st-secondary-background-color); }
textarea, p { grid-column: 1 / -1; }
p { margin: 0; font-size: 0.8rem; }
p:empty, textarea[hidden] { display: none; }
"""
_NAMES = {"plotly": elements.CHART, "app": elements.APP}
_COLUMNS_MM = (85, 175)
"""Widths of one column and of two in most journals."""
_component = st.components.v2.component(
    "gradviz_downloads", html="<div class='menu'></div>", js=newest.script(_JS), css=_CSS
)


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
        data = {"rows": rows, "arrays": arrays, "bibtex": bibtex(answer), "columns": _COLUMNS_MM, "names": _NAMES}
        _component(key="downloads", data=newest.stamped("downloads", data))


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
            "columns": _COLUMNS_MM,
            "names": _NAMES,
        }
        _component(key="downloads", data=newest.stamped("downloads", data))


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
