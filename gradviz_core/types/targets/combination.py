"""Any linear combination of the entries of a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types.sites import site_name
from gradviz_core.types.subjects import OUTPUT, Site
from gradviz_core.types.target import Block, OfSite, Program

_MOST_WORDS = 3
"""Terms of a combination that are written out in words."""
_MOST_TERMS = 4
"""Terms that are added up on one line of code."""


@dataclass(frozen=True, slots=True)
class Term:
    """One entry of a value, ``value[index]`` with all axes including the batch axis, and its weight."""

    index: tuple[int, ...]
    weight: float = 1.0

    def __post_init__(self) -> None:
        """1 and 1.0 are the same weight, and so are 0.0 and -0.0."""
        object.__setattr__(self, "weight", float(self.weight) or 0.0)


@dataclass(frozen=True, slots=True)
class Combination(OfSite):
    """Σ weight · value[index] over the terms: any entry of an output or of a site inside, or any linear combination of
    entries."""

    terms: tuple[Term, ...]
    site: Site = OUTPUT
    kind: Literal["combination"] = field(default="combination", repr=False)

    def words(self, labels: Sequence[str]) -> str:
        """``the combination +2 · (0, 2) −0.5 · (0, 1) of values of fc``."""
        if self._is_one_number():
            return f"the value ({_at(self.terms[0], ', ')}) of {site_name(self.site)}"
        parts = [f"{term.weight:+.4g} · ({_at(term, ', ')})".replace("-", "−") for term in self.terms[:_MOST_WORDS]]
        more = f" and {len(self.terms) - _MOST_WORDS} more" if len(self.terms) > _MOST_WORDS else ""
        return f"the combination {' '.join(parts)}{more} of values of {site_name(self.site)}"

    def symbol(self, labels: Sequence[str]) -> str:
        r"""``a_{0,2}``, or ``\sum_m w_m a_m``."""
        return f"a_{{{_at(self.terms[0], ',')}}}" if self._is_one_number() else r"\textstyle\sum_m w_m a_m"

    def unit(self) -> str:
        """That of the value."""
        return "activation" if self.site.path else "output unit"

    def named(self) -> str:
        """``the combination of 2 values of fc``."""
        return f"the combination of {len(self.terms)} values of {site_name(self.site)}"

    def code(self, program: Program) -> Block:
        """One number after the other."""
        terms = [_code(term, program.value(self.site)) for term in self.terms]
        if len(terms) <= _MOST_TERMS:
            return Block((f"score = {' + '.join(terms)}",))
        return Block(("score = 0", *(f"score = score + {term}" for term in terms)))

    def _is_one_number(self) -> bool:
        return len(self.terms) == 1 and self.terms[0].weight == 1


def _at(term: Term, between: str) -> str:
    return between.join(map(str, term.index))


def _code(term: Term, value: str) -> str:
    times = "" if term.weight == 1 else f"{term.weight!r} * "
    return f"{times}{value}[{_at(term, ', ')}]" if term.index else f"{times}{value}"
