"""The keys of models and images: written and read in one file, and the same each way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradviz_core.types import keys

ROOT = Path(__file__).parents[1]
DIGEST = "0123456789abcdef" * 4
BY_HAND = re.compile(
    r"""f?["'](preset|sample|torchvision|upload)/\{|(startswith|removeprefix)\(["'](preset|sample|torchvision|upload)/"""
)
"""A key that is put together or taken apart without ``keys``."""


@pytest.mark.parametrize(
    ("key", "kind", "name"),
    [
        (keys.preset("shapes-cnn"), "preset", "shapes-cnn"),
        (keys.sample("star"), "sample", "star"),
        (keys.torchvision("resnet18", "IMAGENET1K_V1"), "torchvision", "resnet18@IMAGENET1K_V1"),
        (keys.torchvision("resnet18"), "torchvision", "resnet18"),
        (keys.torchvision("resnet18", keys.seeded(7)), "torchvision", "resnet18@random-7"),
        (keys.upload(DIGEST), "upload", DIGEST),
    ],
)
def test_a_key_is_read_as_it_was_written(key: str, kind: str, name: str) -> None:
    assert key == f"{kind}/{name}"
    assert keys.split(key) == (keys.kind(key), keys.name(key)) == (kind, name)


def test_architecture_and_weights() -> None:
    assert keys.split_weights("resnet18@IMAGENET1K_V1") == ("resnet18", "IMAGENET1K_V1")
    assert keys.split_weights("resnet18") == ("resnet18", "")
    assert keys.split_weights("a@b@c") == ("a", "b@c")


@given(st.integers(0, keys.MOST_SEED))
def test_each_seed_is_read_as_it_was_written(seed: int) -> None:
    assert keys.seed(keys.seeded(seed)) == seed


@pytest.mark.parametrize(
    "weights",
    [
        "",
        "IMAGENET1K_V1",
        "random-",
        "random--1",
        "random-01",
        "random-1.5",
        "random-١",
        "random-2147483648",
        "random-1\n",
    ],
)
def test_anything_else_is_no_seed(weights: str) -> None:
    assert keys.seed(weights) is None


@pytest.mark.parametrize("name", ["", "x", DIGEST[1:], f"{DIGEST}0", DIGEST.upper(), f"{DIGEST}\n", f"../{DIGEST[3:]}"])
def test_an_upload_without_a_digest_is_still_about_an_upload(name: str) -> None:
    assert keys.is_upload(f"upload/{name}")
    assert keys.digest(f"upload/{name}") is None


def test_only_uploads_have_a_digest() -> None:
    assert keys.digest(keys.upload(DIGEST)) == DIGEST
    for other in (keys.sample(DIGEST), DIGEST, f"uploads/{DIGEST}", f" upload/{DIGEST}"):
        assert keys.digest(other) is None
        assert not keys.is_upload(other)


def test_two_images_are_read_as_they_were_written() -> None:
    assert keys.pair("sample/star", "sample/cat") == "sample/star~sample/cat"
    second = keys.pair("sample/star", "sample/cat", 1)
    assert second == "sample/star~sample/cat@2"
    for key, place, looked_at, held in (
        ("sample/star~sample/cat", 0, "sample/star", "sample/cat"),
        (second, 1, "sample/cat", "sample/star"),
        ("sample/star", 0, "sample/star", ""),
        ("sample/star@2", 0, "sample/star@2", ""),
    ):
        assert (keys.place(key), keys.looked_at(key), keys.held(key)) == (place, looked_at, held)
    assert keys.turned(second) == "sample/star~sample/cat"
    assert keys.exchanged(second, "sample/ring") == "sample/star~sample/ring@2"
    assert keys.exchanged("sample/star~sample/cat", "sample/ring") == "sample/ring~sample/cat"
    assert keys.exchanged("sample/star", "sample/ring") == "sample/ring"
    assert keys.images("a~b~c@2") == ("a", "b", "c")


def test_a_pair_with_an_upload_is_about_an_upload() -> None:
    upload = keys.upload(DIGEST)
    for key in (f"sample/a~{upload}", f"{upload}~sample/a@2", f"sample/a~sample/b~{upload}", "sample/a~upload/"):
        assert keys.is_upload(key)
        assert keys.digest(key) is None
    assert not keys.is_upload("sample/a~sample/b@2")


def test_no_other_file_puts_keys_together_or_takes_them_apart() -> None:
    sources = [*ROOT.glob("*.py"), *(ROOT / "gradviz_core").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]
    found = [str(file.relative_to(ROOT)) for file in sources if BY_HAND.search(file.read_text(encoding="utf-8"))]
    assert len(sources) > 100
    assert not found
    assert BY_HAND.search('key = f"upload/{digest}"')
    assert BY_HAND.search("if key.startswith('preset/'):")
