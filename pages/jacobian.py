"""Jacobian, at /jacobian."""

from pages.layout import contents
from pages.understand import jacobian_choice

PAGE = contents.Page(
    "Jacobian",
    "pages/understand/jacobian.py",
    section="Understand",
    order=21,
    parameters=jacobian_choice.PARAMETERS,
    score=False,
    slices=True,
    presented=("first_row", "shown_output"),
)

if __name__ == "__main__":
    contents.first_visit()
