"""What has been published for and against methods, each in a sentence with its source. A card names those about it."""

from __future__ import annotations

from typing import NamedTuple


class Verdict(NamedTuple):
    """What somebody found, in a sentence that reads after the name of the method."""

    says: str
    source: str
    link: str


_ADEBAYO = ("Adebayo et al. 2018", "https://arxiv.org/abs/1810.03292")
_RAO = ("Rao et al. 2022", "https://arxiv.org/abs/2205.10435")
_SIXT = ("Sixt et al. 2020", "https://arxiv.org/abs/1912.09818")
_NIE = ("Nie et al. 2018", "https://arxiv.org/abs/1805.07039")
_KINDERMANS = ("Kindermans et al. 2019", "https://arxiv.org/abs/1711.00867")
_HOOKER = ("Hooker et al. 2019", "https://arxiv.org/abs/1806.10758")
_SRINIVAS = ("Srinivas & Fleuret 2021", "https://arxiv.org/abs/2006.09128")
_PETSIUK = ("Petsiuk et al. 2018", "https://arxiv.org/abs/1806.07421")
_TORCHRAY = ("TorchRay, Fong et al. 2019", "https://github.com/facebookresearch/TorchRay")
_DRAELOS = ("Draelos & Carin 2020", "https://arxiv.org/abs/2011.08891")

CHANGES_WITH_WEIGHTS = Verdict("For: it changes when the weights are made random.", *_ADEBAYO)
HARDLY_CHANGES_WITH_WEIGHTS = Verdict(
    "Against: it hardly changes when the weights of later layers are random.", *_ADEBAYO
)
SHOWS_THE_INPUT = Verdict(
    "Against: because it multiplies by the image, its map looks like the image even where the weights are random.",
    *_ADEBAYO,
)
INDEPENDENT_OF_LATER_LAYERS = Verdict("Against: its map does not depend on the weights of later layers.", *_SIXT)
RECOVERS_THE_IMAGE = Verdict("Against: it partly recovers the image, whatever the network decides.", *_NIE)
PART_RECOVERS_THE_IMAGE = Verdict(
    "Against: the guided backprop in it partly recovers the image, whatever the network decides.", *_NIE
)
NOT_SHIFT_INVARIANT = Verdict(
    "Against: it changes when a constant is added to every image and the first bias undoes that, so that the network "
    "computes the same.",
    *_KINDERMANS,
)
DEPENDS_ON_THE_BASELINE = Verdict(
    "Against: whether a constant that is added to every image changes it depends on the baseline.", *_KINDERMANS
)
SHIFT_INVARIANT = Verdict(
    "For: it stays the same when a constant is added to every image and the first bias undoes that.", *_KINDERMANS
)
NO_BETTER_THAN_RANDOM = Verdict(
    "Against: without the pixels that it ranks highest, a network that is trained again loses no more accuracy than "
    "without random pixels.",
    *_HOOKER,
)
BETTER_THAN_RANDOM = Verdict(
    "For: without the pixels that it ranks highest, a network that is trained again loses far more accuracy than "
    "without random pixels.",
    *_HOOKER,
)
SHIFT_OF_ALL_LOGITS = Verdict(
    "Against: adding the same function of the image to all logits changes no probability, and can make the gradients "
    "of the logits anything.",
    *_SRINIVAS,
)
CONSTANT_BEFORE_POOLING = Verdict(
    "Against: before global average pooling it is the same at all positions, so that it locates nothing there.", *_RAO
)
OWN_CELL = Verdict("For: where cells of a grid are disconnected, all of its weight is in its own cell.", *_RAO)
UNUSED_PLACES = Verdict(
    "Against: because it averages the gradient over positions, it can mark places that the model did not use.",
    *_DRAELOS,
)
USED_PLACES = Verdict("For: before a single linear layer it marks only what the model used.", *_DRAELOS)
BEST_OF_INSERTION = Verdict(
    "For: better than Grad-CAM, sliding occlusion and LIME by insertion and deletion, on ResNet-50 and VGG-16; "
    "measured by its authors.",
    *_PETSIUK,
)


def pointing(vgg: float, resnet: float) -> Verdict:
    """Percentages of the pointing game on the pictures of VOC07 test, VGG-16 and ResNet-50."""
    return Verdict(
        f"Pointing game on VOC07, VGG-16 and ResNet-50: {vgg} and {resnet} %; pointing at the middle scores 69.6 %.",
        *_TORCHRAY,
    )
