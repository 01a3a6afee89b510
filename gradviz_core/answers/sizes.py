"""How large an answer will be, told from shapes alone, before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Mapping

from gradviz_core.answers.units import MOST_UNITS
from gradviz_core.errors import TooCostly
from gradviz_core.types import (
    INPUT,
    OUTPUT,
    AboutAModel,
    GradientQuestion,
    JacobianQuestion,
    OutputQuestion,
    PerturbationQuestion,
    Site,
    SpectrumQuestion,
    SurveyQuestion,
    UnitsQuestion,
)
from gradviz_core.types.blocks import MOST_WHOLE
from gradviz_core.types.methods import PLAIN


def check(question: AboutAModel, shape: tuple[int, ...], sites: Mapping[Site, int]) -> None:
    """Refuse a question about an uploaded model whose answer would hold more than ``MOST_WHOLE`` bytes of arrays.
    ``shape`` is the input's, ``sites`` says how many bytes each value of the forward pass has.

    Raises:
        TooCostly: it would; the message says how much, and what to do.
    """
    if (size := whole_bytes(question, shape, sites)) > MOST_WHOLE:
        raise TooCostly(
            f"The answer would hold {size / 1e6:,.0f} MB of numbers; the limit for uploaded models is "
            f"{MOST_WHOLE / 1e6:g} MB. {_advice(question)}"
        )


def whole_bytes(question: AboutAModel, shape: tuple[int, ...], sites: Mapping[Site, int]) -> int:
    """Bytes of the arrays of the answer. A site that is not known counts as nothing: asking for it is an error, as it
    is for more units than there may be. So do the few numbers that some answers have for each layer or row."""
    known = {**sites, INPUT: 4 * math.prod(shape)}
    picture = 3 * math.prod(shape[2:])
    match question:
        case GradientQuestion(wrt=wrt, method=method):
            each = 2 if method == PLAIN else 3
            return picture + each * sum(known.get(site, 0) for site in wrt)
        case UnitsQuestion(count=count):
            return min(count, MOST_UNITS) * known[INPUT]
        case SurveyQuestion():
            return picture
        case PerturbationQuestion():
            return 2 * picture + known[INPUT]
        case SpectrumQuestion(of=of, wrt=wrt, count=count):
            return count * (known.get(of, 0) + known.get(wrt, 0))
        case JacobianQuestion(wrt=wrt):
            return known.get(wrt, 0)
        case OutputQuestion():
            return 3 * sum(size for site, size in known.items() if (site.path, site.call) == (OUTPUT.path, OUTPUT.call))
    return 0


def _advice(question: AboutAModel) -> str:
    match question:
        case UnitsQuestion(count=count) if count > 1:
            return "Ask for fewer channels, or export the model for a smaller input."
        case GradientQuestion(wrt=wrt) if len(wrt) > 1:
            return "Ask for fewer sites, or export the model for a smaller input."
        case SpectrumQuestion(count=count) if count > 1:
            return "Ask for fewer singular values, or choose a smaller site."
    return "Choose a smaller site, or export the model for a smaller input."
