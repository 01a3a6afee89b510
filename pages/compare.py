"""Compare, at /compare."""

from pages.comparing import board, likeness, places, slots
from pages.layout import contents
from pages.shell.parameters import Parameter

PAGE = contents.Page(
    "Compare",
    "pages/comparing/compare.py",
    section="Explore",
    order=13,
    parameters=(
        *slots.PARAMETERS,
        *board.PARAMETERS,
        *places.PARAMETERS,
        *likeness.PARAMETERS,
        Parameter("map_view"),
        Parameter("opacity"),
    ),
    presented=(
        *(f"{part}{slot}" for slot in slots.SLOTS for part in ("compare_head_", "chart_map")),
        *("compare_scales", "shown_map_view", "shown_map_scale"),
    ),
)

if __name__ == "__main__":
    contents.first_visit()
