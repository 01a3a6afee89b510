"""Input saliency, at /saliency."""

from pages.layout import contents
from pages.shell import pixel, saliency, slices
from pages.shell.parameters import Parameter
from pages.trust import panel as trust

PAGE = contents.Page(
    "Input saliency",
    "pages/explore/saliency.py",
    section="Explore",
    order=10,
    parameters=(*saliency.PARAMETERS, *pixel.PARAMETERS, *slices.PARAMETERS, Parameter("opacity"), *trust.AT_INPUT),
    slices=True,
    presented=("chart_image", "chart_gradient", "said_gradient", "shown_view"),
)

if __name__ == "__main__":
    contents.first_visit()
