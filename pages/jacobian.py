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
    presented=("chart_sensitivities", "chart_matrix", "chart_output", "said_sensitivities", "said_matrix"),
)

if __name__ == "__main__":
    contents.first_visit()
