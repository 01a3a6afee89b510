"""When a page offers the camera."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest


@pytest.mark.parametrize(
    ("address", "offered"),
    [
        ("https://maps.example.org/saliency", True),
        ("http://localhost:8501/saliency", True),
        ("http://127.0.0.1:8501/", True),
        ("http://[::1]:8501/", True),
        ("http://maps.example.org/saliency", False),
        ("http://localhost.example.org/", False),
        ("", False),
    ],
)
def test_the_camera_is_offered_where_browsers_give_it(
    address: str, offered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(st, "context", SimpleNamespace(url=address))
    app = AppTest.from_function(_page).run()
    assert [toggle.label for toggle in app.toggle] == (["Take a photo with the camera"] if offered else [])
    assert ["open this page by HTTPS" in caption.value for caption in app.caption] == ([] if offered else [True])


def _page() -> None:
    from pages.uploads import camera

    camera.wanted()
