"""LeGrad: the positive part of the gradient with respect to the attention of each layer, read at that layer."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options, Oracle
from gradviz_core.methods.token_maps import over_the_patches


def legrad(oracle: Oracle, value: Float[Tensor, "*shape"], options: Options) -> Float[Tensor, "1 1 rows columns"]:
    """Mean over the layers of the mean over heads and queries of max(0, ∂s_l/∂A_l); not negative. s_l is the score that
    the model's last layers give for the tokens as they leave block l. Unit: the score's per unit of attention. With
    ``scale`` unit the map is then brought to 0 to 1, as in the paper, and is 0 where all patches have one number; the
    numbers of other tokens are shifted and divided alike, and may lie outside of 0 to 1.

    Source: Bousselham et al. 2024 (arXiv:2404.03214), section 3.
    """
    layers = oracle.attentions(early=True)
    tokens = torch.stack([layer.gradient.clamp(min=0).mean((0, 1)) for layer in layers]).mean(0)
    picture = over_the_patches(oracle, tokens, layers[0])
    if options["scale"] == "raw":
        return picture
    low, high = picture.min(), picture.max()
    if high == low:
        oracle.keep_tokens(torch.zeros_like(tokens), layers[0])
        return torch.zeros_like(picture)
    oracle.keep_tokens((tokens - low) / (high - low), layers[0])
    return (picture - low) / (high - low)
