"""Lines of PyTorch that the programs of methods over attention share."""

from __future__ import annotations

FORMED = (
    "",
    "class Plainly(torch.overrides.TorchFunctionMode):  # attention in plain operations, which form its weights",
    "    def __torch_function__(self, func, types, args=(), named=None):",
    '        named, name = dict(named or {}), func.__name__.partition(".")[0]',
    '        if name == "multi_head_attention_forward":',
    '            named["need_weights"] = True',
    '        if name == "scaled_dot_product_attention":',
    "            query, key, value = args[:3]",
    '            mask = args[3] if len(args) > 3 else named.get("attn_mask")',
    '            scores = query @ key.transpose(-2, -1) * (named.get("scale") or query.shape[-1] ** -0.5)',
    "            return keep((scores if mask is None else scores + mask).softmax(-1)) @ value",
    "        found = func(*args, **named)",
    '        return keep(found) if name == "softmax" else found',
    "",
    "",
    "def keep(weights):  # (..., heads, queries, keys)",
    "    if weights.dim() > 2 and not any(weights is one for one in attention):",
    "        attention.append(weights)",
    "    return weights",
    "",
    "",
    "attention, softmax = [], torch.nn.functional.softmax",
    "torch.nn.functional.softmax = lambda *args, **named: keep(softmax(*args, **named))",
    "with Plainly():",
    "    score = score_of(x)",
    "torch.nn.functional.softmax = softmax",
)
"""``score``, and the ``attention`` weights of each layer that it is computed from, as they come."""

ROLLED = (
    "slopes = list(torch.autograd.grad(score, attention, allow_unused=True, materialize_grads=True))",
    "while not slopes[-1].any():  # a layer after the score",
    "    slopes.pop()",
    "matrix = eye = torch.eye(attention[0].shape[-1])",
    "for weights, slope in zip(attention, slopes):",
    "    matrix = layer(weights.flatten(0, -3), slope.flatten(0, -3)) @ matrix",
    "read = slopes[-1].flatten(0, -3).abs().sum((0, 2)) > 0  # the tokens that the score is read from",
    "tokens = matrix[read].mean(0).detach()",
)
"""``tokens``, a number for each of them, where ``layer`` makes a matrix of weights and gradient."""

AS_ROWS = (
    "    matrix = fused + eye",
    "    return matrix / matrix.sum(-1, keepdim=True)",
)
"""The end of a ``layer`` whose rows sum to 1."""

PATCHES = ("gradient = $patches  # the tokens that are patches",)
"""The map."""
