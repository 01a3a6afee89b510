"""The code of every picture: plain, runnable PyTorch that ends with ``shown``, exactly the array that is drawn.

Each function takes what its picture shows and returns a program as text; nothing is run here. A program loads the image
and the model, computes one array and names it ``shown``. It needs GradViz only to load a preset or a
sample.
"""

from gradviz_core.drawing.snippets.backward import plane
from gradviz_core.drawing.snippets.difference import difference
from gradviz_core.drawing.snippets.flow import parameters, sites, strip
from gradviz_core.drawing.snippets.heads import head_map, head_maps
from gradviz_core.drawing.snippets.in_blocks import in_blocks, part, positions_in_blocks
from gradviz_core.drawing.snippets.jacobian import (
    first_direction,
    jacobian,
    one_output,
    sensitivities,
    singular_values,
    singular_values_by_products,
)
from gradviz_core.drawing.snippets.layers import (
    asks_along,
    layer_map,
    layer_maps,
    layer_over_image,
    layer_regions,
    layer_sheet,
)
from gradviz_core.drawing.snippets.maps import feature_map_over_image, feature_maps, sheet
from gradviz_core.drawing.snippets.medians import region_medians
from gradviz_core.drawing.snippets.perturbation import after, classes_after, path, predicted_and_actual
from gradviz_core.drawing.snippets.predicted import predicted_map
from gradviz_core.drawing.snippets.saliency import asks_elsewhere, of_part, saliency
from gradviz_core.drawing.snippets.seen import classes, seen
from gradviz_core.drawing.snippets.setting import Held, Setting
from gradviz_core.drawing.snippets.trust import (
    MapAt,
    insertion,
    map_of_another_draw,
    map_with_noise,
    map_with_shuffled_weights,
    similarity_along_layers,
    similarity_of_another_draw,
    similarity_with_noise,
)
from gradviz_core.drawing.snippets.units import strongest

__all__ = [
    "Held",
    "MapAt",
    "Setting",
    "after",
    "asks_along",
    "asks_elsewhere",
    "classes",
    "classes_after",
    "difference",
    "feature_map_over_image",
    "feature_maps",
    "first_direction",
    "head_map",
    "head_maps",
    "in_blocks",
    "insertion",
    "jacobian",
    "layer_map",
    "layer_maps",
    "layer_over_image",
    "layer_regions",
    "layer_sheet",
    "map_of_another_draw",
    "map_with_noise",
    "map_with_shuffled_weights",
    "of_part",
    "one_output",
    "parameters",
    "part",
    "path",
    "plane",
    "positions_in_blocks",
    "predicted_and_actual",
    "predicted_map",
    "region_medians",
    "saliency",
    "seen",
    "sensitivities",
    "sheet",
    "similarity_along_layers",
    "similarity_of_another_draw",
    "similarity_with_noise",
    "singular_values",
    "singular_values_by_products",
    "sites",
    "strip",
    "strongest",
]
