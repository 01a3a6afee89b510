"""Lines of PyTorch that the programs of methods over attention share: for models whose attention is
``torch.nn.MultiheadAttention``, with the patches in a square behind any other token."""

from __future__ import annotations

FORMED = (
    "",
    "def form(module, args, named):  # a fused layer forms no weights unless they are wanted",
    '    return args, {**named, "need_weights": True}',
    "",
    "",
    "def keeping(*args, **named):",
    "    attention.append(softmax(*args, **named))",
    "    return attention[-1]",
    "",
    "",
    "attention, softmax = [], torch.nn.functional.softmax",
    "for module in model.modules():",
    "    if isinstance(module, torch.nn.MultiheadAttention):",
    "        module.register_forward_pre_hook(form, with_kwargs=True)",
    "torch.nn.functional.softmax = keeping",
    "score = score_of(x)",
    "torch.nn.functional.softmax = softmax",
)
"""``score``, and the ``attention`` of each layer, (heads, tokens, tokens), that it is computed from."""

ROLLED = (
    "slopes = list(torch.autograd.grad(score, attention, allow_unused=True, materialize_grads=True))",
    "while not slopes[-1].any():  # a layer after the score",
    "    slopes.pop()",
    "matrix = eye = torch.eye(attention[0].shape[-1])",
    "for weights, slope in zip(attention, slopes):",
    "    matrix = layer(weights, slope) @ matrix",
    "read = slopes[-1].abs().sum((0, 2)) > 0  # the tokens that the score is read from",
    "tokens = matrix[read].mean(0).detach()",
)
"""``tokens``, a number for each of them, where ``layer`` makes a matrix of weights and gradient."""

AS_ROWS = (
    "    matrix = fused + eye",
    "    return matrix / matrix.sum(-1, keepdim=True)",
)
"""The end of a ``layer`` whose rows sum to 1."""

PATCHES = (
    "side = int(len(tokens) ** 0.5)",
    "gradient = tokens[-side * side :].reshape(1, 1, side, side)",
)
"""The map."""
