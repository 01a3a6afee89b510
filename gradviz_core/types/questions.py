"""What every question and every answer has. Each kind has its own file beside this one.

A question is an immutable value of names and numbers, and is its own cache key. Its type names the type of its answer:
a ``Question[A]`` is answered with an ``A``.
"""

from __future__ import annotations

from dataclasses import Field
from typing import Any, ClassVar, Generic

from typing_extensions import TypeVar

from gradviz_core.types import keys
from gradviz_core.types.arrays import Arrays
from gradviz_core.types.methods import OptionValues, not_applying
from gradviz_core.types.receipts import Receipt


class Answer:
    """Arrays by name, and text about them. Each kind is a frozen dataclass with these fields."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    question: Question
    receipt: Receipt
    arrays: Arrays
    kind: str
    """That of the question."""


A = TypeVar("A", bound=Answer)
A_co = TypeVar("A_co", bound=Answer, covariant=True, default=Answer)


class Question(Generic[A_co]):
    """A question whose answer is an ``A_co``. Each kind is a frozen dataclass; its ``kind`` is the name of its file."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    kind: str


class AboutAModel(Question[A_co]):
    """A question about the pass of an image through a model; each kind has these fields."""

    __slots__ = ()

    model: str
    """Key of the model, and of the image: see ``keys.py``."""
    image: str
    seed: int
    """The random seed of a model that draws random numbers; others ignore it."""

    @property
    def others(self) -> tuple[str, ...]:
        """Keys of further images that its options name and its method reads, such as a baseline; beside another kind of
        baseline it reads none."""
        options: OptionValues = getattr(self, "options", ())
        named = {name: value for name, value in options if isinstance(value, str)}
        images = [name for name, value in named.items() if keys.kind(value) in (keys.SAMPLE, keys.UPLOAD)]
        unread = not_applying(getattr(self, "method", ""), options) if images else ()
        return tuple(named[name] for name in images if name not in unread)
