"""What the class activation maps share: one map over the positions of a layer output, summed over its channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from gradviz_core.errors import QuestionError
from gradviz_core.methods.attributions import Options, function_of
from gradviz_core.types.methods import card_of


@runtime_checkable
class Layer(Protocol):
    """What such a map is made from besides the value: part of an ``Oracle``."""

    @property
    def axis(self) -> int:
        """Which axis of the value counts channels."""
        ...

    def __call__(self, value: Tensor) -> Tensor:
        """∂score/∂value."""
        ...

    def of_similar(self, count: int) -> Tensor:
        """The gradient of the mean logit of the other classes whose logits are nearest."""
        ...

    def note(self, sentence: str) -> None:
        """Have the answer say this too."""
        ...


Cam = Callable[[Layer, Tensor, Options], Tensor]
"""(layer, value, options) -> one map over the positions: the value's shape with one channel."""


def cam_of(method: str) -> Cam:
    """The function of a method whose card says ``one_map``.

    Raises:
        QuestionError: there is no such method, or it gives a number for each value.
    """
    card = card_of(method)
    if not card.one_map:
        raise QuestionError(f"{card.name} gives no single map of a layer. Choose a method that does, as grad_cam.")
    return cast(Cam, function_of(method))


def positions(value: Tensor, axis: int) -> tuple[int, ...]:
    """The axes of a value that count positions: all but that of images and ``axis``, that of channels. The first axis
    counts windows of the one image where it is longer than 1, and so positions too.

    Raises:
        QuestionError: there are none.
    """
    places = tuple(each for each in range(1, value.dim()) if each != axis)
    if places and value.shape[0] > 1:
        places = (0, *places)
    if not places:
        raise QuestionError(
            f"A class activation map is a map of positions, and a value of shape {tuple(value.shape)} has none. Choose "
            "a layer output with rows and columns, or with tokens."
        )
    return places


def weighted(
    weights: Float[Tensor, "*weights"], value: Float[Tensor, "*shape"], axis: int, options: Options
) -> Float[Tensor, "*map"]:
    """Σ over the channels of weights · value, with one channel; negative numbers become 0 where the options say so.

    ``weights`` has the value's shape, or one entry for each position or channel.
    """
    return cut((weights * value).sum(axis, keepdim=True), options)


def cut(found: Float[Tensor, "*shape"], options: Options) -> Float[Tensor, "*shape"]:
    """The map as it is, or its ReLU."""
    return found.relu() if options["negative"] == "cut" else found
