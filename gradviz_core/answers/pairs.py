"""A network of two images as one of a single image: the other is bound, so that every method sees a function of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch

from gradviz_core.answers import pictures
from gradviz_core.answers.load import Model
from gradviz_core.errors import QuestionError, Unreachable
from gradviz_core.types import keys
from gradviz_core.types.cards import ModelCard


def of_one_image(model: Model, image: str, device: torch.device) -> tuple[Model, str]:
    """The network as a function of the image that is looked at, with the card of that, and this image's own key. A
    network of one image stays as it is.

    Raises:
        QuestionError: the key names one image and the network takes two, or the other way round.
        UnknownImage, BadImage: the image that is held is not there, or as ``pictures.as_seen`` does.
    """
    named, card = keys.images(image), model.card
    if len(named) != (1 if card.other is None else 2):
        raise QuestionError(_wrong_count(card, named))
    if card.other is None:
        return model, image
    which = keys.place(image)
    steps = (card.preprocessing, card.other)
    held = torch.tensor(pictures.as_seen(named[1 - which], steps[1 - which]).numbers, device=device)
    from gradviz_core.uploads.exported import OfOneImage, Program

    assert isinstance(model.module, Program), "only a program takes two images"
    bound = replace(card, preprocessing=steps[which], other=steps[1 - which], looked_at=which)
    return Model(OfOneImage(model.module, which, held).requires_grad_(False), bound), named[which]


@contextmanager
def naming_the_other(image: str) -> Iterator[None]:
    """Where only the held image changes a value, the error about its gradient says so.

    Raises:
        Unreachable: as within, with one more sentence where the image's key names two.
    """
    try:
        yield
    except Unreachable as error:
        if not keys.held(image):
            raise
        raise Unreachable(f"{error} Or it depends on the image alone that is held here: look at that one.") from error


def _wrong_count(card: ModelCard, named: tuple[str, ...]) -> str:
    if card.other is None:
        return (
            f"This model takes one image, and the question names {len(named)}. Name one of them: "
            f"image={named[0][:80]!r}."
        )
    example = keys.pair(named[0] if len(named) == 1 and named[0] else "sample/coffee", "sample/dahlia")
    names = " and ".join(map(repr, card.inputs))
    return (
        f"This model takes two images, {names}, and the question names {len(named)}. Name two with a tilde between "
        f"them, such as image={example[:160]!r}; with @2 behind them the gradient is that of the second."
    )
