"""Neurons, at /neurons."""

from pages.layout import contents
from pages.shell import pixel, sites
from pages.shell.parameters import Parameter

PAGE = contents.Page(
    "Neurons",
    "pages/explore/neurons.py",
    section="Explore",
    order=11,
    parameters=(*sites.PARAMETERS, *pixel.PARAMETERS, Parameter("opacity")),
)

if __name__ == "__main__":
    contents.first_visit()
