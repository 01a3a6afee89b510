"""The line that builds the network of a file that GradViz does not build, with the names that the file gives away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gradviz_core.models import timm_shapes
from gradviz_core.uploads.weights_files import dialects
from gradviz_core.uploads.weights_files.tensors import Loadable


@dataclass(frozen=True, slots=True)
class Origin:
    """How the library builds the network that the weights are of."""

    imports: str
    line: str
    loaded: bool
    """Whether this loads the weights too."""
    side: int
    """Height and width of the image that it takes."""


def origin(tensors: Mapping[str, Loadable]) -> Origin | None:
    """Of weights whose names are timm's or Hugging Face's; None for others."""
    library = dialects.to_torchvision(tensors).library
    shapes = {name: tensor.shape for name, tensor in dialects.to_timm(tensors).items()}
    shapes = {name: shape for name, shape in shapes.items() if not name.endswith("num_batches_tracked")}
    names = timm_shapes.with_these(shapes)
    side = (timm_shapes.image_side(names[0], shapes) if names else None) or 224
    if library == dialects.HUGGING_FACE:
        line = (
            'model = AutoModelForImageClassification.from_pretrained(".")  # the folder with the file and config.json'
        )
        return Origin("from transformers import AutoModelForImageClassification\n", line, True, side)
    if not names:
        return None
    others = f"  # or {', '.join(names[1:4])}: the file does not say which" if len(names) > 1 else ""
    line = f'model = timm.create_model("{names[0]}", num_classes={_classes(shapes, names[0])}){others}'
    return Origin("import timm\n", line, False, side)


def _classes(shapes: Mapping[str, tuple[int, ...]], name: str) -> int:
    """Length of the linear layer at the end; 0 where there is none."""
    return next(iter(shapes.get(f"{timm_shapes.table()[name].paths[0]}.weight", ())), 0)
