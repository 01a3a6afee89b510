"""The most active channels at one place of a site."""

from __future__ import annotations

from torch import Tensor

from gradviz_core.errors import BadTarget, QuestionError
from gradviz_core.tracing.scores import targets
from gradviz_core.types import UnitsQuestion, sites

MOST_UNITS = 64


def strongest(question: UnitsQuestion, value: Tensor, axis: int) -> dict[int, tuple[int, ...]]:
    """Channel -> index of its unit at the question's place, for the most active channels there, strongest first.

    Raises:
        BadTarget: there is no such place, or several images went in.
        QuestionError: too many channels are asked for.
    """
    targets.of_one_image(value, question.site)
    shape = tuple(value.shape[1:])
    places = (*shape[: axis - 1], *shape[axis:])
    if len(question.place) != len(places) or any(not 0 <= i < n for i, n in zip(question.place, places, strict=False)):
        limit = ", ".join(f"0 to {n - 1}" for n in places) or "none: it has no places"
        raise BadTarget(
            f"Place {question.place} does not exist at {sites.in_words(question.site)}: its places are ({limit}). "
            "Choose one of them."
        )
    if not 1 <= question.count <= MOST_UNITS:
        raise QuestionError(f"{question.count} channels were asked for; choose 1 to {MOST_UNITS}.")
    before, after = question.place[: axis - 1], question.place[axis - 1 :]
    everywhere: tuple[int | slice, ...] = (*before, slice(None), *after)
    here = value[0][everywhere]
    strongest = here.detach().topk(min(question.count, len(here))).indices.tolist()
    return {channel: (*before, channel, *after) for channel in strongest}
