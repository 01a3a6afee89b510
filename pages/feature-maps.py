"""Layers, at /feature-maps, which was its name before it had methods of a layer."""

from pages.explore import cams, heads, maps, several
from pages.layout import contents
from pages.shell import sites
from pages.shell.parameters import Parameter
from pages.trust import panel as trust

PAGE = contents.Page(
    "Layers",
    "pages/explore/feature_maps.py",
    section="Explore",
    order=12,
    parameters=(
        *(*maps.PARAMETERS, *cams.PARAMETERS, *heads.PARAMETERS, *sites.PARAMETERS, *several.PARAMETERS),
        *(Parameter("opacity"), *trust.AT_LAYER),
    ),
    slices=True,
    presented=(
        *("chart_channels", "said_channels", "chart_channel", "said_channel", "shown_maps"),
        *("chart_map", "said_map", "shown_layer_method"),
    ),
)

if __name__ == "__main__":
    contents.first_visit()
