"""The app's style sheet: where the parts of every page stand. It comes with the page itself
(``gradviz_core/serving/page_style.py``)."""

from __future__ import annotations

from urllib.parse import parse_qs

from pages.layout import start
from pages.shell import (
    check,
    clicks,
    definitions,
    linked,
    narrow,
    panel,
    present,
    printed,
    rows,
    sizes,
    skeleton,
    unseen,
)
from pages.streamlit_private import elements
from pages.uploads import export_words, uploading

SMALL = "(max-width: 1000px)"
"""In a window so narrow the buttons at the top have no words beside their icons."""
CROWDED = f"(min-width: {narrow.WIDEST + 1}px) and (max-width: 1500px)"
"""In such a window five buttons at the top stand closer together."""
FULL = f"(min-width: {narrow.WIDEST + 1}px) and (max-width: 1260px)"
"""In such a window one of the five has no word."""
SIDEBAR = "281px"
"""The width that Streamlit gives the sidebar; it is kept free until the sidebar is there."""
_WORD = elements.WORDS_OF_CODE
_WIDTHS = {
    "view": 388,
    "maps": 236,
    "sort": 176,
    "follow": 250,
    "way": 158,
    "norm": 132,
    "map_view": 306,
    "map_scale": 147,
}
"""Pixels of controls that Streamlit draws late: until then they would be a few pixels wide, and their row would wrap
elsewhere."""
_WIDE = "\n".join(f".st-key-shown_{name} {{ min-width: {width}px; }}" for name, width in _WIDTHS.items())
_COMPARE = f"""
{elements.LAYOUT}:has(> .st-key-compare_pixel_room) {{ flex: none !important; width: auto !important; }}
.st-key-compare_pixel_room {{ width: 150px; min-height: 4rem; }}
[class*=st-key-compare_head_] {{ min-height: 45px; }}
[class*=st-key-compare_tools_] {{ min-height: 26px; }}
[class*=st-key-compare_body_] {{ min-height: 22rem; }}
@media (max-width: {narrow.WIDEST}px) {{
  .st-key-compare_scales {{ min-height: 42px; }}
}}
"""
_STORY = f"""
.st-key-story_heading {{ min-height: 2.7rem; }}
.st-key-story_heading h1 {{ white-space: normal !important; }}
[class*=st-key-picture_story_] {{ --high: 800px !important; --rest: 318px !important; }}
.st-key-story_claim p {{ font-size: 1.45rem; line-height: 1.35; }}
[class*="st-key-story_title_"] p {{ white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }}
@media (max-width: {narrow.WIDEST}px) {{
  [class*=st-key-picture_story_] {{ --rest: -10000px !important; }}
  .st-key-story_said {{ padding-bottom: 4.5rem; }}
  .st-key-story_claim p {{ font-size: 1.25rem; }}
}}
"""
_LESSONS = f"""
.st-key-lesson_contents {{ min-height: 2.9rem; }}
.st-key-beside_title .st-key-shown_lesson {{ max-width: 25rem; min-height: 0; }}
.st-key-shown_lesson label {{ position: absolute; clip-path: inset(50%); }}
.st-key-lesson_asking [class*=st-key-picture_] {{ --rest: 430px; }}
.st-key-lesson_asking:has(form) [class*=st-key-picture_] {{ --rest: 500px; }}
.st-key-lesson_program summary {{ padding: 0.2rem 0.6rem; min-height: 0; }}
@media (min-width: {narrow.WIDEST + 1}px) {{
  {elements.LAYOUT}:has(> .st-key-lesson_title) {{ position: absolute; clip-path: inset(50%); }}
}}
@media (max-width: {narrow.WIDEST}px) {{
  {elements.LAYOUT}:has(> .st-key-lesson_contents) {{ position: absolute; width: 1px; }}
  .st-key-lesson {{ padding-bottom: 4.5rem; }}
}}
"""
"""Where the table of contents names the open step, its title is for screen readers alone."""
SHEET = f"""
{unseen.STYLE}
{skeleton.STYLE}
{check.STYLE}
{uploading.STYLE}
{export_words.STYLE}
{panel.STYLE}
{rows.STYLE}
{clicks.STYLE}
{definitions.STYLE}
{linked.STYLE}
{narrow.STYLE}
{sizes.STYLE}
{printed.STYLE}
{_STORY}
{_COMPARE}
{_LESSONS}
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
{elements.VIEW}:has(.st-key-refused) :is(.st-key-score, .st-key-model_card) {{ min-height: 0; }}
.st-key-flow_room {{ min-height: 33rem; }}
[class*="st-key-shown_"] {{ min-height: 4.2rem; }}
.st-key-player {{ min-height: 5rem; }}
:is(.st-key-compare_likeness, .st-key-compare_values) {{ overflow-x: auto !important; }}
.st-key-compare_scales {{ min-height: 1.5rem; }}
[class*="st-key-compare_tools_"] {{ position: relative; z-index: 1; margin-top: -0.75rem; }}
[class*="st-key-compare_tools_"] button {{ min-height: 1.75rem; padding: 0; }}
{_WIDE}
{elements.LAYOUT}:has(> .st-key-site_choice) {{ flex: 3 1 12rem !important; width: auto !important; min-width: 0; }}
{elements.LAYOUT}:has(> .st-key-site_map) {{ flex: 2 1 9rem !important; width: auto !important; min-width: 0; }}
.st-key-site_map {{ padding-top: 0.5rem; }}
.st-key-progress {{ position: fixed; top: 3.9rem; right: 2rem; width: auto; min-width: 12rem; z-index: 999990; }}
.st-key-tools {{ position: fixed; top: 0.55rem; right: 3.5rem; width: auto; z-index: 999990; }}
.st-key-tools {{ align-items: center; }}
.st-key-tools > * {{ flex: none; }}
{elements.HEADER} {{ border-bottom: 1px solid color-mix(in srgb, currentColor 15%, transparent); }}
@media (min-width: {narrow.WIDEST + 1}px) {{
  .st-key-cams_go_on {{ display: none; }}
  {elements.VIEW}:not(:has({elements.SIDEBAR})) {{ padding-left: {SIDEBAR}; }}
}}
@media {CROWDED} {{
  .st-key-tools:has(.st-key-compare_take) {{ gap: 0.3rem; right: 3.1rem; }}
  .st-key-tools:has(.st-key-compare_take) button {{ padding-left: 0.45rem; padding-right: 0.45rem; }}
}}
@media {FULL} {{
  .st-key-tools .st-key-compare_take button p {{ position: absolute; clip-path: inset(50%); }}
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
  {elements.MAIN_BLOCK}:has(.st-key-shown_epsilon) .st-key-beside_title {{ min-height: 6.4rem; }}
  .st-key-tools {{ gap: 0.15rem; right: 3.2rem; }}
  .st-key-tools button {{ padding: 0.25rem 0.4rem; }}
  .st-key-tools button div[aria-hidden="true"] {{ display: none; }}
  [class*="st-key-controls"], .st-key-unit {{ gap: 0.25rem 0.75rem; }}
  {elements.LAYOUT}:is(:has(> .st-key-site_choice), :has(> .st-key-site_map)) {{ flex-basis: 100% !important; }}
  .st-key-all_channels {{ min-height: 22rem; }}
  .st-key-player {{ min-height: 7.3rem; }}
  :is(.st-key-compare_likeness, .st-key-compare_values) :is(th, td) {{ padding: 0.3rem; font-size: 0.8rem; }}
  .st-key-flow_room {{ min-height: 46rem; }}
  .st-key-column_output {{ min-height: 26rem; }}
  {elements.COLUMN}:has(.st-key-column_output) {{ order: -1; }}
  .st-key-lesson_asking {{ min-height: 15rem; }}
}}
"""
_WITHOUT_A_SIDEBAR = f"""
@media (min-width: {narrow.WIDEST + 1}px) {{
  {elements.VIEW}:not(:has({elements.SIDEBAR})) {{ padding-left: 0; }}
  {elements.VIEW}:not(:has(.st-key-heading)) {elements.SIDEBAR} {{ display: none; }}
}}
"""
"""Neither the story nor a page that is presented has a sidebar. Until another page is opened there, by its own
heading, none is shown."""


def sheet(path: str, query: str) -> str:
    """The style sheet of the page at this address, below the root of the app."""
    asked = parse_qs(query, keep_blank_values=True)
    tells = path.strip("/") == start.STORY or (path == "/" and not start.asks_a_question(asked))
    presents = asked.get(present.NAME) == [present.ON]
    return SHEET + _WITHOUT_A_SIDEBAR if tells or presents else SHEET
