"""Neurons, at /neurons."""

from pages.explore import unit_map
from pages.layout import contents
from pages.shell import sites, slices
from pages.shell.parameters import Parameter

PAGE = contents.Page(
    "Neurons",
    "pages/explore/neurons.py",
    section="Explore",
    order=11,
    parameters=(*sites.PARAMETERS, Parameter("opacity"), *unit_map.PARAMETERS, *slices.PARAMETERS),
    score=False,
    slices=True,
    presented=("chart_activation", "said_activation", "chart_gradient", "said_gradient", "shown_channel"),
)

if __name__ == "__main__":
    contents.first_visit()
