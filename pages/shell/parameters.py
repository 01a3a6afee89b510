"""The choices in the address, and which of them lose their meaning when another one changes.

The file that draws the control of a choice declares it in ``PARAMETERS``; ``pages/layout/contents.py`` collects them
all. A name never changes its meaning: saved addresses must always show the same view.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parameter:
    """One choice in the address."""

    name: str
    within: tuple[str, ...] = ()
    """Choices that it depends on. It is dropped when one of them changes or is dropped."""
    while_it_fits: tuple[str, ...] = ()
    """When one of these choices changes, it is dropped only if it no longer fits."""
    personal: bool = False
    """Whether it says what this person did, such as an answer to a question: "Copy link" leaves it out."""


@dataclass(frozen=True, slots=True)
class Unsaid:
    """What it means that an address does not name a choice."""

    name: str
    nothing: str
    """Where it says nothing at all, so that it stands for a page."""
    something: str
    """Where it names another choice, so that it stands for a picture: this never changes, as people keep addresses."""

    def meaning(self, said: Collection[str]) -> str:
        """Of an address that names these choices and not this one."""
        return self.something if said else self.nothing


class Parameters:
    """All declared choices."""

    def __init__(self, declared: Iterable[Parameter] = ()) -> None:
        """Raises ValueError if one name is declared in two ways."""
        self._declared: dict[str, Parameter] = {}
        for parameter in declared:
            if self._declared.setdefault(parameter.name, parameter) != parameter:
                raise ValueError(f"The choice {parameter.name!r} is declared twice. Give one of them another name.")

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self._declared)

    @property
    def personal(self) -> frozenset[str]:
        """Those that "Copy link" leaves out."""
        return frozenset(each.name for each in self._declared.values() if each.personal)

    def dropped_with(self, name: str) -> frozenset[str]:
        """Those that are dropped when ``name`` changes."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            changed = waiting.pop()
            new = {each.name for each in self._declared.values() if changed in each.within} - found
            found |= new
            waiting += new
        return frozenset(found)

    def questioned_with(self, name: str) -> frozenset[str]:
        """Those that survive a change of ``name`` only if they still fit."""
        return frozenset(each.name for each in self._declared.values() if name in each.while_it_fits)
