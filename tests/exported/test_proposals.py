"""What is proposed for the pictures of an exported model, by the shape of its input."""

from __future__ import annotations

import pytest

from gradviz_core.types.cards import Preprocessing
from gradviz_core.types.input_shapes import proposals

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, which most models were trained on."""


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 3, None, None), Preprocessing((224, 224), 256, MEAN, STD)),
        ((1, 3, 64, 48), Preprocessing((64, 48), None, MEAN, STD)),
        ((1, 3, 448, None), Preprocessing((448, 224), 512, MEAN, STD)),
        ((1, 1, 28, 28), Preprocessing((28, 28), 28, (0.5,), (0.5,))),
    ],
)
def test_the_size_is_the_models_own_and_the_rest_what_is_usual(
    shape: tuple[int | None, ...], expected: Preprocessing
) -> None:
    assert proposals(shape) == (expected,)
