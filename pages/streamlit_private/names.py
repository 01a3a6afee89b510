"""Names of Streamlit that it does not promise to keep, found by their text.

Each file here is about one thing that needs such names, and says what is missing where one is gone. Tried with
Streamlit 1.67, Starlette 1.10 and Plotly 7.1.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def found(module: str, name: str) -> Any:
    """What stands under a name; None where it is gone."""
    try:
        return getattr(import_module(module), name, None)
    except ImportError:
        return None
