"""The app's style sheet: where the parts of every page stand. It comes with the page itself
(``gradviz_core/serving/page_style.py``)."""

from __future__ import annotations

from urllib.parse import parse_qs

from pages.layout import start
from pages.shell import check, clicks, definitions, narrow, panel, printed, sizes, skeleton, unseen
from pages.streamlit_private import elements
from pages.uploads import uploading

SMALL = "(max-width: 1000px)"
"""In a window so narrow the buttons at the top have no words beside their icons."""
SIDEBAR = "281px"
"""The width that Streamlit gives the sidebar; it is kept free until the sidebar is there."""
_WORD = elements.WORDS_OF_CODE
SHEET = f"""
{unseen.STYLE}
{skeleton.STYLE}
{check.STYLE}
{uploading.STYLE}
{panel.STYLE}
{clicks.STYLE}
{definitions.STYLE}
{narrow.STYLE}
{sizes.STYLE}
{printed.STYLE}
{elements.PRIMARY_BUTTON} {{ color: light-dark(#ffffff, #0b1110); }}
{_WORD}:is(.keyword, .function, .class-name) {{ color: color-mix(in srgb, #1f7fd6 65%, currentColor); }}
{_WORD}.string {{ color: color-mix(in srgb, #0f9a48 60%, currentColor); }}
{_WORD}:is(.number, .boolean) {{ color: color-mix(in srgb, #0f9a8c 60%, currentColor); }}
{_WORD}.comment {{ color: color-mix(in srgb, currentColor 70%, transparent); }}
{elements.MAIN_BLOCK} {{ max-width: initial; padding: 4.25rem 2rem 3rem; }}
{elements.MAIN_BLOCK} h1 {{ padding: 0; white-space: nowrap; }}
{elements.MAIN_BLOCK} h2 {{ padding-top: 0.5rem; }}
{elements.LAYOUT}:has(> .st-key-beside_title) {{ flex: 1 1 16rem; min-height: 1.5rem; }}
.st-key-heading {{ min-height: 2.7rem; }}
.st-key-model_card {{ gap: 0; min-height: 5.3rem; }}
.st-key-thumbnails {{ height: 8.2rem; overflow-y: auto; }}
[class*="st-key-map_"] {{ min-height: 3.6rem; }}
.st-key-score {{ min-height: 18rem; }}
.st-key-flow_room {{ min-height: 33rem; }}
[class*="st-key-shown_"] {{ min-height: 4.2rem; }}
.st-key-shown_view {{ min-width: 388px; }}
.st-key-progress {{ position: fixed; top: 3.9rem; right: 2rem; width: auto; min-width: 12rem; z-index: 999990; }}
.st-key-tools {{ position: fixed; top: 0.55rem; right: 3.5rem; width: auto; z-index: 999990; }}
.st-key-tools {{ align-items: center; }}
.st-key-tools > * {{ flex: none; }}
{elements.HEADER} {{ border-bottom: 1px solid color-mix(in srgb, currentColor 15%, transparent); }}
@media (min-width: {narrow.WIDEST + 1}px) {{
  {elements.VIEW}:not(:has({elements.SIDEBAR})) {{ padding-left: {SIDEBAR}; }}
}}
@media {SMALL} {{
  .st-key-tools {{ gap: 0.3rem; }}
  .st-key-tools button p {{ position: absolute; clip-path: inset(50%); }}
}}
@media (max-width: {narrow.WIDEST}px) {{
  {elements.MAIN_BLOCK} {{ padding-left: 1rem; padding-right: 1rem; }}
  {elements.MAIN_BLOCK} h1 {{ font-size: 1.4rem; }}
  .st-key-controls > :has(.st-key-shown_view) {{ order: 1; }}
  .st-key-shown_view {{ min-width: 0; min-height: 6rem; }}
  .st-key-beside_title {{ min-height: 3.2rem; }}
}}
"""
_BEFORE_THE_STORY = f"""
@media (min-width: {narrow.WIDEST + 1}px) {{
  {elements.VIEW}:not(:has({elements.SIDEBAR})) {{ padding-left: 0; }}
  {elements.VIEW}:not(:has(.st-key-heading)) {elements.SIDEBAR} {{ display: none; }}
}}
"""
"""The story has no sidebar. Until another page is opened there, by its own heading, none is shown."""


def sheet(path: str, query: str) -> str:
    """The style sheet of the page at this address, below the root of the app."""
    tells = path.strip("/") == start.STORY or (
        path == "/" and not start.asks_a_question(parse_qs(query, keep_blank_values=True))
    )
    return SHEET + _BEFORE_THE_STORY if tells else SHEET
