"""Input saliency, at /saliency."""

from pages.explore import trust
from pages.layout import contents
from pages.shell import pixel, saliency
from pages.shell.parameters import Parameter

PAGE = contents.Page(
    "Input saliency",
    "pages/explore/saliency.py",
    section="Explore",
    order=10,
    parameters=(*saliency.PARAMETERS, *pixel.PARAMETERS, Parameter("opacity"), *trust.PARAMETERS),
    presented=("chart_image", "chart_gradient", "said_gradient", "shown_view"),
)

if __name__ == "__main__":
    contents.first_visit()
