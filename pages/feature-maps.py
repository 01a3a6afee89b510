"""Feature maps, at /feature-maps."""

from pages.explore import maps
from pages.layout import contents
from pages.shell import sites

PAGE = contents.Page(
    "Feature maps",
    "pages/explore/feature_maps.py",
    section="Explore",
    order=12,
    parameters=(*maps.PARAMETERS, *sites.PARAMETERS),
    presented=("chart_channels", "said_channels", "chart_channel", "said_channel", "shown_maps"),
)

if __name__ == "__main__":
    contents.first_visit()
