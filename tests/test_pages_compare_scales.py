"""Compare without a browser: scales of their own, and maps of two images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from pages.shell.answer_cache import answer_cache
from tests.opening import answer_here, chart, opened, values
from tests.test_pages_compare import COMPARE, SHAPES, said_of_maps


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    answer_cache.clear()
    answer_here(monkeypatch)
    yield
    answer_cache.clear()


def test_maps_of_two_images_are_not_compared_place_by_place() -> None:
    app = opened(COMPARE, **SHAPES, map2="gradient", map2_image="sample/heart", map3="none")
    (table,) = [m.value for m in app.markdown if m.value.startswith("| maps |")]
    assert [cell.strip() for cell in table.splitlines()[2].split("|")[1:-1]] == [
        "A, B",
        *["–"] * 3,
        "nothing: two images",
    ]


def test_each_map_can_have_a_scale_of_its_own_and_their_difference_stays() -> None:
    shared, own = opened(COMPARE, **SHAPES), opened(COMPARE, **SHAPES, map_scale="own")
    limits = [chart(own, key)["data"][-1]["zmax"] for key in ("map1", "map2")]
    assert limits[1] < 0.9 * limits[0]
    said = " ".join(one.value for one in own.caption)
    assert all(f"{letter} has a scale of its own" in said for letter in "ABC")
    assert "one scale" not in said
    np.testing.assert_array_equal(values(chart(own, "map_difference")), values(chart(shared, "map_difference")))
    control = shared.button_group(key="shown_map_scale")
    control.set_value("own").run()
    assert said_of_maps(shared) == {"map_scale": "own"}
