"""Backward, one step at a time, at /backward."""

from pages.layout import contents
from pages.understand import backward_choice

PAGE = contents.Page(
    "Backward, one step at a time",
    "pages/understand/backward_pass.py",
    section="Understand",
    order=23,
    parameters=backward_choice.PARAMETERS,
    presented=("player", "backward_step"),
)

if __name__ == "__main__":
    contents.first_visit()
