"""Weights of networks that torchvision has too, under the names that timm or Hugging Face's transformers give them.

A name is translated where the same layer exists; a name without a counterpart stays, and then no architecture fits.
What a file cannot say (``eps`` of a norm, how edges are padded) is taken as the library has it, and said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gradviz_core.types import keys
from gradviz_core.uploads.weights_files.dialects import (
    dinov2,
    huggingface,
    huggingface_mobile,
    timm_convolutions,
    timm_mobile,
    timm_transformers,
)
from gradviz_core.uploads.weights_files.dialects.naming import layer_of, pattern, rename
from gradviz_core.uploads.weights_files.dialects.said import NOT_BUILT, UNSURE
from gradviz_core.uploads.weights_files.tensors import Loadable

TIMM, HUGGING_FACE, META = "timm", "Hugging Face's transformers", "Meta's own code"
_ALL_NORMS = ""


@dataclass(frozen=True, slots=True)
class Translated:
    """A file's tensors under torchvision's names."""

    tensors: Mapping[str, Loadable]
    library: str = ""
    """Whose names they were; empty where nothing was translated."""
    family: str = ""
    eps: tuple[tuple[str, float], ...] = ()
    """``eps`` of norms, where the library has another one than torchvision: the layer's name, empty for all, and it."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done, and what the file cannot say."""
        if not self.library:
            return ()
        done = f"The names are those of {self.family} in {self.library}; they were translated to torchvision's."
        unsure = UNSURE.get((self.library == HUGGING_FACE, self.family), "")
        return (done, unsure) if unsure else (done,)


def to_timm(tensors: Mapping[str, Loadable]) -> Mapping[str, Loadable]:
    """The tensors under timm's names of today, where they have Hugging Face's or timm's older ones."""
    found = huggingface.naming(tensors)
    if found is not None:
        return dinov2.as_in_timm(rename(tensors, found[1])) if found[0] == _DINOV2 else rename(tensors, found[1])
    if dinov2.is_of_meta(tensors):
        return dinov2.as_in_timm(tensors)
    return timm_transformers.swin_of_today(tensors) if timm_transformers.is_swin(tensors) else tensors


def to_torchvision(tensors: Mapping[str, Loadable]) -> Translated:
    """The tensors under torchvision's names; as they are where they are of no family that is known here."""
    found = huggingface.naming(tensors)
    if found is not None and found[0] in _PADDED_UNEVENLY:
        return Translated(tensors, HUGGING_FACE, found[0])
    named = to_timm(tensors)
    if found is None and dinov2.is_of_meta(tensors):
        return Translated(named, META, _DINOV2)
    eps = _EPS.get(found[0], ()) if found is not None else ()
    if found is not None and found[0] == "ResNet":
        return Translated(named, HUGGING_FACE, "ResNet", eps)
    family = timm_mobile.family(named)
    if family is not None:
        return Translated(timm_mobile.rename(named, family), TIMM, family, ((_ALL_NORMS, 1e-5),))
    for name, is_it, naming in _TIMM:
        if is_it(named):
            renamed = timm_convolutions.with_columns(rename(named, naming))
            return Translated(renamed, HUGGING_FACE if found else TIMM, found[0] if found else name, eps)
    return Translated(tensors)


def notes_without_counterpart(tensors: Mapping[str, Loadable]) -> tuple[str, ...]:
    """What a file of Hugging Face or Meta cannot say of a network that timm builds, and what was done to it."""
    found = huggingface.naming(tensors)
    is_of_meta = found is None and dinov2.is_of_meta(tensors)
    if found is None and not is_of_meta:
        return ()
    family, library = (found[0], HUGGING_FACE) if found else (_DINOV2, META)
    said = [f"The names are those of {family} in {library}; they were translated to timm's."]
    said += [one for one in (UNSURE.get((not is_of_meta, family), ""),) if one]
    return tuple(said)


def notes_on_tokens(tensors: Mapping[str, Loadable]) -> tuple[str, ...]:
    """What is to be said of the tokens of a DINOv2."""
    return dinov2.notes(to_timm(tensors))


def why_not_built(tensors: Mapping[str, Loadable]) -> str:
    """Why a network of Hugging Face has no other one that it could be; empty where nothing is to be said."""
    found = huggingface.naming(tensors)
    if found is None or (found[0] == _DINOV2 and "classifier.weight" not in tensors):
        return ""
    return NOT_BUILT.get(found[0], "")


def is_padded_unevenly(tensors: Mapping[str, Loadable]) -> bool:
    """Whether it is a network of Hugging Face that pads as TensorFlow does."""
    found = huggingface.naming(tensors)
    return found is not None and found[0] in _PADDED_UNEVENLY


def eps(architecture: str, tensors: Mapping[str, Loadable]) -> tuple[tuple[str, float], ...]:
    """``eps`` of norms that is another one than the architecture's own: the layer's name, empty for all, and it."""
    if keys.kind(architecture) != keys.TIMM:
        return to_torchvision(tensors).eps
    found = huggingface.naming(tensors)
    of_it = _EPS.get(found[0], ()) if found is not None else ()
    return tuple((_LAST_OF_CONVNEXT.get(path, path), value) for path, value in of_it)


def knows(name: str) -> bool:
    """Whether a layer of these families has a tensor of this name."""
    shape_of_name, shape_of_layer = pattern(name)[0], pattern(layer_of(name)[0])[0]
    return (
        name in dinov2.KNOWN
        or shape_of_layer in timm_mobile.LAYERS
        or any(naming.knows(shape_of_name, shape_of_layer) for naming in _NAMINGS)
    )


_TIMM = (
    ("ViT", timm_transformers.is_vit, timm_transformers.VIT),
    ("Swin", timm_transformers.is_swin, timm_transformers.SWIN),
    ("ConvNeXt", timm_convolutions.is_convnext, timm_convolutions.CONVNEXT),
    ("RegNet", timm_convolutions.is_regnet, timm_convolutions.REGNET),
)
_DINOV2 = "DINOv2"
_PADDED_UNEVENLY = (huggingface_mobile.EFFICIENTNET, huggingface_mobile.MOBILENET_V1, huggingface_mobile.MOBILENET_V2)
_NAMINGS = (*huggingface.ALL, *(naming for _, _, naming in _TIMM))
_EPS: dict[str, tuple[tuple[str, float], ...]] = {
    "ViT": ((_ALL_NORMS, 1e-12),),
    "ConvNeXt": (("classifier.0", 1e-12),),
}
"""Of Hugging Face's networks, by torchvision's names."""
_LAST_OF_CONVNEXT = {"classifier.0": "head.norm"}
"""torchvision's name, and timm's."""
