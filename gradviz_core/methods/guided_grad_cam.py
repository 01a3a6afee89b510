"""Guided Grad-CAM: guided backprop where Grad-CAM of a layer is positive."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from gradviz_core.methods.attributions import Options, Oracle
from gradviz_core.methods.class_activation import positions, weighted


def guided_grad_cam(oracle: Oracle, value: Float[Tensor, "1 c h w"], options: Options) -> Float[Tensor, "1 c h w"]:
    """Guided backprop times Grad-CAM of a layer, ReLU(Σ_k w_k a_k) with w_k the mean of ∂score/∂a_k, which is enlarged
    to the image by bilinear interpolation (align_corners=False); signed, as guided backprop is.

    The answer says which layer it was, and which operations were rewritten.

    Raises:
        QuestionError: guided backprop is not defined for the model, or the layer output has no rows and columns.
        UnknownSite: no layer of that name ran.
        Unreachable: no path leads from it to the score.

    Source: Selvaraju et al. 2017 (arXiv:1610.02391), section 3.2.
    """
    found = oracle.rewritten("guided")
    layer = oracle.inside(str(options["layer"]))
    weights = layer.gradient.mean(positions(layer.value, layer.axis), keepdim=True)
    cam = weighted(weights, layer.value, layer.axis, {"negative": "cut"}).squeeze(layer.axis)
    rows, columns = cam.shape[1:]
    oracle.note(f"Grad-CAM is that of {layer.name}, {rows}×{columns} positions, enlarged bilinearly. {found.note}")
    return found.gradient * interpolate(cam[None], value.shape[-2:], mode="bilinear", align_corners=False)
