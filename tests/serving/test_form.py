"""A file in a form, read in pieces of any size."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradviz_core.serving.form import HEAD_BYTES, Form, Malformed
from tests.handing_in import form

NEAR = b"\r\n------WebKitFormBoundary7MA4YWxkTrZu0g"
"""The beginning of the boundary, which a file may hold."""
DATA = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from([NEAR, NEAR[:5], b"\r", b"\n", b"--", b"x", b"\r\n\r\n"]), max_size=30).map(b"".join),
)


def read(content_type: str, body: bytes, cuts: list[int]) -> tuple[Form, bytes]:
    """What a form gives when its body comes in pieces that end at these places."""
    read = Form(content_type.encode(), len(body))
    places = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    found = [piece for a, b in pairwise(places) for piece in read.feed(body[a:b])]
    read.finish()
    return read, b"".join(found)


@given(data=DATA, cuts=st.lists(st.integers(0, 1000), max_size=20))
def test_a_file_comes_out_whole_however_it_is_cut(data: bytes, cuts: list[int]) -> None:
    got, found = read(*form("a.png", data), cuts)
    assert (got.name, got.size, found) == ("a.png", len(data), data)


@given(body=st.binary(max_size=400), cuts=st.lists(st.integers(0, 1000), max_size=5))
def test_any_bytes_are_read_or_refused(body: bytes, cuts: list[int]) -> None:
    begin = b'--b\r\nContent-Disposition: form-data; filename="a"\r\n\r\n'
    for whole in (body, begin + body, begin + body + b"\r\n--b--\r\n"):
        try:
            got, found = read("multipart/form-data; boundary=b", whole, cuts)
        except Malformed:
            continue
        assert len(found) == got.size
        assert found in whole


def test_the_size_is_known_before_the_file_has_come() -> None:
    content_type, body = form("a.png", bytes(500_000))
    got = Form(content_type.encode(), len(body))
    got.feed(body[:500])
    assert (got.name, got.size) == ("a.png", 500_000)


def test_a_head_that_never_ends_is_refused() -> None:
    got = Form(b"multipart/form-data; boundary=b", 10**6)
    for _ in range(HEAD_BYTES - 1):
        got.feed(b"x")
    with pytest.raises(Malformed, match="too much data before the file"):
        got.feed(b"x")
