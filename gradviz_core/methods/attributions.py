"""What every attribution method is handed and gives. Each method is a plain function, in the file with its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Protocol, runtime_checkable

from torch import Tensor

from gradviz_core.tracing.bias_terms import BiasTerms
from gradviz_core.tracing.relu_rules import Rewritten, Rule
from gradviz_core.tracing.scored import Scored, Use
from gradviz_core.types.methods import card_of
from gradviz_core.types.patches import Centres


@dataclass(frozen=True, slots=True)
class Asked:
    """What one pass gave at one point: detached tensors."""

    score: float
    value: Tensor
    """The site's value in that pass."""
    gradient: Tensor
    """∂score/∂site there, with the site's shape; signed."""


@dataclass(frozen=True, slots=True)
class Inside:
    """What one pass gave at a layer output: detached tensors."""

    name: str
    """The layer output in words."""
    value: Tensor
    gradient: Tensor
    """∂score/∂value, of that shape; signed."""
    axis: int
    """Which axis of the value counts channels; axis 0 counts images, the other two are rows and columns."""


@dataclass(frozen=True, slots=True)
class Attention:
    """The weights of one attention layer over the tokens of the picture: detached tensors."""

    weights: Tensor
    """(heads, tokens, tokens): how much of each token (last) goes into each (row); a row sums to 1."""
    gradient: Tensor
    """∂score/∂weights, of that shape; zero where no path leads to the score."""
    patches: Tensor
    """(tokens,): the patch that each token is, row · columns + column; -1 for a class token, a register."""
    grid: tuple[int, int]
    """Rows and columns of patches."""
    guessed: str = ""
    """How the grid was guessed; empty where the operations of the pass show it."""
    centres: Centres | None = None
    """Where the patches lie in the picture; None where they are not evenly spread."""


@runtime_checkable
class Oracle(Protocol):
    """The score as a function of the value at one site, and its gradient.

    The score stays that of the same class, whatever is predicted at another point. Points are taken lazily and in
    their order, several in one pass where each gives as a row of a batch what it gives alone, so that any number of
    them takes the memory of a few. What is given depends on the points and on which of them come
    together, never on an earlier question.
    """

    @property
    def input(self) -> Tensor:
        """The network's input, (1, C, H, W)."""
        ...

    @property
    def colours(self) -> tuple[Tensor, Tensor]:
        """Black and white as the network receives them at its input, (1, C, 1, 1) each."""
        ...

    @property
    def black_and_white(self) -> tuple[Tensor, Tensor] | None:
        """The two colours as the network receives them, (1, C, 1, 1) each; None at a layer output, which has none."""
        ...

    @property
    def axis(self) -> int:
        """Which axis of the site's value counts channels; axis 0 counts images, all others are positions."""
        ...

    def __call__(self, value: Tensor) -> Tensor:
        """∂score/∂site where the site has that value: at its value in the pass it costs nothing, elsewhere a pass."""
        ...

    def score(self, value: Tensor) -> float:
        """The score where the site has that value: a forward pass."""
        ...

    def scores(self, values: Iterable[Tensor]) -> Iterator[float]:
        """The score where the site has each of the values in turn, without a way back."""
        ...

    def each(self, values: Iterable[Tensor]) -> Iterator[Asked]:
        """Score and gradient where the site has each of the values in turn."""
        ...

    def along(self, inputs: Iterable[Tensor]) -> Iterator[Asked]:
        """Score, the site's value and the gradient there, with each of the inputs in turn."""
        ...

    def attentions(self, *, early: bool = False) -> Sequence[Attention]:
        """The attention layers of the pass, in order of execution, up to the last whose weights the score depends on;
        of a method whose card says ``attention``.

        With ``early`` the gradient of layer l is that of the score which the model's last layers give for the tokens as
        they leave block l, with the blocks after it left out: a pass for each block.

        Raises:
            QuestionError: the model has no attention, or its layers do not all attend over the same tokens; with
                ``early`` also where the blocks cannot be told, or the score is read before the end of the last.
            Unreachable: the score depends on the weights of no layer.
        """
        ...

    def of_similar(self, count: int) -> Tensor:
        """The gradient, at the site's own value, of the mean logit of the other classes whose logits are nearest."""
        ...

    def rewritten(self, rule: Rule) -> Rewritten:
        """What comes back to the site's value in the pass where every ReLU on the way has another rule: a pass.

        Raises:
            QuestionError: there is no ReLU on the way, or an activation for which the rule says nothing.
        """
        ...

    def inside(self, name: str) -> Inside:
        """The value of a layer output with rows and columns, and the gradient there: a pass. The name is that of its
        site; an empty one stands for the last such output.

        Raises:
            QuestionError: it has no rows and columns, or the model has no such output.
            UnknownSite: no layer of that name ran.
            Unreachable: no path leads from it to the score.
        """
        ...

    def another_input(self, key: str) -> Tensor:
        """What the network receives for another image, (1, C, H, W) as its input.

        Raises:
            QuestionError: no image is named, or its input would have another shape.
            UnknownImage, BadImage: there is no such image, or it cannot be read.
        """
        ...

    def bias_terms(self) -> BiasTerms:
        """The parts of the score in the pass: x · ∂S/∂x, and what each layer adds by its constant parts; two passes.

        Raises:
            QuestionError: the model takes gradients in its forward pass, or has an operation that cannot be followed.
        """
        ...

    def prepared(self) -> Scored:
        """The network as another library takes it: a module of the input whose output is the score.

        Raises:
            QuestionError: the score is read inside the network, or the network draws random numbers.
        """
        ...

    def activations(self) -> tuple[Use, ...]:
        """The activations and max poolings between the input and the score, and the layers that they are; a pass."""
        ...

    def note(self, sentence: str) -> None:
        """Have the answer say this too."""
        ...

    def keep_tokens(self, numbers: Tensor, layer: Attention) -> None:
        """Have the answer hold a number for each token of a layer, of which those of the patches make the map."""
        ...


GradFn = Callable[[Tensor], Tensor]
"""value -> ∂score/∂value, of the same shape: all that the simplest methods ask of an oracle."""
Options = Mapping[str, int | float | str]
"""Every option of the method's card by name, within its limits; whole numbers are int."""
Method = Callable[[Oracle, Tensor, Options], Tensor]
"""(oracle, value, options) -> attribution, of the value's shape; a class activation map has one channel."""
Series = Callable[[Oracle, Tensor, Options, range], Iterator[Tensor]]
"""(oracle, value, options, which) -> the terms of a sum or mean whose numbers are in ``which``, in that order: a method
whose card says what ``counts`` them. A term depends on its number and the options alone, so that a long sum can be
computed in parts."""
Total = Callable[[Oracle, Tensor, Options], float | None]
"""(oracle, value, options) -> what the attribution sums to, by the law that the card calls ``complete``; None where the
options are such that the law does not hold."""


def function_of(method: str) -> Method:
    """The function of a method that has a card.

    Raises:
        QuestionError: there is no such method.
    """
    found: Method = getattr(_module(method), method)
    return found


def series_of(method: str) -> Series:
    """The function of a method that sums terms.

    Raises:
        QuestionError: there is no such method.
    """
    found: Series = getattr(_module(method), method)
    return found


def total_of(method: str) -> Total:
    """The function ``total`` beside a method whose card calls it complete.

    Raises:
        QuestionError: there is no such method.
    """
    found: Total = _module(method).total
    return found


def _module(method: str) -> ModuleType:
    card_of(method)  # so that no other name becomes the name of a module
    return import_module(f"gradviz_core.methods.{method}")
