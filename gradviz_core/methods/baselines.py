"""Where a path to the value begins."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from gradviz_core.errors import QuestionError
from gradviz_core.methods.attributions import Options, Oracle
from gradviz_core.methods.blurring import blurred
from gradviz_core.methods.draws import generator
from gradviz_core.types.baselines import BLUR


def baseline(oracle: Oracle, value: Float[Tensor, "*shape"], options: Options) -> Float[Tensor, "*shape"]:
    """What the option of this name says: as ``beginning``, or another ``image``.

    Raises:
        QuestionError: as ``beginning`` does, or no image is named.
        UnknownImage, BadImage: there is no such image, or it cannot be read.
    """
    if options["baseline"] == "image":
        if oracle.black_and_white is None:
            raise _of_the_input_alone("image")
        return oracle.another_input(str(options["baseline_image"]))
    return beginning(oracle, value, str(options["baseline"]), generator(options))


def of_the_input(oracle: Oracle, options: Options) -> Float[Tensor, "*shape"]:
    """What the option ``baseline`` says of the network's input, whatever the site is.

    Raises:
        QuestionError, UnknownImage, BadImage: as ``baseline`` does.
    """
    if options["baseline"] == "image":
        return oracle.another_input(str(options["baseline_image"]))
    return _picture(oracle.colours, oracle.input, str(options["baseline"]), generator(options))


def beginning(
    oracle: Oracle, value: Float[Tensor, "*shape"], kind: str, drawn: torch.Generator
) -> Float[Tensor, "*shape"]:
    """``zero``, which at the input is the mean colour of the training data; or at the input ``black``, ``white``, the
    ``blurred`` value, one random ``colour``, or ``noise``: a level between black and white for each number.

    Raises:
        QuestionError: at a layer output, for any other than zero.
    """
    if kind == "zero":
        return torch.zeros_like(value)
    if oracle.black_and_white is None:
        raise _of_the_input_alone(kind)
    return _picture(oracle.black_and_white, value, kind, drawn)


def _of_the_input_alone(kind: str) -> QuestionError:
    return QuestionError(f"The baseline {kind!r} is a picture, so only the input has it. At a layer choose 'zero'.")


def _picture(colours: tuple[Tensor, Tensor], value: Tensor, kind: str, drawn: torch.Generator) -> Tensor:
    black, white = colours
    match kind:
        case "zero":
            return torch.zeros_like(value)
        case "black":
            return black.expand_as(value)
        case "white":
            return white.expand_as(value)
        case "blurred":
            return blurred(value, BLUR * min(value.shape[-2:]))
        case "colour":
            return (black + (white - black) * _levels(black, drawn)).expand_as(value)
        case "noise":
            return black + (white - black) * _levels(value, drawn)
        case _:
            raise ValueError(f"There is no baseline {kind!r}.")


def _levels(like: Tensor, drawn: torch.Generator) -> Tensor:
    """Numbers in 0..1, evenly distributed, drawn on the CPU."""
    return torch.rand(like.shape, generator=drawn, dtype=torch.float32).to(like)
