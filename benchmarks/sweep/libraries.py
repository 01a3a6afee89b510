"""The libraries of the sweep. What a library's models are is known once it is imported, in their own process."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.sweep.cases import Model


@dataclass(frozen=True, slots=True)
class Library:
    """One library."""

    package: str
    """Its name on the package index."""
    cases: str
    """The module here that has its models."""

    def models(self) -> Mapping[str, Callable[[], Model]]:
        """What makes each of its models, by name."""
        found: Mapping[str, Callable[[], Model]] = importlib.import_module(f"benchmarks.sweep.{self.cases}").MODELS
        return found


LIBRARIES = {
    "torchvision": Library("torchvision", "of_torchvision"),
    "timm": Library("timm", "of_timm"),
    "transformers": Library("transformers", "of_transformers"),
    "segmentation-models-pytorch": Library("segmentation-models-pytorch", "of_segmentation_models"),
    "monai": Library("monai", "of_monai"),
    "ultralytics": Library("ultralytics", "of_ultralytics"),
}
