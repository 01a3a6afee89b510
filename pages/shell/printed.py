"""What a page looks like on paper, A4 across: as on the screen, but without sidebar and buttons, no picture cut, and
with the address at the foot. The sizes of the screen are noted right before, as Plotly does not draw anew for paper.
"""

from __future__ import annotations

import streamlit as st

from pages.shell import unseen
from pages.streamlit_private import elements

PAPER, HIGH = 1040, 520
"""Pixels: across the paper between its margins, and of a picture down, so that heading and sentence fit on a sheet."""
FOOT = "gradviz-foot"
"""Id of the style that writes the address into the margin, where the browser can; elsewhere it stands over the page."""
_JS = """
export default function ({ data }) {
  const readable = (address) => { try { return decodeURI(address); } catch { return address; } };
  const foot = document.getElementById(data.foot) ?? document.head.appendChild(document.createElement("style"));
  foot.id = data.foot;
  const note = () => {
    const address = document.body.dataset.address = readable(location.href);
    if (!window.CSSMarginRule) return;
    const text = `content: ${JSON.stringify(address)}; font: 9pt sans-serif; color: #444;`;
    foot.textContent = `@page { @bottom-left { ${text} } }
      @media print { body::after { content: none !important; } }`;
  };
  note();
  if (window.gradvizPrinted) return;
  window.gradvizPrinted = true;
  const keep = () => {
    note();
    const main = document.querySelector(data.main);
    if (!main || matchMedia("print").matches) return;
    const root = document.documentElement.style, width = main.clientWidth, zoom = Math.min(1, data.paper / width);
    root.setProperty("--printed-width", `${width}px`);
    root.setProperty("--printed-zoom", zoom);
    for (const chart of document.querySelectorAll("[class*=st-key-chart_]")) {
      chart.style.setProperty("--printed", `${chart.offsetHeight}px`);
      chart.style.setProperty("--printed-across", `${chart.offsetWidth}px`);
      const room = (chart.closest("[class*=st-key-picture_]") ?? chart).clientWidth;
      const whole = Math.min(1, room / chart.offsetWidth, data.high / zoom / chart.offsetHeight);
      chart.style.setProperty("--printed-whole", whole || 1);
    }
  };
  window.addEventListener("beforeprint", keep);
  matchMedia("print").addEventListener("change", note);
}
"""
_component = st.components.v2.component("gradviz_printed", html="<span></span>", js=_JS)
STYLE = f"""
@page {{ size: A4 landscape; margin: 9mm 9mm 13mm; }}
@media print {{
  html, body, #root, #root > div, {elements.APP}, {elements.VIEW}, {elements.MAIN} {{
    position: static !important; height: auto !important; max-height: none !important; overflow: visible !important; }}
  {elements.ROW} {{ display: flex !important; flex-flow: row nowrap !important; }}
  {elements.COLUMN} {{ min-width: 0 !important; }}
  {elements.HEADER}, {elements.SIDEBAR}, {elements.OPEN_SIDEBAR}, {elements.TOOLBAR}, .st-key-tools, .st-key-sheet,
  .gradviz-walk, [class*="st-key-read_"], .st-key-meaning, .st-key-leave_presentation, .st-key-pixel_controls,
  .st-key-not_printed, .st-key-shown_opacity, .st-key-cams_go_on, .st-key-heads_go_on {{ display: none !important; }}
  {elements.MAIN_BLOCK} button:not([role=radio]), {elements.MAIN_BLOCK} {elements.POPOVER} {{
    display: none !important; }}
  {elements.VIEW} {{ padding-left: 0 !important; display: block !important; }}
  {elements.MAIN_BLOCK} {{ padding: 0 !important; max-width: none !important;
    width: var(--printed-width, 1300px) !important; zoom: var(--printed-zoom, 0.8); }}
  {elements.MAIN_BLOCK}, {elements.MAIN_BLOCK} *, {elements.CHART} text {{
    color: #111111 !important; fill-opacity: 1; print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
  {elements.MAIN_BLOCK} *:not({elements.CHART} *) {{ background-color: transparent !important; }}
  {elements.CHART} text {{ fill: #111111 !important; }}
  {elements.CHART} .main-svg {{ background: transparent !important; }}
  {elements.CHART} .legend .bg {{ fill: none !important; }}
  {elements.CHART} :is({elements.CHART_GRID}, .zerolinelayer path) {{ stroke: #dddddd !important; }}
  body [class*="st-key-picture_"] [class*="st-key-chart_"] {{ height: var(--printed, var(--height)) !important;
    width: var(--printed-across, var(--width)) !important; }}
  [class*="st-key-chart_"] {{ zoom: var(--printed-whole, 1); }}
  [class*="st-key-picture_"] {{ overflow: visible !important; }}
  {elements.APP}, {elements.VIEW}, body {{ background: #ffffff !important; }}
  [class*="st-key-chart_"], {elements.ELEMENT}, {elements.ROW}, h1, h2, h3 {{ break-inside: avoid; }}
  [class*="st-key-chart_"], h1, h2, h3 {{ break-after: avoid; }}
  {elements.CODE} {{ max-height: none !important; overflow: visible !important; }}
  body::after {{ content: attr(data-address); position: fixed; bottom: 0; left: 0; font: 9pt sans-serif; color: #444; }}
}}
"""


def note_address() -> None:
    """Keep the page's address where the style sheet finds it."""
    with unseen.place():
        _component(key="printed", data={"main": elements.MAIN_BLOCK, "paper": PAPER, "high": HIGH, "foot": FOOT})
