"""Sites as text and as words, and the nearest one when there is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradviz_core.errors import UnknownSite
from gradviz_core.types import INPUT, OUTPUT, Site
from gradviz_core.types.sites import no_such_site, ordinal, site_name

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}|[0-9]{1,4}", fullmatch=True)
PATHS = st.lists(NAMES, max_size=6).map(".".join)
ITEMS = st.one_of(st.just(""), st.lists(NAMES, min_size=1, max_size=3).map(".".join))
SITES = st.one_of(
    st.builds(Site, PATHS, st.integers(0, 999_999), ITEMS), st.builds(Site, st.just(INPUT.path), st.integers(0, 9))
)


# ---------------------------------------------------------------------------------------------------------------- text


@given(SITES)
def test_a_site_comes_back_from_its_text(site: Site) -> None:
    assert Site.parse(str(site)) == site


@given(SITES, SITES)
def test_two_sites_never_share_a_text(site: Site, other: Site) -> None:
    assert (str(site) == str(other)) == (site == other)


@given(st.text())
def test_every_text_names_a_site_and_that_site_has_one_text(text: str) -> None:
    site = Site.parse(text)
    assert Site.parse(str(site)) == site


@pytest.mark.parametrize(
    ("text", "site"),
    [
        (".input", INPUT),
        (".input:1", Site(".input", 1)),
        (".output", OUTPUT),
        ("layer2.0.relu:1", Site("layer2.0.relu", 1)),
        ("encoder.attention[0]", Site("encoder.attention", 0, "0")),
        ("head:2[logits.fine]", Site("head", 2, "logits.fine")),
    ],
)
def test_texts_that_are_in_addresses_keep_their_meaning(text: str, site: Site) -> None:
    assert (Site.parse(text), str(site)) == (site, text)


WORDS = {0: "first", 1: "second", 9: "tenth", 10: "11th", 11: "12th", 12: "13th", 20: "21st", 21: "22nd", 22: "23rd"}
WORDS |= {23: "24th", 110: "111th", 111: "112th", 120: "121st", 1000: "1001st"}


@pytest.mark.parametrize(("call", "word"), WORDS.items())
def test_ordinals(call: int, word: str) -> None:
    assert ordinal(call) == word


@pytest.mark.parametrize(
    ("site", "calls", "words"),
    [
        (INPUT, 1, "the input"),
        (Site(".input", 1), 1, "the second input"),
        (OUTPUT, 1, "the output"),
        (Site("", 0, "aux"), 1, "the output[aux]"),
        (Site("conv1"), 1, "conv1"),
        (Site("relu"), 2, "relu, first call"),
        (Site("relu", 1), 1, "relu, second call"),
        (Site("attention", 2, "0"), 3, "attention[0], third call"),
    ],
)
def test_words(site: Site, calls: int, words: str) -> None:
    assert site_name(site, calls) == words


# ------------------------------------------------------------------------------------------------------ the nearest one

RAN = (INPUT, Site("conv1"), Site("layer1.0.relu"), Site("layer1.0.relu", 1), Site("attention", 0, "0"), OUTPUT)


@pytest.mark.parametrize(
    ("missing", "nearest"),
    [
        (Site("layer1.0.relu", 2), "layer1.0.relu, second call"),
        (Site("layer1.1.relu"), "layer1.0.relu, second call"),
        (Site("conv2"), "conv1"),
        (Site("attention"), "attention[0]"),
        (Site(".input", 1), "the input"),
        (Site("", 1), "the output"),
    ],
)
def test_the_nearest_site_is_named(missing: Site, nearest: str) -> None:
    error = no_such_site(missing, RAN)
    assert isinstance(error, UnknownSite)
    assert f"The closest that did is {nearest}." in str(error)


def test_where_none_is_near_none_is_named() -> None:
    said = str(no_such_site(Site("zzz"), RAN))
    assert said == "There is no site 'zzz': no layer of that name ran in this forward pass. Choose one that did."
    assert "nearest" not in str(no_such_site(Site("conv1"), ()))
