"""Pictures as files of their own, made in the browser from what it has drawn: Plotly's layers, with the words of the
picture above and below them, as text. Always dark words on white, as on paper.

An SVG as wide as a column of a paper, a PNG, and a PDF that the browser prints. Plotly's own button over a picture
saves this PNG as well.
"""

from __future__ import annotations

import streamlit as st

from gradviz_core.version import __version__
from pages.shell import newest, unseen
from pages.streamlit_private import elements

SCALE = 2
"""Pixels of a PNG for each on the screen."""

_JS = """
const NS = "http://www.w3.org/2000/svg", FONT = "'Source Sans', 'Source Sans 3', Arial, sans-serif";
const INK = "#31333f", PT_PER_MM = 72 / 25.4, LEAST_PT = 7, GAP = 6;

const wrapped = (text, size, width) => {
  const pen = document.createElement("canvas").getContext("2d"), lines = [""];
  pen.font = `${size}px Arial`;
  for (const word of text.split(/\\s+/)) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (lines.at(-1) && pen.measureText(longer).width > width - 2 * GAP) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
};
const element = (name, attributes, text = "") => {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
};
const alt = (plot) => plot.closest("[aria-label]")?.getAttribute("aria-label") ?? "";

/* The picture as an element; `mm` is its width on paper, 0 for one as wide as on the screen. */
const draw = (plot, lines, names, mm) => {
  const layers = [...plot.querySelectorAll(names.layer)];
  const [width, height] = ["width", "height"].map((side) => Number(layers[0].getAttribute(side)));
  const size = Math.max(12, mm && (LEAST_PT * width) / (mm * PT_PER_MM)), step = 1.35 * size;
  const rows = (texts, weight) => texts.flatMap((text) => wrapped(text, size, width)).map((text) => [text, weight]);
  const above = [...rows(lines.slice(0, 1), 600), ...rows(lines.slice(1), 400)];
  const below = rows([alt(plot), `GradViz ${names.version}`].filter(Boolean), 400);
  const top = above.length * step + 2 * GAP, total = top + height + below.length * step + 3 * GAP;
  const svg = element("svg", { xmlns: NS, viewBox: `0 0 ${width} ${total}`,
    width: mm ? `${mm}mm` : width, height: mm ? `${(total * mm) / width}mm` : total });
  svg.append(element("title", {}, lines.join("; ")), element("desc", {}, alt(plot)));
  svg.append(element("rect", { width, height: total, fill: "#ffffff" }));
  const write = (texts, start) => texts.forEach(([text, weight], row) => svg.append(element("text", {
    x: GAP, y: start + (row + 1) * step, fill: INK, "font-family": FONT, "font-size": size,
    "font-weight": weight }, text)));
  write(above, 0);
  const theirs = new Set([...plot.querySelectorAll(names.words)].map((word) => word.style.fill));
  theirs.add(getComputedStyle(document.querySelector(names.app)).color);
  for (const layer of layers) {
    const copy = layer.cloneNode(true);
    copy.setAttribute("y", top);
    copy.removeAttribute("class");
    copy.style.background = "none";
    copy.style.position = "static";
    for (const text of copy.querySelectorAll("text")) if (theirs.has(text.style.fill)) text.style.fill = INK;
    for (const line of copy.querySelectorAll(names.grid)) line.style.stroke = "#e3e3e6";
    for (const over of copy.querySelectorAll(names.over)) over.remove();
    svg.append(copy);
  }
  write(below, top + height + GAP);
  return svg;
};
const text = (svg) => new XMLSerializer().serializeToString(svg);
const save = (blob, file) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
};
const vector = (svg) => new Blob([text(svg)], { type: "image/svg+xml" });
const png = async (svg, scale) => {
  const image = new Image(), canvas = document.createElement("canvas");
  const [width, height] = ["width", "height"].map((side) => Number(svg.getAttribute(side)));
  const address = URL.createObjectURL(vector(svg));
  image.src = address;
  await image.decode();
  Object.assign(canvas, { width: Math.ceil(scale * width), height: Math.ceil(scale * height) });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(address);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
};
const print = (svg, title) => {
  document.querySelector("iframe.gradviz-print")?.remove();
  const frame = document.createElement("iframe"), [, , width, height] = svg.getAttribute("viewBox").split(" ");
  const wide = parseFloat(svg.getAttribute("width"));
  frame.className = "gradviz-print";
  frame.style.cssText = "position: fixed; width: 0; height: 0; border: 0";
  frame.onload = () => {
    const inside = frame.contentDocument, style = inside.createElement("style");
    inside.title = title;
    style.textContent = `@page { size: ${wide}mm ${Math.ceil((wide * height) / width) + 1}mm; margin: 0 }
      body { margin: 0; print-color-adjust: exact } svg { display: block }`;
    inside.head.append(style);
    inside.body.append(svg);
    frame.contentWindow.print();
  };
  document.body.append(frame);
};

function render({ data }) {
  const find = (chart) => document.querySelector(`.st-key-${chart} ${data.plotly}`);
  const made = (chart, lines, mm) => draw(find(chart), lines, data, mm);
  window.gradvizPictures = {
    alt: (chart) => alt(find(chart)),
    svg: (chart, lines, mm, file) => save(vector(made(chart, lines, mm)), file),
    png: async (chart, lines, file) => save(await png(made(chart, lines, 0), data.scale), file),
    pdf: (chart, lines, mm) => print(made(chart, lines, mm), lines[0]),
  };
  window.gradvizSubject = data.subject;
  if (window.gradvizKeeps) return;
  window.gradvizKeeps = true;
  window.addEventListener("click", (event) => {
    const key = event.target.closest?.(data.keep) && event.target.closest("[class*=st-key-chart_]");
    if (!key) return;
    event.stopPropagation();
    const chart = [...key.classList].find((name) => name.startsWith("st-key-chart_")).slice("st-key-".length);
    const lines = [document.querySelector("h1")?.textContent ?? "GradViz", window.gradvizSubject].filter(Boolean);
    window.gradvizPictures.png(chart, lines, `gradviz-${chart.slice("chart_".length)}.png`);
  }, true);
}
"""
_component = st.components.v2.component("gradviz_pictures", html="<span></span>", js=newest.script(_JS))


def make_ready(subject: str) -> None:
    """From now on the page can make files of its pictures. ``subject`` is the line that names model and image."""
    data = {
        "subject": subject,
        "version": __version__,
        "scale": SCALE,
        "plotly": elements.CHART,
        "keep": elements.KEEP_CHART,
        "layer": elements.CHART_LAYER,
        "words": elements.CHART_WORDS,
        "over": elements.CHART_OVER,
        "grid": elements.CHART_GRID,
        "app": elements.APP,
    }
    with unseen.place():
        _component(key="pictures", data=newest.stamped("pictures", data))
