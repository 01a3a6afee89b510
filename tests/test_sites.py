"""Sites as text and as words, the nearest one when there is none, and which axis of a value counts channels."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st

from gradviz_core import layouts, trace
from gradviz_core.errors import UnknownSite
from gradviz_core.models.architectures import build
from gradviz_core.sites import in_words, no_such_site, ordinal
from gradviz_core.types import INPUT, OUTPUT, Layout, Site

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
    assert in_words(site, calls) == words


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
    assert f"The nearest that did is {nearest}." in str(error)


def test_where_none_is_near_none_is_named() -> None:
    said = str(no_such_site(Site("zzz"), RAN))
    assert said == "There is no site 'zzz': nothing of that name ran in this forward pass. Choose one that did."
    assert "nearest" not in str(no_such_site(Site("conv1"), ()))


# -------------------------------------------------------------------------------------------------------------- layouts


def guessed(*values: tuple[str, tuple[int, ...]]) -> list[Layout]:
    return list(layouts.guess({Site(f"m{i}"): value for i, value in enumerate(values)}).values())


def test_the_number_of_axes_tells_most() -> None:
    shapes: Iterable[tuple[int, ...]] = ((1, 8, 4, 4), (1, 5, 8), (1, 8), (8,), (), (1, 2, 3, 4, 5))
    assert guessed(*(("Whatever", shape) for shape in shapes)) == [
        *("maps", "tokens", "vector"),
        *("other", "other", "other"),
    ]


def test_batch_norm_and_relu_after_a_convolution_are_maps() -> None:
    shape = (1, 8, 8, 8)
    kinds = ("Conv2d", "BatchNorm2d", "ReLU", "Dropout", "Sequential")
    assert guessed(*((kind, shape) for kind in kinds)) == ["maps"] * 5


def test_swin_is_channels_last_from_the_permutation_on() -> None:
    maps, last = (1, 96, 56, 56), (1, 56, 56, 96)
    named = guessed(("Conv2d", maps), ("Permute", last), ("LayerNorm", last), ("SwinTransformerBlock", last))
    assert named == ["maps", "maps_last", "maps_last", "maps_last"]


def test_a_shape_with_two_meanings_keeps_the_latest() -> None:
    cube = (1, 7, 7, 7)
    kinds = ("Conv2d", "ReLU", "LayerNorm", "GELU", "Conv2d", "ReLU")
    assert guessed(*((kind, cube) for kind in kinds)) == [
        *("maps", "maps"),
        *("maps_last", "maps_last"),
        *("maps", "maps"),
    ]


def test_the_weights_of_attention_are_one_map_per_head() -> None:
    assert guessed(("Linear", (1, 65, 96)), ("MultiheadAttention", (1, 4, 65, 65))) == ["tokens", "maps"]


@pytest.mark.parametrize(("layout", "axis"), [("maps", 1), ("maps_last", 3)])
def test_the_axis_of_channels_in_four(layout: Layout, axis: int) -> None:
    assert layouts.channel_axis(layout, 4) == axis


def test_the_axis_of_channels_in_others() -> None:
    assert layouts.channel_axis("tokens", 3) == 2
    assert layouts.channel_axis("vector", 2) == 1
    assert layouts.channel_axis("other", 1) == 0


@pytest.mark.parametrize(("name", "size"), [("swin_t", 64), ("convnext_tiny", 64), ("vit_b_32", 224), ("resnet18", 64)])
def test_channels_of_real_networks(name: str, size: int) -> None:
    """Wherever the layout is named, the axis it points to has as many entries as the layer has channels."""
    sizes = {"swin_t": (96, 192, 384, 768), "convnext_tiny": (96, 192, 384, 768), "resnet18": (64, 128, 256, 512)}
    hidden = {wide * 4 for wide in sizes.get(name, ())}
    module = torchvision.models.get_model(name, weights=None).eval()
    for info in trace.survey(module, torch.zeros(1, 3, size, size)):
        axis = layouts.channel_axis(info.layout, len(info.shape))
        if len(info.shape) == 4 and name in sizes:
            assert info.shape[axis] in {3, *sizes[name], *hidden}, info
        elif len(info.shape) == 3:
            assert info.shape == (1, 50, 768) or info.shape[2] == 3072, info


def test_channels_of_the_presets() -> None:
    found = {info.site: info.layout for info in trace.survey(build("shapes-vit").eval(), torch.zeros(1, 3, 96, 96))}
    assert found[Site("patches")] == "maps"
    assert found[Site("layers.0")] == "tokens"
    assert found[Site("layers.0.attention", 0, "0")] == "tokens"
    assert found[Site("layers.0.attention", 0, "1")] == "maps"
    assert found[OUTPUT] == "vector"
