"""The downloads of a page: each picture as a PNG or as an HTML file, and the complete arrays.

Nothing is made before it is asked for, and this process holds none of it. A PNG is made in the browser. For an HTML
file the server sends the title and Plotly's script, and the browser adds the picture that it shows. Arrays are streamed
from the compute service. The browser asks for them in a hidden frame: a file becomes a download there, and an error
becomes the text of the frame, which is shown below the button.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core.drawing import method_words
from gradviz_core.drawing.captions import score_words
from gradviz_core.serving import offers
from gradviz_core.serving.offers import Arrays, Offer, Page
from gradviz_core.serving.session_cleanup import session_cleanup
from gradviz_core.text.codec import question_to_json
from gradviz_core.types import (
    AboutAModel,
    Answer,
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
from pages.shell import asker, check, links
from pages.streamlit_private import elements, run

_JS = """
const sentence = (text) => new DOMParser().parseFromString(text, "text/html").body.textContent.trim();
const hidden = (key, value) =>
  key.startsWith("_") ? undefined : ArrayBuffer.isView(value) ? Array.from(value) : value;
const json = (value) => JSON.stringify(value, hidden).replace(/[<\\u2028\\u2029]/g, (sign) =>
  "\\\\u" + sign.charCodeAt(0).toString(16).padStart(4, "0"));

const save = {
  picture: ({ chart, keepChart }) => document.querySelector(`.st-key-${chart} ${keepChart}`)?.click(),
  arrays: ({ address }, say, parent) => {
    say("Preparing the file. The download starts by itself.");
    parent.querySelector("iframe")?.remove();
    const frame = document.createElement("iframe");
    frame.hidden = true;
    frame.onload = () => {
      const said = frame.contentDocument?.body?.textContent.trim();
      if (said) say(said);
    };
    frame.src = address;
    parent.append(frame);
  },
  page: async ({ address, chart, plotly, app, file }, say) => {
    const plot = document.querySelector(`.st-key-${chart} ${plotly}`);
    const reply = await fetch(address);
    if (!reply.ok || !plot) return say(sentence(await reply.text()));
    const { backgroundColor, color } = getComputedStyle(document.querySelector(app) ?? document.body);
    const end = `<style>body { background: ${backgroundColor}; color: ${color} }</style>\\n<script>
Plotly.newPlot("figure", ${json(plot.data)}, ${json(plot.layout)}, {displaylogo: false});</script></body></html>\\n`;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([await reply.blob(), end], { type: "text/html" }));
    link.download = file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    say("");
  },
};

export default function ({ data, parentElement }) {
  const button = parentElement.querySelector("button");
  const status = parentElement.querySelector("p");
  const say = (text) => { status.textContent = text; };
  button.textContent = data.label;
  button.onclick = async () => {
    say("");
    try {
      await save[data.kind](data, say, parentElement);
    } catch {
      say("The server cannot be reached. Try again in a moment.");
    }
  };
}
"""
_CSS = """
button { width: 100%; min-height: 2.5rem; font: inherit; font-size: 0.875rem; cursor: pointer;
  color: var(--st-text-color); background: transparent; border: 1px solid var(--st-border-color);
  border-radius: var(--st-button-radius); }
button:hover, button:focus-visible { border-color: var(--st-primary-color); color: var(--st-primary-color); }
p { font-size: 0.8rem; margin: 0.3rem 0 0; max-width: 16rem; color: var(--st-text-color); }
p:empty { display: none; }
"""
_NAMES = {"plotly": elements.CHART, "keepChart": elements.KEEP_CHART, "app": elements.APP}
_button = st.components.v2.component(
    "gradviz_download", html="<button type='button'></button><p role='status'></p>", js=_JS, css=_CSS
)


def menu(
    place: DeltaGenerator,
    pictures: Iterable[str],
    answer: Answer,
    name: str,
    checked: ProofQuestion | None = None,
) -> None:
    """The menu of all downloads. ``pictures`` are the keys of those on the page; each file contains the verdict of the
    check of the gradient at that time."""
    question = answer.question
    assert isinstance(question, AboutAModel)
    with place.popover("Download", icon=":material/download:"):
        for key in pictures:
            chart, titled = f"chart_{key}", key.capitalize()
            _button(key=f"png_{key}", data={"kind": "picture", "chart": chart, "label": f"{titled} (PNG)", **_NAMES})
            page = Page(partial(title, key, question.model, question.image, _what(answer), checked))
            link = _link(f"gradviz-{name}-{key}.html", page)
            _button(
                key=f"html_{key}", data={"kind": "page", "chart": chart, "label": f"{titled} (HTML)", **link, **_NAMES}
            )
        said = partial(check.receipt, checked) if checked is not None else None
        link = _link(f"gradviz-{name}.npz", Arrays(question_to_json(question), said))
        _button(key="npz", data={"kind": "arrays", "label": "Raw arrays (npz)", **link})


def title(key: str, model: str, image: str, what: str, checked: ProofQuestion | None) -> list[str]:
    """The title of a downloaded picture, in lines."""
    lines = [f"GradViz: {key}, {what}", f"{model}, {image}"]
    return [*lines, check.words(checked)] if checked is not None else lines


def _what(answer: Answer) -> str:
    if isinstance(answer, UnitsAnswer):
        return "the strongest channels"
    if isinstance(answer, JacobianAnswer | SpectrumAnswer):
        return f"{site_name(answer.question.of)} with respect to {site_name(answer.question.wrt)}"
    if isinstance(answer, GradientAnswer) and answer.question.method != PLAIN:
        return method_words.title(answer.question.method, answer.question.options, answer.target)
    if isinstance(answer, GradientAnswer | FlowAnswer | PerturbationAnswer):
        return score_words(answer.target, ())
    return answer.kind


def _link(file: str, what: Arrays | Page) -> dict[str, str]:
    session = run.session()
    token = offers.offers().offer(session, Offer(asker.here(), file, what))
    session_cleanup().when_ended(session, "offers", partial(offers.offers().forget, session))
    return {"address": links.to(offers.PATH, token), "file": file}
