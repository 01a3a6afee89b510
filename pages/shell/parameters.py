"""What choices there are in the address, and which of them mean nothing any more once another one changes.

The file that draws the control of a choice declares it, in ``PARAMETERS``; ``pages/layout/contents.py`` collects all. A
name never changes its meaning: addresses that people have kept go on showing what they showed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parameter:
    """One choice in the address."""

    name: str
    within: tuple[str, ...] = ()
    """Choices that it is made within. It is dropped when one of them changes, or is dropped itself."""
    while_it_fits: tuple[str, ...] = ()
    """Choices that it outlives when they change, but only where it fits what comes then."""


class Parameters:
    """All that are declared."""

    def __init__(self, declared: Iterable[Parameter] = ()) -> None:
        """Raises ValueError where one name is declared in two ways."""
        self._declared: dict[str, Parameter] = {}
        for parameter in declared:
            if self._declared.setdefault(parameter.name, parameter) != parameter:
                raise ValueError(f"The choice {parameter.name!r} is declared twice. Give one of them another name.")

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self._declared)

    def dropped_with(self, name: str) -> frozenset[str]:
        """Those that mean nothing any more once ``name`` changes."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            changed = waiting.pop()
            new = {each.name for each in self._declared.values() if changed in each.within} - found
            found |= new
            waiting += new
        return frozenset(found)

    def questioned_with(self, name: str) -> frozenset[str]:
        """Those that outlive a change of ``name`` only where they fit."""
        return frozenset(each.name for each in self._declared.values() if name in each.while_it_fits)
