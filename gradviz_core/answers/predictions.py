"""The most likely classes, or the largest values, of an output."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from gradviz_core.answers.scene import Scene
from gradviz_core.errors import BadTarget
from gradviz_core.tracing.scores import by_kind, heads, targets
from gradviz_core.tracing.trace import Trace
from gradviz_core.types import (
    ClassProbability,
    ClassScore,
    ModelCard,
    Target,
    keys,
)
from gradviz_core.types.heads import USUAL_HEAD, Head, HeadInfo, KnownFrom, OutputKind
from gradviz_core.types.targets import OfHead

TOP = 5
"""How many classes a prediction names."""


def of_survey(scene: Scene, head: Head) -> tuple[ClassProbability, ...]:
    """What the model predicts at ``head``; nothing where it returns no row of scores and no head was named.

    Raises:
        BadTarget: the head that was named does not exist, or cannot be what it is said to be.
    """
    if head != USUAL_HEAD:
        heads.row(scene.trace, head)
    return _most_likely(scene.trace, _with_card(head, scene.model.card), scene.model.card)


def of_target(scene: Scene, target: Target) -> tuple[ClassProbability, ...]:
    """What the model predicts at the head that a target was read from; empty where it was read from a site, a map or
    boxes: another output of the model would be misleading."""
    return of_trace(scene.trace, scene.model.card, target)


def of_trace(trace: Trace, card: ModelCard, target: Target) -> tuple[ClassProbability, ...]:
    """The same of a pass of the model that the card is about."""
    if not isinstance(target, OfHead) or target.form != "row":
        return ()
    return _most_likely(trace, _head(target, card), card)


def of_both(
    scene: Scene, after: Trace, target: Target
) -> tuple[tuple[ClassProbability, ...], tuple[ClassProbability, ...]]:
    """The same most likely classes in two passes; empty where there are none, and where the target is read from a map
    or from boxes."""
    if isinstance(target, OfHead) and target.form != "row":
        return (), ()
    card = scene.model.card
    head = _head(target, card)
    before, then = _numbers(scene.trace, head), _numbers(after, head)
    if before is None or then is None:
        return (), ()
    either = {*targets.ranked(before[0])[:TOP], *targets.ranked(then[0])[:TOP]}
    first, second = ([i for i in targets.ranked(numbers) if i in either] for numbers, _ in (before, then))
    return _rows(*before, card, first), _rows(*then, card, second)


def returned(scene: Scene) -> tuple[HeadInfo, ...]:
    """Every tensor of real numbers that the model returned."""
    card = scene.model.card
    return heads.describe(scene.trace, card.reading, known_from(card))


def known_from(card: ModelCard) -> KnownFrom:
    """How the output kind on a card is known."""
    return "recipe" if keys.is_upload(card.key) else "card"


def _head(target: Target, card: ModelCard) -> Head:
    if isinstance(target, OfHead) and target.form == "row":
        return target.head
    return _with_card(USUAL_HEAD, card)


def _with_card(head: Head, card: ModelCard) -> Head:
    read = targets.read_as(ClassScore(head=head), card.reading)
    assert isinstance(read, ClassScore)
    return read.head


def _most_likely(trace: Trace, head: Head, card: ModelCard) -> tuple[ClassProbability, ...]:
    found = _numbers(trace, head)
    return () if found is None else _rows(*found, card, targets.ranked(found[0])[:TOP])


def _numbers(trace: Trace, head: Head) -> tuple[Tensor, OutputKind] | None:
    try:
        row = heads.row(trace, head)
    except BadTarget:
        return None
    return row.values.detach().float(), row.kind


def _rows(numbers: Tensor, kind: OutputKind, card: ModelCard, chosen: Sequence[int]) -> tuple[ClassProbability, ...]:
    shares = by_kind.probabilities(
        numbers.cpu().double(), kind
    )  # in single precision a sure class would have all of it
    return tuple(
        ClassProbability(
            index=i,
            label=card.labels[i] if i < len(card.labels) else f"class {i}",
            logit=numbers[i].item(),
            probability=None if shares is None else shares[i].item(),
            against=card.against if len(numbers) == 1 else "",
        )
        for i in chosen
    )
