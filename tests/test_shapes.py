"""Shapes written in the types are checked while the tests run."""

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from gradviz_core import images
from gradviz_core.types import Preprocessing


def test_shapes_in_the_types_are_checked() -> None:
    steps = Preprocessing((4, 4), None, (0.5,) * 3, (0.5,) * 3)
    with pytest.raises(TypeCheckError, match="h w 3"):
        images.normalise(np.zeros((3, 4, 4), np.uint8), steps)
