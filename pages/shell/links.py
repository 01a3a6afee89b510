"""Addresses of what the app serves beside its pages."""

from __future__ import annotations

import streamlit as st


def to(*parts: str) -> str:
    """The address of ``/parts[0]/parts[1]/...`` below the root of the app's own."""
    base = [part for part in str(st.get_option("server.baseUrlPath")).split("/") if part]
    return "/".join(["", *base, *parts])
