"""What every target says of itself. A kind of target is one file in ``types/targets/``; the formula on tensors is in
the file of the same name in ``tracing/scores/``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, ClassVar, Protocol, Self

from gradviz_core.types.heads import Head, HeadForm, HeadInfo
from gradviz_core.types.subjects import INPUT, Site, SiteInfo


@dataclass(frozen=True, slots=True)
class Block:
    """A few lines of code that belong together, and the imports and functions they need."""

    lines: tuple[str, ...]
    imports: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    """Functions that other blocks may need too: each stands in the program once."""

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)


class Program(Protocol):
    """The program that a target's code is written into: what the model returned, and names that are safe in code."""

    def head_info(self, head: Head, form: HeadForm) -> HeadInfo:
        """What is known of the output that is meant."""

    def site_info(self, site: Site) -> SiteInfo:
        """What is known of a site."""

    def output(self, item: str) -> str:
        """The tensor of this item of what the model returned, in code: ``output["out"]``."""

    def value(self, site: Site) -> str:
        """The value of a site, in code: ``value``, or ``output`` where the model returns it."""

    def index(self, index: int) -> str:
        """The line that names a class: ``index = 3  # star (3)``."""


class Target(ABC):
    """The scalar to differentiate: a frozen dataclass of names and numbers, with a field ``kind`` of its own."""

    __slots__ = ()
    needs_axes: ClassVar[bool] = False
    """Whether it can only be read where it is known which axis counts channels."""
    noun: ClassVar[str] = "score"
    """What rises or falls, in a caption."""
    choice: ClassVar[tuple[str, str] | None] = None
    """Where the app offers it in its list of scores of one class: its name in the address, after ``scale=``, and on the
    page."""

    @classmethod
    def of_class(cls, index: int | None, head: Head) -> Self:
        """The target of one class, None being the predicted one, for a kind that has a ``choice``."""
        raise NotImplementedError(f"{cls.__name__} is not offered in the app's list of scores.")

    @property
    @abstractmethod
    def at(self) -> Site | None:
        """The site it is read from; None where it is read from a head of what the model returns."""

    @abstractmethod
    def words(self, labels: Sequence[str]) -> str:
        """The score in words: ``the logit of star (5)``."""

    @abstractmethod
    def symbol(self, labels: Sequence[str]) -> str:
        r"""The score in LaTeX: ``z_{\text{star}}``."""

    @abstractmethod
    def unit(self) -> str:
        """The unit of the score: ``logit``, ``nat``, ``probability``, ``output unit`` or ``activation``."""

    @abstractmethod
    def named(self) -> str:
        """The scalar as it is named in an error or a note: ``the logit of class 5``."""

    @abstractmethod
    def code(self, program: Program) -> Block:
        """PyTorch that ends with ``score``, from ``output`` or ``value``."""

    @property
    def explains(self) -> int | None:
        """The class whose score it is; None where that is not said, or it is no class's."""
        return None

    @property
    def may_stop(self) -> bool:
        """Whether the forward pass may end once the target's site has its value.

        It may not where the scores are needed, nor where later layers help to tell which axis counts channels.
        """
        return self.at is not None and not self.needs_axes and not self.at.path.startswith(INPUT.path)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """A field of type ``Target`` holds any kind of target."""
        if cls is not Target:
            return handler(source)
        from gradviz_core.types.targets import KINDS

        return handler.generate_schema(reduce(or_, KINDS))


class OfHead(Target):
    """A target that is read from one head of what the model returns; it has a field ``head``."""

    __slots__ = ()
    form: ClassVar[HeadForm]
    """The form of the heads that it is read from."""
    head: Head

    @property
    def at(self) -> None:
        """It is read from no site."""
        return None


class OfSite(Target):
    """A target that is read from one site; it has a field ``site``."""

    __slots__ = ()
    site: Site

    @property
    def at(self) -> Site:
        """The site."""
        return self.site

    def unit(self) -> str:
        """That of an activation."""
        return "activation"
