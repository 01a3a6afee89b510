"""Write what is known of timm's architectures: ``python scripts/write_timm_shapes.py``.

Run it after a change of timm that adds or changes an architecture of these families; a test says when.
"""

from __future__ import annotations

import gzip
import json
import sys
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import timm
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gradviz_core.models import timm_shapes  # noqa: E402
from gradviz_core.models.timm_shapes import Entry  # noqa: E402
from gradviz_core.types import Preprocessing  # noqa: E402

FAMILIES = (
    *("resnet", "vision_transformer", "deit", "swin_transformer", "convnext"),
    *("efficientnet", "mobilenetv3", "regnet"),
)
"""timm's modules."""
MOST_PARAMETERS = 320_000_000
CLASSES = 1_000_003
"""A number of classes that no other dimension has."""


def main() -> None:
    found = {name: entry(name) for family in FAMILIES for name in timm.list_models(module=family)}
    kept = {name: asdict(one) for name, one in sorted(found.items()) if one is not None}
    timm_shapes.FILE.write_bytes(gzip.compress(json.dumps(kept, separators=(",", ":")).encode(), 9, mtime=0))


def entry(name: str) -> Entry | None:
    """What the table says of one architecture; None for one that is too large, or has a head of another kind."""
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")
        module: Any = timm.create_model(name, num_classes=CLASSES)
    shapes = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    shapes = {key: shape for key, shape in shapes.items() if not key.endswith("num_batches_tracked")}
    heads = sorted(key for key, shape in shapes.items() if len(shape) == 2 and shape[0] == CLASSES)
    config = module.pretrained_cfg
    height = config["input_size"][1]
    features = shapes[heads[0]][1] if heads else 0
    parameters = sum(value.numel() for value in module.parameters()) - len(heads) * (features + 1) * (CLASSES - 1000)
    if not heads or parameters > MOST_PARAMETERS or not all(key.endswith(".weight") for key in heads):
        return None
    paths = tuple(key.removesuffix(".weight") for key in heads)
    patch, more = positions(module, shapes, height)
    return Entry(
        timm_shapes.digest(shapes, paths), paths, features, parameters, patch, more, preprocessing(config, height)
    )


def positions(module: Any, shapes: dict[str, tuple[int, ...]], height: int) -> tuple[int, int]:
    """Side of a patch, and how many positions belong to none; zeros where there is no square table of them."""
    table = shapes.get(timm_shapes.POSITIONS, ())
    if len(table) != 3 or not hasattr(module, "patch_embed"):
        return 0, 0
    size = module.patch_embed.patch_size
    patch = size[0] if isinstance(size, tuple) else size
    return patch, table[1] - (height // patch) ** 2


def preprocessing(config: dict[str, Any], height: int) -> Preprocessing:
    share, kind = config.get("crop_pct", 0.875), config.get("interpolation", "bilinear")
    return Preprocessing(
        size=(height, height),
        resize=int(height / share),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        interpolation="bicubic" if kind == "bicubic" else "bilinear",
    )


if __name__ == "__main__":
    main()
