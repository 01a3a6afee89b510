"""The captions of maps over the patches of a transformer."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gradviz_core.drawing import how_to_read, method_words
from gradviz_core.drawing.captions import Caption, scale_text
from gradviz_core.types import Field, Target
from gradviz_core.types.methods import OptionValues
from gradviz_core.types.tokens import TokenNumbers
from gradviz_core.types.views import VIEWS


def over_patches(
    method: str, options: OptionValues, target: Target, labels: Sequence[str], field: Field, tokens: TokenNumbers
) -> Caption:
    """Under what a method over all attention layers gives for each patch."""
    what = method_words.sentence(method, options, target, labels)
    apart = f" {are_apart(tokens.apart)}" if tokens.apart else ""
    return Caption(
        f"{what}. {method_words.colours(method, field, target)} Each square is a patch.{apart}",
        method_words.formula(method, options, target, labels, "p"),
        (
            f"{tokens.rows}×{tokens.columns} patches",
            field.unit,
            scale_text(field),
            *method_words.facts(method, options),
        ),
        how_to_read.saliency(method, VIEWS[0], field, target),
    )


def are_apart(tokens: Collection[int]) -> str:
    """That these tokens are no patches, and so not on the map."""
    if len(tokens) == 1:
        return f"{_named(tokens)} is not a patch, so its number stands below."
    return f"{_named(tokens)} are not patches, so their numbers stand below."


def _named(tokens: Collection[int]) -> str:
    """``Token 0``; ``Tokens 0 to 4``; ``Tokens 0, 50``."""
    numbers = sorted(tokens)
    if len(numbers) == 1:
        return f"Token {numbers[0]}"
    if numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"Tokens {numbers[0]} to {numbers[-1]}"
    return f"Tokens {', '.join(map(str, numbers))}"
