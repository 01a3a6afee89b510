"""Write the names and shapes of the tensors of torchvision's models: ``python scripts/write_shapes.py``.

Run it after a change of torchvision that adds or changes an architecture; a test says when.
"""

from __future__ import annotations

import gzip
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gradviz_core.models import catalogue, torchvision_models, torchvision_shapes  # noqa: E402
from gradviz_core.models.on_meta import OnMeta  # noqa: E402

MARKER = 1_000_003
"""A number of classes that no other dimension has, so that it marks the dimensions that count classes."""


def main() -> None:
    torchvision_shapes.FILE.parent.mkdir(exist_ok=True)
    text = json.dumps({name: entry(name) for name in sorted(catalogue.TORCHVISION)}, separators=(",", ":"))
    torchvision_shapes.FILE.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def entry(name: str) -> dict[str, Any]:
    """What the table says of one architecture."""
    with OnMeta():
        state = torchvision_models.untrained(name, MARKER).state_dict()
    needed = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    return {
        "shapes": {
            key: [torchvision_shapes.CLASSES if n == MARKER else n for n in value.shape]
            for key, value in needed.items()
        },
        "whole": [key for key, value in needed.items() if not value.is_floating_point()],
        "preprocessing": asdict(torchvision_models.proposed_preprocessing(name)),
    }


if __name__ == "__main__":
    main()
