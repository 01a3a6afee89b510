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
    presented=("beside_title", "before_and_after", "shown_epsilon"),
)

if __name__ == "__main__":
    contents.first_visit()
