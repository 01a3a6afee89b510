"""The card of a method: all that is said of it, and the code that is shown for it. No torch.

Texts of a card hold a few words that begin with a dollar sign and are filled in for the picture at hand; the name of an
option is one of them everywhere: ``$draws``.
"""

from __future__ import annotations

from dataclasses import dataclass

from gradviz_core.types.controls import Control


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodCard:
    """What there is to say of a method; its function has the same file name in ``gradviz_core/methods``."""

    name: str
    """As a control shows it: ``Gradient × input``."""
    in_text: str
    """As a sentence has it: ``gradient × input``."""
    sentence: str
    """What a picture of it shows, without a full stop, so that it goes on with how the channels are reduced. ``$score``
    is the score in words: ``How $score changes with each pixel``."""
    formula: str
    """LaTeX, for one number: ``$slope`` is the derivative, ``$x`` the number itself, ``$score`` the symbol."""
    unit: str
    """``$score`` is the unit of the score, ``$value`` that of what it is taken by: ``$score per $value``."""
    signed: bool
    """Whether its numbers can be negative."""
    colours: str
    """What red and blue mean in a picture with signs: two halves of a sentence. ``$score`` is ``score`` or ``loss``."""
    brightness: str
    """What bright and dark mean in a picture of sizes. ``$score`` as above."""
    shows: str
    """What can be read from it, in a sentence."""
    limits: str
    """What cannot, in a sentence."""
    source: str
    """The paper: authors and year."""
    link: str
    """Where it is found: ``https://...``."""
    code: tuple[str, ...] = ()
    """Lines of PyTorch that turn ``gradient``, of ``score`` by ``x``, both (1, C, H, W), into what the method gives,
    under the same name. Lines may ask for ``gradient_at(other)`` where the input is another one; ``$draws`` is the
    value of an option as Python writes it."""
    imports: tuple[str, ...] = ()
    """Those that ``code`` needs, but for torch."""
    options: tuple[Control, ...] = ()
    """What can be set. A question says what it was; in the address stands what is not at its default."""
