"""The buttons of the menu of downloads, and what they do in the browser: they make the files of pictures, and ask for
those that the server makes in a hidden frame of the page. ``download_menu.py`` says what is offered."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pages.shell import newest
from pages.streamlit_private import elements

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


def draw(offered: Mapping[str, object]) -> None:
    """The buttons of ``rows`` (pictures), ``arrays``, and where there are some ``together`` and ``bibtex``."""
    data = {**offered, "columns": _COLUMNS_MM, "names": _NAMES}
    _component(key="downloads", data=newest.stamped("downloads", data))
