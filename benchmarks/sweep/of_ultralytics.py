"""ultralytics: detection, segmentation, poses, boxes that are turned, and classes, from their configurations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ultralytics import RTDETR, YOLO

from benchmarks.sweep.cases import Model, image

_NAMES = (
    "yolov3-tiny yolov5n yolov6n yolov8n yolov8n-seg yolov8n-pose yolov8n-obb yolov8n-cls yolov8n-ghost yolov9t "
    "yolov10n yolo11n yolo11n-seg yolo11n-pose yolo11n-obb yolo11n-cls yolo12n yolo12n-cls yolo26n yolo26n-cls "
    "yolo26n-seg"
).split()


def _made(name: str) -> Model:
    return YOLO(f"{name}.yaml", verbose=False).model, (image(),)


def _transformer() -> Model:
    return RTDETR("rtdetr-l.yaml").model, (image(64),)


MODELS: dict[str, Callable[[], Model]] = {
    **{name: partial(_made, name) for name in _NAMES},
    "rtdetr-l": _transformer,
}
