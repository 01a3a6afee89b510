"""Weights of networks that torchvision has too, under the names that timm or Hugging Face's transformers give them.

A name is translated where the same layer exists; a name without a counterpart stays, and then no architecture fits.
What a file cannot say (``eps`` of a norm, how edges are padded) is taken as the library has it, and said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gradviz_core.types import keys
from gradviz_core.uploads.weights_files.dialects import huggingface, timm_convolutions, timm_mobile, timm_transformers
from gradviz_core.uploads.weights_files.dialects.naming import layer_of, pattern, rename
from gradviz_core.uploads.weights_files.dialects.said import UNSURE
from gradviz_core.uploads.weights_files.tensors import Loadable

TIMM, HUGGING_FACE = "timm", "Hugging Face's transformers"
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
        return rename(tensors, found[1])
    return timm_transformers.swin_of_today(tensors) if timm_transformers.is_swin(tensors) else tensors


def to_torchvision(tensors: Mapping[str, Loadable]) -> Translated:
    """The tensors under torchvision's names; as they are where they are of no family that is known here."""
    found = huggingface.naming(tensors)
    named = to_timm(tensors)
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
    """What a file of Hugging Face cannot say of a network that timm builds."""
    found = huggingface.naming(tensors)
    if found is None:
        return ()
    done = f"The names are those of {found[0]} in {HUGGING_FACE}; they were translated to timm's."
    unsure = UNSURE.get((True, found[0]), "")
    return (done, unsure) if unsure else (done,)


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
    return shape_of_layer in timm_mobile.LAYERS or any(
        naming.knows(shape_of_name, shape_of_layer) for naming in _NAMINGS
    )


_TIMM = (
    ("ViT", timm_transformers.is_vit, timm_transformers.VIT),
    ("Swin", timm_transformers.is_swin, timm_transformers.SWIN),
    ("ConvNeXt", timm_convolutions.is_convnext, timm_convolutions.CONVNEXT),
    ("RegNet", timm_convolutions.is_regnet, timm_convolutions.REGNET),
)
_NAMINGS = (*huggingface.ALL, *(naming for _, _, naming in _TIMM))
_EPS: dict[str, tuple[tuple[str, float], ...]] = {
    "ViT": ((_ALL_NORMS, 1e-12),),
    "ConvNeXt": (("classifier.0", 1e-12),),
}
"""Of Hugging Face's networks, by torchvision's names."""
_LAST_OF_CONVNEXT = {"classifier.0": "head.norm"}
"""torchvision's name, and timm's."""
