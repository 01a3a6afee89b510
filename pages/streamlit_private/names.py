"""Private or unstable names of Streamlit, looked up as text.

Each file here is about one thing that needs such names, and says what is missing if one is gone. Tested with
Streamlit 1.67, Starlette 1.10 and Plotly 7.1.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def found(module: str, name: str) -> Any:
    """The object with this name; None if it is gone."""
    try:
        return getattr(import_module(module), name, None)
    except ImportError:
        return None
