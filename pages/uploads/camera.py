"""A photo taken with the camera of the device. Browsers give it only to pages on HTTPS, or on this machine."""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st

LOCAL = ("localhost", "127.0.0.1", "::1")


def wanted(mark: str = "") -> bool:
    """Whether the camera is to be shown in place of the uploader. Nobody is asked for their camera before they want
    it. ``mark`` tells the switch from another on the page."""
    if not _given():
        st.caption("To take a photo with the camera, open this page by HTTPS, or as localhost.")
        return False
    return st.toggle("Take a photo with the camera", key=f"take_photo{mark}")


def _given() -> bool:
    """Whether browsers give the camera to a page at this address."""
    address = urlsplit(st.context.url or "")
    return address.scheme == "https" or address.hostname in LOCAL
