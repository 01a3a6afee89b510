"""Layer outputs of complex numbers, such as those of a Fourier transform. What GradViz shows is real."""

from __future__ import annotations

from collections.abc import Iterable

from gradviz_core.errors import QuestionError
from gradviz_core.tracing.trace import Trace
from gradviz_core.types import Site
from gradviz_core.types.sites import site_name

_NAMED = 3


def check_real(trace: Trace, sites: Iterable[Site]) -> None:
    """Refuse sites of complex numbers.

    Raises:
        QuestionError: there is one.
    """
    for site in sites:
        if trace.value(site).is_complex():
            raise QuestionError(
                f"{site_name(site)} gives complex numbers, whose gradient is not shown. Choose a layer output before "
                "or after it that gives real ones."
            )


def of_complex_numbers(trace: Trace) -> list[Site]:
    """Those of the sites that a pass kept."""
    return [site for site, value in trace.values.items() if value.is_complex() and site not in trace.aliases]


def names(sites: list[Site]) -> str:
    """The first three by name, and that there are others."""
    return ", ".join(site_name(site) for site in sites[:_NAMED]) + (" and others" if len(sites) > _NAMED else "")
