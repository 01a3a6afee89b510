"""The card of a method: all text about it, and the code that is shown for it. No torch.

Texts of a card hold a few placeholders that start with a dollar sign and are filled in for each picture. The name of an
option is a placeholder in every text: ``$draws``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gradviz_core.types.controls import AnyControl
from gradviz_core.types.series import Gathered
from gradviz_core.types.verdicts import Verdict

Where = Literal["anywhere", "input", "layer", "attention"]
"""Anywhere; at the input alone; at layer outputs alone; over the attention weights of all layers, as a map of the
patches, with the input for the site that a question names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodCard:
    """All text about a method; its function has the same file name in ``gradviz_core/methods``."""

    name: str
    """As a control shows it: ``Gradient × input``."""
    in_text: str
    """As a sentence has it: ``gradient × input``."""
    sentence: str
    """What a picture of it shows, without a full stop, because the reduction of the channels follows. ``$score`` is the
    score in words, ``$site`` the layer output: ``How $score changes with each pixel``."""
    formula: str
    """LaTeX, for one value: ``$slope`` is the derivative, ``$x`` the value itself, ``$score`` the symbol; ``$outer`` is
    ReLU, or nothing where the option ``negative`` keeps what is below zero."""
    unit: str
    """``$score`` is the unit of the score, ``$value`` that of the input: ``$score per $value``. An option may have
    another (``Option.unit``); this is that of the default."""
    signed: bool
    """Whether its values can be negative; where an option decides it (``negative``, or ``Option.signed``), this is
    what they are by default."""
    colours: str
    """What the two ends of the colour scale mean in a signed picture, in two halves of a sentence: ``$High: it rises;
    $low: it falls.`` ``$high`` and ``$low`` are the words of the scale, ``$score`` is ``score`` or ``loss``."""
    brightness: str
    """The same for a picture of magnitudes."""
    shows: str
    """What it shows, in a sentence."""
    limits: str
    """What it does not show, in a sentence."""
    source: str
    """The paper: authors and year."""
    link: str
    """Address of the paper: ``https://...``."""
    bibtex: str = ""
    """The paper as an entry of BibTeX."""
    verdicts: tuple[Verdict, ...] = ()
    """What others found, for and against it."""
    code: tuple[str, ...] = ()
    """Lines of PyTorch that turn ``gradient``, of ``score`` with respect to ``x``, both (1, C, H, W), into the result
    of the method, under the same name. They may call ``gradient_at(other)`` or ``score_at(other)``, the score as a
    number, for another input, ``score_of(other)``, with its graph, and ``score_from(output)``; ``$draws`` is the value
    of an option as Python writes it.

    Of a map of layer outputs they turn ``value`` and ``gradient``, with their channels on ``$axis`` and positions on
    ``$places``, into ``found``. They may call ``along(other)``, which gives value and gradient with another input, and
    ``instead(other)``, the gradient where the layer gives another value."""
    takes_gradient: bool = False
    """Whether ``code`` makes ``gradient`` by itself, from ``score`` or by those functions; none is taken before it."""
    scores_alone: bool = False
    """Whether it asks for nothing but scores, so that it has a map where no gradient reaches its site too."""
    imports: tuple[str, ...] = ()
    """The imports that ``code`` needs besides torch."""
    options: tuple[AnyControl, ...] = ()
    """What can be set. A question holds the values; the address holds those that are not at their default."""
    counts: str = ""
    """The option that counts the terms of a sum or mean, ``draws`` or ``steps``; empty for a method that sums none. The
    function of such a method takes the numbers of the terms as a fourth argument, and yields the terms."""
    gathered: Gathered = "mean"
    """What becomes of the terms, where there are some."""
    complete: str = ""
    """The law of what the attribution sums to, as in ``the attribution sums to the score less the score of the
    baseline``; empty where there is none. Beside the function stands then ``total(oracle, value, options)``."""
    differences: bool = False
    """Whether it is the gradient itself, or a known number times it, so that finite differences of the score check what
    is shown."""
    where: Where = "anywhere"
    """At which sites it is defined."""
    one_picture: bool = False
    """Whether it hides, enlarges or follows places by rows and columns, so that it is defined for a picture and not for
    the slices of a volume or a clip."""
    one_map: bool = False
    """Whether it gives one map over the positions of a layer output, and not a number for each value: a class
    activation map. It needs nothing but the value and the gradient there."""
