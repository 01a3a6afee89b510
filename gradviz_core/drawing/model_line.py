"""What is known of a model, in one line."""

from __future__ import annotations

from gradviz_core.drawing.captions import count_text, share_text
from gradviz_core.types import ModelCard
from gradviz_core.types.cards import Preprocessing


def model_line(card: ModelCard) -> str:
    """``194 k parameters · accuracy 99.2 % · input 96×96``; of two images ``inputs 96×96 and 96×96`` in order."""
    every = [_size(card.preprocessing)]
    if card.other is not None:
        every.insert(1 - card.looked_at, _size(card.other))
    accuracy = [f"accuracy {share_text(card.accuracy[0].value)}"] if card.accuracy else []
    inputs = f"input{'s' if len(every) > 1 else ''} {' and '.join(every)}"
    return " · ".join([f"{count_text(card.parameters)} parameters", *accuracy, inputs])


def _size(steps: Preprocessing) -> str:
    return "×".join(map(str, (*([steps.slices] if steps.slices else []), *steps.size)))
