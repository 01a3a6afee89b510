"""The option of class activation maps that says what becomes of numbers below zero."""

from __future__ import annotations

from typing import Literal

from gradviz_core.types.controls import Choice, Option


def negative(usual: Literal["cut", "kept"]) -> Choice:
    """Whether numbers below zero become zero; ``usual`` is what the paper's definition says."""
    told = "The paper's definition ends with a ReLU." if usual == "cut" else "The paper's definition has no ReLU."
    options = (Option("cut", "cut off (ReLU)"), Option("kept", "kept"))
    return Choice("negative", "Negative values", options, usual, f"Whether numbers below zero become zero. {told}")
