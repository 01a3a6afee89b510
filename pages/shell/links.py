"""Addresses of what the app serves besides its pages."""

from __future__ import annotations

from urllib.parse import quote

import streamlit as st


def document(name: str) -> str:
    """The address of the page that shows ``docs/<name>.md``."""
    return f"{to('docs')}?document={name}"


def term(name: str) -> str:
    """The address of the glossary, with the term that is asked for."""
    return f"{document('glossary')}#{quote(name)}"


def to(*parts: str) -> str:
    """The address of ``/parts[0]/parts[1]/...`` below the app's base path."""
    base = [part for part in str(st.get_option("server.baseUrlPath")).split("/") if part]
    return "/".join(["", *base, *parts])
