"""Names from outside in words, formulas, programs and tables: they stay text."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import gradviz_core as gv
from gradviz_core.drawing import captions, fields, snippets
from gradviz_core.drawing.snippets import Setting
from gradviz_core.drawing.snippets.program import comment, quoted
from gradviz_core.serving import downloads
from gradviz_core.text.shown_text import visible
from gradviz_core.types.cards import Preprocessing, Recipe
from gradviz_core.uploads import store
from pages.shell import download_menu
from pages.shell.words import TO_A_TERM, explained, plain
from tests import snippet_runs
from tests.hostile.names import NAMES, fit_for_layers, innocent, model_file, picture

SIDE = 48
STEPS = Preprocessing((SIDE, SIDE), None, (0.5,) * 3, (0.5,) * 3)
PIECES = st.sampled_from(
    [*NAMES, "http", "https", "://", "www", ".", "@", ":", "material/", "->", "--", " ", "a", "\u202e"]
)
TEXTS = st.lists(PIECES, max_size=5).map("".join)

# ------------------------------------------------------------------------------------------------ Streamlit's Markdown

FOUND_LATER = (
    r"(https?:\/\/|www(?=\.))([-.\w]+)([^ \t\r\n]*)",
    r"([-.\w+]+)@([-\w]+(?:\.[-\w]+)+)",
    r":[\w+-]+:",
    r":material[_/]\w+:",
    r":streamlit:",
    r"(^|\s)(<->|->|<-|--|>=|<=|~=)(\s|$)",
)
"""What Streamlit looks for in text once the escapes are gone: links, emoji, icons, its logo, arrows."""
OURS = re.compile("[\u2060\u2068\u2069]")
"""What GradViz itself writes that has no width: ``visible`` leaves none of it in a name."""
SPECIAL = r"\`*_{}[]()#+-.!|<>$~:&^=" + "\"'"


def read(markdown: str) -> str:
    """The text of a paragraph in which every sign of Markdown is escaped; fails where one is not."""
    assert not markdown.startswith((" ", "\t"))
    said = []
    for escaped, space, bare in re.findall(r"\\(.)|(&nbsp;)|(.)", markdown, re.DOTALL):
        assert not bare or bare not in SPECIAL, markdown
        said.append(escaped or (" " if space else bare))
    return "".join(said)


@settings(max_examples=300, deadline=None)
@given(text=TEXTS)
@example(text="HTTPS://x.invalid/ WWW.x.invalid")
@example(text=":material/home::smile:")
@example(text="a -> b <- c <-> d -- e ~= f >= g <= h")
def test_nothing_in_a_name_is_markdown_before_or_after_its_escapes_are_gone(text: str) -> None:
    said = read(plain(text))
    assert OURS.sub("", said) == visible(text)
    for pattern in FOUND_LATER:
        assert not re.search(pattern, said, re.IGNORECASE), (pattern, said)


@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
@example(text="the [gradient](https://x.invalid)")
@example(text="![unit][logit] :channel: <site>")
def test_nor_where_terms_are_links_to_the_glossary(text: str) -> None:
    links = re.compile(rf"\[([\w ×]+)\]\(/docs\?{re.escape(TO_A_TERM)}[\w%]+\)")
    sentence = f"The gradient of {text} at one unit"
    said = explained(sentence)
    assert {"gradient", "unit"} <= set(links.findall(said))
    assert OURS.sub("", read(links.sub(r"\1", said))) == visible(sentence)


@settings(max_examples=50, deadline=None)
@given(text=st.text(max_size=30))
def test_nor_in_any_text(text: str) -> None:
    assert OURS.sub("", read(plain(text))) == visible(text)


# ----------------------------------------------------------------------------------------------------------- formulas


@pytest.mark.parametrize("label", NAMES)
def test_no_name_that_is_not_plain_stands_in_a_formula(label: str) -> None:
    field = fields.activation(np.ones((8, 8), np.float32))
    for target in (gv.ClassScore(0), gv.CrossEntropy(0), gv.ClassDifference(0, 1)):
        named, bare = (
            captions.saliency(
                target, labels, method="gradient", reduction="channel", field=field, shape=(1, 3, 8, 8), channel=channel
            )
            for labels, channel in (((label, label), label), ((), ""))
        )
        assert named.formula == bare.formula


# ----------------------------------------------------------------------------------------------------------- programs


@pytest.fixture(scope="module")
def uploaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Setting]]:
    """A model with hostile names, and the same with innocent ones."""
    with pytest.MonkeyPatch.context() as patch:
        for _ in snippet_runs.own_store(tmp_path_factory.mktemp("store"), patch):
            here = store.here()
            here.sweep()
            image = f"upload/{here.put(picture(SIDE))}"
            made = {}
            for kind, names in (("hostile", NAMES), ("innocent", innocent(NAMES))):
                recipe = Recipe(here.put(model_file(names, SIDE)), "", names[0], names, STEPS)
                made[kind] = snippet_runs.setting(f"upload/{here.keep_recipe(recipe)}", image)
            yield made


def programs(at: Setting) -> Iterator[str]:
    """Programs in which every label, layer and output is named."""
    (image,) = [info for info in at.sites if info.site == gv.INPUT]
    reached = [info for info in at.sites if info.same_as is None and info.site.path and info.site != gv.INPUT]
    for number in range(len(at.card.labels)):
        yield snippets.saliency(at, gv.ClassScore(number), "gradient", "signed_sum")
    for info in reached:
        yield snippets.feature_maps(at, gv.ClassScore(0), info, "gradient")
        yield snippets.saliency(at, gv.SiteSum(info.site), "gradient", "signed_sum")
        yield snippets.one_output(at, info.site, image, 0)
    for head in at.heads:
        yield snippets.saliency(at, gv.SiteSum(gv.Site("", 0, head.item)), "gradient", "signed_sum")
    yield snippets.sites(at, gv.ClassScore(0))
    yield snippets.seen(at)
    yield snippets.classes(at, 5)


def test_a_program_with_hostile_names_is_the_same_program(uploaded: dict[str, Setting]) -> None:
    hostile, plain_ones = fit_for_layers(NAMES), fit_for_layers(innocent(NAMES))
    meant = dict(zip(plain_ones, hostile, strict=True))
    pairs = list(zip(programs(uploaded["hostile"]), programs(uploaded["innocent"]), strict=True))
    assert len(pairs) > 150
    for code, expected in pairs:
        tree = ast.parse(expected)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                first, _, rest = node.value.partition(".")
                node.value = meant.get(first, first) + (f".{rest}" if rest else "")
        assert ast.dump(ast.parse(code.encode())) == ast.dump(tree)
        assert tokenize.detect_encoding(io.BytesIO(code.encode()).readline)[0] == "utf-8"
        assert "\n".join(map(visible, code.split("\n"))) == code


@settings(max_examples=200, deadline=None)
@given(text=st.one_of(TEXTS, st.text(max_size=30)))
def test_a_literal_is_the_name_and_a_comment_is_a_comment(text: str) -> None:
    literal = quoted(text)
    assert ast.literal_eval(literal) == text
    assert visible(literal) == literal
    said = comment(text)
    assert not ast.parse(said).body
    assert all(line.startswith("# ") for line in said.split("\n") if line)
    assert tokenize.detect_encoding(io.BytesIO(said.encode()).readline)[0] == "utf-8"


def test_no_line_of_a_comment_ends_within_a_word() -> None:
    for length in range(40, 120):
        lines = comment(f"{'x' * length} the log-probability of step-by-step").splitlines()
        assert " ".join(line.removeprefix("# ") for line in lines).endswith("the log-probability of step-by-step")


# ------------------------------------------------------------------------------------------------------ pages one keeps


class Elements(HTMLParser):
    """The elements of a page, each with the names of its attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, list[str]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, [name for name, _ in attrs]))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("name", NAMES)
def test_no_name_adds_an_element_to_a_page_that_is_kept(name: str) -> None:
    def page(name: str) -> Elements:
        lines = download_menu.title("gradient", f"the logit of {name} (1)", f"{name}, Cat", None)
        return Elements(downloads.beginning([*lines, name]).decode())

    assert page(name).found == page("name").found
    assert page(name).text.count(visible(name)) == 4
