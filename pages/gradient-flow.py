"""Gradient flow, at /gradient-flow."""

from pages.layout import contents
from pages.shell import sites
from pages.understand import flow

PAGE = contents.Page(
    "Gradient flow",
    "pages/understand/gradient_flow.py",
    section="Understand",
    order=20,
    parameters=(*flow.PARAMETERS, *sites.OF_SITE),
    slices=True,
    presented=("chart_flow", "said_flow"),
)

if __name__ == "__main__":
    contents.first_visit()
