"""What a lesson is made of: plain functions, and what is claimed of their results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gradviz_core.types.lesson_cards import Claim, Picture

Found = Mapping[str, Any]
"""The results of a step, tensors detached, and the controls of its lesson, by name."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a step, asked before its results are shown. Its texts may name controls and ``words`` in braces,
    as those of the step."""

    text: str
    answers: tuple[str, ...]
    right: Callable[[Found], int]
    """Index of the correct answer, found from the results."""
    why: str = ""
    """What the sentence of the step does not say of it."""
    told: bool = False
    """Whether the sentence of the step tells the answer: then it is shown with the results."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a lesson.

    ``code`` takes controls of the lesson by name, runs, and its source is shown. It uses nothing but torch and the
    standard library, and returns tensors, modules, numbers, texts, None, and errors or warnings that were expected.
    """

    sentence: str
    """What the results show. May name controls and ``words`` in braces, as may the texts of its pictures."""
    code: Callable[..., dict[str, object]]
    check: Callable[[Found], Iterable[Claim]]
    """What is true of the results, checked on them."""
    graph_of: str = ""
    """Name of the result whose computation graph is drawn; in a step that repairs something, before the fix."""
    pictures: tuple[Picture, ...] = ()
    repaired_graph_of: str = ""
    """Name of the result whose computation graph is drawn as it is after the fix."""
    words: Callable[[Found], Mapping[str, str]] = lambda found: {}
    """What the texts of the step say that depends on what came out."""
    only: tuple[str, str] | None = None
    """A choice and the option that this step is for; None is for all."""
    question: Question = field(kw_only=True)

    @property
    def key(self) -> str:
        """What it is called in addresses: steps of which a choice selects one have the name of the choice."""
        return self.only[0] if self.only else self.name

    @property
    def name(self) -> str:
        """Name of the function."""
        return self.code.__name__


def index_of(*true: bool) -> int:
    """Index of the first that is true.

    Raises:
        ValueError: none is, so none of the answers is correct.
    """
    return true.index(True)


def difference(one: Tensor, other: Tensor) -> float:
    """Largest difference between the elements of two tensors of the same shape."""
    if one.shape != other.shape:
        raise ValueError(f"Tensors of shapes {tuple(one.shape)} and {tuple(other.shape)} cannot be compared.")
    return float((one.double() - other.double()).abs().max())


def equal(what: str, one: Tensor, other: Tensor, *, within: float = 0.0) -> Claim:
    """The claim that two tensors are equal, or that no element differs by more than ``within`` times the largest.

    ``within`` is for values that were computed in another order: float32 keeps about seven digits.
    """
    apart = difference(one, other)
    allowed = within * float(other.abs().max())
    rounding = f" (rounding; at most {allowed:.0e} is allowed)" if apart else ""
    return Claim(f"{what}: largest difference {apart:.2g}{rounding}.", apart <= allowed)


def refused(what: str, error: object, words: str) -> Claim:
    """The claim that PyTorch raised an error with these words in it."""
    said = str(error).split(". ")[0].rstrip(".") if isinstance(error, Exception) else "no error was raised"
    return Claim(f"{what}: “{said}”.", words in said)


def missing(what: str, gradient: object) -> Claim:
    """The claim that a gradient is None."""
    return Claim(f"{what} is {'None' if gradient is None else 'not None'}.", gradient is None)


def there(what: str, gradient: object) -> Claim:
    """The claim that a gradient is there and not zero everywhere."""
    if not isinstance(gradient, Tensor):
        return Claim(f"{what} is None.", False)
    size = float(torch.linalg.vector_norm(gradient))
    return Claim(f"{what} exists; its norm is {size:.4g}.", size > 0)


def zero(what: str, gradient: object) -> Claim:
    """The claim that a gradient is there and zero everywhere: not None."""
    holds = isinstance(gradient, Tensor) and not gradient.any()
    return Claim(f"{what} exists and is exactly zero." if holds else f"{what} is not zero.", holds)
