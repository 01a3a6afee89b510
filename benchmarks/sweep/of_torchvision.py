"""torchvision: classification, segmentation, optical flow, video, and the parts of detection that torch exports."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torchvision
from torch import Tensor, nn

from benchmarks.sweep.cases import Model, image, noise

_SLOW = frozenset({"googlenet", "inception_v3"})
"""Models that take half a minute to draw random weights as in their paper."""
_OWN_SIZE = {"vit_b_32": 224, "maxvit_t": 224, "inception_v3": 96}
_CLASSIFICATION = (
    "vgg11 squeezenet1_1 resnet18 densenet121 googlenet inception_v3 shufflenet_v2_x0_5 mobilenet_v2 "
    "mobilenet_v3_small mnasnet0_5  efficientnet_b0 efficientnet_v2_s regnet_y_400mf convnext_tiny swin_t swin_v2_t "
    "vit_b_32 maxvit_t"
).split()
_SEGMENTATION = "deeplabv3_mobilenet_v3_large fcn_resnet50 lraspp_mobilenet_v3_large".split()
_VIDEO = {"r3d_18": 56, "r2plus1d_18": 56, "swin3d_t": 64}
"""Side of the clip that each takes."""
_FRAMES = 8
_DETECTION = (
    "fasterrcnn_mobilenet_v3_large_320_fpn retinanet_resnet50_fpn fcos_resnet50_fpn ssdlite320_mobilenet_v3_large"
).split()


class DenseDetector(nn.Module):
    """What a detector computes for every anchor, before boxes are chosen: backbone and heads."""

    def __init__(self, detector: Any) -> None:
        super().__init__()
        self.backbone, self.head = detector.backbone, detector.head

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Scores and offsets of the anchors."""
        found: dict[str, Tensor] = self.head(list(self.backbone(x).values()))
        return found


class Proposals(nn.Module):
    """What a two-stage detector computes for every anchor: backbone and the heads that propose regions."""

    def __init__(self, detector: Any) -> None:
        super().__init__()
        self.backbone, self.head = detector.backbone, detector.rpn.head

    def forward(self, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Objectness and offsets of the anchors, for each level of the pyramid."""
        found: tuple[list[Tensor], list[Tensor]] = self.head(list(self.backbone(x).values()))
        return found


class TwoRegions(nn.Module):
    """The second stage of a two-stage detector, for two regions that are given."""

    def __init__(self, detector: Any) -> None:
        super().__init__()
        self.backbone, self.heads = detector.backbone, detector.roi_heads

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores and boxes of the two regions."""
        height, width = x.shape[-2:]
        regions = [x.new_tensor([[0.0, 0.0, width / 2, height / 2], [width / 4, height / 4, width, height]])]
        pooled = self.heads.box_roi_pool(self.backbone(x), regions, [(height, width)])
        found: tuple[Tensor, Tensor] = self.heads.box_predictor(self.heads.box_head(pooled))
        return found


def _classifier(name: str) -> Model:
    options = {"init_weights": False} if name in _SLOW else {}
    return torchvision.models.get_model(name, weights=None, **options), (image(_OWN_SIZE.get(name, 64)),)


def _segmenter(name: str) -> Model:
    return torchvision.models.get_model(name, weights=None, weights_backbone=None), (image(),)


class WithItsMirror(nn.Module):
    """Optical flow from a picture to its mirror image."""

    def __init__(self, flow: nn.Module) -> None:
        super().__init__()
        self.flow = flow

    def forward(self, x: Tensor) -> list[Tensor]:
        """The flow after each step."""
        found: list[Tensor] = self.flow(x, x.flip(-1))
        return found


class Still(nn.Module):
    """A network of clips for one picture, which stands still."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the clip."""
        scores: Tensor = self.network(x.unsqueeze(2).expand(-1, -1, _FRAMES, -1, -1))
        return scores


def _of_flow(name: str) -> Model:
    return torchvision.models.get_model(name, weights=None), (image(128), image(128).flip(-1))


def _of_one_picture() -> Model:
    return WithItsMirror(_of_flow("raft_small")[0]), (image(128),)


def _of_video(name: str) -> Model:
    side = _VIDEO[name]
    return torchvision.models.get_model(name, weights=None), (noise(1, 3, _FRAMES, side, side),)


def _of_a_still(name: str) -> Model:
    return Still(_of_video(name)[0]), (image(_VIDEO[name]),)


def _detector(name: str, part: Callable[[nn.Module], nn.Module]) -> Model:
    return part(torchvision.models.get_model(name, weights=None, weights_backbone=None)), (image(320),)


def _whole_detector(name: str) -> Model:
    return torchvision.models.get_model(name, weights=None, weights_backbone=None), (image(320),)


MODELS: dict[str, Callable[[], Model]] = {
    **{name: partial(_classifier, name) for name in _CLASSIFICATION},
    **{name: partial(_segmenter, name) for name in _SEGMENTATION},
    **{name: partial(_of_flow, name) for name in ("raft_small",)},
    "raft_small, one picture": _of_one_picture,
    **{name: partial(_of_video, name) for name in _VIDEO},
    **{f"{name}, one picture": partial(_of_a_still, name) for name in _VIDEO},
    **{
        f"{name}, part": partial(_detector, name, Proposals if "rcnn" in name else DenseDetector) for name in _DETECTION
    },
    "fasterrcnn_mobilenet_v3_large_320_fpn, two regions": partial(
        _detector, "fasterrcnn_mobilenet_v3_large_320_fpn", TwoRegions
    ),
    "fasterrcnn_mobilenet_v3_large_320_fpn": partial(_whole_detector, "fasterrcnn_mobilenet_v3_large_320_fpn"),
}
