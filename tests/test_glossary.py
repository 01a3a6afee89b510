"""The terms of the app: each is defined once, is used, and is explained where the app shows it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from gradviz_core.text.glossary import MEANINGS, SECTIONS, standing_in, terms_in, tooltip
from gradviz_core.types import ClassScore, Site, Target, Unit
from gradviz_core.types.methods import METHODS
from pages.learn import findings
from pages.shell import facts
from pages.understand import changes
from scripts import write_glossary
from tests.opening import MAPS, NEURONS, SALIENCY, answer_here, opened

ROOT = Path(__file__).parents[1]
DEFINED_IN = {ROOT / "gradviz_core" / "text" / "glossary.py", write_glossary.DOCUMENT}


def test_the_document_is_what_the_definitions_give() -> None:
    document = write_glossary.DOCUMENT.read_text(encoding="utf-8")
    assert document == write_glossary.written(), "run python scripts/write_glossary.py"
    assert all(write_glossary.entry(term, meaning) in document for term, meaning in MEANINGS.items())


def test_each_term_stands_in_one_section() -> None:
    assert sum(map(len, SECTIONS.values())) == len(MEANINGS)


def test_each_definition_is_one_sentence() -> None:
    assert [term for term, meaning in MEANINGS.items() if not meaning.endswith(".") or ". " in meaning] == []


def used() -> set[str]:
    """The terms in the sources of the app and in its documents, but for those that define them."""
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    files += [path for folder in ("gradviz_core", "pages") for path in (ROOT / folder).rglob("*.py")]
    return {term for path in files if path not in DEFINED_IN for term in terms_in(path.read_text(encoding="utf-8"))}


def test_each_term_is_used() -> None:
    assert sorted(set(MEANINGS) - used()) == []


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("effective rank", ("effective rank",)),
        ("Gradient × input", ("gradient × input",)),
        ("L2 norm of the gradients", ("L2 norm", "gradient")),
        ("a log-probability", ("log-probability",)),
        ("Sites", ("site",)),
        ("opposite, unitary, prelogits", ()),
    ],
)
def test_terms_are_found_as_whole_words_and_the_longest_first(text: str, terms: tuple[str, ...]) -> None:
    assert terms_in(text) == terms


@pytest.mark.parametrize(
    ("sentence", "names", "found"),
    [
        ("The Gradients of each unit, and its gradient.", (), [("Gradients", "gradient"), ("unit", "unit")]),
        ("One unit's L2 norm (logits).", (), [("unit", "unit"), ("L2 norm", "L2 norm"), ("logits", "logit")]),
        ("Signed, at conv.channel.weight and token[0].", (), []),
        ("The logit of token (5) at one token.", ("token",), [("logit", "logit")]),
        ("The logit of my token (5) at one token.", ("my token",), [("logit", "logit"), ("token", "token")]),
        ("The logit of a [unit](x) b.", ("a [unit](x) b",), [("logit", "logit")]),
    ],
)
def test_a_term_is_marked_in_a_sentence_once_and_in_no_name(
    sentence: str, names: tuple[str, ...], found: list[tuple[str, str]]
) -> None:
    pieces = standing_in(sentence, names)
    assert "".join(piece for piece, _ in pieces) == sentence
    assert [pair for pair in pieces if pair[1]] == found


def test_a_tooltip_defines_each_term_once() -> None:
    assert tooltip("Site", "all sites") == f"**Site**: {MEANINGS['site']}"
    assert tooltip("Row", "Column") is None


def helps(tree: ast.Module) -> Iterator[str]:
    """The help texts that a page writes out itself."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.keyword)
            and node.arg == "help"
            and isinstance(node.value, ast.Constant | ast.JoinedStr)
        ):
            yield ast.unparse(node.value)


def test_no_page_defines_a_term_itself() -> None:
    files = sorted((ROOT / "pages").rglob("*.py"))
    written = [(path.name, text) for path in files for text in helps(ast.parse(path.read_text(encoding="utf-8")))]
    assert len(written) > 1
    assert [(name, text) for name, text in written if terms_in(text)] == []


@pytest.fixture
def neurons(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    answer_here(monkeypatch)
    return opened(NEURONS)


def test_a_control_and_a_line_of_facts_explain_their_terms(neurons: AppTest) -> None:
    controls = {box.label: box.help for box in (*neurons.selectbox, *neurons.number_input)}
    assert controls["Layer output"] == tooltip("layer output")
    assert controls["Channel"] == tooltip("channel")
    assert controls["Row"] == ""
    above, below = (
        next(line for line in neurons.markdown if name.replace(" ", "\N{NO-BREAK SPACE}") in line.value)
        for name in ("L2 norm of the gradient", ":gray[receptive field]")
    )
    assert above.proto.help == tooltip("activation", "L2 norm", "gradient")
    assert below.proto.help == tooltip("receptive field", "gradient")


def test_the_heading_of_a_page_and_its_introduction_explain_their_terms(neurons: AppTest) -> None:
    (strongest,) = [header for header in neurons.header if header.value.startswith("Strongest channels")]
    assert strongest.proto.help == tooltip("channel", "row", "column")
    assert tooltip("unit", "activation") in [caption.value for caption in neurons.caption], "behind What is this?"


@pytest.mark.parametrize("page", [NEURONS, MAPS])
def test_how_to_read_a_picture_explains_its_terms(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_here(monkeypatch)
    app = opened(page, image="sample/star")
    explained = " ".join(caption.value for caption in app.caption)
    sentences = [text.value for text in app.markdown if text.value.startswith("1. ")]
    terms = {term for text in sentences for term in terms_in(text)}
    assert len(sentences) > 1
    assert terms
    assert [term for term in terms if MEANINGS[term] not in explained] == []


def test_the_options_of_a_control_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_here(monkeypatch)
    for name in ("gradient", "integrated_gradients", "occlusion"):
        card = METHODS[name]
        method = next(group for group in opened(SALIENCY, method=name).selectbox if group.label == "Method")
        assert f"**{card.name}**: {card.shows}" in method.help


@pytest.mark.parametrize(
    ("target", "own"),
    [
        (ClassScore(0), "logit"),
        (ClassScore(0, "probability"), "probability"),
        (Unit(Site("kink.token"), (0, 1)), "unit"),
        (Unit(Site("unit"), (0, 1)), "unit"),
        (Unit(Site("n"), (0, 1)), "unit"),
    ],
)
def test_no_text_from_a_model_is_explained(target: Target, own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class is called "token", a layer "kink"."""
    helps: list[str | None] = []
    monkeypatch.setattr("streamlit.markdown", lambda _, **options: helps.append(options["help"]))
    answer: Any = SimpleNamespace(
        target=target,
        score=1.0,
        score_after=2.0,
        predicted_change=1.0,
        prediction=(),
        diagnosis=SimpleNamespace(loss=1.0, operations=1, leaves=[0]),
    )
    labels = ("token", "gradient")
    facts.line(*facts.predicted_and_score(answer, (), labels, "softmax_logits"))
    facts.line(*changes.numbers(answer, labels))
    facts.line(*findings.numbers(answer, labels))
    assert helps == [tooltip(own), tooltip(own, "predicted change", "actual change"), tooltip(own)]
