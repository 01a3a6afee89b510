"""Compare, at /compare."""

from pages.explore import compare_board, compare_items, compare_likeness, compare_place
from pages.layout import contents
from pages.shell.parameters import Parameter

PAGE = contents.Page(
    "Compare",
    "pages/explore/compare.py",
    section="Explore",
    order=13,
    parameters=(
        *compare_items.PARAMETERS,
        *compare_board.PARAMETERS,
        *compare_place.PARAMETERS,
        *compare_likeness.PARAMETERS,
        Parameter("map_view"),
        Parameter("opacity"),
    ),
    presented=(
        *(f"{part}{slot}" for slot in compare_items.SLOTS for part in ("compare_head_", "chart_map")),
        *("compare_scales", "shown_map_view", "shown_map_scale"),
    ),
)

if __name__ == "__main__":
    contents.first_visit()
