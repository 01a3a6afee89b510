"""Perturbation, at /perturbation."""

from pages.layout import contents
from pages.shell import saliency, sites
from pages.understand import changes

PAGE = contents.Page(
    "Perturbation",
    "pages/understand/perturbation.py",
    section="Understand",
    order=22,
    parameters=(*changes.PARAMETERS, *saliency.PARAMETERS, *sites.PARAMETERS),
    presented=("chart_before", "chart_after", "chart_difference", "said_difference", "shown_epsilon"),
)

if __name__ == "__main__":
    contents.first_visit()
