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
    convert: str = ""
    """The line that gives the weights of the file the names that the library has."""


def origin(tensors: Mapping[str, Loadable]) -> Origin | None:
    """Of weights whose names are timm's or Hugging Face's; None for others."""
    library = dialects.to_torchvision(tensors).library
    shapes = {name: tensor.shape for name, tensor in dialects.to_timm(tensors).items()}
    shapes = {name: shape for name, shape in shapes.items() if not name.endswith("num_batches_tracked")}
    names = timm_shapes.with_these(shapes)
    if dialects.is_padded_unevenly(tensors):
        names = tuple(name for name in names if name.startswith("tf_"))
    side = (timm_shapes.image_side(names[0], shapes) or _usual_side(names[0])) if names else 224
    if library == dialects.HUGGING_FACE:
        with_head = any(name.startswith(("classifier.", "cls_classifier.")) for name in tensors)
        kind = "AutoModelForImageClassification" if with_head else "AutoModel"
        line = f'model = {kind}.from_pretrained(".")  # the folder with the file and config.json'
        return Origin(f"from transformers import {kind}\n", line, True, side)
    if not names:
        return None
    others = f"  # or {', '.join(names[1:4])}: the file does not say which" if len(names) > 1 else ""
    size = "" if side == _usual_side(names[0]) else f", img_size={side}"
    line = f'model = timm.create_model("{names[0]}", num_classes={_classes(shapes, names[0])}{size}){others}'
    if library == dialects.META:
        imports = "import timm\nfrom timm.models.vision_transformer import checkpoint_filter_fn\n"
        return Origin(imports, line, False, side, "weights = checkpoint_filter_fn(weights, model)\n")
    return Origin("import timm\n", line, False, side)


def _usual_side(name: str) -> int:
    return timm_shapes.table()[name].preprocessing.size[0]


def _classes(shapes: Mapping[str, tuple[int, ...]], name: str) -> int:
    """Length of the linear layer at the end; 0 where there is none."""
    return next(iter(shapes.get(f"{timm_shapes.table()[name].paths[0]}.weight", ())), 0)
