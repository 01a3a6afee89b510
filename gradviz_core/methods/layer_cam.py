"""LayerCAM: the positive gradient times the activation, summed over the channels."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options
from gradviz_core.methods.class_activation import Layer, positions, weighted


def layer_cam(oracle: Layer, value: Float[Tensor, "*shape"], options: Options) -> Float[Tensor, "*map"]:
    """Σ_k relu(g_k) · a_k at each position, and its ReLU; in units of the score.

    Source: Jiang et al. 2021 (IEEE Transactions on Image Processing 30).

    Raises:
        QuestionError: the value has no positions.
    """
    positions(value, oracle.axis)
    return weighted(oracle(value).relu(), value, oracle.axis, options)
